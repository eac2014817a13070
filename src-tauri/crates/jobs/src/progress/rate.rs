//! How fast a value grows.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Time over which a rate is measured.
pub(super) const WINDOW: Duration = Duration::from_secs(30);
/// Shorter measurements do not predict the next minutes.
const SHORTEST: Duration = Duration::from_secs(10);
/// A measurement of this length predicts as much time.
const SOON: Duration = Duration::from_secs(5);
/// Changes closer together than this count as one.
const STEP: Duration = Duration::from_millis(100);

/// Whether the value could grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Goes,
    /// Requests are paused: the time counts only if the value grows nevertheless.
    Rests,
}

/// The values at the times of their changes. Parts arrive one at a time, so the time between two of them does not mean
/// that the rate decreased.
#[derive(Default)]
pub(super) struct Rate {
    /// Values by the counted time of their change.
    changes: VecDeque<(Duration, u64)>,
    /// The counted time, as of `seen`.
    counted: Duration,
    seen: Option<Instant>,
    rested: bool,
}

impl Rate {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Records the current value, and whether it could grow since the previous one. The time until the first part
    /// arrives is not counted.
    pub(super) fn note(&mut self, now: Instant, value: u64, pace: Pace) {
        let grew = self.changes.back().is_some_and(|(_, last)| *last != value);
        if pace == Pace::Goes || grew {
            self.counted = self.time(now);
        }
        self.seen = Some(now);
        let time = self.counted;
        if pace == Pace::Goes && std::mem::take(&mut self.rested) {
            // After a pause the rate may differ, so keep only as much as a prediction needs.
            self.forget_before(time, SHORTEST);
        }
        self.rested |= pace == Pace::Rests;
        match self.changes.back_mut() {
            None if value == 0 => {}
            Some((_, last)) if *last == value => {}
            Some((at, last)) if time - *at < STEP => *last = value,
            _ => self.changes.push_back((time, value)),
        }
        self.forget_before(time, WINDOW);
    }

    fn forget_before(&mut self, time: Duration, window: Duration) {
        let is_old = |(at, _): &(Duration, u64)| time - *at > window;
        while self.changes.get(1).is_some_and(is_old) {
            self.changes.pop_front();
        }
    }

    /// Time since the last change, without pauses.
    pub(super) fn idle(&self, now: Instant) -> Option<Duration> {
        self.changes.back().map(|(at, _)| self.time(now) - *at)
    }

    /// The rate per second; 0 until there is something to measure.
    pub(super) fn per_second(&self, now: Instant) -> f64 {
        self.over(now, Duration::from_secs(1)).unwrap_or(0.0)
    }

    /// The same, once it was measured for long enough to predict when `left` more will have come.
    pub(super) fn settled(&self, now: Instant, left: u64) -> Option<f64> {
        self.over(now, SHORTEST).or_else(|| {
            let rate = self.over(now, SOON)?;
            (left as f64 / rate <= SOON.as_secs_f64()).then_some(rate)
        })
    }

    fn time(&self, now: Instant) -> Duration {
        let passed = self.seen.map(|seen| now.duration_since(seen));
        self.counted + passed.unwrap_or_default()
    }

    fn over(&self, now: Instant, least: Duration) -> Option<f64> {
        let (first, before) = self.changes.front().copied()?;
        let (last, after) = self.changes.back().copied()?;
        // Without a change for much longer than usual, the rate has decreased.
        let changes = self.changes.len().saturating_sub(1).max(1) as u32;
        let usual = (last - first) / changes;
        let now = self.time(now);
        let end = if now - last > usual * 2 { now } else { last };
        let time = end - first;
        (time >= least && after > before).then(|| (after - before) as f64 / time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than comes soon.
    const MUCH: u64 = 1_000_000;

    /// The rate after one value per second; `None` is a second of pause without a change.
    fn after(seconds: impl IntoIterator<Item = Option<u64>>) -> (Rate, Instant) {
        let mut rate = Rate::default();
        let (mut now, mut value) = (Instant::now(), 1);
        rate.note(now, value, Pace::Goes);
        for more in seconds {
            now += Duration::from_secs(1);
            value += more.unwrap_or(0);
            let pace = more.map_or(Pace::Rests, |_| Pace::Goes);
            rate.note(now, value, pace);
        }
        (rate, now)
    }

    #[test]
    fn nothing_is_predicted_in_the_first_ten_seconds() {
        let (rate, now) = after([Some(5); 9]);
        assert_eq!(rate.settled(now, MUCH), None);

        let (rate, now) = after([Some(5); 10]);
        assert_eq!(rate.settled(now, MUCH), Some(5.0));
    }

    #[test]
    fn an_end_that_is_near_is_predicted_sooner() {
        let (rate, now) = after([Some(5); 5]);

        assert_eq!(rate.settled(now, 25), Some(5.0));
        assert_eq!(rate.settled(now, 26), None);
    }

    #[test]
    fn a_rest_is_no_slow_line() {
        let (rate, now) = after([[Some(5); 12].as_slice(), &[None; 60], &[Some(5); 3]].concat());

        assert_eq!(rate.settled(now, MUCH), Some(5.0));
    }

    #[test]
    fn after_a_rest_what_was_long_before_counts_no_more() {
        let (rate, now) = after([[Some(6); 30].as_slice(), &[None; 60], &[Some(2); 11]].concat());

        // Ten seconds of each.
        let settled = rate.settled(now, MUCH).unwrap();
        assert!((3.5..=4.5).contains(&settled), "{settled}");
    }

    #[test]
    fn a_stalled_connection_is_slow_unless_requests_are_paused() {
        let (rate, now) = after([[Some(5); 10].as_slice(), &[Some(0); 10]].concat());

        assert_eq!(rate.settled(now, MUCH), Some(2.5));
    }

    #[test]
    fn what_comes_during_a_rest_counts_with_its_time() {
        let mut rate = Rate::default();
        let mut now = Instant::now();
        for second in 1..=20 {
            rate.note(now, second * 5, Pace::Rests);
            now += Duration::from_secs(1);
        }

        assert_eq!(rate.settled(now, MUCH), Some(5.0));
    }

    #[test]
    fn what_is_longer_ago_than_half_a_minute_is_forgotten() {
        let (rate, now) = after([[Some(100); 40].as_slice(), &[Some(5); 31]].concat());

        assert_eq!(rate.settled(now, MUCH), Some(5.0));
    }
}
