//! An example of each error, problem and sentence.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use coffer_destination::{
    Error as DestinationError, NameProblem, RegistrationProblem, SignInOutage, SignInProblem,
};
use coffer_engine::filter::Action;
use coffer_engine::source::Reason;
use coffer_engine::{
    CompactObstacle, Error as EngineError, Fallback, FaultKind, FilterProblem, Incomplete,
    MetadataFailure, OptionProblem, Problem, ProblemKind, ReadFailure,
};
use coffer_onedrive::{AuthIdProblem, Error as OneDriveError, FolderProblem, SignInRefusal};
use coffer_volume::{Defect, Error as VolumeError, Structure, VolumeKind};
use jiff::Timestamp;

use super::super::destination::clause;
use super::super::files::unusable;
use super::super::volumes::volume as volume_words;
use super::example_table::examples;
use super::messages::Messages;
use super::reasons;
use super::values::{dblock, denied, dlist, folder, place, said, time, why};
use crate::waiting::Wait;
use crate::{keychain, wording};

pub(super) fn messages() -> Messages {
    let mut messages = Messages::default();
    messages.section("Engine");
    for (name, error) in engine() {
        messages.error(name, &wording::engine(&error));
    }
    messages.section("Destination");
    for (name, error) in destination() {
        messages.error(name, &wording::destination(&error));
    }
    messages.section("Files and disks");
    for kind in FILE_ERRORS {
        let source = io::Error::from(kind);
        let name = format!("{kind:?}");
        messages.error(&name, &unusable("write", "/home/me/x", &source));
    }
    messages.section("OneDrive and sign-in");
    for (name, error) in onedrive() {
        messages.error(name, &wording::onedrive(&error));
    }
    reasons::add(&mut messages);
    messages.section("What a destination answered, in the report of a run");
    for (name, error) in destination() {
        messages.sentence(name, &clause(&error));
    }
    messages.section("Keychain");
    for (name, error) in keychain() {
        messages.error(name, &wording::keychain(&error));
    }
    messages.section("Volumes, as part of other messages");
    for (name, error) in volume() {
        messages.sentence(name, &volume_words(&error));
    }
    messages.section("Coffer itself");
    of_coffer(&mut messages);
    messages.section("Report of a run");
    problems(&mut messages);
    messages.section("Waiting");
    waits(&mut messages);
    messages.section("coffer test-filters (command line only)");
    filter_reasons(&mut messages);
    messages
}

const FILE_ERRORS: [io::ErrorKind; 9] = [
    io::ErrorKind::PermissionDenied,
    io::ErrorKind::NotFound,
    io::ErrorKind::StorageFull,
    io::ErrorKind::ReadOnlyFilesystem,
    io::ErrorKind::IsADirectory,
    io::ErrorKind::AlreadyExists,
    io::ErrorKind::NotADirectory,
    io::ErrorKind::UnexpectedEof,
    io::ErrorKind::TimedOut,
];

fn malformed() -> VolumeError {
    VolumeError::Malformed {
        what: Structure::Manifest,
        why: Defect::CutShort,
    }
}

