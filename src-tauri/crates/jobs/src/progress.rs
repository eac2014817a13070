use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use coffer_engine::{Monitor, Phase as EnginePhase, Problem, ProblemKind, Severity};
use coffer_ipc::run::{Operation, Phase, Progress, RunMessage};
use jiff::Timestamp;

use crate::waiting::{self, Waits};
use crate::{lock, wording};

/// Between two reports of progress.
const INTERVAL: Duration = Duration::from_millis(100);
/// Over which speed is measured.
const WINDOW: Duration = Duration::from_secs(10);

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
    missing_sources: AtomicU64,
    state: Mutex<State>,
}

struct State {
    progress: Progress,
    last_told: Option<Instant>,
    /// Until when the destination wants to be left alone.
    held: Option<Timestamp>,
    /// Bytes done at moments of the last seconds.
    samples: VecDeque<(Instant, u64, u64)>,
}

impl Tracker {
    pub(crate) fn new(operation: Operation, observer: Observer) -> Self {
        let progress = Progress {
            operation,
            phase: Phase::Connecting,
            done_files: 0,
            total_files: None,
            done_bytes: 0,
            total_bytes: None,
            transferred_bytes: 0,
            bytes_per_second: 0,
            seconds_left: None,
            current: String::new(),
        };
        let state = State {
            progress,
            last_told: None,
            held: None,
            samples: VecDeque::new(),
        };
        Self {
            observer,
            warnings: AtomicU64::new(0),
            missing_sources: AtomicU64::new(0),
            state: Mutex::new(state),
        }
    }

    /// Does `work`, and says meanwhile when the destination asks to wait.
    pub(crate) async fn telling<T>(
        &self,
        waits: Option<Waits>,
        work: impl Future<Output = T>,
    ) -> T {
        let tell = |wait| self.update(true, |state| state.held = wait);
        waiting::telling(waits, tell, work).await
    }

    /// Bytes sent and received so far.
    pub(crate) fn transferred(&self) -> u64 {
        lock(&self.state).progress.transferred_bytes
    }

    /// Whether something was told that needs a look.
    pub(crate) fn has_warned(&self) -> bool {
        self.warnings.load(Ordering::Relaxed) > 0
    }

    /// Sources that were not there.
    pub(crate) fn missing_sources(&self) -> u64 {
        self.missing_sources.load(Ordering::Relaxed)
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
            state.measure(now);
            state.shown()
        };
        (self.observer.on_progress)(progress);
    }
}

impl State {
    /// The progress as it is told: whoever waits does nothing else.
    fn shown(&self) -> Progress {
        let progress = self.progress.clone();
        match self.held {
            Some(until) => held(progress, until),
            None => progress,
        }
    }

    fn measure(&mut self, now: Instant) {
        let progress = &mut self.progress;
        self.samples
            .push_back((now, progress.done_bytes, progress.transferred_bytes));
        while self
            .samples
            .front()
            .is_some_and(|(at, ..)| now.duration_since(*at) > WINDOW)
        {
            self.samples.pop_front();
        }
        let Some((start, done, moved)) = self.samples.front().copied() else {
            return;
        };
        let seconds = now.duration_since(start).as_secs_f64();
        // A second at least, or the first numbers are nonsense.
        if seconds < 1.0 {
            return;
        }
        let rate = |before: u64, after: u64| after.saturating_sub(before) as f64 / seconds;
        progress.bytes_per_second = rate(moved, progress.transferred_bytes) as u64;
        let done_rate = rate(done, progress.done_bytes);
        progress.seconds_left = progress.total_bytes.and_then(|total| {
            let left = total.saturating_sub(progress.done_bytes);
            (done_rate > 1.0).then(|| (left as f64 / done_rate).ceil() as u64)
        });
    }
}

/// `progress` while the destination wants to be left alone.
pub(crate) fn held(progress: Progress, until: Timestamp) -> Progress {
    Progress {
        phase: Phase::Waiting,
        seconds_left: None,
        current: waiting::sentence(until),
        ..progress
    }
}

impl Monitor for Tracker {
    fn phase(&self, phase: EnginePhase) {
        self.update(true, |state| {
            state.progress.phase = match phase {
                EnginePhase::Connecting => Phase::Connecting,
                EnginePhase::ReadingDestination => Phase::ReadingDestination,
                EnginePhase::BackingUp => Phase::BackingUp,
                EnginePhase::Finishing => Phase::Finishing,
                EnginePhase::Deleting => Phase::Deleting,
                EnginePhase::Compacting => Phase::Compacting,
                EnginePhase::Verifying => Phase::Verifying,
                EnginePhase::Planning => Phase::Planning,
                EnginePhase::Restoring => Phase::Restoring,
            };
            state.progress.current.clear();
        });
    }

    fn totals(&self, files: u64, bytes: u64) {
        self.update(false, |state| {
            state.progress.total_files = Some(files);
            state.progress.total_bytes = Some(bytes);
        });
    }

    fn done(&self, files: u64, bytes: u64, path: &str) {
        self.update(false, |state| {
            state.progress.done_files += files;
            state.progress.done_bytes += bytes;
            if !path.is_empty() {
                path.clone_into(&mut state.progress.current);
            }
        });
    }

    fn transferred(&self, bytes: u64) {
        self.update(false, |state| state.progress.transferred_bytes += bytes);
    }

    fn waiting(&self, time: Duration, why: &str) {
        let text = format!("Waiting {} s: {why}", time.as_secs().max(1));
        self.update(true, |state| state.progress.current = text);
    }

    fn problem(&self, problem: Problem) {
        if problem.kind.severity() == Severity::Warning {
            self.warnings.fetch_add(1, Ordering::Relaxed);
        }
        if matches!(
            problem.kind,
            ProblemKind::SourceMissing { .. } | ProblemKind::SourceEmpty
        ) {
            self.missing_sources.fetch_add(1, Ordering::Relaxed);
        }
        self.message(wording::problem(&problem));
    }

    fn wants_totals(&self) -> bool {
        self.observer.shows_progress
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_wait_is_shown_and_then_what_was_shown_before() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let observer = Observer {
            on_progress: Box::new(move |progress| {
                let shown = (progress.phase, progress.current, progress.done_files);
                heard.lock().unwrap().push(shown);
            }),
            ..Observer::silent()
        };
        let tracker = Tracker::new(Operation::Backup, observer);
        tracker.phase(EnginePhase::BackingUp);
        let until = Timestamp::from_second(1_790_000_000).unwrap();
        let (sender, waits) = tokio::sync::watch::channel(Some(until));

        let work = async {
            tokio::task::yield_now().await;
            tracker.done(1, 0, "file");
            sender.send_replace(None);
            tokio::task::yield_now().await;
        };
        tracker.telling(Some(waits), work).await;

        let told = told.lock().unwrap();
        let [before, during, after] = &told[..] else {
            panic!("{told:?}");
        };
        assert_eq!(before.0, Phase::BackingUp);
        assert_eq!(during.0, Phase::Waiting);
        assert!(
            during.1.starts_with("OneDrive asked to wait until "),
            "{}",
            during.1
        );
        assert_eq!(*after, (Phase::BackingUp, "file".to_owned(), 1));
    }
}
