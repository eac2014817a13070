//! The parts of a plan that change while blocks arrive. They are in memory, at most 28 bytes for each entry, because
//! changing rows takes longer than writing small files.

/// State of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Done,
    Failed,
}

/// What an entry still needs.
struct Entry {
    /// Blocks of the content that have not arrived.
    missing: u32,
    /// Number of its metadata, or 0.
    metadata: u32,
    state: State,
}

/// What metadata still needs.
struct Metadata {
    size: u32,
    /// Blocks that have not arrived.
    missing: u32,
    /// The first entry with this metadata, or 0.
    user: u32,
    has_more_users: bool,
}

/// The entries that wait for metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Users {
    None,
    One(i64),
    Several,
}

/// Entries and metadata by their numbers, which count from 1.
#[derive(Default)]
pub(super) struct Progress {
    entries: Vec<Entry>,
    metadata: Vec<Metadata>,
}

impl Progress {
    pub(super) fn add_entry(&mut self, metadata: Option<i64>) -> i64 {
        let metadata = metadata.map_or(0, short);
        self.entries.push(Entry {
            missing: 0,
            metadata,
            state: State::Open,
        });
        let id = self.entries.len() as i64;
        if let Some(used) = self.metadata_mut(i64::from(metadata)) {
            used.has_more_users = used.user != 0;
            if used.user == 0 {
                used.user = short(id);
            }
        }
        id
    }

    /// Lengths above 4 GiB, which no writer makes, are cut.
    pub(super) fn add_metadata(&mut self, size: u64) -> i64 {
        self.metadata.push(Metadata {
            size: u32::try_from(size).unwrap_or(u32::MAX),
            missing: 0,
            user: 0,
            has_more_users: false,
        });
        self.metadata.len() as i64
    }

    pub(super) fn add_missing_content(&mut self, entry: i64) {
        if let Some(entry) = self.entry_mut(entry) {
            entry.missing = entry.missing.saturating_add(1);
        }
    }

    pub(super) fn add_missing_metadata(&mut self, metadata: i64) {
        if let Some(metadata) = self.metadata_mut(metadata) {
            metadata.missing = metadata.missing.saturating_add(1);
        }
    }

    /// A block of the content arrived.
    pub(super) fn content_arrived(&mut self, entry: i64) {
        if let Some(entry) = self.entry_mut(entry) {
            entry.missing = entry.missing.saturating_sub(1);
        }
    }

    /// A block of metadata arrived; returns whether it was the last.
    pub(super) fn metadata_arrived(&mut self, metadata: i64) -> bool {
        self.metadata_mut(metadata).is_some_and(|metadata| {
            metadata.missing = metadata.missing.saturating_sub(1);
            metadata.missing == 0
        })
    }

    /// Blocks of the content that have not arrived.
    pub(super) fn missing(&self, entry: i64) -> u64 {
        self.entry(entry)
            .map_or(0, |entry| u64::from(entry.missing))
    }

    /// Whether an open entry has its content and its metadata.
    pub(super) fn is_complete(&self, entry: i64) -> bool {
        self.entry(entry).is_some_and(|entry| {
            let has_metadata = entry.metadata == 0 || self.has_metadata(i64::from(entry.metadata));
            entry.state == State::Open && entry.missing == 0 && has_metadata
        })
    }

    pub(super) fn has_metadata(&self, metadata: i64) -> bool {
        let metadata = self.metadata.get(index(metadata));
        metadata.is_some_and(|metadata| metadata.missing == 0)
    }

    pub(super) fn metadata_size(&self, metadata: i64) -> u32 {
        let metadata = self.metadata.get(index(metadata));
        metadata.map_or(0, |metadata| metadata.size)
    }

    pub(super) fn users(&self, metadata: i64) -> Users {
        match self.metadata.get(index(metadata)) {
            Some(metadata) if metadata.has_more_users => Users::Several,
            Some(metadata) if metadata.user != 0 => Users::One(i64::from(metadata.user)),
            _ => Users::None,
        }
    }

    pub(super) fn state(&self, entry: i64) -> State {
        self.entry(entry).map_or(State::Failed, |entry| entry.state)
    }

    pub(super) fn set_state(&mut self, entry: i64, state: State) {
        if let Some(entry) = self.entry_mut(entry) {
            entry.state = state;
        }
    }

    fn entry(&self, id: i64) -> Option<&Entry> {
        self.entries.get(index(id))
    }

    fn entry_mut(&mut self, id: i64) -> Option<&mut Entry> {
        self.entries.get_mut(index(id))
    }

    fn metadata_mut(&mut self, id: i64) -> Option<&mut Metadata> {
        self.metadata.get_mut(index(id))
    }
}

/// Invalid numbers become an index past the end.
fn index(id: i64) -> usize {
    usize::try_from(id - 1).unwrap_or(usize::MAX)
}

/// No restore has four billion entries; in one that had, the excess entries would be restored without their metadata.
fn short(id: i64) -> u32 {
    u32::try_from(id).unwrap_or(0)
}