examples! {
    engine: EngineError {
        EngineError::Destination(_) => EngineError::Destination(DestinationError::Full);
        EngineError::Database(_) =>
            EngineError::Database(coffer_database::Error::Full),
            EngineError::Database(coffer_database::Error::Damaged);
        EngineError::Volume { .. } => EngineError::Volume {
            name: dlist(),
            source: VolumeError::DamagedCiphertext,
        };
        EngineError::Unreadable { .. } => EngineError::Unreadable { name: dblock(), why: said() };
        EngineError::VolumeNotRead { .. } => EngineError::VolumeNotRead {
            name: dblock(),
            why: ReadFailure::Missing,
        };
        EngineError::VersionUnreadable { .. } => EngineError::VersionUnreadable {
            number: 3,
            name: dlist(),
        };
        EngineError::WrongPassphrase { .. } => EngineError::WrongPassphrase { destination: place() };
        EngineError::PassphraseRequired { .. } => EngineError::PassphraseRequired {
            destination: place(),
        };
        EngineError::NotEncrypted { .. } => EngineError::NotEncrypted { destination: place() };
        EngineError::SourceLeft { .. } => EngineError::SourceLeft { path: folder() };
        EngineError::UnusableFormat { .. } => EngineError::UnusableFormat {
            source: VolumeError::Unsupported { what: "blocks of 3 bytes".to_owned() },
        };
        EngineError::FormatMismatch { .. } => EngineError::FormatMismatch {
            destination: place(),
            found: "blocks of 100 KiB".to_owned(),
            asked: "blocks of 1 MiB".to_owned(),
        };
        EngineError::VolumesMissing { .. } => EngineError::VolumesMissing {
            destination: place(),
            names: vec![dblock()],
        };
        EngineError::DataMissing { .. } => EngineError::DataMissing {
            destination: place(),
            blocks: 3,
        };
        EngineError::DestinationGone { .. } => EngineError::DestinationGone {
            destination: place(),
            versions: 12,
        };
        EngineError::UnreadableModule { .. } => EngineError::UnreadableModule {
            destination: place(),
            module: "7z.aes".to_owned(),
        };
        EngineError::ForeignFolder { .. } => EngineError::ForeignFolder { path: folder() };
        EngineError::Locked { .. } => EngineError::Locked { destination: place() };
        EngineError::NoBackup { .. } =>
            EngineError::NoBackup {
                destination: place(),
                prefix: "duplicati".to_owned(),
                others: Vec::new(),
            },
            EngineError::NoBackup {
                destination: place(),
                prefix: "duplicati".to_owned(),
                others: vec!["laptop".to_owned()],
            };
        EngineError::NoVersion { .. } => EngineError::NoVersion { number: 5, oldest: 3 };
        EngineError::VersionGone { .. } => EngineError::VersionGone { time: time() };
        EngineError::FullRemoval => EngineError::FullRemoval;
        EngineError::OnlyDamagedLeft { .. } => EngineError::OnlyDamagedLeft { time: time() };
        EngineError::SeveralRetentions => EngineError::SeveralRetentions;
        EngineError::NoFreeTime { .. } => EngineError::NoFreeTime { time: time() };
        EngineError::NothingMatches => EngineError::NothingMatches;
        EngineError::NoSource { .. } => EngineError::NoSource {
            sources: vec!["/home/me".to_owned()],
        };
        EngineError::InvalidPrefix { .. } => EngineError::InvalidPrefix { prefix: "a-b".to_owned() };
        EngineError::InvalidFilter { .. } => EngineError::InvalidFilter {
            rule: "[".to_owned(),
            why: FilterProblem::Expression { said: why() },
        };
        EngineError::InvalidOption { .. } => EngineError::InvalidOption {
            option: "keep-time",
            value: "soon".to_owned(),
            why: OptionProblem::NotASpan,
        };
        EngineError::SpoolFull { .. } => EngineError::SpoolFull { path: folder() };
        EngineError::Program { .. } => EngineError::Program {
            program: PathBuf::from("gpg"),
            source: denied(),
        };
        EngineError::Io { .. } => EngineError::Io {
            operation: "create",
            path: folder(),
            source: denied(),
        };
        EngineError::Cancelled => EngineError::Cancelled;
        EngineError::OtherSystem { .. } =>
            EngineError::OtherSystem { is_windows: true },
            EngineError::OtherSystem { is_windows: false };
    }
}

examples! {
    destination: DestinationError {
        DestinationError::NotFound { .. } => DestinationError::NotFound { name: dblock() };
        DestinationError::AlreadyExists { .. } => DestinationError::AlreadyExists { name: dblock() };
        DestinationError::FolderMissing { .. } => DestinationError::FolderMissing { folder: place() };
        DestinationError::FolderLost { .. } => DestinationError::FolderLost { folder: place() };
        DestinationError::InvalidName { .. } => DestinationError::InvalidName {
            name: "a:b".to_owned(),
            why: NameProblem::ForbiddenCharacter,
        };
        DestinationError::Throttled { .. } => DestinationError::Throttled {
            retry_after: Some(Duration::from_secs(60)),
        };
        DestinationError::Locked { .. } => DestinationError::Locked { name: dblock() };
        DestinationError::SignInRequired { .. } => DestinationError::SignInRequired {
            why: SignInProblem::Unused,
            code: Some(70_008),
        };
        DestinationError::SignInUnavailable { .. } =>
            DestinationError::SignInUnavailable { why: SignInOutage::Limited, retry_after: None },
            DestinationError::SignInUnavailable {
                why: SignInOutage::Limited,
                retry_after: Some(Duration::from_secs(60)),
            };
        DestinationError::Full => DestinationError::Full;
        DestinationError::Refused { .. } =>
            DestinationError::Refused { operation: "read", name: dblock(), why: why() },
            DestinationError::Refused { operation: "write", name: dblock(), why: why() };
        DestinationError::Corrupted { .. } => DestinationError::Corrupted {
            name: dblock(),
            why: why(),
        };
        DestinationError::Unavailable { .. } => DestinationError::Unavailable { why: why() };
        DestinationError::Io { .. } => DestinationError::Io {
            operation: "read",
            name: dblock(),
            source: denied(),
        };
        DestinationError::Cancelled => DestinationError::Cancelled;
    }
}

