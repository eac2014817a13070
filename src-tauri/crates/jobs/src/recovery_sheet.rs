//! The recovery sheet: everything that is needed to restore on a new computer, including the passphrase, but never the
//! credential of a sign-in.

use coffer_ipc::account::Account;
use coffer_ipc::job::{DestinationSettings, JobDefinition};
use coffer_ipc::sheet::{RecoverySheet, SheetLine};
use jiff::Zoned;

/// How an account signs in, without its credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SignInFacts {
    /// The AuthID service, when it is not Duplicati's.
    pub(crate) oauth_url: Option<String>,
    /// Client ID and tenant of an app registered with Microsoft.
    pub(crate) client: Option<(String, String)>,
}

/// Builds the sheet of a job; `passphrase` is `None` when it is not encrypted.
pub(crate) fn sheet(
    job: &JobDefinition,
    passphrase: Option<&str>,
    account: Option<&Account>,
    facts: SignInFacts,
    made: &Zoned,
) -> RecoverySheet {
    let mut lines = Lines::default();
    lines.add("Backup", &job.name);
    match &job.destination {
        DestinationSettings::OneDrive {
            drive_id, folder, ..
        } => {
            let own_drive = account.map(|account| account.drive_id.as_str());
            let drive_id = match drive_id.trim() {
                "" => own_drive.unwrap_or_default(),
                id => id,
            };
            lines.add("Storage", "Microsoft OneDrive");
            lines.add("Account", account.map_or("", |account| &account.name));
            if Some(drive_id) == own_drive {
                lines.add("Drive", account.map_or("", |account| &account.drive));
            }
            lines.add_exact("Drive ID", drive_id);
            lines.add_exact("Folder", folder);
        }
        DestinationSettings::Folder { path } => {
            lines.add("Storage", "A folder on a disk");
            lines.add_exact("Folder", path);
        }
    }
    lines.add_exact("File prefix", &job.options.prefix);
    lines.add_exact("AuthID service", &facts.oauth_url.unwrap_or_default());
    if let Some((client_id, tenant)) = facts.client {
        lines.add_exact("Client ID", &client_id);
        lines.add_exact("Tenant", &tenant);
    }
    match passphrase {
        Some(passphrase) => lines.add_exact("Passphrase", passphrase),
        None => lines.add("Passphrase", "none: it is not encrypted"),
    }
    lines.add("Created on", &made.strftime("%Y-%m-%d %H:%M").to_string());
    let intro = if passphrase.is_some() {
        "Keep this in a safe place, away from the computer that is backed up. Anyone who has it and can access the storage can \
         read the backup. Without the passphrase, no one can."
    } else {
        "Keep this in a place away from the computer that is backed up."
    };
    RecoverySheet {
        title: "Coffer recovery sheet".to_owned(),
        intro: intro.to_owned(),
        lines: lines.0,
        how: "To restore on a new computer: install Coffer, choose “I already have a backup”, choose the storage, sign in \
              with the account if there is one, choose the folder, and type the passphrase exactly as shown here. \
              Duplicati can open the backup with the same passphrase."
            .to_owned(),
    }
}

/// Renders the sheet as plain text.
pub(crate) fn text(sheet: &RecoverySheet) -> String {
    let labels = sheet.lines.iter().map(|line| line.label.len());
    let width = labels.max().unwrap_or(0) + 3;
    let lines = sheet.lines.iter().map(|line| {
        let label = format!("{}:", line.label);
        format!("{label:width$}{}\n", line.value)
    });
    format!(
        "{}\n\n{}\n\n{}\n{}\n",
        sheet.title.to_uppercase(),
        sheet.intro,
        lines.collect::<String>(),
        sheet.how
    )
}

#[derive(Default)]
struct Lines(Vec<SheetLine>);

impl Lines {
    fn add(&mut self, label: &str, value: &str) {
        self.push(label, value, false);
    }

    fn add_exact(&mut self, label: &str, value: &str) {
        self.push(label, value, true);
    }

    /// Adds a line unless its value is empty.
    fn push(&mut self, label: &str, value: &str, is_exact: bool) {
        if !value.is_empty() {
            self.0.push(SheetLine {
                label: label.to_owned(),
                value: value.to_owned(),
                is_exact,
            });
        }
    }
}
