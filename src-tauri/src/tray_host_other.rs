//! Windows and macOS always show tray icons.

use coffer_ipc::command::TrayStatus;
use coffer_jobs::Coffer;

/// Reports that there is a tray.
pub(crate) fn watch(coffer: Coffer) {
    coffer.set_tray(TrayStatus::Shown);
}
