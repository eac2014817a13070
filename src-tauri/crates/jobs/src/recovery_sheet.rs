//! The recovery sheet: everything that is needed to restore on a new computer, including the passphrase, but never the
//! credential of a sign-in.

use coffer_ipc::account::Account;
use coffer_ipc::job::JobDefinition;
use coffer_ipc::sheet::{RecoverySheet, SheetLine};
use jiff::Zoned;

use crate::credentials::SignInFacts;
use crate::destinations;

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
    for line in destinations::sheet_lines(&job.destination, account) {
        lines.push(line);
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
        self.push(line(label, value, false));
    }

    fn add_exact(&mut self, label: &str, value: &str) {
        self.push(line(label, value, true));
    }

    /// Adds a line unless its value is empty.
    fn push(&mut self, line: SheetLine) {
        if !line.value.is_empty() {
            self.0.push(line);
        }
    }
}

fn line(label: &str, value: &str, is_exact: bool) -> SheetLine {
    SheetLine {
        label: label.to_owned(),
        value: value.to_owned(),
        is_exact,
    }
}
