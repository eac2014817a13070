//! What is wrong with a volume, as parts of other messages.

use coffer_engine::{CompactObstacle, FaultKind, Incomplete, ReadFailure};
use coffer_volume::{Defect, EntryPart, Error as VolumeError, Structure};

/// What is wrong with a volume, as the rest of a sentence.
pub fn fault(kind: &FaultKind) -> String {
    match kind {
        FaultKind::Missing => "it is missing".to_owned(),
        FaultKind::OtherSize { expected, found } => {
            format!("it has {found} bytes instead of {expected}")
        }
        FaultKind::OtherContent => "its content has changed since it was uploaded".to_owned(),
        FaultKind::Unreadable(why) => format!("it cannot be read ({})", read_failure(why)),
        FaultKind::Incomplete(what) => incomplete(what),
    }
}

fn incomplete(what: &Incomplete) -> String {
    match what {
        Incomplete::BlocksMissing { entries, example } => {
            format!("blocks of {entries} entries are missing, e.g. of {example}")
        }
        Incomplete::BlocksDamaged { damaged, expected } => {
            format!("{damaged} of {expected} blocks are damaged")
        }
        Incomplete::OtherLength { dblock } => format!("it states another length of {dblock}"),
        Incomplete::DescribesNothing => "it describes no volume that is there".to_owned(),
        Incomplete::NotDescribed => "no index volume describes it".to_owned(),
    }
}

/// Why a volume could not be read.
pub(super) fn read_failure(failure: &ReadFailure) -> String {
    match failure {
        ReadFailure::Missing => "it is missing".to_owned(),
        ReadFailure::DoesNotOpen => {
            "its passphrase is another, or its header is damaged".to_owned()
        }
        ReadFailure::BlockOfOtherSize => "a block has another size than its list says".to_owned(),
        ReadFailure::Damaged(source) => volume(source),
        ReadFailure::Corrupted { name, why } => format!("{name} was corrupted in transit: {why}"),
        ReadFailure::Refused { said }
        | ReadFailure::Unavailable { said }
        | ReadFailure::System { said } => said.clone(),
    }
}

/// Why space was not reclaimed at `destination`.
pub(super) fn compact_obstacle(obstacle: &CompactObstacle, destination: &str) -> String {
    match obstacle {
        CompactObstacle::DataMissing => {
            format!("Some data needed by versions in {destination} is missing")
        }
        CompactObstacle::VersionUnreadable { number, name } => {
            format!("Version {number} cannot be read: its file list {name} is damaged")
        }
        CompactObstacle::Unreadable { name, why } => {
            format!(
                "The volume {name} cannot be read now: {}",
                read_failure(why)
            )
        }
        CompactObstacle::VolumesMissing { names } => {
            format!(
                "Volumes are missing from {destination}: {}",
                names.join(", ")
            )
        }
    }
}

/// Why a volume could not be read or written.
pub(super) fn volume(source: &VolumeError) -> String {
    match source {
        VolumeError::WrongPassphrase => "The passphrase does not open the volume".to_owned(),
        VolumeError::EmptyPassphrase => "The passphrase is empty".to_owned(),
        VolumeError::PassphraseRequired => {
            "The volume is encrypted and no passphrase was given".to_owned()
        }
        VolumeError::DamagedCiphertext => "The encrypted data is damaged".to_owned(),
        VolumeError::Malformed { what, why } => {
            format!("Not a valid {}: {}", structure(*what), defect(why))
        }
        VolumeError::MissingEntry { name } => format!("The volume has no entry {name}"),
        VolumeError::DamagedBlock { hash } => format!("Block {hash} is damaged"),
        VolumeError::Unsupported { what } => {
            format!("The volume uses {what}, which cannot be read")
        }
        VolumeError::FormatMismatch {
            kind,
            found,
            expected,
        } => format!("The {kind} was written with {found}, but the backup uses {expected}"),
        VolumeError::Io(_) => "Could not read or write the volume".to_owned(),
    }
}

/// The same, followed by what the system said.
pub(super) fn volume_and_cause(source: &VolumeError) -> String {
    match source {
        VolumeError::Io(cause) => format!("{}: {cause}", volume(source)),
        _ => volume(source),
    }
}

fn structure(what: Structure) -> &'static str {
    match what {
        Structure::Volume => "volume",
        Structure::AesCryptStream => "AES Crypt stream",
        Structure::AesCryptHeader => "AES Crypt header",
        Structure::Archive => "archive",
        Structure::Manifest => "manifest",
        Structure::IndexVolume => "index volume",
        Structure::FileList => "file list",
        Structure::Blocklist => "blocklist",
        Structure::Metadata => "metadata",
        Structure::Hash => "hash",
    }
}

/// What is wrong with a structure of the format.
pub(super) fn defect(why: &Defect) -> String {
    match why {
        Defect::CutShort => "it is cut short".to_owned(),
        Defect::TooLong => "too long".to_owned(),
        Defect::Length(bytes) => format!("{bytes} bytes"),
        Defect::Undecodable { said } => said.clone(),
        Defect::Padding => "the padding is wrong".to_owned(),
        Defect::NotAesCrypt => "it does not start with AES".to_owned(),
        Defect::ReservedByte => "the reserved byte is not 0".to_owned(),
        Defect::EndlessExtensions => "the extensions do not end".to_owned(),
        Defect::NoSeparator => "an extension has no separator".to_owned(),
        Defect::Iterations(iterations) => format!("{iterations} iterations"),
        Defect::EntryMissing => "an entry is missing".to_owned(),
        Defect::EntryTooLarge(limit) => format!("an entry is larger than {limit} bytes"),
        Defect::TooManyEntries => "it has more entries than its length allows".to_owned(),
        Defect::HeaderCutShort => "a header is cut short".to_owned(),
        Defect::NamelessHeader => "a header has no name".to_owned(),
        Defect::HeaderWithoutLength => "a header has no length".to_owned(),
        Defect::NotAFile => "it holds something that is no file".to_owned(),
        Defect::OutOfOrder => "a folder or link came after a file".to_owned(),
        Defect::EntryWithout(part) => format!("an entry without {}", entry_part(*part)),
        Defect::FileWithoutContent => "a file without hash or size".to_owned(),
        Defect::PathTooLong(bytes) => format!("a path of {bytes} bytes"),
        Defect::TooManyBlocklists(count) => format!("a stream of {count} blocklists"),
        Defect::WrongParts(bytes) => format!("a stream of {bytes} bytes has other parts"),
        Defect::NotBase64 => "not base64 of at most 64 bytes".to_owned(),
        Defect::NotUrlSafeBase64 => "not URL-safe base64 of at most 64 bytes".to_owned(),
    }
}

fn entry_part(part: EntryPart) -> &'static str {
    match part {
        EntryPart::Metadata => "metadata",
        EntryPart::MetadataBytes => "metadata bytes",
        EntryPart::Content => "content",
        EntryPart::Time => "time",
    }
}
