//! Forwards the backend's events to the window and the tray.

use coffer_ipc::event::{CHANNEL, Change, Event};
use coffer_jobs::Coffer;
use tauri::{AppHandle, Emitter as _};

use crate::{tray, windows};

/// Forwards every event until the app exits.
pub(crate) fn forward(app: &AppHandle, coffer: &Coffer) {
    let mut events = coffer.subscribe();
    let (app, coffer) = (app.clone(), coffer.clone());
    tauri::async_runtime::spawn(async move {
        while let Some(event) = coffer.next_event(&mut events).await {
            deliver(&app, &coffer, &event);
        }
    });
}

fn deliver(app: &AppHandle, coffer: &Coffer, event: &Event) {
    if let Change::Show { .. } = event.change {
        windows::show(app);
    }
    tray::follow(app, coffer, event);
    if let Err(error) = app.emit(CHANNEL, event) {
        tracing::warn!(%error, "an event did not reach the window");
    }
}
