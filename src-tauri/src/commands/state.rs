use coffer_ipc::command::{AppState, BandwidthSettings, Theme};
use coffer_jobs::Coffer;
use tauri::State;

use super::Reply;

#[tauri::command]
pub(crate) async fn app_state(coffer: State<'_, Coffer>) -> Reply<AppState> {
    coffer.app_state().await
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
