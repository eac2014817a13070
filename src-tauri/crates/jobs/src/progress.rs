//! Progress of an operation, as it is shown to the user.

mod amounts;
mod line;
mod rate;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use coffer_engine::{Monitor, Phase as EnginePhase, Problem, ProblemKind, Severity};
use coffer_ipc::run::{MissingSource, Operation, Permission, Phase, Progress, RunMessage, Wait};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use self::amounts::Amounts;
use self::line::Line;
use self::rate::{Pace, Rate};
use crate::target::AllowanceNow;
use crate::waiting::{self, Waits};
use crate::{lock, wording};

/// Minimum time between two reports of progress.
const INTERVAL: Duration = Duration::from_millis(100);
/// Time between two reports when nothing happens: the speed falls, or a wait ends.
const TICK: Duration = Duration::from_secs(1);
/// A shorter wait between two requests is shown as slow transfer, not as a wait.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_secs(5);
/// After something arrived, the next part may be on its way for this long.
const ON_ITS_WAY: Duration = Duration::from_secs(15);
/// Seconds that a backup takes after its last volume was sent, to write the list of files and check samples; longer where
/// a sample takes longer to arrive.
const FINISHING: u64 = 2;
/// How long a missing answer goes unmentioned.
const PATIENCE: Duration = Duration::from_secs(5);

/// Callbacks for progress and messages of an operation.
pub struct Observer {
    /// Called with the progress, at most ten times per second.
    pub on_progress: Box<dyn Fn(Progress) + Send + Sync>,
    /// Called with each line of the report.
    pub on_message: Box<dyn Fn(RunMessage) + Send + Sync>,
    /// Whether progress is shown, so that totals are worth counting.
    pub shows_progress: bool,
}

impl Observer {
    /// An observer that ignores everything.
    pub fn silent() -> Self {
        Self {
            on_progress: Box::new(|_| {}),
            on_message: Box::new(|_| {}),
            shows_progress: false,
        }
    }
}

/// Converts what the engine reports into progress at a limited rate.
pub(crate) struct Tracker {
    observer: Observer,
    warnings: AtomicU64,
    unread_files: AtomicU64,
    missing_sources: Mutex<Vec<MissingSource>>,
    held_back: Mutex<BTreeSet<Permission>>,
    state: Mutex<State>,
}

struct State {
    operation: Operation,
    phase: EnginePhase,
    amounts: Amounts,
    /// How fast the remaining work of this phase decreases.
    advance: Rate,
    /// How fast that is when the service does not limit it.
    line: Line,
    allowance: Option<Arc<AllowanceNow>>,
    /// Bytes sent and received in total, and before this phase.
    transferred: u64,
    transferred_before: u64,
    speed: Rate,
    /// Whether requests were paused at the last report.
    rested: bool,
    current: String,
    last_report: Option<Instant>,
    since: Instant,
    /// Until when the destination accepts no requests.
    held: Option<Timestamp>,
    /// Whether that is long enough to be shown as a wait.
    is_long: bool,
    /// A rest after a failure.
    rest: Option<Rest>,
}

struct Rest {
    why: String,
    until: Option<Timestamp>,
}

