//! How operations end.

use std::path::PathBuf;

use coffer_engine::Error;
use jiff::Timestamp;

/// How an operation ended.
pub(crate) enum Outcome {
    Done(Report),
    Failed(Error),
    Killed,
    Panicked(String),
    /// It waits for itself.
    Hangs,
}

/// What an operation said at its end.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) warnings: u64,
    /// The version that was made.
    pub(crate) version: Option<Timestamp>,
    /// Where files were restored.
    pub(crate) target: Option<PathBuf>,
    pub(crate) failed_files: u64,
}

impl Outcome {
    /// In a few words that are the same in each replay.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Done(report) => {
                let version = match report.version {
                    Some(time) => format!(", version {time}"),
                    None => String::new(),
                };
                format!("ok, {} warnings{version}", report.warnings)
            }
            Self::Failed(error) => format!("failed: {}", sort_of(error)),
            Self::Killed => "killed".to_owned(),
            Self::Panicked(why) => format!("panicked: {why}"),
            Self::Hangs => "hangs".to_owned(),
        }
    }
}

/// The name of an error's variant, and of what is in it.
fn sort_of(error: &Error) -> String {
    let text = format!("{error:?}");
    let end = text.find([' ', '{']).unwrap_or(text.len());
    let keep = match error {
        Error::Destination(_) | Error::Database(_) => text
            .char_indices()
            .filter(|(_, c)| *c == ' ' || *c == '{')
            .map(|(at, _)| at)
            .next()
            .unwrap_or(text.len()),
        _ => end,
    };
    text[..keep].trim_end_matches(['(', ' ']).to_owned()
}
