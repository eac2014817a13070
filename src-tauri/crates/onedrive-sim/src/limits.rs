//! Limits as Microsoft documents them: a number of requests and bytes per account and time window, then 429.
//!
//! Windows follow each other without a gap and begin at an undisclosed time. Requests to Graph and to upload
//! addresses count; sign-in, downloads and the admin API do not. A request beyond them is refused and
//! counts as a throttled one. Source: "Avoid getting throttled or blocked in SharePoint Online" (windows, 429,
//! `Retry-After`, and the `RateLimit` headers that come once four fifths are used).

use std::collections::BTreeMap;

use jiff::Timestamp;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Percent of a window's requests that are used before the documented headers appear.
const LATE_PERCENT: u64 = 80;

/// Milliseconds after the first refusal in which requests may arrive that were sent before the refusal was received.
const UNDER_WAY: i64 = 250;

/// What an account may do in a window; [`Limits::default`] limits nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Seconds of a window.
    pub window_seconds: u64,
    /// Requests in a window; 0 is without limit.
    pub requests: u64,
    /// Bytes of request bodies in a window; 0 is without limit.
    pub bytes: u64,
    /// When answers carry `RateLimit` headers about the requests.
    pub headers: Headers,
    /// Whether refusals say when the window is over.
    pub retry_after: bool,
    /// Randomizes the window, its start, and either requests or bytes, overriding the given values.
    pub seed: Option<u64>,
}

/// When answers carry `RateLimit` headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Headers {
    /// Never.
    #[default]
    Never,
    /// Once four fifths of the requests are used, as documented.
    Late,
    /// In every answer.
    Always,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window_seconds: 60,
            requests: 0,
            bytes: 0,
            headers: Headers::Never,
            retry_after: true,
            seed: None,
        }
    }
}

/// What becomes of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) refused: bool,
    /// Headers of its answer.
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// The limits that are set, and what each account used.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    set: Option<Set>,
    accounts: BTreeMap<String, Usage>,
}

#[derive(Debug)]
struct Set {
    limits: Limits,
    at: Timestamp,
    /// When some window begins, in milliseconds; the others follow from it.
    anchor: i64,
}

#[derive(Debug, Default)]
struct Usage {
    /// Number of the window that `requests` and `bytes` belong to.
    window: i64,
    requests: u64,
    bytes: u64,
    all_requests: u64,
    all_bytes: u64,
    throttled: u64,
    /// Requests that came before the time of a refusal was over, but not at once after it.
    early: u64,
    closed_at: i64,
    closed_until: i64,
}

