use coffer_ipc::command::{AppState, BandwidthSettings, Theme};
use coffer_jobs::Coffer;
use tauri::{AppHandle, State};

use super::Reply;
use crate::startup;

#[tauri::command]
pub(crate) async fn app_state(app: AppHandle) -> Reply<AppState> {
    let coffer = startup::backend(&app).await?;
    let state = coffer.app_state()?;
    // The window does not wait for a keychain that asks its owner.
    tauri::async_runtime::spawn(async move { coffer.look_at_keychain().await });
    Ok(state)
}

#[tauri::command]
pub(crate) async fn set_theme(coffer: State<'_, Coffer>, theme: Theme) -> Reply<()> {
    coffer.set_theme(theme)
}

#[tauri::command]
pub(crate) async fn set_bandwidth(
    coffer: State<'_, Coffer>,
    settings: BandwidthSettings,
) -> Reply<()> {
    coffer.set_bandwidth(settings)
}
