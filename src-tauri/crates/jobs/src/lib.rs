//! Jobs: the product without a window. The app and the command line are two front ends of this crate.
//!
//! * [`Coffer`] is the app's backend: jobs, accounts, runs, schedule, events, browsing of backups.
//! * [`Target`] and [`operations`] are single operations on an address, for the command line; the runner of [`Coffer`]
//!   uses the same.
//! * [`keychain`] is the only place that stores secrets.
//! * [`wording`] is the only place that turns errors into messages for users. All errors of this crate are such
//!   messages.
//!
//! Requests and replies are the types of `coffer-ipc`.

mod app_lock;
mod core_dumps;
mod credentials;
mod destinations;
mod environment;
mod file_lock;
mod folders;
pub mod keychain;
mod local_path;
pub mod logs;
mod opening;
pub mod operations;
pub mod options;
mod passphrase;
mod places;
mod private_file;
mod progress;
mod recovery_sheet;
mod schedule;
mod seal;
mod service;
mod shapes;
mod target;
pub mod values;
mod waiting;
pub mod wording;

pub use app_lock::AppLock;
pub use core_dumps::forbid_core_dumps;
pub use credentials::KeptSignIn;
pub use environment::Environment;
pub use folders::Folders;
pub use passphrase::{
    generate as generate_passphrase, rate as rate_passphrase, warning as passphrase_warning,
};
pub use private_file::save_private_file;
pub use progress::Observer;
pub use schedule::next_run;
pub use service::{Clock, Coffer, SystemClock};
pub use target::{DEFAULT_PREFIX, OnWait, Target, TargetOptions};

/// Result of this crate: every error can be shown to the user.
pub type Result<T> = std::result::Result<T, coffer_ipc::CommandError>;

/// Prepares this process for network access. [`Coffer::open`] does so, too.
pub fn prepare() {
    coffer_onedrive::install_tls_provider();
}

/// Runs work that blocks (files, keychain, engine) off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(failure) => std::panic::resume_unwind(failure.into_panic()),
    }
}

/// Locks a mutex, even after a panic of another holder.
pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
