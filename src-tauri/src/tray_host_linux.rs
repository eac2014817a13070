//! Detects whether this desktop shows tray icons: a StatusNotifierWatcher on the session bus.

use coffer_ipc::command::TrayStatus;
use coffer_jobs::Coffer;
use futures::StreamExt as _;
use zbus::fdo::DBusProxy;
use zbus::names::BusName;

/// Bus name of the tray host.
const WATCHER: &str = "org.kde.StatusNotifierWatcher";

/// Reports the current state and every change.
pub(crate) fn watch(coffer: Coffer) {
    tauri::async_runtime::spawn(async move {
        if let Err(error) = follow(&coffer).await {
            tracing::info!(%error, "there is no session bus to ask for a tray");
            coffer.set_tray(TrayStatus::Unavailable);
        }
    });
}

async fn follow(coffer: &Coffer) -> zbus::Result<()> {
    let bus = zbus::Connection::session().await?;
    let names = DBusProxy::new(&bus).await?;
    // Subscribe first, so that no change in between is missed.
    let mut changes = names
        .receive_name_owner_changed_with_args(&[(0, WATCHER)])
        .await?;
    let owned = names.name_has_owner(BusName::try_from(WATCHER)?).await?;
    coffer.set_tray(status(owned));
    while let Some(change) = changes.next().await {
        coffer.set_tray(status(change.args()?.new_owner().is_some()));
    }
    Ok(())
}

fn status(owned: bool) -> TrayStatus {
    if owned {
        TrayStatus::Shown
    } else {
        TrayStatus::Unavailable
    }
}
