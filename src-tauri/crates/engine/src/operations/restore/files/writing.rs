//! Files that are not complete yet, under temporary names.

use std::fs::File;
use std::io;

use crate::operations::restore::files::{Files, PRIVATE, id, parts_of};
use crate::operations::restore::folders::{Folder, temporary_name};
use crate::operations::restore::holes;
use crate::operations::restore::parts::{MOST_OPEN, Parts};
use crate::operations::restore::target::Place;
use crate::operations::restore::wanted_file::Target;

impl Files {
    /// Writes a block of a file.
    pub(in super::super) fn write(
        &self,
        parts: &mut Parts,
        target: &Target,
        offset: u64,
        data: &[u8],
    ) -> io::Result<()> {
        holes::write(self.part(parts, target)?, offset, data)?;
        Ok(())
    }

    /// The temporary file of an entry.
    pub(super) fn part<'p>(
        &self,
        parts: &'p mut Parts,
        target: &Target,
    ) -> io::Result<&'p mut File> {
        let entry = target.entry.id;
        let position = parts.open.iter().rposition(|(open, _)| *open == entry);
        let file = match position {
            Some(position) => parts.open.remove(position).1,
            None => {
                let (parent, _) = parts_of(&target.place)?;
                let folder = self.folders.prepared(&target.place.base, parent)?;
                self.open_part(parts, &folder, entry)?
            }
        };
        if parts.open.len() >= MOST_OPEN {
            parts.open.remove(0);
        }
        parts.open.push((entry, file));
        let last = parts.open.len() - 1;
        Ok(&mut parts.open[last].1)
    }

    fn open_part(&self, parts: &mut Parts, folder: &Folder, entry: i64) -> io::Result<File> {
        let name = temporary_name(&self.token, entry);
        let file = match parts.partial.get(&entry) {
            Some(known) => {
                let file = folder.reopen_file(&name)?;
                if id(&file)? != *known {
                    return Err(io::Error::other("somebody replaced its temporary file"));
                }
                file
            }
            None => {
                let file = folder.create_file(&name, PRIVATE)?;
                parts.partial.insert(entry, id(&file)?);
                file
            }
        };
        // The next restore removes what is not locked; where there are no locks it removes nothing.
        let _ = file.try_lock();
        Ok(file)
    }

    /// Removes a file that did not become complete.
    pub(in super::super) fn remove_temporary(&self, place: &Place, entry: i64) {
        let removed = parts_of(place).and_then(|(parent, _)| {
            let folder = self.folders.existing(&place.base, parent)?;
            folder.remove_file(&temporary_name(&self.token, entry))
        });
        if let Err(error) = removed {
            let path = place.path();
            tracing::warn!(path = %path.display(), %error, "could not remove a partial file");
        }
    }
}
