//! Whether what a deletion leaves can be restored.

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::repository::listing::Listing;
use crate::repository::open::Repository;
use crate::repository::volumes::ListedVolume;

/// A rule counts versions by their dates; it must not keep damaged ones and give up those that are whole.
///
/// # Errors
/// [`Error::OnlyDamagedLeft`] when each version that is left lacks something, and one that goes does not.
pub(super) fn require_whole_one(
    repository: Repository<'_>,
    listed: &Listing,
    times: &[Timestamp],
) -> Result<()> {
    let goes = |dlist: &&ListedVolume| {
        let time = dlist.name.time();
        time.is_some_and(|time| times.contains(&time))
    };
    let (going, left): (Vec<_>, Vec<_>) = listed.dlists.iter().rev().partition(goes);
    if going.is_empty() || left.is_empty() {
        return Ok(());
    }
    for dlist in left {
        if is_whole(repository, dlist)? {
            return Ok(());
        }
    }
    for dlist in going {
        if let (true, Some(time)) = (is_whole(repository, dlist)?, dlist.name.time()) {
            return Err(Error::OnlyDamagedLeft { time });
        }
    }
    Ok(())
}

fn is_whole(repository: Repository<'_>, dlist: &ListedVolume) -> Result<bool> {
    let mut lacks_something = false;
    let read = repository.broken_files(dlist, |_, _| {
        lacks_something = true;
        // One is enough.
        Err(Error::Cancelled)
    });
    repository.session.check_cancelled()?;
    match read {
        Ok(()) => Ok(true),
        Err(_) if lacks_something => Ok(false),
        Err(error) => repository.session.volume_fault(error).map(|_| false),
    }
}
