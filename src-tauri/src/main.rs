//! Coffer's desktop app: the Tauri shell around `coffer-jobs`.
//!
//! Wiring only. `startup` opens the backend, `commands` forwards the UI's calls, `events` forwards the backend's events
//! to the window, `tray` and `windows` are what the desktop shows, `lifetime` ends it all. Everything else is below
//! `coffer-jobs`.

// No console window beside the app on Windows.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod commands;
mod events;
mod lifetime;
mod startup;
mod tray;
#[cfg(target_os = "linux")]
mod tray_host_linux;
#[cfg(not(target_os = "linux"))]
mod tray_host_other;
mod windows;

use coffer_jobs::{Coffer, Environment, Folders, logs};
use tauri::{AppHandle, Manager as _, RunEvent};

use lifetime::Lifetime;
use startup::Startup;
#[cfg(target_os = "linux")]
use tray_host_linux as tray_host;
#[cfg(not(target_os = "linux"))]
use tray_host_other as tray_host;

/// Makes the web view's data private; by default, everyone can read it.
fn keep_web_view_private(app: &AppHandle) {
    let folders = [app.path().app_local_data_dir(), app.path().app_cache_dir()];
    for folder in folders.into_iter().flatten() {
        if let Err(error) = logs::create_private_folder(&folder) {
            tracing::warn!(%error, "the web view's folder is not private");
        }
    }
}

/// If the first app exits while this one asks it to show its window, this one restarts as the first. Returns if that is
/// not the case.
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

/// On other systems, this is handled by the system.
#[cfg(not(target_os = "linux"))]
fn start_again_without_the_first(_error: &tauri::Error) {}

fn main() {
    coffer_jobs::forbid_core_dumps();
    let folders = Folders::standard();
    // The log is written until the program exits.
    let _logging = logs::start(&folders.logs());
    let mut context = tauri::generate_context!();
    let identifier = &mut context.config_mut().identifier;
    *identifier = identifier_for(Environment::from_variables().demo, identifier);
    let app = tauri::Builder::default()
        // Must come first: a second instance only shows the window of the first.
        .plugin(tauri_plugin_single_instance::init(|app, _, _| {
            windows::show(app);
        }))
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(commands::handler())
        .setup(move |app| {
            // The window is opened first and shows errors of the rest. Nothing here may block: this is the thread that
            // draws it.
            app.manage(Lifetime::default());
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
            // Closing the window keeps the app in the tray; only Quit exits.
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

/// Identifies the single instance and the web view's data. The demo has another one, because otherwise it would only
/// bring the window of the user's own Coffer to the front.
fn identifier_for(demo: bool, usual: &str) -> String {
    if demo {
        format!("{usual}.demo")
    } else {
        usual.to_owned()
    }
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
