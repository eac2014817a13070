//! Versions and their numbers.

use jiff::Timestamp;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::repository::volumes::ListedVolume;

/// A version of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Version {
    /// 0 is the newest.
    pub number: usize,
    /// When it was made.
    pub time: Timestamp,
}

/// The dlist of version `number`, 0 being the newest. `dlists` begin with the oldest.
///
/// # Errors
/// [`Error::NoVersion`].
pub(crate) fn version_of(dlists: &[ListedVolume], number: usize) -> Result<&ListedVolume> {
    let oldest = dlists.len().saturating_sub(1);
    let position = oldest.checked_sub(number);
    let dlist = position.and_then(|position| dlists.get(position));
    dlist.ok_or(Error::NoVersion { number, oldest })
}

pub(crate) fn numbered(dlists: &[ListedVolume]) -> Vec<Version> {
    dlists
        .iter()
        .filter_map(|dlist| dlist.name.time())
        .rev()
        .enumerate()
        .map(|(number, time)| Version { number, time })
        .collect()
}
