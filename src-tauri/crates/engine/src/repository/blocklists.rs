//! Blocklists: the hashes of a stream's blocks, which the index lacks where dindexes have none.

use coffer_database::{Index, RestorePlan, Use};
use coffer_volume::stream::{Parts, StreamRef, block_count};
use coffer_volume::{Format, Hash};

use crate::error::Result;
use crate::repository::blocks::fetch_blocks;
use crate::repository::open::Repository;

pub(crate) fn note_missing_lists(
    stream: &StreamRef,
    format: &Format,
    index: &Index,
    missing: &mut Vec<(Hash, u64)>,
) -> Result<()> {
    let Parts::Blocklists(lists) = &stream.parts else {
        return Ok(());
    };
    for (position, list) in lists.iter().enumerate() {
        if index.blocklist(list.as_bytes())?.is_none() {
            missing.push((*list, list_len(position, stream.size, format)));
        }
    }
    Ok(())
}

/// Bytes of blocklist number `position` of a stream.
pub(crate) fn list_len(position: usize, size: u64, format: &Format) -> u64 {
    let per_list = format.hashes_per_blocklist();
    let before = position as u64 * per_list;
    let hashes = block_count(size, format)
        .saturating_sub(before)
        .min(per_list);
    hashes * format.block_hash().output_len() as u64
}

/// Reads blocklists out of the dblocks that hold them, for backups whose index volumes have none.
pub(crate) fn fetch_blocklists(repository: Repository<'_>, missing: &[(Hash, u64)]) -> Result<()> {
    let Repository { index, .. } = repository;
    if missing.is_empty() {
        return Ok(());
    }
    let plan = RestorePlan::new(index.path())?;
    for (hash, len) in missing {
        let (id, is_new) = plan.add_metadata(hash.as_bytes(), *len);
        if is_new {
            plan.add_use(
                hash.as_bytes(),
                *len,
                Use::Metadata {
                    metadata: id,
                    offset: 0,
                },
            )?;
        }
    }
    fetch_blocks(repository, &plan, |block, data| {
        Ok(index.add_blocklist(&block.hash, &data)?)
    })
}