impl Limiter {
    /// Sets limits and resets the counts. `None` when they are invalid.
    pub(crate) fn set(&mut self, mut limits: Limits, now: Timestamp) -> Option<()> {
        let mut anchor = now.as_millisecond();
        if let Some(seed) = limits.seed {
            anchor -= choose(&mut limits, seed);
        }
        if limits.window_seconds == 0 || limits.window_seconds > 24 * 3600 {
            return None;
        }
        self.accounts.clear();
        self.set = Some(Set {
            limits,
            at: now,
            anchor,
        });
        Some(())
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Counts a request of `bytes` and says whether it may pass.
    pub(crate) fn count(&mut self, account: &str, bytes: u64, now: Timestamp) -> Verdict {
        let Some(set) = &self.set else {
            return Verdict::default();
        };
        let limits = &set.limits;
        let length = limits.window_seconds as i64 * 1000;
        let now = now.as_millisecond();
        let window = (now - set.anchor).div_euclid(length);
        let rest = length - (now - set.anchor).rem_euclid(length);
        let usage = self.accounts.entry(account.to_owned()).or_default();
        if usage.window != window {
            (usage.window, usage.requests, usage.bytes) = (window, 0, 0);
        }
        if (usage.closed_at + UNDER_WAY..usage.closed_until).contains(&now) {
            usage.early += 1;
        }
        let fits = |used: u64, more: u64, limit: u64| limit == 0 || used + more <= limit;
        let refused =
            !fits(usage.requests, 1, limits.requests) || !fits(usage.bytes, bytes, limits.bytes);
        // Round up to whole seconds, so that a retry after them is not too early.
        let seconds = (rest as u64).div_ceil(1000);
        let mut headers = Vec::new();
        if refused {
            usage.throttled += 1;
            if limits.retry_after {
                if now >= usage.closed_until {
                    usage.closed_at = now;
                }
                usage.closed_until = now + seconds as i64 * 1000;
                headers.push(("retry-after", seconds.to_string()));
            }
        } else {
            usage.requests += 1;
            usage.bytes += bytes;
            usage.all_requests += 1;
            usage.all_bytes += bytes;
        }
        let announced = match limits.headers {
            Headers::Never => false,
            Headers::Late => usage.requests * 100 >= limits.requests * LATE_PERCENT,
            Headers::Always => true,
        };
        if announced && limits.requests > 0 {
            let left = limits.requests - usage.requests;
            headers.push(("ratelimit-limit", limits.requests.to_string()));
            headers.push(("ratelimit-remaining", left.to_string()));
            headers.push(("ratelimit-reset", seconds.to_string()));
        }
        Verdict { refused, headers }
    }

    /// The limits and the counts since they were set.
    pub(crate) fn report(&self, now: Timestamp) -> Value {
        let Some(set) = &self.set else {
            return json!({"limits": null, "accounts": {}});
        };
        let accounts = self.accounts.iter().map(|(account, usage)| {
            let counted = json!({
                "requests": usage.all_requests,
                "bytes": usage.all_bytes,
                "throttled": usage.throttled,
                "early": usage.early,
            });
            (account.clone(), counted)
        });
        json!({
            "limits": set.limits,
            "elapsed_ms": now.as_millisecond() - set.at.as_millisecond(),
            "accounts": accounts.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// Limits of 3 to 6 requests or 0.8 to 1.6 MB a second in windows of 10 to 60 s, and how far into a window they start,
/// in milliseconds.
fn choose(limits: &mut Limits, seed: u64) -> i64 {
    let mut random = StdRng::seed_from_u64(seed);
    let window: u64 = random.random_range(10..=60);
    limits.window_seconds = window;
    (limits.requests, limits.bytes) = (0, 0);
    // Headers speak of requests only.
    if limits.headers != Headers::Never || random.random_bool(0.5) {
        limits.requests = (window * random.random_range(30..=60) / 10).max(60);
    } else {
        limits.bytes = (window * random.random_range(800_000..=1_600_000)).max(20_000_000);
    }
    random.random_range(0..window as i64 * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan as _;

    fn limiter(limits: Limits) -> (Limiter, Timestamp) {
        let mut limiter = Limiter::default();
        limiter.set(limits, Timestamp::UNIX_EPOCH).expect("limits");
        (limiter, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_does_not_fit_into_the_window_is_refused_until_it_is_over() {
        let (mut limiter, start) = limiter(Limits {
            window_seconds: 10,
            requests: 2,
            ..Limits::default()
        });
        let at = |ms: i64| start + ms.milliseconds();

        assert!(!limiter.count("alex", 0, at(0)).refused);
        assert!(!limiter.count("alex", 0, at(2500)).refused);
        let third = limiter.count("alex", 0, at(2600));
        let other = limiter.count("robin", 0, at(2600));
        let under_way = limiter.count("alex", 0, at(2700));
        let early = limiter.count("alex", 0, at(9999));

        assert!(third.refused && under_way.refused && early.refused && !other.refused);
        assert_eq!(third.headers, [("retry-after", "8".to_owned())]);
        assert!(!limiter.count("alex", 0, at(11_000)).refused);
        let counted = &limiter.report(at(11_000))["accounts"]["alex"];
        assert_eq!(counted["throttled"], 3);
        assert_eq!(counted["early"], 1);
    }

    #[test]
    fn bytes_count_as_requests_do() {
        let (mut limiter, now) = limiter(Limits {
            bytes: 100,
            retry_after: false,
            ..Limits::default()
        });

        assert!(!limiter.count("alex", 60, now).refused);
        let too_much = limiter.count("alex", 41, now);
        assert!(too_much.refused && too_much.headers.is_empty());
        assert!(!limiter.count("alex", 40, now).refused);
    }

    #[test]
    fn documented_headers_come_once_four_fifths_are_used() {
        let (mut limiter, now) = limiter(Limits {
            requests: 5,
            headers: Headers::Late,
            ..Limits::default()
        });
        let answers: Vec<_> = (0..5).map(|_| limiter.count("alex", 0, now)).collect();

        assert!(answers[2].headers.is_empty());
        let announced = [
            ("ratelimit-limit", "5".to_owned()),
            ("ratelimit-remaining", "1".to_owned()),
            ("ratelimit-reset", "60".to_owned()),
        ];
        assert_eq!(answers[3].headers, announced);
        assert_eq!(answers[4].headers[1].1, "0");
    }

    #[test]
    fn a_seed_chooses_the_same_limits_each_time() {
        let seeded = || {
            let mut limits = Limits::default();
            (choose(&mut limits, 7), limits)
        };

        assert_eq!(seeded(), seeded());
        for seed in 0..100 {
            let mut limits = Limits::default();
            choose(&mut limits, seed);
            assert!((10..=60).contains(&limits.window_seconds));
            assert!((limits.requests == 0) != (limits.bytes == 0));
        }
    }
}
