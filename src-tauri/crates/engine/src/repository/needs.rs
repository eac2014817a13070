//! Which blocks the versions at the destination need.

use std::collections::{HashMap, HashSet};

use coffer_database::Usage;
use coffer_volume::stream::{Parts, StreamRef, block_len, split_blocklist};
use coffer_volume::{Hash, VolumeKind};
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::repository::blocklists::{fetch_blocklists, list_len, note_missing_lists};
use crate::repository::dlist::{open_dlist, read_entries};
use crate::repository::listing::Listing;
use crate::repository::open::Repository;
use crate::repository::volumes::ListedVolume;

/// Which of these volumes hold something that a version needs and no other volume has. Where that cannot be known,
/// all of them count.
pub(crate) fn needed_volumes(
    repository: Repository<'_>,
    listed: &Listing,
    volumes: &[i64],
) -> Result<HashSet<i64>> {
    let Repository { index, .. } = repository;
    // Versions that are gone may be among those that were read before.
    index.clear_older()?;
    let mut needs = Needs::new(repository)?;
    match needs.add(listed, &[]) {
        Ok(()) => {
            needs.usage().set_to_delete(volumes)?;
            Ok(needs.usage().indispensable()?.into_iter().collect())
        }
        Err(error) if is_unknown(&error) => Ok(volumes.iter().copied().collect()),
        Err(error) => Err(error),
    }
}

/// Whether an error means that what versions need is unknown: a dlist or a blocklist cannot be read.
pub(crate) fn is_unknown(error: &Error) -> bool {
    matches!(
        error,
        Error::DataMissing { .. } | Error::VersionUnreadable { .. } | Error::Unreadable { .. }
    )
}

/// Collects what versions need, each version once.
pub(crate) struct Needs<'a> {
    repository: Repository<'a>,
    /// `None` while somebody else has it.
    usage: Option<Usage>,
    counted: HashSet<Timestamp>,
    /// Streams whose blocklists the index lacks.
    unlisted: Vec<StreamRef>,
    /// Numbers of the versions, by the names of their dlists.
    numbers: HashMap<String, usize>,
}

impl<'a> Needs<'a> {
    pub(crate) fn new(repository: Repository<'a>) -> Result<Self> {
        Ok(Self {
            repository,
            usage: Some(Usage::new(&repository.index.handle())?),
            counted: HashSet::new(),
            unlisted: Vec::new(),
            numbers: HashMap::new(),
        })
    }

    /// # Panics
    /// Between [`Needs::take_usage`] and [`Needs::put_usage`].
    pub(crate) fn usage(&self) -> &Usage {
        self.usage.as_ref().expect("it is not lent out")
    }

    /// Lends it to another thread.
    pub(crate) fn take_usage(&mut self) -> Result<Usage> {
        self.usage.take().ok_or(Error::Cancelled)
    }

    pub(crate) fn put_usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    /// Adds what each listed version needs, those apart that are in `without`.
    ///
    /// # Errors
    /// Those for which [`is_unknown`] holds, when it cannot be known.
    pub(crate) fn add(&mut self, listed: &Listing, without: &[Timestamp]) -> Result<()> {
        let newest_first = listed.dlists.iter().rev().enumerate();
        self.numbers = newest_first
            .map(|(number, dlist)| (dlist.name.to_string(), number))
            .collect();
        let wanted = |volume: &&ListedVolume| {
            let time = volume.name.time();
            time.is_some_and(|time| !without.contains(&time))
        };
        let mut dlists: Vec<_> = listed.dlists.iter().filter(wanted).collect();
        if self.counted.is_empty() {
            self.add_loaded(&mut dlists)?;
            // A plan reads what it needs and changes nothing.
            if without.is_empty() {
                self.add_older(&mut dlists)?;
            }
        }
        for dlist in dlists {
            self.add_uncounted(dlist)?;
        }
        self.add_unlisted()
    }

    fn add_uncounted(&mut self, dlist: &ListedVolume) -> Result<()> {
        let Some(time) = dlist.name.time() else {
            return Ok(());
        };
        if !self.counted.contains(&time) {
            self.repository.session.check_cancelled()?;
            self.add_dlist(dlist)?;
            self.counted.insert(time);
        }
        Ok(())
    }

    /// Adds the versions that are not loaded, and takes them off `dlists`. They are read once and kept together; those that
    /// go from among them take their needs along only when the others are read again.
    fn add_older(&mut self, dlists: &mut Vec<&ListedVolume>) -> Result<()> {
        let names: Vec<&str> = dlists.iter().map(|dlist| dlist.name.as_str()).collect();
        if self.repository.index.retain_older(&names)? {
            self.usage().add_older()?;
            let known = self.repository.index.older_dlists()?;
            let (counted, others): (Vec<_>, Vec<_>) = std::mem::take(dlists)
                .into_iter()
                .partition(|dlist| known.iter().any(|name| name == dlist.name.as_str()));
            self.counted
                .extend(counted.iter().filter_map(|dlist| dlist.name.time()));
            *dlists = others;
        } else {
            self.repository.index.clear_older()?;
        }
        if dlists.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = dlists.iter().map(|dlist| dlist.name.as_str()).collect();
        self.usage().begin_older()?;
        for dlist in std::mem::take(dlists) {
            self.add_uncounted(dlist)?;
        }
        self.add_unlisted()?;
        Ok(self.usage().keep_older(&names)?)
    }

