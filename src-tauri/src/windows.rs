//! The one window.

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

/// Whether a page is the app's: `tauri://localhost`, or `http(s)://tauri.localhost` where the web view takes no scheme of
/// its own. No other page gets into the window, in which the backend can be called.
fn is_own(page: &Url) -> bool {
    match page.scheme() {
        "tauri" => page.host_str() == Some("localhost"),
        "http" | "https" => page.host_str() == Some("tauri.localhost"),
        // Before the first page is there.
        "about" => page.path() == "blank",
        _ => false,
    }
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
