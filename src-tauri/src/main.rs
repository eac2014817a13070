//! Coffer's desktop app: the Tauri shell around `coffer-jobs`.
//!
//! Wiring only. `startup` opens the backend, `commands` hands the UI's calls on, `events` hands the backend's events to
//! the window, `tray` and `windows` are what the desktop shows. Everything else is below `coffer-jobs`.

// No console window beside the app on Windows.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod commands;
mod events;
mod startup;
mod tray;
#[cfg(target_os = "linux")]
mod tray_host_linux;
#[cfg(not(target_os = "linux"))]
mod tray_host_other;
mod windows;

use std::time::Duration;

use coffer_jobs::{Coffer, Environment, Folders, logs};
use tauri::{AppHandle, Manager as _, RunEvent};

use startup::Startup;
#[cfg(target_os = "linux")]
use tray_host_linux as tray_host;
#[cfg(not(target_os = "linux"))]
use tray_host_other as tray_host;

/// How long quitting waits for what runs.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the web view keeps is nobody else's either; by itself it lets everybody look.
fn keep_web_view_private(app: &AppHandle) {
    let folders = [app.path().app_local_data_dir(), app.path().app_cache_dir()];
    for folder in folders.into_iter().flatten() {
        if let Err(error) = logs::create_private_folder(&folder) {
            tracing::warn!(%error, "the web view's folder is not private");
        }
    }
}

/// A first app that dies while this one asks for its window leaves nobody to show it: this one is the first then. Returns
/// when that is not so.
#[cfg(target_os = "linux")]
fn start_again_without_the_first(error: &tauri::Error) {
    use std::os::unix::process::CommandExt as _;

    const TRIED: &str = "COFFER_STARTED_AGAIN";
    let is_alone = matches!(error, tauri::Error::PluginInitialization(plugin, _) if plugin == "single-instance");
    if !is_alone || std::env::var_os(TRIED).is_some() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let again = std::process::Command::new(program)
            .args(std::env::args_os().skip(1))
            .env(TRIED, "1")
            .exec();
        tracing::error!(error = %again, "Coffer could not be started again");
    }
}

/// Elsewhere the system itself says who is first.
#[cfg(not(target_os = "linux"))]
fn start_again_without_the_first(_error: &tauri::Error) {}

fn main() {
    coffer_jobs::forbid_core_dumps();
    let folders = Folders::standard();
    // Lines are written until the end of the program.
    let _logging = logs::start(&folders.logs());
    let mut context = tauri::generate_context!();
    let identifier = &mut context.config_mut().identifier;
    *identifier = identifier_for(Environment::from_variables().demo, identifier);
    let app = tauri::Builder::default()
        // First: a second start only shows the window of the first.
        .plugin(tauri_plugin_single_instance::init(|app, _, _| {
            windows::show(app);
        }))
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(commands::handler())
        .setup(move |app| {
            // The window comes first and shows whatever becomes of the rest. Nothing here may wait: this is the thread
            // that draws it.
            app.manage(Startup::new(folders));
            keep_web_view_private(app.handle());
            windows::create(app.handle())?;
            let app = app.handle().clone();
            tauri::async_runtime::spawn(async move { startup::backend(&app).await });
            Ok(())
        })
        .build(context);
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
            start_again_without_the_first(&error);
            tracing::error!(%error, "Coffer could not start");
            eprintln!("Coffer could not start: {error}");
            std::process::exit(1);
        }
    }
}

/// The name under which one app runs at a time, and under which the web view keeps what is its own. The demo has another:
/// started beside the person's Coffer, it would only bring that one's window to the front.
fn identifier_for(demo: bool, usual: &str) -> String {
    if demo {
        format!("{usual}.demo")
    } else {
        usual.to_owned()
    }
}

/// Stops what runs, where nothing is lost, and ends the app.
fn quit(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        app.state::<Startup>().end();
        if let Some(coffer) = app.try_state::<Coffer>() {
            coffer.inner().clone().shut_down(PATIENCE).await;
        }
        app.exit(0);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_another_app_than_the_persons_own() {
        let own = identifier_for(false, "dev.coffer.app");

        assert_eq!(own, "dev.coffer.app");
        assert_ne!(identifier_for(true, "dev.coffer.app"), own);
    }
}
