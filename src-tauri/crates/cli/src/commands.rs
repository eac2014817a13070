//! What each command does.

mod auth;
mod backup;
mod compact;
mod connection;
mod delete;
mod inspect;
mod list;
mod mend;
mod restore;
mod status;
mod test_filters;

use std::io::IsTerminal as _;
use std::sync::Arc;

use coffer_ipc::CommandError;
use coffer_ipc::command::DestinationContent;
use coffer_jobs::keychain::SystemKeychain;
use coffer_jobs::{Environment, Folders, Target, TargetOptions, operation, wording};
use tokio_util::sync::CancellationToken;

use crate::arguments::{Arguments, Command, Destination};
use crate::exit::Exit;
use crate::{output, stopping};

pub(crate) async fn run(arguments: Arguments) -> Exit {
    let cancel = stopping::listen();
    match arguments.command {
        Some(Command::Backup(arguments)) => backup::run(*arguments, &cancel).await,
        Some(Command::Restore(arguments)) => restore::run(arguments, &cancel).await,
        Some(Command::List(arguments)) => list::run(arguments, &cancel).await,
        Some(Command::Delete(arguments)) => delete::run(*arguments, &cancel).await,
        Some(Command::Compact(arguments)) => compact::run(arguments, &cancel).await,
        Some(Command::Test(arguments)) => inspect::test(arguments, &cancel).await,
        Some(Command::Find(arguments)) => inspect::find(arguments, &cancel).await,
        Some(Command::Compare(arguments)) => inspect::compare(arguments, &cancel).await,
        Some(Command::ListBrokenFiles(arguments)) => {
            inspect::list_broken_files(arguments, &cancel).await
        }
        Some(Command::Purge(arguments)) => mend::purge(*arguments, &cancel).await,
        Some(Command::PurgeBrokenFiles(arguments)) => mend::purge_broken(*arguments, &cancel).await,
        Some(Command::Repair(arguments)) => mend::repair(arguments, &cancel).await,
        Some(Command::Recreate(arguments)) => mend::recreate(arguments, &cancel).await,
        Some(Command::TestFilters(arguments)) => test_filters::run(arguments, &cancel).await,
        Some(Command::TestConnection(arguments)) => connection::run(arguments, &cancel).await,
        Some(Command::Status(common)) => status::run(common),
        Some(Command::Auth(arguments)) => auth::run(arguments, &cancel).await,
        None => Exit::BadCommandLine,
    }
}

impl Destination {
    /// Opens it with this passphrase, or none.
    async fn open(
        &self,
        passphrase: Option<String>,
        cancel: &CancellationToken,
    ) -> Result<Target, CommandError> {
        let environment = Environment::from_variables();
        let folders = Folders::standard();
        coffer_jobs::prepare();
        let mut options = TargetOptions {
            options: self.options(),
            kept_sign_in: None,
            secrets: Some(Arc::new(SystemKeychain::default())),
            passphrase: passphrase.filter(|_| !self.no_encryption),
            on_wait: Some(Arc::new(|sentence| {
                output::tell(format_args!("{sentence}"));
            })),
        };
        if self.url.contains("://") && !self.url.to_ascii_lowercase().starts_with("file:") {
            options.kept_sign_in = auth::kept_sign_in(self.account.as_deref()).await;
        }
        Target::from_address(&self.url, &options, &environment, &folders, cancel).await
    }

    /// Opens a backup that exists; the passphrase is asked for only when it needs one.
    async fn open_existing(&self, cancel: &CancellationToken) -> Result<Target, CommandError> {
        let given = self.passphrase.clone();
        if given.is_some() || self.no_encryption || !can_ask() {
            return self.open(given, cancel).await;
        }
        let target = self.open(None, cancel).await?;
        match operation::content(&target, cancel).await? {
            DestinationContent::Backup {
                encrypted: true, ..
            } => self.open(Some(ask("Passphrase")?), cancel).await,
            _ => Ok(target),
        }
    }
}

/// Whether somebody sits there to be asked.
fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a secret by its name; what is typed is not shown.
fn ask(name: &str) -> Result<String, CommandError> {
    rpassword::prompt_password(format!("{name}: ")).map_err(|error| {
        wording::invalid(
            format!("{name} could not be read: {error}."),
            "Give it in the environment or on standard input instead.",
        )
    })
}
