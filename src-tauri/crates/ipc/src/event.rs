//! Events, which the backend emits on one channel named [`CHANNEL`].

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::account::{Account, SignInOutcome};
use crate::command::{AppState, TrayStatus};
use crate::error::CommandError;
use crate::job::{JobCard, Overview};
use crate::run::{Progress, RunSummary};

/// Name of the Tauri event that carries [`Event`]s.
pub const CHANNEL: &str = "coffer";

/// One change. `seq` increases by one with each event; the UI ignores events that are not newer than the state that it
/// has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Position in the stream.
    pub seq: u64,
    /// What changed.
    pub change: Change,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Change {
    /// Events were lost. The outcomes of sign-ins and restores are emitted again after this one.
    All {
        /// The whole current state.
        state: Box<AppState>,
    },
    /// A job is new, or its card changed. Progress within a phase is reported by `Progress` instead.
    Job {
        /// The whole card.
        card: Box<JobCard>,
    },
    /// A run of a job made progress within its phase. Sent at most ten times per second, so it contains nothing else.
    #[serde(rename_all = "camelCase")]
    Progress {
        /// The job of the run.
        job_id: String,
        /// The run that the job's card says is running.
        run_id: String,
        /// The progress of the run.
        progress: Progress,
    },
    /// The overview of all jobs changed.
    Overview {
        /// The current overview.
        overview: Overview,
    },
    /// A job is gone.
    #[serde(rename_all = "camelCase")]
    JobRemoved {
        /// The job that is gone.
        job_id: String,
    },
    /// A pending sign-in ended.
    #[serde(rename_all = "camelCase")]
    SignIn {
        /// [`crate::account::PendingSignIn::id`].
        sign_in_id: String,
        /// Its outcome.
        outcome: SignInOutcome,
    },
    /// The list of accounts changed.
    Accounts {
        /// All accounts.
        accounts: Vec<Account>,
    },
    /// A restore without a job made progress or ended.
    #[serde(rename_all = "camelCase")]
    Restore {
        /// The run that `start_restore` started.
        run_id: String,
        /// Present while it runs.
        progress: Option<Progress>,
        /// Present once it has ended.
        summary: Option<Box<RunSummary>>,
    },
    /// The keychain was checked.
    Keychain {
        /// Why secrets cannot be stored; `None` if they can.
        problem: Option<CommandError>,
    },
    /// Damage of the app's own database was found.
    Database {
        /// The repair, or why it failed.
        problem: Option<CommandError>,
    },
    /// The tray icon appeared or disappeared.
    Tray {
        /// Whether the icon is visible now.
        status: TrayStatus,
    },
    /// The window should show a job (the user clicked it in the tray or a notification).
    #[serde(rename_all = "camelCase")]
    Show {
        /// The job to show.
        job_id: String,
    },
}
