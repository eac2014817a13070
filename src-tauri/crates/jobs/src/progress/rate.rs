//! How fast something grows.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Over which it is measured.
const WINDOW: Duration = Duration::from_secs(30);
/// Less than this says nothing about the next minutes.
const SHORTEST: Duration = Duration::from_secs(10);
/// Changes closer than this are one.
const STEP: Duration = Duration::from_millis(100);

/// Values at the moments at which they changed: parts arrive one at a time, and between two of them nothing is slower.
#[derive(Default)]
pub(super) struct Rate(VecDeque<(Instant, u64)>);

impl Rate {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The time until the first part arrives says nothing about the others.
    pub(super) fn note(&mut self, now: Instant, value: u64) {
        match self.0.back_mut() {
            None if value == 0 => {}
            Some((_, last)) if *last == value => {}
            Some((at, last)) if now.duration_since(*at) < STEP => *last = value,
            _ => self.0.push_back((now, value)),
        }
        while self
            .0
            .get(1)
            .is_some_and(|(at, _)| now.duration_since(*at) > WINDOW)
        {
            self.0.pop_front();
        }
    }

    /// How long ago it changed last.
    pub(super) fn idle(&self, now: Instant) -> Option<Duration> {
        self.0.back().map(|(at, _)| now.duration_since(*at))
    }

    /// A second; 0 until there is something to measure.
    pub(super) fn per_second(&self, now: Instant) -> f64 {
        self.over(now, Duration::from_secs(1)).unwrap_or(0.0)
    }

    /// The same once it was measured for long enough to foretell something.
    pub(super) fn settled(&self, now: Instant) -> Option<f64> {
        self.over(now, SHORTEST)
    }

    fn over(&self, now: Instant, least: Duration) -> Option<f64> {
        let (first, before) = self.0.front().copied()?;
        let (last, after) = self.0.back().copied()?;
        // When nothing came for longer than between two changes, it has become slower.
        let changes = self.0.len().saturating_sub(1).max(1) as u32;
        let usual = last.duration_since(first) / changes;
        let end = if now.duration_since(last) > usual * 2 {
            now
        } else {
            last
        };
        let time = end.duration_since(first);
        (time >= least && after > before).then(|| (after - before) as f64 / time.as_secs_f64())
    }
}
