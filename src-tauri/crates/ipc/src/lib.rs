//! The interface between Coffer and its UI: all commands, events and types.
//!
//! The backend owns all state. [`command`] declares each command once (name, request, reply), [`event`] the events of
//! the backend; the other modules have the types that both use. The same types are the JSON of `coffer --json`. After a
//! (re)load the UI asks [`command::AppState`] once and then applies events with a higher `seq`.
//!
//! `COFFER_UPDATE_BINDINGS=1 cargo test -p coffer-ipc` writes the TypeScript into `ui/src/bindings`; it is committed,
//! and the test `bindings_are_current` fails when it is stale. Times are strings in RFC 3339, UTC; sizes are bytes.
//!
//! Secrets are only sent to the backend (a pasted AuthID, a passphrase typed into a form), with two exceptions: the
//! passphrase that the app generated, because the user must be able to see and keep it, and the recovery sheet while it
//! is being printed.

pub mod account;
pub mod command;
mod error;
pub mod event;
pub mod job;
pub mod passphrase;
pub mod restore;
pub mod run;
pub mod sheet;

pub use error::{CommandError, ErrorCode};

/// Every name that the table of commands uses, for those who expand it.
pub mod shapes {
    pub use secrecy::SecretString;

    pub use crate::account::*;
    pub use crate::command::*;
    pub use crate::error::*;
    pub use crate::job::*;
    pub use crate::passphrase::*;
    pub use crate::restore::*;
    pub use crate::run::*;
    pub use crate::sheet::*;
}
