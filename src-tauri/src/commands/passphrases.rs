use coffer_ipc::command::PassphraseRating;
use coffer_ipc::job::{DestinationSettings, JobCard};
use coffer_ipc::passphrase::LeftPassphrase;
use coffer_ipc::sheet::{RecoverySheet, SheetOf};
use coffer_jobs::Coffer;
use secrecy::{ExposeSecret as _, SecretString};
use tauri::State;

use super::Reply;

#[tauri::command]
pub(crate) async fn generate_passphrase() -> String {
    coffer_jobs::generate_passphrase()
}

#[tauri::command]
pub(crate) async fn rate_passphrase(passphrase: SecretString) -> PassphraseRating {
    coffer_jobs::rate_passphrase(passphrase.expose_secret())
}

#[tauri::command]
pub(crate) async fn check_passphrase(
    coffer: State<'_, Coffer>,
    destination: DestinationSettings,
    prefix: String,
    passphrase: SecretString,
) -> Reply<()> {
    coffer
        .check_passphrase(&destination, &prefix, passphrase.expose_secret())
        .await
}

#[tauri::command]
pub(crate) async fn repair_passphrase(
    coffer: State<'_, Coffer>,
    job_id: String,
    passphrase: SecretString,
) -> Reply<JobCard> {
    let passphrase = passphrase.expose_secret();
    coffer.repair_passphrase(&job_id, passphrase).await
}

#[tauri::command]
pub(crate) async fn left_passphrases(coffer: State<'_, Coffer>) -> Reply<Vec<LeftPassphrase>> {
    coffer.left_passphrases()
}

#[tauri::command]
pub(crate) async fn remove_left_passphrase(coffer: State<'_, Coffer>, id: String) -> Reply<()> {
    coffer.remove_left_passphrase(&id).await
}

#[tauri::command]
pub(crate) async fn recovery_sheet(coffer: State<'_, Coffer>, of: SheetOf) -> Reply<RecoverySheet> {
    coffer.recovery_sheet(&of).await
}