    /// Adds the versions that the index has, when all of them are still wanted, and takes them off `dlists`.
    fn add_loaded(&mut self, dlists: &mut Vec<&ListedVolume>) -> Result<()> {
        let loaded: HashSet<i64> = self
            .repository
            .index
            .filesets()?
            .iter()
            .map(|fileset| fileset.time)
            .collect();
        let is_loaded = |volume: &&ListedVolume| {
            let time = volume.name.time();
            time.is_some_and(|time| loaded.contains(&time.as_second()))
        };
        if loaded.is_empty()
            || dlists.iter().filter(|volume| is_loaded(volume)).count() < loaded.len()
        {
            return Ok(());
        }
        self.usage().add_single_blocks_of_loaded_versions()?;
        let mut streams = Vec::new();
        self.usage().for_each_listed_stream(|size, parts| {
            let lists = parts
                .chunks(self.repository.format.block_hash().output_len())
                .map(Hash::from_bytes)
                .collect::<coffer_volume::Result<_>>()
                .map_err(|source| Error::volume("the index", source))?;
            streams.push((size, Parts::Blocklists(lists)));
            Ok::<_, Error>(())
        })?;
        for (size, parts) in streams {
            // Only size and parts matter here.
            let hash = self.repository.format.file_hash().digest(b"");
            self.add_stream(&StreamRef { hash, size, parts })?;
        }
        for volume in dlists.iter().filter(|volume| is_loaded(volume)) {
            self.counted.extend(volume.name.time());
        }
        dlists.retain(|volume| !is_loaded(volume));
        Ok(())
    }

    fn add_dlist(&mut self, dlist: &ListedVolume) -> Result<()> {
        let mut streams = Vec::new();
        let session = self.repository.session;
        let opened = session
            .fetch(dlist.name.as_str(), self.repository.spool)
            .and_then(|path| Ok((open_dlist(session, dlist, &path)?, path)));
        let read = opened.and_then(|(mut reader, _path)| {
            read_entries(&mut reader, dlist, |entry| {
                session.check_cancelled()?;
                streams.extend(entry.content.into_iter().chain(entry.metadata));
                if streams.len() >= 4096 {
                    self.add_streams(&mut streams)?;
                }
                Ok(())
            })
        });
        if let Err(error) = read {
            let name = dlist.name.to_string();
            session.report_unusable(&name, error)?;
            session.require_read(VolumeKind::Dlist)?;
            let number = self.numbers.get(&name).copied().unwrap_or_default();
            return Err(Error::VersionUnreadable { number, name });
        }
        self.add_streams(&mut streams)
    }

    fn add_streams(&mut self, streams: &mut Vec<StreamRef>) -> Result<()> {
        self.usage().begin()?;
        let added = streams
            .drain(..)
            .try_for_each(|stream| self.add_stream(&stream));
        self.usage().commit()?;
        added
    }

    fn add_stream(&mut self, stream: &StreamRef) -> Result<()> {
        match &stream.parts {
            Parts::Empty => Ok(()),
            Parts::Block(block) => Ok(self.usage().add_block(block.as_bytes(), stream.size)?),
            Parts::Blocklists(lists) => {
                let mut is_whole = true;
                for (position, list) in lists.iter().enumerate() {
                    is_whole &= self.add_list(position, *list, stream.size)?;
                }
                if !is_whole {
                    self.unlisted.push(stream.clone());
                }
                Ok(())
            }
        }
    }

    /// Adds a blocklist and the blocks in it; false when the index does not have it.
    fn add_list(&self, position: usize, list: Hash, size: u64) -> Result<bool> {
        let len = list_len(position, size, self.repository.format);
        self.usage().add_block(list.as_bytes(), len)?;
        let data = self.repository.index.blocklist(list.as_bytes())?;
        let Some(data) = data.filter(|data| data.len() as u64 == len) else {
            return Ok(false);
        };
        let first = position as u64 * self.repository.format.hashes_per_blocklist();
        let hashes = split_blocklist(&data, self.repository.format)
            .map_err(|source| Error::volume("the index", source))?;
        // The last block of a stream may be shorter, so a list is done once only when it has none of those.
        let is_full = block_len(
            first + hashes.len() as u64 - 1,
            size,
            self.repository.format,
        ) == self.repository.format.block_size();
        if is_full && !self.usage().add_list(list.as_bytes())? {
            return Ok(true);
        }
        for (number, hash) in (first..).zip(hashes) {
            let size = block_len(number, size, self.repository.format);
            self.usage().add_block(hash.as_bytes(), size)?;
        }
        Ok(true)
    }

    /// Reads the blocklists that the index lacked out of their dblocks.
    fn add_unlisted(&mut self) -> Result<()> {
        let streams = std::mem::take(&mut self.unlisted);
        if streams.is_empty() {
            return Ok(());
        }
        let mut missing = Vec::new();
        for stream in &streams {
            note_missing_lists(
                stream,
                self.repository.format,
                self.repository.index,
                &mut missing,
            )?;
        }
        fetch_blocklists(self.repository, &missing)?;
        for stream in &streams {
            self.add_stream(stream)?;
        }
        if self.unlisted.is_empty() {
            return Ok(());
        }
        self.repository.session.require_read(VolumeKind::Dblock)?;
        Err(Error::DataMissing {
            destination: self.repository.session.label(),
            blocks: self.unlisted.len() as u64,
        })
    }
}
