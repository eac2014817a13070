//! The backend's events, to the window and the tray.

use coffer_ipc::event::{CHANNEL, Change, Event};
use coffer_jobs::Coffer;
use tauri::{AppHandle, Emitter as _};
use tokio::sync::broadcast::error::RecvError;

use crate::{tray, windows};

/// Hands every event on until the app ends.
pub(crate) fn forward(app: &AppHandle, coffer: &Coffer) {
    let mut events = coffer.subscribe();
    let (app, coffer) = (app.clone(), coffer.clone());
    tauri::async_runtime::spawn(async move {
        loop {
            match events.recv().await {
                Ok(event) => hand_on(&app, &coffer, &event),
                // The newest cards say all that the lost events did.
                Err(RecvError::Lagged(_)) => coffer.emit_all_cards(),
                Err(RecvError::Closed) => return,
            }
        }
    });
}

fn hand_on(app: &AppHandle, coffer: &Coffer, event: &Event) {
    match &event.change {
        Change::Show { .. } => windows::show(app),
        Change::Job { .. } | Change::JobRemoved { .. } => tray::update(app, coffer),
        _ => {}
    }
    if let Err(error) = app.emit(CHANNEL, event) {
        tracing::warn!(%error, "an event did not reach the window");
    }
}
