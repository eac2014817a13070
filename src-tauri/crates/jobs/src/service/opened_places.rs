//! Places of backups that were opened here, so that the user need not find them again.

use coffer_ipc::job::DestinationSettings;
use coffer_ipc::restore::OpenedPlace;

use super::Coffer;
use super::passphrases::or_default;
use crate::{Result, wording};

/// Setting that holds the list.
const PLACES: &str = "opened-places";
/// Maximum number of stored places.
const KEPT: usize = 5;

impl Coffer {
    /// Backups without a job that were opened here, the most recent first.
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

    /// Removes a place from the list.
    ///
    /// # Errors
    /// When it is not in the list.
    pub fn forget_opened_place(&self, id: &str) -> Result<()> {
        let mut opened = self.kept_places()?;
        let known = opened.iter().position(|place| place.id == id);
        opened.remove(known.ok_or_else(|| wording::not_found("This backup"))?);
        self.keep_places(&opened)
    }

    /// Moves a backup that was opened to the top of the list.
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
