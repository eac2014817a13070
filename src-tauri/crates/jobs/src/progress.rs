//! Progress of an operation, as it is told to people.

mod amounts;
mod line;
mod rate;

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

#[cfg(test)]
mod tests {
    use coffer_onedrive::Allowance;

    use coffer_destination::Rests;

    use super::*;

    const MB: u64 = 1_000_000;

    /// A tracker, and all that it told.
    fn tracker(operation: Operation) -> (Tracker, Arc<Mutex<Vec<Progress>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let observer = Observer {
            on_progress: Box::new(move |progress| lock(&heard).push(progress)),
            ..Observer::silent()
        };
        (Tracker::new(operation, observer), told)
    }

    /// A first backup of 1,000 MB in volumes of 50 MB, read at once and sent with `speed` a second; returns what was
    /// told of each second of sending.
    async fn first_backup(
        tracker: &Tracker,
        told: &Mutex<Vec<Progress>>,
        speed: u64,
    ) -> Vec<Progress> {
        tracker.phase(EnginePhase::BackingUp);
        tracker.totals(20, 1000 * MB);
        let mut told_of = Vec::new();
        let (mut read, mut sent) = (0, 0);
        while sent < 1000 * MB {
            // Four volumes are on their way at most.
            while read < 1000 * MB && read < sent + 200 * MB {
                tracker.done(1, 50 * MB, "file");
                tracker.queued(50 * MB);
                read += 50 * MB;
                if read == 1000 * MB {
                    tracker.phase(EnginePhase::Sending);
                }
            }
            tokio::time::advance(Duration::from_secs(1)).await;
            tracker.sent(speed);
            tracker.transferred(speed);
            sent += speed;
            told_of.extend(lock(told).last().cloned());
        }
        told_of
    }

    #[tokio::test(start_paused = true)]
    async fn a_backup_is_as_far_as_what_has_arrived() {
        let (tracker, told) = tracker(Operation::Backup);

        let seconds = first_backup(&tracker, &told, 5 * MB).await;

        let shares: Vec<f64> = seconds.iter().filter_map(|told| told.share).collect();
        assert_eq!(shares.len(), seconds.len());
        assert!(shares.is_sorted());
        assert!(shares.iter().all(|share| *share < 1.0));
        assert!((shares[99] - 0.5).abs() < 0.01, "{}", shares[99]);
        assert_eq!(seconds[99].done_bytes, 500 * MB);
        assert_eq!(seconds[99].total_bytes, Some(1000 * MB));
        assert_eq!(seconds[99].bytes_per_second, 5 * MB);
        assert_eq!(seconds[4].seconds_left, None);
        assert_eq!(seconds[99].seconds_left, Some(100));
    }

