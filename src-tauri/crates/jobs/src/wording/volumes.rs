//! What is wrong with a volume, as parts of other messages.

use coffer_engine::{CompactObstacle, FaultKind, Incomplete, ReadFailure};

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
        Incomplete::NotDescribed => "no index volume describes it; `repair` writes one".to_owned(),
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
        ReadFailure::Damaged(source) => source.to_string(),
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
