use coffer_ipc::account::{
    Account, Drive, PendingSignIn, RemoteFolder, SignInRequest, SignInSettings,
};
use coffer_jobs::Coffer;
use secrecy::{ExposeSecret as _, SecretString};
use tauri::State;

use super::Reply;

#[tauri::command]
pub(crate) async fn start_sign_in(
    coffer: State<'_, Coffer>,
    request: SignInRequest,
) -> Reply<PendingSignIn> {
    coffer.start_sign_in(request).await
}

#[tauri::command]
pub(crate) async fn set_sign_in_settings(
    coffer: State<'_, Coffer>,
    settings: SignInSettings,
) -> Reply<()> {
    coffer.set_sign_in_settings(&settings)
}

#[tauri::command]
pub(crate) async fn cancel_sign_in(coffer: State<'_, Coffer>, sign_in_id: String) -> Reply<()> {
    coffer.cancel_sign_in(&sign_in_id);
    Ok(())
}

#[tauri::command]
pub(crate) async fn add_pasted_auth_id(
    coffer: State<'_, Coffer>,
    auth_id: SecretString,
    again: Option<String>,
) -> Reply<Account> {
    let auth_id = auth_id.expose_secret();
    coffer.add_pasted_auth_id(auth_id, again.as_deref()).await
}

#[tauri::command]
pub(crate) async fn remove_account(coffer: State<'_, Coffer>, account_id: String) -> Reply<()> {
    coffer.remove_account(&account_id).await
}

#[tauri::command]
pub(crate) async fn list_drives(
    coffer: State<'_, Coffer>,
    account_id: String,
    question: Option<String>,
) -> Reply<Vec<Drive>> {
    let work = coffer.list_drives(&account_id);
    coffer.answer(question.as_deref(), work).await
}

#[tauri::command]
pub(crate) async fn list_folders(
    coffer: State<'_, Coffer>,
    account_id: String,
    drive_id: String,
    path: String,
    question: Option<String>,
) -> Reply<Vec<RemoteFolder>> {
    let work = coffer.list_folders(&account_id, &drive_id, &path);
    coffer.answer(question.as_deref(), work).await
}

#[tauri::command]
pub(crate) async fn suggest_folder(
    coffer: State<'_, Coffer>,
    account_id: String,
    drive_id: String,
) -> Reply<String> {
    coffer.suggest_folder(&account_id, &drive_id).await
}
