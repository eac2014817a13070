//! What a version is of, by its topmost paths.

use coffer_database::Index;

use crate::error::Result;
use crate::repository::dlist::{open_dlist, read_entries};
use crate::repository::makers::Makers;
use crate::repository::open::Repository;
use crate::repository::source_list::{SourceList, Tops};
use crate::repository::volumes::ListedVolume;

/// The topmost paths of a version. They are noted in the index, so that its dlist is read for them once at most.
pub(crate) struct Contents {
    /// All of them.
    pub(crate) all: SourceList,
    /// Those with more than a folder that is practically empty.
    pub(crate) full: SourceList,
}

impl Contents {
    pub(crate) fn noted(index: &Index, dlist: &ListedVolume) -> Result<Option<Self>> {
        let all = SourceList::noted(index, &all_of(dlist))?;
        let full = SourceList::noted(index, &full_of(dlist))?;
        Ok(all.zip(full).map(|(all, full)| Self { all, full }))
    }

    pub(crate) fn note(&self, index: &Index, dlist: &ListedVolume) -> Result<()> {
        self.all.note(index, &all_of(dlist))?;
        self.full.note(index, &full_of(dlist))
    }

    /// As noted, else as its dlist says, which says as well whose it is; `None` of one that cannot be read, which is reported.
    pub(crate) fn of(repository: Repository<'_>, dlist: &ListedVolume) -> Result<Option<Self>> {
        if let Some(noted) = Self::noted(repository.index, dlist)? {
            return Ok(Some(noted));
        }
        match Self::read(repository, dlist) {
            Ok(contents) => Ok(Some(contents)),
            Err(error) => repository
                .session
                .report_unusable(dlist.name.as_str(), error)
                .map(|()| None),
        }
    }

    fn read(repository: Repository<'_>, dlist: &ListedVolume) -> Result<Self> {
        let Repository {
            session,
            index,
            spool,
            ..
        } = repository;
        let path = session.fetch(dlist.name.as_str(), spool)?;
        let mut reader = open_dlist(session, dlist, &path)?;
        Makers::noted(index)?.learn(session.store(), dlist, &reader)?;
        let mut tops = Tops::default();
        read_entries(&mut reader, dlist, |entry| {
            session.check_cancelled()?;
            tops.add(&entry);
            Ok(())
        })?;
        let contents = Self::from(tops);
        contents.note(index, dlist)?;
        Ok(contents)
    }
}

impl From<Tops> for Contents {
    fn from(tops: Tops) -> Self {
        let (all, full) = tops.into_lists();
        Self { all, full }
    }
}

fn all_of(dlist: &ListedVolume) -> String {
    format!("sources of {}", dlist.name.as_str())
}

fn full_of(dlist: &ListedVolume) -> String {
    format!("content of {}", dlist.name.as_str())
}
