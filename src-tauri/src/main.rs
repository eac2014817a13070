//! Coffer's desktop app: the Tauri shell around `coffer-jobs`.
//!
//! Wiring only. `commands` hands the UI's calls on, `events` hands the backend's events to the window, `tray` and
//! `windows` are what the desktop shows. Everything else is below `coffer-jobs`.

// No console window beside the app on Windows.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod commands;
mod events;
mod tray;
#[cfg(target_os = "linux")]
mod tray_host_linux;
#[cfg(not(target_os = "linux"))]
mod tray_host_other;
mod windows;

use std::sync::Arc;

use coffer_jobs::keychain::SystemKeychain;
use coffer_jobs::{Coffer, Environment, Folders, SystemClock, logs};
use tauri::{AppHandle, Manager as _, RunEvent};
use tauri_plugin_dialog::{DialogExt as _, MessageDialogKind};
use tokio_util::sync::CancellationToken;

#[cfg(target_os = "linux")]
use tray_host_linux as tray_host;
#[cfg(not(target_os = "linux"))]
use tray_host_other as tray_host;

/// Ends the app's own tasks.
struct Lifetime(CancellationToken);

fn main() {
    let folders = Folders::standard();
    // Lines are written until the end of the program.
    let _logging = logs::start(&folders.logs());
    let app = tauri::Builder::default()
        // First: a second start only shows the window of the first.
        .plugin(tauri_plugin_single_instance::init(|app, _, _| {
            windows::show(app);
        }))
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(commands::handler())
        .setup(move |app| start(app.handle(), folders))
        .build(tauri::generate_context!());
    match app {
        Ok(app) => app.run(|app, event| {
            // Closing the window leaves the app in the tray; only Quit ends it.
            if let RunEvent::ExitRequested {
                api, code: None, ..
            } = event
                && app.try_state::<Coffer>().is_some()
            {
                api.prevent_exit();
            }
        }),
        Err(error) => {
            eprintln!("Coffer could not start: {error}");
            std::process::exit(1);
        }
    }
}

fn start(app: &AppHandle, folders: Folders) -> Result<(), Box<dyn std::error::Error>> {
    let environment = Environment::from_variables();
    let keychain = Arc::new(SystemKeychain::default());
    let coffer = match Coffer::open(folders, environment, keychain, Arc::new(SystemClock)) {
        Ok(coffer) => coffer,
        Err(error) => {
            let text = format!("{}\n\n{}", error.message, error.hint);
            app.dialog()
                .message(&text)
                .kind(MessageDialogKind::Error)
                .title("Coffer")
                .blocking_show();
            return Err(text.into());
        }
    };
    let lifetime = CancellationToken::new();
    app.manage(coffer.clone());
    app.manage(Lifetime(lifetime.clone()));
    tray::create(app, &coffer)?;
    windows::create(app)?;
    events::forward(app, &coffer);
    tray_host::watch(coffer.clone());
    tauri::async_runtime::spawn(async move { coffer.run_schedule(&lifetime).await });
    Ok(())
}

/// Stops what runs, where nothing is lost, and ends the app.
fn quit(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        app.state::<Lifetime>().0.cancel();
        let coffer = app.state::<Coffer>().inner().clone();
        coffer.shut_down().await;
        app.exit(0);
    });
}
