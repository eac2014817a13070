//! The app's window.

use coffer_ipc::command::TrayStatus;
use coffer_jobs::Coffer;
use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager as _, Url, WebviewUrl, WebviewWindowBuilder, WindowEvent};

/// The window's label.
const MAIN: &str = "main";

/// Opens the window.
pub(crate) fn create(app: &AppHandle) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::App("index.html".into()))
        .title("Coffer")
        .inner_size(1100.0, 760.0)
        .min_inner_size(560.0, 480.0)
        .on_navigation(is_own)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .build()?;
    let handle = app.clone();
    window.on_window_event(move |event| {
        // A window without a backend only shows the error; closing it exits.
        if let WindowEvent::CloseRequested { api, .. } = event
            && let Some(coffer) = handle.try_state::<Coffer>()
        {
            api.prevent_close();
            hide(&handle, coffer.tray());
        }
    });
    Ok(())
}

/// Whether a page is the app's: `tauri://localhost`, or `http(s)://tauri.localhost` where the web view does not support
/// custom schemes. No other page may be loaded, because pages in the window can call the backend.
fn is_own(page: &Url) -> bool {
    match page.scheme() {
        "tauri" => page.host_str() == Some("localhost"),
        "http" | "https" => page.host_str() == Some("tauri.localhost"),
        // Before the first page is loaded.
        "about" => page.path() == "blank",
        _ => false,
    }
}

/// Brings the window to the front, and creates it if there is none.
pub(crate) fn show(app: &AppHandle) {
    let Some(window) = app.get_webview_window(MAIN) else {
        if let Err(error) = create(app) {
            tracing::error!(%error, "there is no window");
        }
        return;
    };
    // If the window system denies focus, the window is still shown.
    let _ = window.unminimize();
    let _ = window.show();
    let _ = window.set_focus();
}

/// Hides the window in the tray, or minimizes it to the task bar if there is no tray, so that there is a way back.
fn hide(app: &AppHandle, tray: TrayStatus) {
    let Some(window) = app.get_webview_window(MAIN) else {
        return;
    };
    let done = match tray {
        TrayStatus::Shown => window.hide(),
        TrayStatus::Unavailable => window.minimize(),
    };
    if let Err(error) = done {
        tracing::warn!(%error, "the window could not be hidden");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_app_itself_is_shown_in_its_window() {
        for (page, expected) in [
            ("tauri://localhost/index.html", true),
            ("http://tauri.localhost/index.html", true),
            ("about:blank", true),
            ("https://login.microsoftonline.com/", false),
            ("https://tauri.localhost.example/", false),
            ("tauri://example/", false),
            ("file:///etc/passwd", false),
            ("data:text/html,<p>", false),
            ("javascript:alert(1)", false),
        ] {
            assert_eq!(is_own(&Url::parse(page).unwrap()), expected, "{page}");
        }
    }
}
