//! Opens the backend after the window, so that the window can show why it failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use coffer_ipc::CommandError;
use coffer_ipc::command::TrayStatus;
use coffer_jobs::keychain::SystemKeychain;
use coffer_jobs::{AppLock, Coffer, Environment, Folders, SystemClock, wording};
use tauri::{AppHandle, Manager as _};
use tokio::sync::{Mutex, oneshot};

use crate::lifetime::Lifetime;
use crate::{events, tray, tray_host};

/// State of the start.
pub(crate) struct Startup {
    folders: Folders,
    /// Allows one attempt at a time; holds the lock of the data folder once it is taken.
    trying: Mutex<Option<AppLock>>,
}

impl Startup {
    pub(crate) fn new(folders: Folders) -> Self {
        Self {
            folders,
            trying: Mutex::new(None),
        }
    }
}

/// The backend, opened by the first caller. After a failure, the next caller tries again.
pub(crate) async fn backend(app: &AppHandle) -> Result<Coffer, CommandError> {
    let startup = app.state::<Startup>();
    let mut lock = startup.trying.lock().await;
    if let Some(coffer) = app.try_state::<Coffer>() {
        return Ok(coffer.inner().clone());
    }
    let folders = startup.folders.clone();
    let taken = lock.take();
    let opened = tauri::async_runtime::spawn_blocking(move || open(folders, taken)).await;
    let (coffer, alone) = opened
        .map_err(|_| wording::defect())?
        .inspect_err(|error| tracing::error!(message = error.message, "Coffer could not start"))?;
    *lock = Some(alone);
    app.manage(coffer.clone());
    // In its own task, because the desktop may be slow.
    tauri::async_runtime::spawn(show_tray(app.clone(), coffer.clone()));
    events::forward(app, &coffer);
    let (schedule, lifetime) = (coffer.clone(), app.state::<Lifetime>().0.clone());
    tauri::async_runtime::spawn(async move { schedule.run_schedule(&lifetime).await });
    Ok(coffer)
}

/// Everything that may block on a disk.
fn open(folders: Folders, taken: Option<AppLock>) -> Result<(Coffer, AppLock), CommandError> {
    // Needed where there is no session bus through which a second instance would find the first.
    let alone = match taken {
        Some(alone) => alone,
        None => AppLock::take(&folders)?,
    };
    let environment = Environment::from_variables();
    let keychain = Arc::new(SystemKeychain::default());
    let clock = Arc::new(SystemClock);
    let coffer = Coffer::open_alone(&alone, folders, environment, keychain, clock)?;
    coffer.resume(&alone)?;
    Ok((coffer, alone))
}

/// Creates the tray icon on the main thread. The app works without one: its window stays in the task bar.
async fn show_tray(app: AppHandle, coffer: Coffer) {
    let (answer, made) = oneshot::channel();
    let handle = app.clone();
    let asked = app.run_on_main_thread(move || {
        // Creating a tray icon panics on Linux if its library is not installed.
        let made = catch_unwind(AssertUnwindSafe(|| tray::create(&handle)));
        let made = match made {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "there is no tray icon");
                false
            }
            Err(_) => {
                tracing::warn!("there is no library for tray icons");
                false
            }
        };
        // The receiver may be gone.
        let _ = answer.send(made);
    });
    if asked.is_ok() && made.await.unwrap_or(false) {
        tray::update(&app, &coffer);
        tray_host::watch(coffer);
    } else {
        coffer.set_tray(TrayStatus::Unavailable);
    }
}
