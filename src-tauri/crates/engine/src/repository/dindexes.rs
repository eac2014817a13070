//! dindexes that are lacking, written from their dblocks.

use std::collections::HashSet;
use std::path::Path;

use coffer_database::{Index, VolumeKind, VolumeState};
use coffer_destination::NoCheckpoints;
use coffer_volume::dblock::DblockReader;
use coffer_volume::dindex::{self, BlockRow};
use coffer_volume::{Format, VolumeName};

use crate::error::{Error, Result};
use crate::repository::digest::digest;
use crate::repository::listing::Listing;
use crate::repository::open::Repository;
use crate::repository::open_volume::open_volume;
use crate::repository::session::Session;
use crate::repository::spool::Spool;
use crate::repository::volumes::ListedVolume;

/// dblocks that lack a dindex. A backup that has hardly any is meant to have none, and lacks nothing; a first run that
/// was cut off says nothing of what is meant.
pub(crate) fn lacking_dindexes<'l>(
    index: &Index,
    listed: &'l Listing,
) -> Result<Vec<&'l ListedVolume>> {
    let (uncovered, _) = examine(index, listed)?;
    if !listed.dlists.is_empty() && uncovered.len() > listed.dindexes.len() {
        return Ok(Vec::new());
    }
    Ok(uncovered)
}

/// Writes dindexes that are lacking, as a run that was killed between a dblock and its dindex leaves things.
pub(crate) fn write_missing_dindexes(
    repository: Repository<'_>,
    spool: &Spool,
    listed: &Listing,
) -> Result<()> {
    let Repository { session, index, .. } = repository;
    for dblock in lacking_dindexes(index, listed)? {
        session.check_cancelled()?;
        let written = write_dindex(repository, spool, dblock);
        report_damage(session, dblock, written)?;
    }
    Ok(())
}

/// dblocks that no readable dindex describes, and dindexes that could not be read.
pub(crate) fn examine<'l>(
    index: &Index,
    listed: &'l Listing,
) -> Result<(Vec<&'l ListedVolume>, Vec<&'l ListedVolume>)> {
    let readable: HashSet<String> = index
        .volumes()?
        .into_iter()
        .filter(|row| row.kind == VolumeKind::Dindex && row.state == VolumeState::Confirmed)
        .map(|row| row.name)
        .collect();
    let covered: HashSet<String> = index.covers()?.into_iter().map(|(_, name)| name).collect();
    let uncovered = listed
        .dblocks
        .iter()
        .filter(|volume| !covered.contains(volume.name.as_str()));
    let unreadable = listed
        .dindexes
        .iter()
        .filter(|volume| !readable.contains(volume.name.as_str()));
    Ok((uncovered.collect(), unreadable.collect()))
}

/// Reports damage and continues; false for damage.
pub(crate) fn report_damage(
    session: &Session,
    volume: &ListedVolume,
    outcome: Result<()>,
) -> Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) => {
            session.report_unusable(volume.name.as_str(), error)?;
            Ok(false)
        }
    }
}

pub(crate) fn write_dindex(
    repository: Repository<'_>,
    spool: &Spool,
    dblock: &ListedVolume,
) -> Result<()> {
    let Repository {
        session,
        index,
        format,
        ..
    } = repository;
    let path = session.fetch(dblock.name.as_str(), spool.folder())?;
    let volume_digest = digest(&path, format)?;
    let blocks = scan(session, format, dblock, &path)?;
    let mut lists = Vec::new();
    for block in &blocks {
        if let Some(data) = index.blocklist(block.hash.as_bytes())? {
            lists.push((block.hash, data));
        }
    }
    let name = VolumeName::new_dindex(spool.prefix(), spool.encryption());
    let (out, index_digest) = dindex::write(
        spool.create(&name)?,
        format,
        spool.encryption(),
        spool.time(),
        (&dblock.name, volume_digest),
        &blocks,
        &lists,
    )
    .map_err(|source| spool.volume_failed(&name, source))?;
    spool.close(out, &name)?;
    let file = spool.folder().join(name.as_str());
    session.put(name.as_str(), &file, &NoCheckpoints)?;
    std::fs::remove_file(&file).map_err(|source| Error::io("delete", &file, source))?;
    let id = index.put_volume(
        name.as_str(),
        VolumeKind::Dindex,
        VolumeState::Confirmed,
        index_digest.size,
        Some(index_digest.hash.as_bytes()),
        None,
    )?;
    index.add_cover(id, dblock.name.as_str())?;
    Ok(())
}

fn scan(
    session: &Session,
    format: &Format,
    dblock: &ListedVolume,
    path: &Path,
) -> Result<Vec<BlockRow>> {
    let opened = open_volume(session.store(), &dblock.name, path)?;
    let blocks = DblockReader::new(opened, format)
        .and_then(|mut reader| reader.scan())
        .map_err(|source| Error::volume(dblock.name.as_str(), source))?;
    Ok(blocks
        .into_iter()
        .map(|(hash, size)| BlockRow { hash, size })
        .collect())
}
