//! Everything that differs between the kinds of destinations that a job can have. No other file distinguishes them, so
//! a new kind is added here.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use coffer_ipc::account::Account;
use coffer_ipc::job::DestinationSettings;
use coffer_ipc::sheet::SheetLine;
use coffer_onedrive::{Bandwidth, OneDrive, Place, TransferOptions};
use tokio_util::sync::CancellationToken;

use crate::target::{Opening, Target, real_path};
use crate::{Result, wording};

/// The account that a destination signs in with.
pub(crate) fn account_of(destination: &DestinationSettings) -> Option<&str> {
    match destination {
        DestinationSettings::OneDrive { account_id, .. } => Some(account_id),
        DestinationSettings::Folder { .. } => None,
    }
}

/// The folder on this computer, for a local destination.
pub(crate) fn local_folder(destination: &DestinationSettings) -> Option<&Path> {
    match destination {
        DestinationSettings::OneDrive { .. } => None,
        DestinationSettings::Folder { path } => Some(Path::new(path)),
    }
}

/// Describes a destination for the user. `account` is the name of its account, if known.
pub(crate) fn label(destination: &DestinationSettings, account: Option<&str>) -> String {
    match (destination, account) {
        (DestinationSettings::OneDrive { folder, .. }, None | Some("")) => {
            format!("OneDrive · {folder}")
        }
        (DestinationSettings::OneDrive { folder, .. }, Some(account)) => {
            format!("OneDrive · {account} · {folder}")
        }
        (DestinationSettings::Folder { path }, _) => path.clone(),
    }
}

/// Whether the settings of a destination are complete.
pub(crate) fn is_chosen(destination: &DestinationSettings) -> bool {
    match destination {
        DestinationSettings::OneDrive {
            account_id, folder, ..
        } => !account_id.is_empty() && !folder.trim_matches('/').is_empty(),
        DestinationSettings::Folder { path } => !path.is_empty(),
    }
}

/// Checks the settings of a destination without accessing it.
pub(crate) fn check(destination: &DestinationSettings) -> Result<()> {
    match destination {
        DestinationSettings::OneDrive { folder, .. } => {
            if folder.trim_matches('/').is_empty() {
                return Err(wording::invalid(
                    "No folder is selected.",
                    "Each backup needs its own folder on the drive.",
                ));
            }
            coffer_onedrive::check_folder(folder).map_err(|error| wording::onedrive(&error))
        }
        DestinationSettings::Folder { path } if !Path::new(path).is_absolute() => {
            Err(wording::invalid(
                format!("{path:?} is not an absolute path."),
                "Choose a folder.",
            ))
        }
        DestinationSettings::Folder { .. } => Ok(()),
    }
}

/// The identity of a destination, independent of how its settings are written.
#[derive(PartialEq)]
pub(crate) enum Identity {
    /// A folder on a drive, in lowercase.
    OnDrive(Drive, String),
    /// A folder on this computer, by its real path.
    Here(PathBuf),
}

/// A drive, as precisely as it is known.
#[derive(PartialEq)]
pub(crate) enum Drive {
    /// By its id, independent of the account.
    Id(String),
    /// The own drive of this account, whose id is unknown.
    Own(String),
}

/// The identity of a destination. Resolves folders on this computer. `own_drives` maps the id of each account to that
/// of its own drive.
pub(crate) fn identity(
    destination: &DestinationSettings,
    own_drives: &HashMap<String, String>,
) -> Identity {
    match destination {
        DestinationSettings::OneDrive {
            account_id,
            drive_id,
            folder,
        } => {
            let own = own_drives.get(account_id).map(String::as_str);
            let drive = match (drive_id.trim(), own) {
                ("", None) => Drive::Own(account_id.clone()),
                // Microsoft writes the same id in upper and lower case.
                ("", Some(id)) | (id, _) => Drive::Id(id.to_ascii_lowercase()),
            };
            Identity::OnDrive(drive, folder.to_lowercase())
        }
        DestinationSettings::Folder { path } => Identity::Here(real_path(Path::new(path))),
    }
}

/// Opens a destination. `client` is that of its account and required for destinations with one.
pub(crate) async fn open(
    destination: &DestinationSettings,
    client: Option<OneDrive>,
    bandwidth: &Bandwidth,
    opening: Opening<'_>,
    cancel: &CancellationToken,
) -> Result<Target> {
    match destination {
        DestinationSettings::Folder { path } => Target::folder(Path::new(path), opening),
        DestinationSettings::OneDrive {
            drive_id, folder, ..
        } => {
            let client = client.ok_or_else(wording::defect)?;
            let drive = Some(drive_id.trim()).filter(|id| !id.is_empty());
            let place = Place::Drive(drive.map(str::to_owned));
            let transfer = TransferOptions {
                bandwidth: bandwidth.clone(),
                ..TransferOptions::default()
            };
            Target::one_drive(&client, &place, folder, transfer, opening, cancel).await
        }
    }
}

/// The lines about a destination on a recovery sheet; what does not apply has an empty value.
pub(crate) fn sheet_lines(
    destination: &DestinationSettings,
    account: Option<&Account>,
) -> Vec<SheetLine> {
    let line = |label: &str, value: &str, is_exact| SheetLine {
        label: label.to_owned(),
        value: value.to_owned(),
        is_exact,
    };
    match destination {
        DestinationSettings::OneDrive {
            drive_id, folder, ..
        } => {
            let own_drive = account.map(|account| account.drive_id.as_str());
            let drive_id = match drive_id.trim() {
                "" => own_drive.unwrap_or_default(),
                id => id,
            };
            let name = account.map_or("", |account| &account.name);
            let drive = account.filter(|account| account.drive_id == drive_id);
            vec![
                line("Storage", "Microsoft OneDrive", false),
                line("Account", name, false),
                line("Drive", drive.map_or("", |account| &account.drive), false),
                line("Drive ID", drive_id, true),
                line("Folder", folder, true),
            ]
        }
        DestinationSettings::Folder { path } => vec![
            line("Storage", "A folder on a disk", false),
            line("Folder", path, true),
        ],
    }
}
