//! The UI's commands: unpack, call, hand back. Their names and shapes stand in `coffer_ipc::command`.

mod accounts;
mod jobs;
mod passphrases;
mod pickers;
mod restore;
mod state;

use coffer_ipc::CommandError;
use tauri::Wry;
use tauri::ipc::Invoke;

/// What a command gives.
type Reply<T> = Result<T, CommandError>;

/// Everything that the UI may call.
pub(crate) fn handler() -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        state::app_state,
        state::set_theme,
        state::set_bandwidth,
        passphrases::generate_passphrase,
        passphrases::rate_passphrase,
        passphrases::check_passphrase,
        passphrases::repair_passphrase,
        passphrases::left_passphrases,
        passphrases::remove_left_passphrase,
        passphrases::recovery_sheet,
        jobs::create_job,
        jobs::update_job,
        jobs::delete_job,
        jobs::start_backup,
        jobs::start_backup_with,
        jobs::stop_run,
        jobs::run_history,
        jobs::run_report,
        jobs::check_destination,
        jobs::check_source,
        accounts::set_sign_in_settings,
        accounts::start_sign_in,
        accounts::cancel_sign_in,
        accounts::add_pasted_auth_id,
        accounts::remove_account,
        accounts::list_drives,
        accounts::list_folders,
        accounts::suggest_folder,
        pickers::pick_folders,
        pickers::pick_folder,
        pickers::save_recovery_sheet,
        restore::open_backup,
        restore::opened_places,
        restore::forget_opened_place,
        restore::give_up,
        restore::list_entries,
        restore::search_entries,
        restore::start_restore,
        restore::open_restored,
        restore::close_backup,
    ]
}
