use std::sync::{Arc, Mutex};

use coffer_database::{Listing, ListingRow};
use coffer_ipc::job::DestinationSettings;
use coffer_ipc::restore::{BackupRef, Entry, EntryKind, EntryPage, OpenBackup};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

use super::Coffer;
use super::ids::JobId;
use super::opened_backup::{Access, OpenedBackup};
use super::passphrases::or_default;
use crate::operations::{for_each_entry, open_backup};
use crate::progress::Observer;
use crate::shapes::{parent_len, version_shapes};
use crate::target::Target;
use crate::{Result, blocking, lock, wording};

/// Maximum number of entries per page.
const MAX_PAGE: u32 = 1000;

impl Coffer {
    /// Opens a backup for browsing. Dropping the future cancels its work.
    ///
    /// # Errors
    /// Those of the destination, and a wrong passphrase.
    pub async fn open_backup(&self, backup: BackupRef) -> Result<OpenBackup> {
        let cancel = CancellationToken::new();
        let _ends_with_us = cancel.clone().drop_guard();
        let mut place = None;
        let (target, job_id, new_folder, typed) = match backup {
            BackupRef::Job { job_id } => {
                let target = self.target_of_job(&job_id, &cancel).await?;
                (target, Some(job_id.into()), None, None)
            }
            BackupRef::Existing {
                destination,
                prefix,
                passphrase,
            } => {
                let was_typed = !passphrase.expose_secret().is_empty();
                let passphrase = if was_typed {
                    Some(passphrase)
                } else {
                    self.known_passphrase(&destination, &prefix).await?
                };
                let exposed = passphrase.as_ref().map(|known| known.expose_secret());
                let retries = self.inner.environment.retries;
                let target = self
                    .target(&destination, &prefix, exposed, retries, &cancel)
                    .await?;
                let target = match exposed {
                    Some(passphrase) => target.in_fitting_form(passphrase, &cancel).await?,
                    None => target,
                };
                let new_folder = self.new_folder_for(&destination, &prefix)?;
                place = Some((destination.clone(), prefix.clone()));
                let typed = passphrase.filter(|_| was_typed).map(|passphrase| Access {
                    destination,
                    prefix,
                    passphrase,
                });
                (target, None, new_folder, typed)
            }
        };
        let opened = open_backup(&target, Observer::silent(), &cancel).await?;
        if let Some((destination, prefix)) = place {
            self.try_to_remember(destination, prefix, target.label.clone());
        }
        let versions = version_shapes(&opened.versions());
        let handle = self.keep_open(OpenedBackup {
            target,
            versions: opened,
            job_id,
            typed,
            listings: Arc::default(),
        });
        Ok(OpenBackup {
            handle,
            versions,
            new_folder,
        })
    }

    /// A place that is not remembered is typed again the next time.
    fn try_to_remember(&self, destination: DestinationSettings, prefix: String, label: String) {
        if let Err(error) = self.remember_place(destination, prefix, label) {
            tracing::warn!(message = error.message, "an opened place is not remembered");
        }
    }

    fn keep_open(&self, opened: OpenedBackup) -> String {
        let handle = uuid::Uuid::new_v4().simple().to_string();
        lock(&self.inner.opened).insert(handle.clone(), opened);
        handle
    }

    /// The passphrase of a backup that is open now, so that it need not be typed twice.
    pub(super) fn opened_passphrase(
        &self,
        destination: &DestinationSettings,
        prefix: &str,
    ) -> Result<Option<SecretString>> {
        let typed: Vec<_> = {
            let opened = lock(&self.inner.opened);
            let typed = opened.values().filter_map(|opened| opened.typed.clone());
            typed.collect()
        };
        let places = self.places()?;
        let mut fitting = typed.into_iter().filter(|typed| {
            or_default(&typed.prefix) == or_default(prefix)
                && places.are_same(&typed.destination, destination)
        });
        Ok(fitting.next().map(|typed| typed.passphrase))
    }

    /// Closes an opened backup.
    pub fn close_backup(&self, handle: &str) {
        lock(&self.inner.opened).remove(handle);
    }