impl Tracker {
    pub(crate) fn new(operation: Operation, observer: Observer) -> Self {
        let state = State {
            operation,
            phase: EnginePhase::Connecting,
            amounts: Amounts::new(operation),
            advance: Rate::default(),
            line: Line::default(),
            allowance: None,
            transferred: 0,
            transferred_before: 0,
            speed: Rate::default(),
            rested: false,
            current: String::new(),
            last_report: None,
            since: Instant::now(),
            held: None,
            is_long: false,
            rest: None,
        };
        Self {
            observer,
            warnings: AtomicU64::new(0),
            unread_files: AtomicU64::new(0),
            missing_sources: Mutex::default(),
            held_back: Mutex::default(),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn operation(&self) -> Operation {
        lock(&self.state).operation
    }

    /// Uses the service's `allowance` for the estimate of the remaining time.
    pub(crate) fn held_to(mut self, allowance: Option<Arc<AllowanceNow>>) -> Self {
        let state = self.state.get_mut();
        state.unwrap_or_else(PoisonError::into_inner).allowance = allowance;
        self
    }

    /// Does `work` and reports waits in the meantime.
    pub(crate) async fn report_waits<T>(&self, waits: Waits, work: impl Future<Output = T>) -> T {
        let report = |wait: Option<waiting::Wait>| {
            self.update(true, |state| {
                let (held, rest) = match wait {
                    Some(waiting::Wait::Requested(until)) => (Some(until), None),
                    Some(waiting::Wait::Again { until, why }) => {
                        let until = Some(until);
                        (None, Some(Rest { why, until }))
                    }
                    None => (None, None),
                };
                let left = held.map(|until| until.duration_since(Timestamp::now()));
                state.is_long = left.is_some_and(|left| left >= SHORTEST_WAIT);
                state.held = held;
                state.rest = rest.or(state.rest.take());
            });
        };
        let work = waiting::report_waits(waits, report, work);
        let mut work = std::pin::pin!(work);
        loop {
            match tokio::time::timeout(TICK, &mut work).await {
                Ok(done) => return done,
                Err(_) => self.update(false, |_| ()),
            }
        }
    }

    /// Bytes sent and received so far.
    pub(crate) fn transferred_bytes(&self) -> u64 {
        lock(&self.state).transferred
    }

    /// Whether a warning was reported.
    pub(crate) fn has_warned(&self) -> bool {
        self.warnings.load(Ordering::Relaxed) > 0
    }

    /// What was held back and the user may allow in the next run.
    pub(crate) fn held_back(&self) -> Vec<Permission> {
        lock(&self.held_back).iter().copied().collect()
    }

    /// Number of files and folders that are missing in the backup, or outdated there.
    pub(crate) fn unread_files(&self) -> u64 {
        self.unread_files.load(Ordering::Relaxed)
    }

    /// Sources that did not exist.
    pub(crate) fn missing_sources(&self) -> Vec<MissingSource> {
        lock(&self.missing_sources).clone()
    }

    pub(crate) fn message(&self, message: RunMessage) {
        (self.observer.on_message)(message);
    }

    fn update(&self, force: bool, change: impl FnOnce(&mut State)) {
        let now = Instant::now();
        let progress = {
            let mut state = lock(&self.state);
            change(&mut state);
            let due = state
                .last_report
                .is_none_or(|last| now.duration_since(last) >= INTERVAL);
            if !force && !due {
                return;
            }
            state.last_report = Some(now);
            state.progress(now)
        };
        (self.observer.on_progress)(progress);
    }
}

impl State {
    fn progress(&mut self, now: Instant) -> Progress {
        let pace = if self.rested { Pace::Rests } else { Pace::Goes };
        self.advance.note(now, self.advanced(), pace);
        self.speed.note(now, self.transferred, Pace::Goes);
        let (done_bytes, total_bytes) = (self.amounts.done_bytes(), self.amounts.total_bytes());
        let left = total_bytes.map(|total| total.saturating_sub(done_bytes));
        let rate = left.and_then(|left| self.advance.settled(now, left));
        let rate = rate.filter(|rate| *rate >= 1.0);
        let allowance = self.allowance.as_ref().and_then(|allowance| allowance());
        let seconds_left = left.zip(rate).map(|(left, rate)| {
            let line = self.line.carries(rate, allowance);
            let moving = match allowance {
                Some(allowance) => allowance.time_for(left, line).as_secs_f64(),
                None => left as f64 / line,
            };
            let finishing = match self.operation {
                Operation::Backup => FINISHING,
                _ => 0,
            };
            moving.ceil() as u64 + finishing
        });
        let is_slowed = self.is_slowed(now);
        let wait = self.wait(now, is_slowed);
        let rests = wait.is_some() && !is_slowed;
        self.rested = rests;
        Progress {
            operation: self.operation,
            phase: self.shown_phase(),
            done_files: self.amounts.files,
            total_files: self.amounts.total_files,
            done_bytes,
            total_bytes,
            share: self.amounts.share(),
            bytes_per_second: if rests {
                0
            } else {
                self.speed.per_second(now) as u64
            },
            seconds_left: seconds_left.filter(|_| !rests && self.predicts_end()),
            current: self.current.clone(),
            wait,
        }
    }

    /// Bytes by which this phase advanced. For a backup, only bytes that were transferred: parts of a volume that an
    /// earlier run had sent count at once, which says nothing about the rest.
    fn advanced(&self) -> u64 {
        match self.operation {
            Operation::Backup => self.transferred - self.transferred_before,
            _ => self.amounts.done_bytes(),
        }
    }

    /// Whether the destination delays each request briefly while parts still arrive.
    fn is_slowed(&self, now: Instant) -> bool {
        let moves = self.speed.idle(now).is_some_and(|idle| idle < ON_ITS_WAY);
        self.held.is_some() && !self.is_long && moves
    }

    fn wait(&mut self, now: Instant, is_slowed: bool) -> Option<Wait> {
        if is_slowed {
            return Some(Wait {
                why: wording::SLOWED.to_owned(),
                until: None,
            });
        }
        let is_over = |rest: &mut Rest| rest.until.is_some_and(|until| until <= Timestamp::now());
        self.rest.take_if(is_over);
        if let Some(until) = self.held {
            return Some(rate_limited_until(until));
        }
        if let Some(Rest { why, until }) = &self.rest {
            return Some(Wait {
                why: why.clone(),
                until: until.map(|until| until.to_string()),
            });
        }
        let is_connecting = self.phase == EnginePhase::Connecting && self.transferred == 0;
        (is_connecting && now.duration_since(self.since) >= PATIENCE).then(|| Wait {
            why: wording::NO_ANSWER_YET.to_owned(),
            until: None,
        })
    }

    fn shown_phase(&self) -> Phase {
        match self.phase {
            EnginePhase::Connecting => Phase::Connecting,
            EnginePhase::ReadingDestination => Phase::ReadingDestination,
            EnginePhase::SendingLeft => Phase::SendingLeft,
            EnginePhase::BackingUp | EnginePhase::Sending if self.amounts.sends() => Phase::Sending,
            EnginePhase::BackingUp | EnginePhase::Sending => Phase::LookingForChanges,
            EnginePhase::Finishing => Phase::Finishing,
            EnginePhase::Deleting => Phase::Deleting,
            EnginePhase::Compacting => Phase::Compacting,
            EnginePhase::Verifying => Phase::Checking,
            EnginePhase::Planning => Phase::Planning,
            EnginePhase::Restoring => Phase::Restoring,
        }
    }

    /// Whether the end of this phase is the end of the run.
    fn predicts_end(&self) -> bool {
        let is_whole = match self.operation {
            Operation::Backup => {
                matches!(self.phase, EnginePhase::BackingUp | EnginePhase::Sending)
            }
            _ => true,
        };
        is_whole || self.phase == EnginePhase::SendingLeft
    }
}

/// The progress of an operation that has not started because it has to wait.
pub(crate) fn waiting(progress: Progress, wait: waiting::Wait) -> Progress {
    let wait = match wait {
        waiting::Wait::Requested(until) => rate_limited_until(until),
        waiting::Wait::Again { until, why } => Wait {
            why,
            until: Some(until.to_string()),
        },
    };
    Progress {
        wait: Some(wait),
        ..progress
    }
}

fn rate_limited_until(until: Timestamp) -> Wait {
    Wait {
        why: wording::RATE_LIMITED.to_owned(),
        until: Some(until.to_string()),
    }
}

fn missing_source(problem: &Problem) -> Option<MissingSource> {
    let (kept_files, is_emptied) = match problem.kind {
        ProblemKind::SourceMissing { files, .. } => (files, false),
        ProblemKind::SourceEmpty { files } => (files, true),
        _ => return None,
    };
    Some(MissingSource {
        path: problem.subject.clone(),
        kept_files,
        is_emptied,
    })
}

impl Monitor for Tracker {
    fn phase(&self, phase: EnginePhase) {
        self.update(true, |state| {
            state.phase = phase;
            state.amounts.phase(phase);
            state.current.clear();
            state.rest = None;
            state.since = Instant::now();
            if phase != EnginePhase::Sending {
                state.advance.clear();
                state.transferred_before = state.transferred;
            }
        });
    }

    fn totals(&self, files: u64, bytes: u64) {
        self.update(false, |state| state.amounts.totals(files, bytes));
    }

    fn done(&self, files: u64, bytes: u64, path: &str) {
        self.update(false, |state| {
            state.amounts.done(files, bytes);
            if !path.is_empty() {
                path.clone_into(&mut state.current);
            }
        });
    }

    fn queued(&self, bytes: u64) {
        self.update(false, |state| state.amounts.queued(bytes));
    }

    fn sent(&self, bytes: u64) {
        self.update(false, |state| {
            state.amounts.sent(bytes);
            state.rest = None;
        });
    }

    fn transferred(&self, bytes: u64) {
        self.update(false, |state| {
            state.transferred += bytes;
            state.rest = None;
        });
    }

    fn waiting(&self, time: Duration, why: &str) {
        let rest = Rest {
            why: why.to_owned(),
            until: Timestamp::now().checked_add(time).ok(),
        };
        self.update(true, |state| state.rest = Some(rest));
    }

    fn problem(&self, problem: Problem) {
        let permission = match problem.kind {
            ProblemKind::SourceEmpty { .. } => Some(Permission::MissingSource),
            ProblemKind::MassDeletion { .. } => Some(Permission::MassDeletion),
            _ => None,
        };
        lock(&self.held_back).extend(permission);
        if problem.kind.severity() == Severity::Warning {
            self.warnings.fetch_add(1, Ordering::Relaxed);
        }
        if matches!(
            problem.kind,
            ProblemKind::Unreadable { .. }
                | ProblemKind::ChangedWhileRead
                | ProblemKind::NameNotUnicode { .. }
                | ProblemKind::TooLargeForFormat(_)
        ) {
            self.unread_files.fetch_add(1, Ordering::Relaxed);
        }
        lock(&self.missing_sources).extend(missing_source(&problem));
        self.message(wording::problem(&problem));
    }

    fn wants_totals(&self) -> bool {
        self.observer.shows_progress
    }
}
