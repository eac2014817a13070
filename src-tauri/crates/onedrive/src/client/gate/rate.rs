//! The rate that the service sustains, learned from what it refuses.
//!
//! A single unexpected refusal says little: half of the usual rate is used after it, and all of it again within
//! minutes; for bytes within half a minute, because services count requests, and other clients continue at full speed.
//! If the service refuses that, too, it has a limit. What was let through from opening until the end of the wait that a
//! refusal asks for is what the service sustains in that time. From then on, the rate is a tenth lower, and then
//! increases slowly (additive increase) until the service refuses again (multiplicative decrease). A learned rate is
//! forgotten after an hour.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::allowance::Allowance;

/// What may be sent per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Rate {
    requests: f64,
    bytes: f64,
    /// Fraction of the requests that is added per minute.
    growth: f64,
    /// The same for bytes; files of older versions have one for both.
    #[serde(default)]
    bytes_growth: f64,
}

/// Requests per second before anything is known: 3,000 in five minutes, Microsoft's documented limit per user.
const UNKNOWN: Rate = Rate {
    requests: 10.0,
    bytes: f64::INFINITY,
    growth: 0.1,
    bytes_growth: 0.1,
};
/// Requests that may be sent at once before anything is known.
const UNKNOWN_BURST: f64 = 50.0;
/// Fraction of the observed sustained rate that is used after a refusal.
const DECREASE: f64 = 0.9;
/// Fraction of the rate that is kept when the service refused without naming a time.
const GUESSED_DECREASE: f64 = 0.8;
/// Fraction of the rate that is added per minute: back at the refused rate after half an hour.
const GROWTH: f64 = 0.004;
/// The same if the wait was guessed, because the rate may then be far too low.
const GUESSED_GROWTH: f64 = 0.25;
/// Fraction of the usual rate that is used after an unexpected refusal, and the fraction of it that is added per minute:
/// back at the usual rate after four minutes.
const CAUTION: f64 = 0.5;
const RECOVERY: f64 = 0.25;
/// The same for bytes: back at the usual rate after half a minute. Microsoft limits requests, and asks to send fewer of
/// them; rclone, abraunegg's client and Duplicati continue at full speed once the wait is over.
const BYTES_RECOVERY: f64 = 2.0;
/// Minimum bytes per second after such a refusal.
const CAUTIOUS_BYTES: f64 = 2.0 * 1024.0 * 1024.0;
/// A refusal is unexpected if there was none for this long before it.
const CALM_PERIOD: Duration = Duration::from_secs(600);
/// Minimum fraction of the rate that is kept: other clients may have used up the limit this time.
const MIN_KEPT: f64 = 0.25;
/// Shortest time over which a rate is meaningful if the wait after it was guessed.
const MIN_GUESSED_SPAN: Duration = Duration::from_secs(60);
/// Minimum number of requests from which a rate is learned.
const MIN_REQUESTS: u64 = 10;
/// Lowest rate that is learned; other clients may have used up the limit.
const MIN_RATE: Rate = Rate {
    requests: 0.2,
    bytes: 256.0 * 1024.0,
    growth: 0.0,
    bytes_growth: 0.0,
};
/// How long a learned rate is used.
const RATE_LIFETIME: Duration = Duration::from_secs(3600);
/// Length of the spans in which requests are counted; the last two are used.
const SPAN: Duration = Duration::from_secs(60);
/// How much delay may be caught up with.
const CATCH_UP: Duration = Duration::from_millis(200);

/// Decides when the next request may go.
#[derive(Debug)]
pub(super) struct Pacer {
    learned: Option<(Instant, Rate)>,
    made: Instant,
    /// When the next request may be sent, by requests and by bytes.
    requests_free: Instant,
    bytes_free: Instant,
    spans: [Span; 2],
    last: Instant,
}

/// What was let through since a point in time.
#[derive(Debug, Clone, Copy)]
struct Span {
    since: Instant,
    requests: u64,
    bytes: u64,
}

/// Whether the service named a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Named(Duration),
    Guessed(Duration),
}

impl Wait {
    pub(super) fn time(self) -> Duration {
        match self {
            Self::Named(time) | Self::Guessed(time) => time,
        }
    }
}

impl Rate {
    /// Whether a rate from a file is plausible.
    pub(super) fn makes_sense(&self) -> bool {
        let is_rate = |rate: f64, lowest: f64| rate.is_finite() && rate >= lowest;
        is_rate(self.requests, MIN_RATE.requests)
            && is_rate(self.bytes, MIN_RATE.bytes)
            && (0.0..=1.0).contains(&self.growth)
            && (0.0..=BYTES_RECOVERY).contains(&self.bytes_growth)
    }

