//! Opening the destination of a command.

use std::io::IsTerminal as _;
use std::sync::Arc;

use coffer_ipc::CommandError;
use coffer_ipc::command::DestinationContent;
use coffer_jobs::keychain::SystemKeychain;
use coffer_jobs::operations::content;
use coffer_jobs::{
    Coffer, Environment, Folders, KeptSignIn, SystemClock, Target, TargetOptions, wording,
};
use tokio_util::sync::CancellationToken;

use crate::options::destination::Destination;
use crate::output;

impl Destination {
    /// Opens the destination, with or without a passphrase.
    pub(crate) async fn open(
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
            passphrase: passphrase.filter(|_| !self.no_encryption.is_set()),
            on_wait: Some(Arc::new(|sentence| {
                output::print_error_line(format_args!("{sentence}"));
            })),
        };
        if self.url.contains("://") && !self.url.to_ascii_lowercase().starts_with("file:") {
            options.kept_sign_in = kept_sign_in(self.account.as_deref()).await;
        }
        Target::from_address(&self.url, &options, &environment, &folders, cancel).await
    }

    /// Opens an existing backup; asks for the passphrase only when it needs one.
    pub(crate) async fn open_existing(
        &self,
        cancel: &CancellationToken,
    ) -> Result<Target, CommandError> {
        let given = self.passphrase.clone();
        if given.is_some() || self.no_encryption.is_set() || !can_ask() {
            return self.open(given, cancel).await;
        }
        let target = self.open(None, cancel).await?;
        match content(&target, cancel).await? {
            DestinationContent::Backup {
                encrypted: true, ..
            } => self.open(Some(ask("Passphrase")?), cancel).await,
            _ => Ok(target),
        }
    }
}

/// Opens the app's backend without the app.
pub(crate) fn open_coffer() -> Result<Coffer, CommandError> {
    Coffer::open(
        Folders::standard(),
        Environment::from_variables(),
        Arc::new(SystemKeychain::default()),
        Arc::new(SystemClock),
    )
}

/// The stored sign-in for addresses without an AuthID, or why there is none. `None` when nothing was ever stored on this
/// computer.
async fn kept_sign_in(wanted: Option<&str>) -> Option<Result<KeptSignIn, CommandError>> {
    if wanted.is_none() && !Folders::standard().database().exists() {
        return None;
    }
    match open_coffer() {
        Ok(coffer) => coffer.choose_sign_in(wanted).await.transpose(),
        Err(error) => Some(Err(error)),
    }
}

/// Whether the program runs in a terminal, where the user can be asked.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a secret by name, without echoing it.
pub(crate) fn ask(name: &str) -> Result<String, CommandError> {
    rpassword::prompt_password(format!("{name}: ")).map_err(|error| {
        wording::invalid(
            format!("{name} could not be read: {error}."),
            "Pass it in the environment or on standard input instead.",
        )
    })
}
