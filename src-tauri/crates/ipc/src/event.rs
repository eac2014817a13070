//! What the backend says unasked, on one channel named [`CHANNEL`].

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::account::{Account, SignInOutcome};
use crate::command::{AppState, TrayStatus};
use crate::error::CommandError;
use crate::job::{JobCard, Overview};
use crate::run::{Progress, RunSummary};

/// Name of the Tauri event that carries [`Event`]s.
pub const CHANNEL: &str = "coffer";

/// One change. `seq` grows by one with each event; an event not newer than the state that was read is dropped.
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
    /// Events were lost on the way. How sign-ins and restores ended is told anew after this.
    All {
        /// How everything stands now.
        state: Box<AppState>,
    },
    /// A job is new, or anything on its card differs. Of its progress only a new phase is told so.
    Job {
        /// The whole card.
        card: Box<JobCard>,
    },
    /// A run of a job moved on, within its phase. Sent at most ten times a second, so it holds nothing else.
    #[serde(rename_all = "camelCase")]
    Progress {
        /// Whose run.
        job_id: String,
        /// The run that the job's card says is running.
        run_id: String,
        /// How far it is.
        progress: Progress,
    },
    /// All jobs together stand differently.
    Overview {
        /// How.
        overview: Overview,
    },
    /// A job is gone.
    #[serde(rename_all = "camelCase")]
    JobRemoved {
        /// Which.
        job_id: String,
    },
    /// A pending sign-in ended.
    #[serde(rename_all = "camelCase")]
    SignIn {
        /// [`crate::account::PendingSignIn::id`].
        sign_in_id: String,
        /// How.
        outcome: SignInOutcome,
    },
    /// The list of accounts differs.
    Accounts {
        /// All of them.
        accounts: Vec<Account>,
    },
    /// A restore that belongs to no job moved on or ended.
    #[serde(rename_all = "camelCase")]
    Restore {
        /// Run started by `start_restore`.
        run_id: String,
        /// Present while it runs.
        progress: Option<Progress>,
        /// Present once it ended.
        summary: Option<Box<RunSummary>>,
    },
    /// The keychain was looked at.
    Keychain {
        /// Why secrets cannot be kept, when they cannot.
        problem: Option<CommandError>,
    },
    /// The app's own database was found damaged.
    Database {
        /// What became of it.
        problem: Option<CommandError>,
    },
    /// A tray appeared or went away.
    Tray {
        /// How it stands now.
        status: TrayStatus,
    },
    /// The window should show a job (the person clicked it in the tray or a notification).
    #[serde(rename_all = "camelCase")]
    Show {
        /// Which.
        job_id: String,
    },
}
