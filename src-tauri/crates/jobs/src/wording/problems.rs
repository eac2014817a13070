//! Messages for what a run reports without ending.

use coffer_engine::{Fallback, MetadataFailure, Problem, ProblemKind, Severity};
use coffer_ipc::run::{MessageLevel, RunMessage};

use super::destination::clause;
use super::volumes::{compact_obstacle, defect, fault, read_failure, volume};
use super::{io_words, steps};

/// A line of a run's report.
pub fn problem(problem: &Problem) -> RunMessage {
    let level = match problem.kind.severity() {
        Severity::Info => MessageLevel::Info,
        Severity::Warning => MessageLevel::Warning,
    };
    RunMessage {
        level,
        subject: problem.subject.clone(),
        text: text(problem),
    }
}

fn text(problem: &Problem) -> String {
    match &problem.kind {
        ProblemKind::Unreadable { error, fallback } => {
            format!("Could not be read ({}). {}", io_words(error), kept(*fallback))
        }
        ProblemKind::ChangedWhileRead => {
            "Changed while being read; the next run reads it again.".to_owned()
        }
        ProblemKind::SourceMissing { fallback, files: 0 } => {
            format!("This source was not found. {}", kept(*fallback))
        }
        ProblemKind::SourceMissing { files, .. } => {
            format!("This source was not found. {}", kept_files(*files))
        }
        ProblemKind::SourceEmpty { files } => format!(
            "This source is unexpectedly empty, or on a different disk. {} No version is deleted until it is back. {}",
            kept_files(*files),
            steps::ALLOW_EMPTY_SOURCE.app
        ),
        ProblemKind::SourceEmptied => {
            "This source is now empty, as was allowed. No version is deleted in this run.".to_owned()
        }
        ProblemKind::NothingChosen { .. } => format!(
            "Nothing was backed up because the filters exclude every file. No version is deleted; {}",
            steps::CHECK_FILTERS.app
        ),
        ProblemKind::SourcesLeft => {
            "Sources were removed from this backup. Versions that contain them are kept until two more runs have used the \
             same sources."
                .to_owned()
        }
        ProblemKind::NotInVersion => {
            "Nothing in this version matches it; everything else is restored. Look for it in another version.".to_owned()
        }
        ProblemKind::OtherModule(module) => format!(
            "There are also volumes of the type {module}, which cannot be read here; what Duplicati stored in them is left \
             out."
        ),
        ProblemKind::NothingRemembered => {
            "This computer has no record of its previous sources, so it cannot tell deleted files from missing ones. \
             Retention deletes no version until two more runs have finished."
                .to_owned()
        }
        ProblemKind::NameNotUnicode { is_folder: true } => {
            "Its name is not valid text, so neither this folder nor anything in it is backed up. Rename it.".to_owned()
        }
        ProblemKind::NameNotUnicode { is_folder: false } => {
            "Its name is not valid text, so it cannot be backed up. Rename it.".to_owned()
        }
        ProblemKind::VersionGone {
            others_work_here: true,
        } => "This version is gone; another computer may have deleted it.".to_owned(),
        ProblemKind::VersionGone {
            others_work_here: false,
        } => "This version is gone; look in the recycle bin.".to_owned(),
        ProblemKind::OthersKept { versions } => format!(
            "{versions} older version(s) are kept: they contain sources that no newer version has, or cannot be read, and \
             other computers may use this folder. {}",
            steps::DELETE_OTHERS.app
        ),
        ProblemKind::LeftToOthers { versions } => format!(
            "{versions} version(s) were created by another computer, or by this one before it was set up again. Retention \
             leaves them alone. {}",
            steps::ADOPT_VERSIONS.app
        ),
        ProblemKind::ClockBehind { now, newest } => format!(
            "The system clock ({now:.0}) is behind the newest version ({newest:.0}), so the new version is dated right after \
             it. If the clock is wrong, set it. {}",
            steps::DELETE_FUTURE_VERSIONS.app
        ),
        ProblemKind::MassDeletion { victims, versions } => format!(
            "Retention would delete {victims} of {versions} versions at once, as if the clock had jumped, so none was \
             deleted. {}",
            steps::ALLOW_MASS_DELETION.app
        ),
        ProblemKind::TooLargeForFormat(why) => {
            format!("It cannot be stored ({}) and was left out.", defect(why))
        }
        ProblemKind::SpecialFile => "This is a device, pipe or socket, which are left out.".to_owned(),
        ProblemKind::MetadataTooLarge => {
            "Its attributes are too large and were left out; its content is backed up.".to_owned()
        }
        ProblemKind::HostilePath => {
            "Its stored path would leave the target folder; it was not restored.".to_owned()
        }
        ProblemKind::LinkInTheWay => {
            "There is a link in place of its folder; nothing is written through links.".to_owned()
        }
        ProblemKind::Unwritable(source) => format!("Could not be written ({}).", io_words(source)),
        ProblemKind::DataMissing => {
            "Parts of it are missing at the destination or cannot be read there; it was not restored.".to_owned()
        }
        ProblemKind::ContentMismatch => {
            "Its restored content differs from what was backed up; it was not restored.".to_owned()
        }
        ProblemKind::MetadataNotRestored(failure) => format!(
            "Restored, but not all of its times, permissions or attributes ({}).",
            metadata_failure(failure)
        ),
        ProblemKind::Faulty(kind) => format!("This volume is damaged: {}.", fault(kind)),
        ProblemKind::NotDescribed => format!(
            "An interrupted run left this volume without its index volume. {}",
            steps::NEXT_BACKUP_REPAIRS.app
        ),
        ProblemKind::LeftOver => format!(
            "An interrupted run left this index volume of deleted data volumes behind. No version needs it. {}",
            steps::LEFTOVER_INDEX.app
        ),
        ProblemKind::NotDeleted(source) => format!(
            "It could not be deleted ({}). The next run tries again.",
            clause(source)
        ),
        ProblemKind::NotCompacted(obstacle) => format!(
            "Space was not reclaimed: {}. {}",
            compact_obstacle(obstacle, &problem.subject),
            steps::PURGE_BROKEN.app
        ),
        ProblemKind::VolumeMissing => {
            "This volume is gone, and versions need it. If it comes back, nothing is lost.".to_owned()
        }
        ProblemKind::VolumeUnusable {
            why,
            is_lost: false,
        } => format!(
            "This volume cannot be read right now ({}). It may be undamaged: make it readable again (permissions, disk, \
             share).",
            read_failure(why)
        ),
        ProblemKind::VolumeUnusable { why, .. } if problem.subject.contains(".dlist.") => format!(
            "This file list cannot be read ({}), so its version cannot be restored. {}",
            read_failure(why),
            steps::DELETE_UNREADABLE.app
        ),
        ProblemKind::VolumeUnusable { why, .. } => format!(
            "This volume could not be used ({}), so its data was looked for elsewhere. {}",
            read_failure(why),
            steps::REPAIR.app
        ),
        ProblemKind::PathOfOtherSystem => format!(
            "It comes from a different kind of system and cannot be restored to its original location. {}",
            steps::CHOOSE_TARGET.app
        ),
        ProblemKind::ImpossibleName => {
            "This system does not allow a file with this name; it was not restored.".to_owned()
        }
        ProblemKind::SameNameHere(name) => format!(
            "Another file here has the same name except for upper and lower case. Restored as {name}."
        ),
    }
}

fn kept_files(files: u64) -> String {
    match files {
        1 => "Its file is kept from the previous version.".to_owned(),
        files => format!("Its {files} files are kept from the previous version."),
    }
}

fn kept(fallback: Fallback) -> &'static str {
    match fallback {
        Fallback::Kept => "Its state in the previous version is kept.",
        Fallback::Nothing => "It is not backed up.",
    }
}

/// Why times, rights or attributes were not restored.
pub(super) fn metadata_failure(failure: &MetadataFailure) -> String {
    match failure {
        MetadataFailure::Missing => {
            "they are missing at the destination, or cannot be read there".to_owned()
        }
        MetadataFailure::Undecodable(source) => {
            format!("its metadata cannot be read: {}", volume(source))
        }
        MetadataFailure::System(source) => io_words(source),
    }
}
