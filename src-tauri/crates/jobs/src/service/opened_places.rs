//! Places of backups that were opened here, so that nobody has to find them twice.

use coffer_ipc::job::DestinationSettings;
use coffer_ipc::restore::OpenedPlace;

use super::Coffer;
use super::passphrases::or_default;
use crate::{Result, wording};

/// Setting with the list.
const PLACES: &str = "opened-places";
/// Places that are kept.
const KEPT: usize = 5;

impl Coffer {
    /// Backups that were opened here and that no job has, the last first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn opened_places(&self) -> Result<Vec<OpenedPlace>> {
        let definitions = self.definitions()?;
        let places = self.places()?;
        let mut opened = self.kept_places()?;
        opened.retain(|place| {
            !definitions.iter().any(|(_, job)| {
                job.options.prefix == or_default(&place.prefix)
                    && places.are_same(&job.destination, &place.destination)
            })
        });
        Ok(opened)
    }

    /// Takes a place off the list.
    ///
    /// # Errors
    /// When it is not there.
    pub fn forget_opened_place(&self, id: &str) -> Result<()> {
        let mut opened = self.kept_places()?;
        let known = opened.iter().position(|place| place.id == id);
        opened.remove(known.ok_or_else(|| wording::not_found("This backup"))?);
        self.keep_places(&opened)
    }

    /// Puts a backup that was opened first on the list.
    pub(super) fn remember_place(
        &self,
        destination: DestinationSettings,
        prefix: String,
        label: String,
    ) -> Result<()> {
        let places = self.places()?;
        let mut opened = self.kept_places()?;
        opened.retain(|place| {
            or_default(&place.prefix) != or_default(&prefix)
                || !places.are_same(&place.destination, &destination)
        });
        let place = OpenedPlace {
            id: uuid::Uuid::new_v4().simple().to_string(),
            destination,
            prefix,
            label,
            opened: self.now().to_string(),
        };
        opened.insert(0, place);
        opened.truncate(KEPT);
        self.keep_places(&opened)
    }

    fn kept_places(&self) -> Result<Vec<OpenedPlace>> {
        self.setting(PLACES)
    }

    fn keep_places(&self, places: &Vec<OpenedPlace>) -> Result<()> {
        self.set_setting(PLACES, places)
    }
}