    #[tokio::test(start_paused = true)]
    async fn what_follows_a_backup_changes_no_number_of_it() {
        let (tracker, told) = tracker(Operation::Backup);
        first_backup(&tracker, &told, 5 * MB).await;
        let before = lock(&told).last().cloned().unwrap();

        tracker.phase(EnginePhase::Verifying);
        tracker.totals(3, 52 * MB);
        tokio::time::advance(Duration::from_secs(1)).await;
        tracker.done(1, 50 * MB, "volume");

        let after = lock(&told).last().cloned().unwrap();
        assert_eq!(after.phase, Phase::Checking);
        assert_eq!(after.seconds_left, None);
        assert_eq!(
            (after.done_files, after.done_bytes, after.total_bytes),
            (before.done_files, before.done_bytes, before.total_bytes)
        );
        assert_eq!(after.share, before.share);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_run_before_left_is_counted_by_itself() {
        let (tracker, told) = tracker(Operation::Backup);
        tracker.phase(EnginePhase::SendingLeft);
        tracker.queued(180 * MB);
        tokio::time::advance(Duration::from_secs(1)).await;
        tracker.sent(120 * MB);
        let left = lock(&told).last().cloned().unwrap();
        tracker.sent(60 * MB);
        tracker.phase(EnginePhase::BackingUp);
        let begun = lock(&told).last().cloned().unwrap();

        assert_eq!((left.phase, left.share), (Phase::SendingLeft, None));
        assert_eq!(
            (left.done_bytes, left.total_bytes),
            (120 * MB, Some(180 * MB))
        );
        assert_eq!(begun.phase, Phase::LookingForChanges);
        assert_eq!((begun.done_bytes, begun.share), (0, None));
    }

    /// Sends with `speed` a second for so many seconds.
    async fn send(tracker: &Tracker, speed: u64, seconds: u32) {
        for _ in 0..seconds {
            tokio::time::advance(Duration::from_secs(1)).await;
            tracker.sent(speed);
            tracker.transferred(speed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_there_already_makes_nothing_faster() {
        let (tracker, told) = tracker(Operation::Backup);
        tracker.phase(EnginePhase::SendingLeft);
        tracker.queued(400 * MB);

        send(&tracker, 5 * MB, 10).await;
        // The part of a volume that a run before had sent.
        tracker.sent(100 * MB);
        send(&tracker, 5 * MB, 10).await;

        let last = lock(&told).last().cloned().unwrap();
        assert_eq!(last.bytes_per_second, 5 * MB);
        assert_eq!(last.seconds_left, Some(40));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_wait_time_left_goes_on_where_it_was() {
        let (tracker, told) = tracker(Operation::Backup);
        tracker.phase(EnginePhase::SendingLeft);
        tracker.queued(400 * MB);
        send(&tracker, 5 * MB, 20).await;
        let until = Timestamp::now() + SignedDuration::from_secs(600);
        let (_sender, waits) = tokio::sync::watch::channel(Some(until));

        tracker
            .telling(
                Waits::new(Some(waits), &Rests::default()),
                tokio::time::sleep(Duration::from_secs(60)),
            )
            .await;
        send(&tracker, 5 * MB, 2).await;

        let last = lock(&told).last().cloned().unwrap();
        assert_eq!(last.wait, None);
        let left = last.seconds_left.unwrap();
        assert!((57..=59).contains(&left), "{left}");
    }

    #[tokio::test(start_paused = true)]
    async fn time_left_counts_on_what_the_service_will_take_again() {
        let (tracker, told) = tracker(Operation::Backup);
        // From the twentieth second on half of what went before, and all of it half a minute later.
        let half = Instant::now() + Duration::from_secs(20);
        let allowed = move || {
            let ago = Instant::now().checked_duration_since(half)?;
            let growth = 3e6 / 30.0;
            Some(Allowance {
                bytes_per_second: 3e6 + growth * ago.as_secs_f64(),
                growth,
                holds: Duration::from_secs(3600),
            })
        };
        let tracker = tracker.held_to(Some(Arc::new(allowed)));
        tracker.phase(EnginePhase::SendingLeft);
        tracker.queued(600 * MB);

        send(&tracker, 6 * MB, 20).await;
        for second in 0..30 {
            send(&tracker, 3 * MB + second * 100_000, 1).await;
            if second % 5 == 4 {
                let sent = 120 * MB + (0..=second).map(|s| 3 * MB + s * 100_000).sum::<u64>();
                let ramp: u64 = (second + 1..30).map(|s| 3 * MB + s * 100_000).sum();
                let true_left = 29 - second + (600 * MB - sent - ramp) / (6 * MB);
                let told = lock(&told).last().unwrap().seconds_left.unwrap();
                assert!(told.abs_diff(true_left) <= 2, "{told}, not {true_left}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_has_a_reason_and_an_end_and_no_speed() {
        let (tracker, told) = tracker(Operation::Backup);
        first_backup(&tracker, &told, 5 * MB).await;
        let until = Timestamp::from_second(4_000_000_000).unwrap();
        let (sender, waits) = tokio::sync::watch::channel(Some(until));

        let work = async {
            tokio::task::yield_now().await;
            sender.send_replace(None);
            tokio::task::yield_now().await;
            tracker.waiting(Duration::from_secs(100), "The destination does not answer");
        };
        lock(&told).clear();
        tracker
            .telling(Waits::new(Some(waits), &Rests::default()), work)
            .await;
        tokio::time::advance(Duration::from_secs(1)).await;
        tracker.sent(MB);

        let told = lock(&told);
        let reasons: Vec<_> = told
            .iter()
            .map(|told| told.wait.as_ref().map(|wait| wait.why.as_str()))
            .collect();
        let unreachable = "The destination does not answer";
        assert_eq!(
            reasons,
            [Some(wording::ASKED_TO_WAIT), None, Some(unreachable), None]
        );
        assert_eq!(
            told[0].wait.as_ref().unwrap().until,
            Some(until.to_string())
        );
        for waiting in told.iter().filter(|told| told.wait.is_some()) {
            assert_eq!((waiting.bytes_per_second, waiting.seconds_left), (0, None));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_wait_for_a_moment_each_are_slow_and_no_wait() {
        let (tracker, told) = tracker(Operation::Backup);
        first_backup(&tracker, &told, 5 * MB).await;
        let soon = Timestamp::now() + SignedDuration::from_secs(2);
        let (_sender, waits) = tokio::sync::watch::channel(Some(soon));

        lock(&told).clear();
        tracker
            .telling(
                Waits::new(Some(waits), &Rests::default()),
                tokio::time::sleep(Duration::from_secs(20)),
            )
            .await;

        let told = lock(&told);
        let mut waits = told.iter().filter_map(|progress| {
            let wait = progress.wait.as_ref()?;
            Some((wait.why.as_str(), progress.bytes_per_second > 0))
        });
        assert_eq!(waits.next(), Some((wording::SLOWED, true)));
        // Nothing has arrived for so long that it is one after all.
        assert_eq!(waits.next_back(), Some((wording::ASKED_TO_WAIT, false)));
    }

    #[tokio::test(start_paused = true)]
    async fn no_answer_is_named_after_a_while() {
        let (tracker, told) = tracker(Operation::Backup);
        tracker.phase(EnginePhase::Connecting);

        tracker
            .telling(
                Waits::new(None, &Rests::default()),
                tokio::time::sleep(Duration::from_secs(7)),
            )
            .await;

        let told = lock(&told);
        let named = told.iter().position(|told| told.wait.is_some());
        assert_eq!(named, Some(5));
        assert_eq!(told[5].wait.as_ref().unwrap().until, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_restore_is_as_far_as_what_is_written() {
        let (tracker, told) = tracker(Operation::Restore);
        tracker.phase(EnginePhase::Restoring);
        tracker.totals(4, 400 * MB);

        for _ in 0..4 {
            tokio::time::advance(Duration::from_secs(5)).await;
            tracker.done(1, 100 * MB, "file");
        }

        let shares: Vec<_> = lock(&told)
            .iter()
            .filter_map(|told| told.share)
            .map(|share| (share * 100.0).round())
            .collect();
        assert!(shares.ends_with(&[25.0, 50.0, 75.0, 99.0]), "{shares:?}");
        assert_eq!(lock(&told).last().unwrap().seconds_left, Some(0));
    }
}