    fn after(&self, time: Duration) -> Self {
        let minutes = time.as_secs_f64() / 60.0;
        Self {
            requests: self.requests * (1.0 + self.growth * minutes),
            bytes: self.bytes * (1.0 + self.bytes_growth * minutes),
            ..*self
        }
    }

    fn times(&self, factor: f64) -> Self {
        Self {
            requests: self.requests * factor,
            bytes: self.bytes * factor,
            ..*self
        }
    }

    /// At least this, and at least the lowest rate.
    fn at_least(self, least: Self) -> Self {
        Self {
            requests: self.requests.max(least.requests).max(MIN_RATE.requests),
            bytes: self.bytes.max(least.bytes).max(MIN_RATE.bytes),
            ..self
        }
    }
}

impl Span {
    fn new(since: Instant) -> Self {
        Self {
            since,
            requests: 0,
            bytes: 0,
        }
    }
}

impl Pacer {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            learned: None,
            made: now,
            requests_free: now.checked_sub(unknown_burst()).unwrap_or(now),
            bytes_free: now,
            spans: [Span::new(now); 2],
            last: now,
        }
    }

    /// The current rate.
    fn rate(&self, now: Instant) -> Rate {
        match self.learned {
            Some((at, rate)) if now.saturating_duration_since(at) < RATE_LIFETIME => {
                rate.after(now.saturating_duration_since(at))
            }
            _ => UNKNOWN.after(now.saturating_duration_since(self.made)),
        }
    }

    /// The rate that was used, if it was limited; for recovering bytes, the rate they started with, because the
    /// increased one was hardly used.
    fn held(&self, now: Instant) -> Option<Rate> {
        let (_, learned) = self.learned.filter(|_| self.knows(now))?;
        let rate = self.rate(now);
        let recovers = learned.bytes_growth == BYTES_RECOVERY;
        Some(Rate {
            bytes: if recovers { learned.bytes } else { rate.bytes },
            ..rate
        })
    }

    /// How much of an upload may be sent from now on; `None` without a limit.
    pub(super) fn allowance(&self, now: Instant) -> Option<Allowance> {
        let (at, learned) = self.learned.filter(|_| self.knows(now))?;
        Some(Allowance {
            bytes_per_second: self.rate(now).bytes,
            growth: learned.bytes * learned.bytes_growth / 60.0,
            holds: RATE_LIFETIME.saturating_sub(now.saturating_duration_since(at)),
        })
    }

    fn knows(&self, now: Instant) -> bool {
        self.learned
            .is_some_and(|(at, _)| now.saturating_duration_since(at) < RATE_LIFETIME)
    }

    /// Earliest time of the next request by the number of requests.
    pub(super) fn next_request(&self) -> Instant {
        self.requests_free
    }

    /// Earliest time of the next request by the bytes sent so far.
    pub(super) fn next_bytes(&self) -> Instant {
        self.bytes_free
    }

    /// Records a request with this many bytes. It counts toward the number of requests only if there is no budget.
    pub(super) fn sent(&mut self, bytes: u64, now: Instant, counts: bool) {
        let rate = self.rate(now);
        let saved = if self.knows(now) {
            CATCH_UP
        } else {
            unknown_burst()
        };
        let earliest = now.checked_sub(saved).unwrap_or(now);
        if counts {
            self.requests_free =
                self.requests_free.max(earliest) + Duration::from_secs_f64(1.0 / rate.requests);
        }
        self.bytes_free =
            self.bytes_free.max(earliest) + Duration::from_secs_f64(bytes as f64 / rate.bytes);
        // Idle time says nothing about what the service sustains.
        if now.saturating_duration_since(self.last) > SPAN {
            self.spans = [Span::new(now); 2];
        }
        self.last = now;
        if now.saturating_duration_since(self.spans[1].since) > SPAN {
            self.spans = [self.spans[1], Span::new(now)];
        }
        self.spans[1].requests += 1;
        self.spans[1].bytes += bytes;
    }

    /// Undoes the count of a refused request.
    pub(super) fn refused(&mut self, bytes: u64) {
        let span = &mut self.spans[1];
        span.requests = span.requests.saturating_sub(1);
        span.bytes = span.bytes.saturating_sub(bytes);
    }

    /// Learns from a refusal; must be called before [`Pacer::reopen`].
    pub(super) fn learn(&mut self, wait: Wait, now: Instant) {
        let [before, current] = self.spans;
        let requests = before.requests + current.requests;
        if requests < MIN_REQUESTS {
            return;
        }
        let span = now.saturating_duration_since(before.since);
        let held = self.held(now);
        let is_first = self
            .learned
            .is_none_or(|(at, _)| now.saturating_duration_since(at) >= CALM_PERIOD);
        let bytes = before.bytes + current.bytes;
        let let_through = |time: Duration| Rate {
            requests: requests as f64 / time.as_secs_f64(),
            bytes: bytes as f64 / time.as_secs_f64(),
            growth: GROWTH,
            bytes_growth: GROWTH,
        };
        let cautious = UNKNOWN.times(CAUTION);
        let cautious_bytes = bytes as f64 / span.as_secs_f64().max(1.0) * CAUTION;
        let rate = match wait {
            // Few requests, divided by a wait that is unrelated to them, would result in a rate
            // close to zero.
            _ if is_first
                && (span < MIN_GUESSED_SPAN || let_through(span).requests < cautious.requests) =>
            {
                Rate {
                    growth: RECOVERY,
                    ..cautious
                }
            }
            Wait::Named(time) => let_through(span + time).times(DECREASE),
            // The service may have been ready long before our wait ended.
            Wait::Guessed(time) if span < MIN_GUESSED_SPAN => Rate {
                growth: GUESSED_GROWTH,
                bytes_growth: GUESSED_GROWTH,
                ..let_through(span + time).times(DECREASE)
            },
            // It refused an even rate after a long time, so that rate was too high, however long the wait.
            Wait::Guessed(_) => Rate {
                growth: GROWTH,
                bytes_growth: GROWTH,
                ..held
                    .unwrap_or_else(|| let_through(span))
                    .times(GUESSED_DECREASE)
            },
        };
        let rate = if is_first {
            // However long the span: it is only a guess that there were too many bytes.
            Rate {
                bytes: cautious_bytes.max(CAUTIOUS_BYTES),
                bytes_growth: BYTES_RECOVERY,
                ..rate
            }
        } else {
            rate
        };
        let rate = rate.at_least(held.map_or(MIN_RATE, |held| held.times(MIN_KEPT)));
        self.learned = Some((now, rate));
    }

    /// The learned rate, with the wall clock's time, for other processes.
    pub(super) fn learned(&self, wall: u64, now: Instant) -> Option<(u64, Rate)> {
        let (at, rate) = self.learned.filter(|_| self.knows(now))?;
        let ago = now.saturating_duration_since(at).as_millis() as u64;
        Some((wall.saturating_sub(ago), rate))
    }

    /// Adopts a rate that another or an earlier process learned at `at` by the wall clock, if it is newer.
    pub(super) fn adopt(&mut self, rate: Rate, at: u64, wall: u64, now: Instant) {
        let ago = Duration::from_millis(wall.saturating_sub(at));
        if let Some(at) = now.checked_sub(ago)
            && self.learned.is_none_or(|(own, _)| own < at)
        {
            self.learned = Some((at, rate));
        }
    }

    /// Nothing may be sent before `at`.
    pub(super) fn reopen(&mut self, at: Instant) {
        self.requests_free = self.requests_free.max(at);
        self.bytes_free = self.bytes_free.max(at);
        self.spans = [Span::new(at); 2];
        self.last = at;
    }
}

