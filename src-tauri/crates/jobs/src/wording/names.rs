//! What is wrong with names of files and folders, as parts of other messages.

use coffer_destination::NameProblem;
use coffer_onedrive::FolderProblem;

/// What is wrong with a name, which the sentence calls `subject`.
pub(super) fn name_problem(subject: &str, problem: NameProblem) -> String {
    match problem {
        NameProblem::Empty => format!("{subject} is empty"),
        NameProblem::NotPlain => format!("{subject} is not a plain file name"),
        NameProblem::Dots => format!("{subject} is not a name"),
        NameProblem::ForbiddenCharacter => {
            format!("{subject} contains a character that OneDrive refuses")
        }
        NameProblem::BadEnds => {
            format!("{subject} starts or ends with a space or ends with a dot")
        }
        NameProblem::Reserved => format!("{subject} is reserved"),
        NameProblem::LeadingTilde => format!("{subject} starts with ~"),
        NameProblem::LeadingTildeDollar => format!("{subject} starts with ~$"),
        NameProblem::TooLong { longest } => {
            format!("{subject} is longer than {longest} characters")
        }
        NameProblem::PathTooLong {
            characters,
            longest,
        } => format!("its path has {characters} characters; OneDrive allows {longest}"),
        NameProblem::PathRefused => "its path is too long for OneDrive".to_owned(),
    }
}

pub(super) fn folder_problem(problem: &FolderProblem) -> String {
    match problem {
        FolderProblem::TooLong { longest } => {
            name_problem("it", NameProblem::TooLong { longest: *longest })
        }
        FolderProblem::Part { part, why } => name_problem(&format!("{part:?}"), *why),
    }
}
