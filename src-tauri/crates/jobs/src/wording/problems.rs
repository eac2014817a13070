//! Words for what a run met and went on without.

use coffer_engine::{Fallback, FaultKind, Problem, ProblemKind, Severity};
use coffer_ipc::run::{MessageLevel, RunMessage};

use super::io_words;

/// A line of a run's report.
pub fn problem(problem: &Problem) -> RunMessage {
    let text = match &problem.kind {
        ProblemKind::Unreadable { error, fallback } => {
            format!("Could not be read ({}). {}", io_words(error), kept(*fallback))
        }
        ProblemKind::ChangedWhileRead => {
            "Changed while it was read; the next run reads it again.".to_owned()
        }
        ProblemKind::SourceMissing { fallback, files } => match files {
            0 => format!("This source was not found. {}", kept(*fallback)),
            files => format!("This source was not found. {}", kept_files(*files)),
        },
        ProblemKind::SourceEmpty { files } => format!(
            "There is suddenly nothing here, or another disk. {} No version is deleted until it is back. If it is meant to \
             be so, run once with --allow-missing-source.",
            kept_files(*files)
        ),
        ProblemKind::SourceEmptied => {
            "There is nothing here any more, as was allowed. No version is deleted in this run.".to_owned()
        }
        ProblemKind::NothingChosen { .. } => {
            "Nothing was backed up: the rules leave no file. No version is deleted; check the filters with \
             `coffer test-filters`."
                .to_owned()
        }
        ProblemKind::SourcesLeft => {
            "Sources were taken off the list. Versions that have them are kept until two more runs had the same sources."
                .to_owned()
        }
        ProblemKind::NotInVersion => {
            "Nothing in this version matches it; the rest is restored. Look for it in another version.".to_owned()
        }
        ProblemKind::OtherModule(module) => format!(
            "There are volumes of the kind {module} as well, which cannot be read here: what Duplicati stored in them is \
             left out."
        ),
        ProblemKind::NothingRemembered => {
            "What this computer knew of its sources is lost, or was never here, so it cannot tell what was deleted from what is \
             away. No rule deletes a version until two more runs."
                .to_owned()
        }
        ProblemKind::NameNotUnicode { is_folder: true } => {
            "Its name is no valid text, so neither this folder nor anything in it is backed up. Rename it.".to_owned()
        }
        ProblemKind::NameNotUnicode { is_folder: false } => {
            "Its name is no valid text, so it cannot be backed up. Rename it.".to_owned()
        }
        ProblemKind::VersionGone { others_work_here } => {
            let why = if *others_work_here {
                "another computer may have deleted it"
            } else {
                "look in the recycle bin"
            };
            format!("This version was there and is gone: {why}.")
        }
        ProblemKind::OthersKept { versions } => format!(
            "{versions} older version(s) are kept: they have sources that no newer one has, or cannot be read, and other computers \
             may back up into this folder. `coffer delete --version=<number>` gives them up."
        ),
        ProblemKind::LeftToOthers { versions } => format!(
            "{versions} version(s) were made by another computer, or by this one before it was set up anew. Retention leaves \
             them alone. If nobody else backs up into this folder, run once with --adopt-versions, and they count as this \
             computer's."
        ),
        ProblemKind::ClockBehind { now, newest } => format!(
            "The clock says {now:.0}, but the newest version is of {newest:.0}, so the new one is dated right after it. If \
             the clock is wrong, set it. If it is right, delete the versions of the future with \
             `coffer delete --version=<number>`; `coffer list` numbers them."
        ),
        ProblemKind::MassDeletion { victims, versions } => format!(
            "Retention would delete {victims} of {versions} versions at once, as after a jump of the clock, so none was \
             deleted. If it is meant, run once with --allow-mass-deletion."
        ),
        ProblemKind::TooLargeForFormat(why) => {
            format!("It cannot be stored ({why}) and was left out.")
        }
        ProblemKind::SpecialFile => "A device, pipe or socket; these are left out.".to_owned(),
        ProblemKind::MetadataTooLarge => {
            "Its attributes are too large and were left out; its content is backed up.".to_owned()
        }
        ProblemKind::HostilePath => {
            "Its stored path would leave the target folder; it was not restored.".to_owned()
        }
        ProblemKind::LinkInTheWay => {
            "A link stands where its folder should be; nothing is written through links.".to_owned()
        }
        ProblemKind::Unwritable(source) => format!("Could not be written ({}).", io_words(source)),
        ProblemKind::DataMissing => {
            "Parts of it are missing at the destination, or cannot be read there; it was not restored.".to_owned()
        }
        ProblemKind::ContentMismatch => {
            "Its content came out different from what was backed up; it was not restored."
                .to_owned()
        }
        ProblemKind::MetadataNotRestored(source) => {
            format!(
                "Restored, but not all of its times, rights or attributes ({}).",
                io_words(source)
            )
        }
        ProblemKind::Faulty(kind) => {
            format!("This volume is not what it should be: {}.", fault(kind))
        }
        ProblemKind::NotDescribed => {
            "A run that was cut off left this volume without its index volume. The next backup, or `coffer repair`, \
             writes that."
                .to_owned()
        }
        ProblemKind::LeftOver => {
            "A run that was cut off left this index volume of data volumes that were deleted. No version needs it; a backup \
             deletes it with the next waste, `coffer compact --now` at once."
                .to_owned()
        }
        ProblemKind::NotDeleted(why) => {
            format!("It could not be deleted ({why}). The next run tries again.")
        }
        ProblemKind::NotCompacted(why) => {
            format!("Space was not given back: {why}. `coffer list-broken-files` shows what is missing, `coffer purge-broken-files` takes it out; a version that cannot be read goes with `coffer delete`.")
        }
        ProblemKind::VolumeMissing => {
            "This volume is gone, and versions need it. When it is back, nothing is lost.".to_owned()
        }
        ProblemKind::VolumeUnusable { why, is_lost: false } => format!(
            "This volume cannot be read now ({why}). It may be whole: make it readable again (rights, disk, share)."
        ),
        ProblemKind::VolumeUnusable { why, .. } if problem.subject.contains(".dlist.") => format!(
            "This file list cannot be read ({why}), so its version cannot be restored. Bring the file back, or delete the \
             version with `coffer delete --version=<number>`; `coffer list` numbers them."
        ),
        ProblemKind::VolumeUnusable { why, .. } => {
            format!(
                "This volume could not be used ({why}); its data was looked for elsewhere. `coffer test` says what is lost, \
                 `coffer repair` puts right what can be."
            )
        }
        ProblemKind::PathOfOtherSystem => {
            "Its path is of another kind of system, so it cannot go back there. Restore into a folder (--restore-path)."
                .to_owned()
        }
        ProblemKind::ImpossibleName => {
            "This system cannot have a file of this name; it was not restored.".to_owned()
        }
        ProblemKind::SameNameHere(name) => format!(
            "Another file has its name here, where large and small letters are the same. Restored as {name}."
        ),
        other => format!("{other:?}"),
    };
    let level = match problem.kind.severity() {
        Severity::Info => MessageLevel::Info,
        Severity::Warning => MessageLevel::Warning,
    };
    RunMessage {
        level,
        subject: problem.subject.clone(),
        text,
    }
}

/// What is wrong with a volume.
pub fn fault(kind: &FaultKind) -> String {
    match kind {
        FaultKind::Missing => "it is gone".to_owned(),
        FaultKind::OtherSize { expected, found } => {
            format!("it has {found} bytes and had {expected}")
        }
        FaultKind::OtherContent => "it is not what was uploaded".to_owned(),
        FaultKind::Unreadable(why) => format!("it cannot be read ({why})"),
        FaultKind::Incomplete(why) => why.clone(),
    }
}

fn kept_files(files: u64) -> String {
    match files {
        1 => "Its file is kept as it was.".to_owned(),
        files => format!("Its {files} files are kept as they were."),
    }
}

fn kept(fallback: Fallback) -> &'static str {
    match fallback {
        Fallback::Kept => "What the version before has of it is kept.",
        Fallback::Nothing => "It is not backed up.",
    }
}
