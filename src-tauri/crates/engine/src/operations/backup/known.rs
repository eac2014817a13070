//! Which blocks need not be stored, because some volume has them.
//!
//! Workers look blocks up in the index and among those of the volume that is being filled. Meanwhile the collector may
//! end that volume. Every answer therefore carries the number of volumes that had been ended when the look-up began:
//! while that is still the number, "new" can only have become wrong through the volume that is being filled.

use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use coffer_database::{BlockFilter, Index};
use coffer_volume::Hash;

use crate::repository::spool::BlockSet;

/// All blocks that need not be stored. Clones are one.
#[derive(Clone)]
pub(super) struct KnownBlocks(Arc<SharedState>);

struct SharedState {
    open: RwLock<OpenBlocks>,
    filter: BlockFilter,
}

/// What the volume that is being filled holds, which the index does not know yet.
#[derive(Default)]
struct OpenBlocks {
    ended_volumes: u64,
    blocks: BlockSet,
}

impl KnownBlocks {
    /// `is_empty` when the index has no block.
    pub(super) fn new(is_empty: bool) -> Self {
        Self(Arc::new(SharedState {
            open: RwLock::default(),
            filter: BlockFilter::new(is_empty),
        }))
    }

    /// Blocks went into the volume that is being filled.
    pub(super) fn insert(&self, blocks: impl IntoIterator<Item = (Hash, u64)>) {
        let mut open = self.write();
        for (hash, size) in blocks {
            self.0.filter.insert(hash.as_bytes(), size);
            open.blocks.insert((hash, size));
        }
    }

    /// The index knows what was inserted.
    pub(super) fn end_volume(&self) {
        let mut open = self.write();
        open.ended_volumes += 1;
        open.blocks.clear();
    }

    /// Whether the volume that is being filled has a block, as far as it was inserted.
    pub(super) fn in_open_volume(&self, hash: Hash, size: u64) -> Known {
        let open = self.read();
        if open.blocks.contains(&(hash, size)) {
            Known::Yes
        } else {
            Known::NotAfter(open.ended_volumes)
        }
    }

    // A panic elsewhere does not make the value useless.
    fn read(&self) -> RwLockReadGuard<'_, OpenBlocks> {
        let open = self.0.open.read();
        open.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, OpenBlocks> {
        let open = self.0.open.write();
        open.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Instead of the number of ended volumes, where no look-up answered.
pub(super) const NEVER: u64 = u64::MAX;

/// What a look-up says of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    /// Not when so many volumes had been ended.
    NotAfter(u64),
}

/// Look-ups of one thread, which share one look at the index as long as this lives.
pub(super) struct LookUps<'a> {
    index: &'a Index,
    known: &'a KnownBlocks,
    ended_volumes: u64,
}

impl<'a> LookUps<'a> {
    /// A database that cannot keep its state only makes look-ups slower.
    pub(super) fn begin(index: &'a Index, known: &'a KnownBlocks) -> Self {
        let ended_volumes = known.read().ended_volumes;
        // Only now, so that the index shows every volume that counts as ended.
        let _ = index.begin_reading();
        Self {
            index,
            known,
            ended_volumes,
        }
    }

    /// A database that cannot answer makes the block count as new; the collector asks again.
    pub(super) fn known(&self, hash: Hash, size: u64) -> Known {
        let is_new = Known::NotAfter(self.ended_volumes);
        let filter = &self.known.0.filter;
        if filter.is_surely_new(hash.as_bytes(), size) {
            return is_new;
        }
        if self.known.in_open_volume(hash, size) == Known::Yes {
            return Known::Yes;
        }
        filter.count_look_up(self.index);
        match self.index.has_block(hash.as_bytes(), size) {
            Ok(true) => Known::Yes,
            Ok(false) => is_new,
            Err(_) => Known::NotAfter(NEVER),
        }
    }
}

impl Drop for LookUps<'_> {
    fn drop(&mut self) {
        let _ = self.index.end_reading();
    }
}

#[cfg(test)]
mod tests {
    use coffer_database::{VolumeKind, VolumeState};
    use coffer_volume::HashAlgorithm;

    use super::*;

    fn hash(number: u64) -> Hash {
        HashAlgorithm::Sha256.digest(&number.to_le_bytes())
    }

    fn add_to_index(index: &Index, name: &str, numbers: std::ops::Range<u64>) {
        let added = index.transaction(|index| {
            let (kind, state) = (VolumeKind::Dblock, VolumeState::Spooled);
            let volume = index.put_volume(name, kind, state, 1, None, None)?;
            numbers
                .into_iter()
                .try_for_each(|number| index.add_block(volume, hash(number).as_bytes(), 1))
        });
        added.unwrap();
    }

    #[test]
    fn an_answer_says_when_it_was_right() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.sqlite");
        let (writer, reader) = (Index::open(&path).unwrap(), Index::open(&path).unwrap());
        let known = KnownBlocks::new(false);

        let before = LookUps::begin(&reader, &known);
        assert_eq!(before.known(hash(0), 1), Known::NotAfter(0));
        known.insert([(hash(0), 1)]);
        assert_eq!(before.known(hash(0), 1), Known::Yes);
        add_to_index(&writer, "volume", 0..1);
        known.end_volume();
        // The number shows that its view of the index is older.
        assert_eq!(before.known(hash(0), 1), Known::NotAfter(0));
        drop(before);
        let after = LookUps::begin(&reader, &known);

        assert_eq!(after.known(hash(0), 1), Known::Yes);
        assert_eq!(after.known(hash(0), 2), Known::NotAfter(1));
    }
}
