use coffer_ipc::command::PassphraseRating;

use super::Shell;

impl Shell {
    pub(super) fn generate_passphrase(&self) -> String {
        coffer_jobs::generate_passphrase()
    }

    pub(super) fn rate_passphrase(&self, passphrase: &str) -> PassphraseRating {
        coffer_jobs::rate_passphrase(passphrase)
    }
}
