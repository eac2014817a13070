//! The one window.

use coffer_ipc::command::TrayStatus;
use coffer_jobs::Coffer;
use tauri::{AppHandle, Manager as _, WebviewUrl, WebviewWindowBuilder, WindowEvent};

/// The window's label.
const MAIN: &str = "main";

/// Opens the window.
pub(crate) fn create(app: &AppHandle) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App("index.html".into()))
        .title("Coffer")
        .inner_size(1100.0, 760.0)
        .min_inner_size(560.0, 480.0)
        .build()?;
    let handle = app.clone();
    window.on_window_event(move |event| {
        // A window without a backend only says why; closing it ends the app.
        if let WindowEvent::CloseRequested { api, .. } = event
            && let Some(coffer) = handle.try_state::<Coffer>()
        {
            api.prevent_close();
            put_away(&handle, coffer.tray());
        }
    });
    Ok(())
}

/// Brings the window to the front, and makes one where there is none.
pub(crate) fn show(app: &AppHandle) {
    let Some(window) = app.get_webview_window(MAIN) else {
        if let Err(error) = create(app) {
            tracing::error!(%error, "there is no window");
        }
        return;
    };
    // A window system that refuses focus still shows the window.
    let _ = window.unminimize();
    let _ = window.show();
    let _ = window.set_focus();
}

/// Into the tray, or into the task bar where nothing shows trays: there must be a way back.
fn put_away(app: &AppHandle, tray: TrayStatus) {
    let Some(window) = app.get_webview_window(MAIN) else {
        return;
    };
    let done = match tray {
        TrayStatus::Shown => window.hide(),
        TrayStatus::Unavailable => window.minimize(),
    };
    if let Err(error) = done {
        tracing::warn!(%error, "the window could not be put away");
    }
}