examples! {
    onedrive: OneDriveError {
        OneDriveError::MissingAuthId { .. } => OneDriveError::MissingAuthId {
            link: "https://example.com".to_owned(),
        };
        OneDriveError::InvalidAuthId { .. } => OneDriveError::InvalidAuthId {
            why: AuthIdProblem::NoColon,
        };
        OneDriveError::UnknownScheme { .. } =>
            OneDriveError::UnknownScheme { scheme: "onedrive".to_owned() },
            OneDriveError::UnknownScheme { scheme: "ftp".to_owned() };
        OneDriveError::MissingPlace { .. } => OneDriveError::MissingPlace { needed: "a site" };
        OneDriveError::InvalidFolder { .. } => OneDriveError::InvalidFolder {
            folder: "a:b".to_owned(),
            why: FolderProblem::Part {
                part: "a:b".to_owned(),
                why: NameProblem::ForbiddenCharacter,
            },
        };
        OneDriveError::InsecureEndpoint { .. } => OneDriveError::InsecureEndpoint {
            url: "http://example.com".to_owned(),
        };
        OneDriveError::SignInExpired => OneDriveError::SignInExpired;
        OneDriveError::SignInRefused { .. } => OneDriveError::SignInRefused {
            why: SignInRefusal::Service { said: why() },
        };
        OneDriveError::SignInDeclined => OneDriveError::SignInDeclined;
        OneDriveError::Registration { .. } => OneDriveError::Registration {
            why: RegistrationProblem::Mismatch,
            code: None,
        };
        OneDriveError::Loopback { .. } => OneDriveError::Loopback { said: why() };
        OneDriveError::Destination(_) => OneDriveError::Destination(DestinationError::Full);
        OneDriveError::Setup { .. } => OneDriveError::Setup { said: why() };
        OneDriveError::Cancelled => OneDriveError::Cancelled;
    }
}

examples! {
    keychain: keychain::Error {
        keychain::Error::Unavailable { .. } => keychain::Error::Unavailable { why: why() };
        keychain::Error::TooLong => keychain::Error::TooLong;
        keychain::Error::Damaged { .. } => keychain::Error::Damaged { name: "sign-in".to_owned() };
    }
}

examples! {
    volume: VolumeError {
        VolumeError::WrongPassphrase => VolumeError::WrongPassphrase;
        VolumeError::EmptyPassphrase => VolumeError::EmptyPassphrase;
        VolumeError::PassphraseRequired => VolumeError::PassphraseRequired;
        VolumeError::DamagedCiphertext => VolumeError::DamagedCiphertext;
        VolumeError::Malformed { .. } => malformed();
        VolumeError::MissingEntry { .. } => VolumeError::MissingEntry { name: "manifest".to_owned() };
        VolumeError::DamagedBlock { .. } => VolumeError::DamagedBlock { hash: "<hash>".to_owned() };
        VolumeError::Unsupported { .. } => VolumeError::Unsupported { what: "LZMA".to_owned() };
        VolumeError::FormatMismatch { .. } => VolumeError::FormatMismatch {
            kind: VolumeKind::Dblock,
            found: "SHA384".to_owned(),
            expected: "SHA256".to_owned(),
        };
        VolumeError::Io(_) => VolumeError::Io(denied());
    }
}