/// Time that the first requests would take if they were not sent at once.
fn unknown_burst() -> Duration {
    Duration::from_secs_f64(UNKNOWN_BURST / UNKNOWN.requests)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Wait = Wait::Named(Duration::from_secs(30));

    /// Sends 100 requests of 1 MB in 10 s and is refused then.
    fn refuse(pacer: &mut Pacer, start: Instant, wait: Wait) -> Instant {
        for number in 0..100 {
            let now = start + Duration::from_millis(100 * number);
            pacer.sent(1_000_000, now, true);
        }
        let now = start + Duration::from_secs(10);
        pacer.learn(wait, now);
        pacer.reopen(now + wait.time());
        now
    }

    /// A pacer after an unexpected refusal.
    fn refused_once(wait: Wait) -> (Pacer, Instant) {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        let now = refuse(&mut pacer, start, wait);
        (pacer, now)
    }

    /// A pacer after two refusals in a row.
    fn taught(wait: Wait) -> (Pacer, Instant) {
        let (mut pacer, now) = refused_once(wait);
        let now = refuse(&mut pacer, now + wait.time(), wait);
        (pacer, now)
    }

    #[tokio::test(start_paused = true)]
    async fn full_speed_is_back_within_minutes_after_an_unexpected_refusal() {
        for wait in [
            Wait::Named(Duration::from_secs(112)),
            Wait::Guessed(MIN_GUESSED_SPAN),
        ] {
            let (pacer, now) = refused_once(wait);

            let [at_once, later] =
                [0, 4].map(|minutes| pacer.rate(now + Duration::from_secs(60 * minutes)));

            assert!((at_once.requests - 5.0).abs() < 1e-9, "{at_once:?}");
            assert!((at_once.bytes - 5e6).abs() < 1e-3, "{at_once:?}");
            let soon = pacer.rate(now + Duration::from_secs(30));
            assert!((soon.bytes - 10e6).abs() < 1e-3, "{soon:?}");
            assert!(
                (later.requests - UNKNOWN.requests).abs() < 1e-9,
                "{later:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_slow_line_let_through_is_no_limit_of_the_service() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        // Fragments, one in two seconds, for longer than a minute.
        for number in 0..50 {
            pacer.sent(10_000_000, start + Duration::from_secs(2 * number), true);
        }

        let now = start + Duration::from_secs(100);
        pacer.learn(Wait::Named(Duration::from_secs(10)), now);

        let rate = pacer.rate(now);
        assert!((rate.requests - 5.0).abs() < 1e-9, "{rate:?}");
        let later = pacer.rate(now + Duration::from_secs(30));
        assert!(later.bytes >= 5e6 * 0.99, "{later:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_long_after_another_is_unexpected_again() {
        let (mut pacer, now) = taught(WAIT);

        let now = refuse(&mut pacer, now + CALM_PERIOD, WAIT);

        assert!((pacer.rate(now).requests - 5.0).abs() < 1e-9);
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenth_less_than_was_let_through_is_sent_when_it_is_refused_again() {
        let (pacer, now) = taught(WAIT);
        let rate = pacer.rate(now);

        // 100 requests in 10 s and 30 s of waiting.
        assert!((rate.requests - 2.25).abs() < 1e-9, "{rate:?}");
        assert!((rate.bytes - 2_250_000.0).abs() < 1e-3, "{rate:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_grows_by_the_same_amount_each_minute_and_is_forgotten_after_an_hour() {
        let (pacer, now) = taught(WAIT);
        let after = |minutes: u64| pacer.rate(now + Duration::from_secs(60 * minutes)).requests;

        let first = after(10) - after(0);
        let second = after(20) - after(10);
        assert!((first - second).abs() < 1e-9);
        assert!((after(25) - 2.475).abs() < 1e-9, "{}", after(25));
        assert!(after(61) >= UNKNOWN.requests);
    }

    #[tokio::test(start_paused = true)]
    async fn one_refusal_costs_no_more_than_three_quarters_of_the_rate() {
        let (mut pacer, now) = taught(WAIT);
        let open = now + Duration::from_secs(30);
        for _ in 0..MIN_REQUESTS {
            pacer.sent(0, open, true);
        }

        let later = open + Duration::from_secs(1);
        let before = pacer.rate(later);
        pacer.learn(Wait::Named(Duration::from_secs(600)), later);

        let rate = pacer.rate(later);
        assert!((rate.requests - before.requests / 4.0).abs() < 1e-9);
        assert!((rate.bytes - before.bytes / 4.0).abs() < 1e-3);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_learned_from_few_requests() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        pacer.sent(0, start, true);

        pacer.learn(WAIT, start);

        assert!(!pacer.knows(start));
    }

    #[tokio::test(start_paused = true)]
    async fn a_guessed_wait_lets_the_rate_grow_fast() {
        let minute = Duration::from_secs(60);
        let growth = |wait| {
            let (pacer, now) = taught(wait);
            pacer.rate(now + minute).requests / pacer.rate(now).requests
        };

        assert!(growth(Wait::Guessed(Duration::from_secs(30))) > 1.2);
        assert!(growth(WAIT) < 1.01);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_go_at_even_distances_once_a_rate_is_known() {
        let (mut pacer, now) = taught(WAIT);
        let open = now + Duration::from_secs(30);
        let mut moment = open;
        let mut moments = Vec::new();
        for _ in 0..5 {
            moment = moment.max(pacer.next_request());
            moments.push(moment - open);
            pacer.sent(0, moment, true);
        }

        let gaps = moments.windows(2).map(|pair| pair[1] - pair[0]);
        for gap in gaps.skip(1) {
            assert!((0.43..0.45).contains(&gap.as_secs_f64()), "{moments:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn idle_time_does_not_count_as_a_low_rate() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        pacer.sent(0, start, true);

        let now = refuse(&mut pacer, start + Duration::from_secs(1000), WAIT);

        assert!(pacer.rate(now).bytes > 4e6);
    }
}
