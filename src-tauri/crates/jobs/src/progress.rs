//! Progress of an operation, as it is told to people.

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

/// Between two reports of progress.
const INTERVAL: Duration = Duration::from_millis(100);
/// Between two reports when nothing happens: a speed falls, a wait ends.
const TICK: Duration = Duration::from_secs(1);
/// A shorter wait between two requests is no wait, but a slow line.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_secs(5);
/// For so long after something arrived the next part may be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(15);
/// For how long nobody wonders why nothing comes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who hears of an operation.
pub struct Observer {
    /// Takes progress, at most ten times a second.
    pub on_progress: Box<dyn Fn(Progress) + Send + Sync>,
    /// Takes each line of the report.
    pub on_message: Box<dyn Fn(RunMessage) + Send + Sync>,
    /// Whether progress is shown, so that totals are worth counting.
    pub shows_progress: bool,
}

impl Observer {
    /// Hears nothing.
    pub fn silent() -> Self {
        Self {
            on_progress: Box::new(|_| {}),
            on_message: Box::new(|_| {}),
            shows_progress: false,
        }
    }
}

/// Turns what the engine tells into progress, thinned out.
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
    /// How fast what is left of this phase gets less.
    advance: Rate,
    /// How fast that is while the service gives no limit.
    line: Line,
    allowance: Option<Arc<AllowanceNow>>,
    /// Bytes sent and received, and those of them before this phase.
    transferred: u64,
    transferred_before: u64,
    speed: Rate,
    /// Whether nothing was asked for when progress was told last.
    rested: bool,
    current: String,
    last_told: Option<Instant>,
    since: Instant,
    /// Until when the destination wants to be left alone.
    held: Option<Timestamp>,
    /// Whether that is long enough to be told as a wait.
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
            last_told: None,
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

    /// What is sent is held to what `allowance` says.
    pub(crate) fn held_to(mut self, allowance: Option<Arc<AllowanceNow>>) -> Self {
        let state = self.state.get_mut();
        state.unwrap_or_else(PoisonError::into_inner).allowance = allowance;
        self
    }

    /// Does `work`, and says meanwhile when the destination asks to wait.
    pub(crate) async fn telling<T>(&self, waits: Waits, work: impl Future<Output = T>) -> T {
        let tell = |wait: Option<waiting::Wait>| {
            self.update(true, |state| {
                let (held, rest) = match wait {
                    Some(waiting::Wait::Asked(until)) => (Some(until), None),
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
        let work = waiting::telling(waits, tell, work);
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

    /// Whether something was told that needs a look.
    pub(crate) fn has_warned(&self) -> bool {
        self.warnings.load(Ordering::Relaxed) > 0
    }

    /// What a person may allow the next run to do.
    pub(crate) fn held_back(&self) -> Vec<Permission> {
        lock(&self.held_back).iter().copied().collect()
    }

    /// Files and folders that are not, or not as they are now, in the backup.
    pub(crate) fn unread_files(&self) -> u64 {
        self.unread_files.load(Ordering::Relaxed)
    }

    /// Sources that were not there.
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
                .last_told
                .is_none_or(|last| now.duration_since(last) >= INTERVAL);
            if !force && !due {
                return;
            }
            state.last_told = Some(now);
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
        let rate = self.advance.settled(now).filter(|rate| *rate >= 1.0);
        let allowance = self.allowance.as_ref().and_then(|allowance| allowance());
        let seconds_left = left.zip(rate).map(|(left, rate)| {
            let line = self.line.carries(rate, allowance);
            match allowance {
                Some(allowance) => allowance.time_for(left, line).as_secs_f64().ceil() as u64,
                None => (left as f64 / line).ceil() as u64,
            }
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
            seconds_left: seconds_left.filter(|_| !rests && self.foretells()),
            current: self.current.clone(),
            wait,
        }
    }

    /// Bytes of this phase that came nearer to its end. Of a backup those that went over the line: what a run before had
    /// sent of a volume is there at once, which says nothing about the rest.
    fn advanced(&self) -> u64 {
        match self.operation {
            Operation::Backup => self.transferred - self.transferred_before,
            _ => self.amounts.done_bytes(),
        }
    }

    /// Whether the destination makes each request wait for a moment, while parts arrive.
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
            return Some(asked_to_wait(until));
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

    /// Whether what is left of this phase is what is left of the run.
    fn foretells(&self) -> bool {
        let is_whole = match self.operation {
            Operation::Backup => {
                matches!(self.phase, EnginePhase::BackingUp | EnginePhase::Sending)
            }
            _ => true,
        };
        is_whole || self.phase == EnginePhase::SendingLeft
    }
}

/// Of an operation that has not begun, because the destination wants to be left alone.
pub(crate) fn waiting(progress: Progress, wait: waiting::Wait) -> Progress {
    let wait = match wait {
        waiting::Wait::Asked(until) => asked_to_wait(until),
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

fn asked_to_wait(until: Timestamp) -> Wait {
    Wait {
        why: wording::ASKED_TO_WAIT.to_owned(),
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