examples! {
    problem_kinds: ProblemKind {
        ProblemKind::Unreadable { .. } =>
            ProblemKind::Unreadable { error: denied(), fallback: Fallback::Kept },
            ProblemKind::Unreadable { error: denied(), fallback: Fallback::Nothing };
        ProblemKind::ChangedWhileRead => ProblemKind::ChangedWhileRead;
        ProblemKind::SourceMissing { .. } =>
            ProblemKind::SourceMissing { fallback: Fallback::Nothing, files: 0 },
            ProblemKind::SourceMissing { fallback: Fallback::Kept, files: 1 };
        ProblemKind::SourceEmpty { .. } => ProblemKind::SourceEmpty { files: 12 };
        ProblemKind::SourceEmptied => ProblemKind::SourceEmptied;
        ProblemKind::NothingChosen { .. } => ProblemKind::NothingChosen { is_meant: false };
        ProblemKind::NameNotUnicode { .. } =>
            ProblemKind::NameNotUnicode { is_folder: true },
            ProblemKind::NameNotUnicode { is_folder: false };
        ProblemKind::SpecialFile => ProblemKind::SpecialFile;
        ProblemKind::MetadataTooLarge => ProblemKind::MetadataTooLarge;
        ProblemKind::HostilePath => ProblemKind::HostilePath;
        ProblemKind::LinkInTheWay => ProblemKind::LinkInTheWay;
        ProblemKind::Unwritable(_) => ProblemKind::Unwritable(denied());
        ProblemKind::DataMissing => ProblemKind::DataMissing;
        ProblemKind::ContentMismatch => ProblemKind::ContentMismatch;
        ProblemKind::MetadataNotRestored(_) =>
            ProblemKind::MetadataNotRestored(MetadataFailure::System(denied())),
            ProblemKind::MetadataNotRestored(MetadataFailure::Missing),
            ProblemKind::MetadataNotRestored(MetadataFailure::Undecodable(malformed()));
        ProblemKind::Faulty(_) =>
            ProblemKind::Faulty(FaultKind::Missing),
            ProblemKind::Faulty(FaultKind::OtherSize { expected: 52, found: 10 }),
            ProblemKind::Faulty(FaultKind::OtherContent),
            ProblemKind::Faulty(FaultKind::Unreadable(said())),
            ProblemKind::Faulty(FaultKind::Incomplete(Incomplete::NotDescribed));
        ProblemKind::NotDescribed => ProblemKind::NotDescribed;
        ProblemKind::LeftOver => ProblemKind::LeftOver;
        ProblemKind::NotDeleted(_) => ProblemKind::NotDeleted(DestinationError::Locked { name: dblock() });
        ProblemKind::NotCompacted(_) => ProblemKind::NotCompacted(CompactObstacle::DataMissing);
        ProblemKind::VolumeUnusable { .. } =>
            ProblemKind::VolumeUnusable { why: said(), is_lost: false },
            ProblemKind::VolumeUnusable { why: said(), is_lost: true };
        ProblemKind::VolumeMissing => ProblemKind::VolumeMissing;
        ProblemKind::VersionGone { .. } =>
            ProblemKind::VersionGone { others_work_here: true },
            ProblemKind::VersionGone { others_work_here: false };
        ProblemKind::OthersKept { .. } => ProblemKind::OthersKept { versions: 3 };
        ProblemKind::LeftToOthers { .. } => ProblemKind::LeftToOthers { versions: 3 };
        ProblemKind::ClockBehind { .. } => ProblemKind::ClockBehind {
            now: time(),
            newest: "2031-01-01T00:00:00Z".parse().unwrap(),
        };
        ProblemKind::MassDeletion { .. } => ProblemKind::MassDeletion { victims: 11, versions: 12 };
        ProblemKind::SourcesLeft => ProblemKind::SourcesLeft;
        ProblemKind::NothingRemembered => ProblemKind::NothingRemembered;
        ProblemKind::OtherModule(_) => ProblemKind::OtherModule("7z.aes".to_owned());
        ProblemKind::TooLargeForFormat(_) => ProblemKind::TooLargeForFormat(Defect::PathTooLong(70_000));
        ProblemKind::NotInVersion => ProblemKind::NotInVersion;
        ProblemKind::PathOfOtherSystem => ProblemKind::PathOfOtherSystem;
        ProblemKind::ImpossibleName => ProblemKind::ImpossibleName;
        ProblemKind::SameNameHere(_) => ProblemKind::SameNameHere("x (1).txt".to_owned());
    }
}

