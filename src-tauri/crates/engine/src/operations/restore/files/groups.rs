//! Files with several names: the second one is given to the file that is there, as far as that can be.

use std::ffi::OsStr;
use std::io;
use std::sync::PoisonError;

use coffer_volume::metadata::Metadata;

use crate::error::Result;
use crate::operations::restore::files::named::{MOST_GROUPS, Named, group_key};
use crate::operations::restore::files::{Failure, Files, Placement, parts_of};
use crate::operations::restore::folders::{Folder, Kind, temporary_name};
use crate::operations::restore::parts::Parts;
use crate::operations::restore::wanted_file::Target;

impl Files {
    /// Gives a file that is here already another name when the backup says that both are one; otherwise puts it in place.
    pub(super) fn in_group(
        &self,
        parts: &mut Parts,
        target: &Target,
        metadata: Option<&Metadata>,
        place: impl FnOnce(&mut Parts) -> Result<Placement, Failure>,
    ) -> Result<Placement, Failure> {
        let Some(key) = group_key(&target.entry, metadata) else {
            return place(parts);
        };
        // Held until the file is in place: another thread would otherwise make a second one.
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = groups.get(&key)
            && let Some(placed) = self.link_to(first, target)?
        {
            parts.close_one(target.entry.id);
            if parts.partial.remove(&target.entry.id).is_some() {
                self.remove_temporary(&target.place, target.entry.id);
            }
            return Ok(placed);
        }
        let placed = place(parts)?;
        if let Some(id) = placed.id.filter(|_| groups.len() < MOST_GROUPS) {
            let mut place = target.place.clone();
            place.rest.set_file_name(&placed.name);
            groups.entry(key).or_insert(Named { place, id });
        }
        Ok(placed)
    }

    /// Gives a file another name; `None` when that cannot be, as on another file system or after too many.
    fn link_to(&self, first: &Named, target: &Target) -> io::Result<Option<Placement>> {
        let (first_parent, first_name) = parts_of(&first.place)?;
        let (parent, name) = parts_of(&target.place)?;
        let folder = self.folders.prepared(&target.place.base, parent)?;
        let is_first = |folder: &Folder, name: &OsStr| {
            let stat = folder.stat(name).ok().flatten();
            stat.is_some_and(|stat| stat.kind == Kind::File && stat.id == first.id)
        };
        let mut placed = Placement {
            applied: Ok(()),
            name: name.to_owned(),
            id: Some(first.id),
            has_twin: false,
        };
        if is_first(&folder, name) {
            return Ok(Some(placed));
        }
        let Ok(from) = self.folders.existing(&first.place.base, first_parent) else {
            return Ok(None);
        };
        // Under a temporary name first, so that nothing gets the name that is not the file.
        let temporary = &temporary_name(&self.token, i64::MAX - target.entry.id);
        if !is_first(&from, first_name) || from.hard_link(first_name, &folder, temporary).is_err() {
            return Ok(None);
        }
        let linked = if is_first(&folder, temporary) {
            self.give_name(&folder, temporary, target, &mut placed)
                .map(|()| Some(placed))
        } else {
            Ok(None)
        };
        if !matches!(linked, Ok(Some(_))) {
            let _ = folder.remove_file(temporary);
        }
        linked
    }
}