    /// Entries of a folder; the empty folder holds the roots.
    ///
    /// # Errors
    /// Those of reading the version.
    pub async fn list_entries(
        &self,
        handle: &str,
        version: u32,
        folder: String,
        offset: u32,
        limit: u32,
    ) -> Result<EntryPage> {
        self.page(handle, version, move |listing| {
            listing.children(&folder, u64::from(offset), u64::from(limit.min(MAX_PAGE)))
        })
        .await
    }

    /// Entries whose name contains `text`.
    ///
    /// # Errors
    /// Those of reading the version.
    pub async fn search_entries(
        &self,
        handle: &str,
        version: u32,
        text: String,
        offset: u32,
        limit: u32,
    ) -> Result<EntryPage> {
        self.page(handle, version, move |listing| {
            listing.search(&text, u64::from(offset), u64::from(limit.min(MAX_PAGE)))
        })
        .await
    }

    /// The target of an opened backup, the job it belongs to, and its versions.
    pub(super) fn opened(
        &self,
        handle: &str,
    ) -> Result<(Target, Option<JobId>, coffer_engine::OpenedBackup)> {
        let opened = lock(&self.inner.opened);
        let backup = opened
            .get(handle)
            .ok_or_else(|| wording::not_found("This opened backup"))?;
        Ok((
            backup.target.clone(),
            backup.job_id.clone(),
            backup.versions.clone(),
        ))
    }

    async fn page(
        &self,
        handle: &str,
        version: u32,
        read: impl FnOnce(&Listing) -> coffer_database::Result<(Vec<ListingRow>, u64)> + Send + 'static,
    ) -> Result<EntryPage> {
        let listing = self.listing(handle, version).await?;
        let page = blocking(move || read(&lock(&listing))).await;
        let (rows, total) = page.map_err(|error| wording::database(&error))?;
        Ok(EntryPage {
            entries: rows.into_iter().map(entry).collect(),
            total,
        })
    }

    /// The listing of a version, which is read once even when it is requested several times at once.
    async fn listing(&self, handle: &str, version: u32) -> Result<Arc<Mutex<Listing>>> {
        let (target, _, versions) = self.opened(handle)?;
        let listings = lock(&self.inner.opened)
            .get(handle)
            .map(|backup| Arc::clone(&backup.listings));
        let listings = listings.ok_or_else(|| wording::not_found("This opened backup"))?;
        let mut known = listings.lock().await;
        if let Some(listing) = known.get(&version) {
            return Ok(Arc::clone(listing));
        }
        let (sender, receiver) = std::sync::mpsc::sync_channel::<Entry>(1024);
        let building = tokio::task::spawn_blocking(move || {
            Listing::build(|listing| {
                for entry in receiver {
                    listing.add(&row(entry))?;
                }
                Ok::<_, coffer_database::Error>(())
            })
        });
        let cancel = CancellationToken::new();
        let _ends_with_us = cancel.clone().drop_guard();
        let reading = for_each_entry(
            &target,
            Some(versions),
            version as usize,
            Observer::silent(),
            &cancel,
            move |entry| sender.send(entry).is_ok(),
        );
        reading.await?;
        let built = building
            .await
            .unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()));
        let listing = Arc::new(Mutex::new(
            built.map_err(|error| wording::database(&error))?,
        ));
        known.insert(version, Arc::clone(&listing));
        Ok(listing)
    }
}

fn row(entry: Entry) -> ListingRow {
    ListingRow {
        parent: entry.path[..parent_len(&entry.path)].to_owned(),
        name: entry.name,
        path: entry.path,
        kind: match entry.kind {
            EntryKind::Folder => 0,
            EntryKind::Symlink => 1,
            EntryKind::File => 2,
        },
        size: entry.size_bytes,
        time: entry
            .modified
            .and_then(|time| time.parse::<Timestamp>().ok())
            .map(|time| time.as_second()),
    }
}

fn entry(row: ListingRow) -> Entry {
    Entry {
        name: row.name,
        path: row.path,
        kind: match row.kind {
            0 => EntryKind::Folder,
            1 => EntryKind::Symlink,
            _ => EntryKind::File,
        },
        size_bytes: row.size,
        modified: row
            .time
            .and_then(|time| Timestamp::from_second(time).ok())
            .map(|time| time.to_string()),
    }
}
