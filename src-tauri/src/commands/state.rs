use coffer_ipc::command::AppState;

use super::Shell;
use super::glue::Reply;
use crate::startup;

impl Shell {
    pub(super) async fn app_state(&self) -> Reply<AppState> {
        let coffer = startup::backend(&self.0).await?;
        let state = coffer.app_state()?;
        // The window does not wait for a keychain that prompts the user.
        tauri::async_runtime::spawn(async move { coffer.look_at_keychain().await });
        Ok(state)
    }
}
