//! How the app ends.

use std::time::Duration;

use coffer_jobs::Coffer;
use tauri::{AppHandle, Manager as _};
use tokio_util::sync::CancellationToken;

/// How long quitting waits for running operations.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends the app's tasks.
#[derive(Default)]
pub(crate) struct Lifetime(pub(crate) CancellationToken);

/// Stops running operations without losing anything, and exits.
pub(crate) fn quit(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        app.state::<Lifetime>().0.cancel();
        if let Some(coffer) = app.try_state::<Coffer>() {
            coffer.inner().clone().shut_down(PATIENCE).await;
        }
        app.exit(0);
    });
}