examples! {
    reason_kinds: Reason {
        Reason::Source => Reason::Source;
        Reason::Rule(_) => Reason::Rule(0), Reason::Rule(1), Reason::Rule(2);
        Reason::NoRule => Reason::NoRule;
        Reason::Attributes => Reason::Attributes;
        Reason::TooLarge => Reason::TooLarge;
        Reason::Marker(_) => Reason::Marker(".nobackup".to_owned());
        Reason::Mark(_) => Reason::Mark("user.xdg.robots.backup");
        Reason::SymlinkPolicy => Reason::SymlinkPolicy;
        Reason::LinkLoop => Reason::LinkLoop;
        Reason::HardlinkPolicy => Reason::HardlinkPolicy;
        Reason::EmptyFolder => Reason::EmptyFolder;
        Reason::SpecialFile => Reason::SpecialFile;
        Reason::OwnFolder => Reason::OwnFolder;
    }
}

fn of_coffer(messages: &mut Messages) {
    let database = coffer_database::Error::Damaged;
    let later = coffer_database::Error::Later { path: folder() };
    let ends = jiff::civil::date(2026, 5, 31);
    let sentences = [
        ("empty passphrase", wording::empty_passphrase()),
        ("passphrase missing", wording::passphrase_missing()),
        (
            "passphrase not checked",
            wording::untried(wording::running()),
        ),
        ("not found", wording::not_found("This backup")),
        ("cancelled", wording::cancelled()),
        ("question withdrawn", wording::withdrawn()),
        (
            "database full",
            wording::database(&coffer_database::Error::Full),
        ),
        ("database later", wording::database(&later)),
        ("database damaged", wording::database(&database)),
        (
            "database repaired, jobs",
            wording::database_repaired(true, true, "<file>"),
        ),
        (
            "database repaired, history",
            wording::database_repaired(false, true, "<file>"),
        ),
        (
            "database repaired",
            wording::database_repaired(false, false, "<file>"),
        ),
        ("database just repaired", wording::database_just_repaired()),
        (
            "database not repaired",
            wording::database_not_repaired(&database),
        ),
        ("running", wording::running()),
        ("sign-in expires", wording::sign_in_ends(ends)),
        ("several sign-ins", wording::several_sign_ins()),
        ("no such sign-in", wording::no_such_sign_in("robin")),
        ("panic", wording::defect()),
        ("disk away", wording::disk_away(&folder())),
    ];
    for (name, error) in &sentences {
        messages.error(name, error);
    }
    if let Some(warning) = crate::passphrase_warning("a ") {
        messages.sentence("passphrase with spaces", warning);
    }
}

fn problems(messages: &mut Messages) {
    for (name, kind) in problem_kinds() {
        let subject = "/home/me/x".to_owned();
        messages.problem(name, &wording::problem(&Problem { subject, kind }));
    }
    let list = Problem {
        subject: dlist(),
        kind: ProblemKind::VolumeUnusable {
            why: said(),
            is_lost: true,
        },
    };
    messages.problem(
        "ProblemKind::VolumeUnusable, file list",
        &wording::problem(&list),
    );
}

fn waits(messages: &mut Messages) {
    for sentence in [
        wording::RATE_LIMITED,
        wording::SLOWED,
        wording::NO_ANSWER_YET,
    ] {
        messages.sentence("run", sentence);
    }
    let until = Timestamp::UNIX_EPOCH;
    let again = Wait::Again { until, why: why() };
    for wait in [Wait::Requested(until), again] {
        let sentence = wait.sentence_in(&jiff::tz::TimeZone::UTC);
        messages.sentence("command", &sentence);
    }
}

/// Not through [`Messages::sentence`]: the app has no such command.
fn filter_reasons(messages: &mut Messages) {
    let rules = [
        (Action::Include, "*.txt".to_owned()),
        (Action::Exclude, "*.tmp".to_owned()),
    ];
    for (name, reason) in reason_kinds() {
        messages.of_command_line(name, &wording::reason(&reason, &rules));
    }
}
