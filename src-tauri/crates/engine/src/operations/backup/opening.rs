//! What has to be in order before anything is written.

use std::fs;
use std::path::Path;

use coffer_database::Index;
use coffer_volume::Format;
use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, Result};
use crate::monitor::{Phase, Problem, ProblemKind};
use crate::operations::backup::options::BackupOptions;
use crate::operations::backup::run::after_all;
use crate::repository::cache::Cache;
use crate::repository::listing::Listing;
use crate::repository::local_facts::KeptFacts;
use crate::repository::session::Session;
use crate::source::Root;

/// How far the clock may lie behind the newest version without a word.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// Looks whether the backup at the destination is the one that is meant, and opens its index.
pub(super) fn open(
    session: &Session,
    cache: &Cache,
    options: &BackupOptions,
) -> Result<(Format, Index, Listing)> {
    session.phase(Phase::Connecting);
    let mut listed = Listing::of(session)?;
    listed.require_readable(session)?;
    listed.check_passphrase(session)?;
    require_known_backup(session, cache, &mut listed, options)?;
    let known = cache.known_format(&listed)?;
    let format = choose_format(session, &listed, options, known, &cache.spool())?;
    let index = cache.index_for(&format, session.store())?;
    index.hold_deletions(false)?;
    listed.complete(session, &index)?;
    Ok((format, index, listed))
}

/// # Errors
/// [`Error::NoSource`] when not one of the sources can be read: then nothing is written, and nothing counts as deleted.
pub(super) fn require_some_source(roots: &[Root]) -> Result<()> {
    let is_there = |path: &Path| match fs::metadata(path) {
        Ok(stat) if stat.is_dir() => fs::read_dir(path).is_ok(),
        Ok(stat) => stat.is_file() && fs::File::open(path).is_ok(),
        Err(_) => false,
    };
    let inner = |root: &Root| root.inner.iter().any(|inner| is_there(Path::new(inner)));
    if roots.iter().any(|root| is_there(&root.path) || inner(root)) {
        return Ok(());
    }
    let sources = roots.iter().map(|root| root.stored.clone()).collect();
    Err(Error::NoSource { sources })
}

/// Makes sure that the backup which this computer knows is there, before anything is written.
///
/// # Errors
/// [`Error::DestinationGone`], unless a new one was said to be meant.
fn require_known_backup(
    session: &Session,
    cache: &Cache,
    listed: &mut Listing,
    options: &BackupOptions,
) -> Result<()> {
    if !listed.dlists.is_empty() {
        return Ok(());
    }
    let known = cache.index()?.known_dlists()?;
    let names = known.iter().map(|known| known.name.clone()).collect();
    // Volumes without a version may be what somebody left where a disk was. Listings may lag, too.
    if !listed.is_empty() && !session.ask_by_name(names)?.is_empty() {
        return Ok(());
    }
    let known = known.len() as u64;
    let versions = known.max(options.expected_versions);
    if versions == 0 {
        return Ok(());
    }
    if options.allow_new_destination {
        return cache.renew_index(KeptFacts::OfVolumes);
    }
    Err(Error::DestinationGone {
        destination: session.label(),
        versions,
    })
}

/// The backup's own settings, which any that were asked for must equal; in a new one those that were asked for.
fn choose_format(
    session: &Session,
    listed: &Listing,
    options: &BackupOptions,
    known: Option<Format>,
    spool: &Path,
) -> Result<Format> {
    let asked = |base: &Format| {
        let block_size = options.block_size.unwrap_or(base.block_size());
        let (block_hash, file_hash) = match &options.hashes {
            Some((block, file)) => (block.as_str(), file.as_str()),
            None => (base.block_hash_name(), base.file_hash_name()),
        };
        Format::new(block_size, block_hash, file_hash)
            .map_err(|source| Error::UnusableFormat { source })
    };
    let found = match known {
        Some(known) => Some(known),
        None => listed.format(session, spool)?,
    };
    let Some(found) = found else {
        let mut usual = Format::default();
        if let Some(size) = options.new_block_size {
            let (block, file) = (usual.block_hash_name(), usual.file_hash_name());
            usual = Format::new(size, block, file)
                .map_err(|source| Error::UnusableFormat { source })?;
        }
        return asked(&usual);
    };
    let asked = asked(&found)?;
    let same = found.block_size() == asked.block_size()
        && found.block_hash() == asked.block_hash()
        && found.file_hash() == asked.file_hash();
    if same {
        return Ok(found);
    }
    Err(Error::FormatMismatch {
        destination: session.label(),
        found: found.to_string(),
        asked: asked.to_string(),
    })
}

/// Whole seconds, later than every version that exists. When the clock is behind these, that is reported; whichever of the two
/// clocks was wrong, the version is the newest one.
pub(super) fn choose_time(session: &Session, listed: &Listing, now: Timestamp) -> Timestamp {
    let seconds = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let time = after_all(listed, seconds);
    if time.duration_since(now) > CLOCK_TOLERANCE
        && let Some(newest) = listed.times().last().copied()
    {
        let subject = session.label();
        let kind = ProblemKind::ClockBehind { now, newest };
        session.monitor().problem(Problem { subject, kind });
    }
    time
}
