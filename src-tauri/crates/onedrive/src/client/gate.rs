//! Paces the requests of an account to use all that the service allows without sending anything too early.
//!
//! A request passes when few enough others are in flight ([`workers`]), when the service asks for no wait, and when it
//! is its turn: according to the remaining requests that the service reports ([`budget`]), or else the rate learned
//! from its refusals ([`rate`]). Waits and rates are shared with the user's other processes through a file ([`file`]),
//! which also survives restarts. This process uses a monotonic clock; the file uses the wall clock ([`clock`]).
//!
//! Source: `docs/protocol.md`, 4.11 "Throttling": one gate per credential; it moves forward only; throttled calls count
//! too.

mod allowance;
mod budget;
mod clock;
mod file;
mod rate;
#[cfg(test)]
mod tests;
mod workers;

use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use coffer_destination::{LONGEST_WAIT, SHORTEST_WAIT};
use jiff::Timestamp;
use rand::RngExt as _;
use reqwest::header::HeaderMap;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::Instant;

use super::answer::LONGEST_BELIEVED;
use super::lock;
pub use allowance::Allowance;
use budget::{Budget, RateLimitHeaders};
pub(crate) use clock::WallClock;
pub(crate) use file::name_of;
use file::{Shared, SharedFile, SignIn, Stamp};
use rate::{Pacer, Wait};
use workers::{Worker, Workers};

/// Longest wait that a service may ask for at a time. It is not slept through: see [`Gate::pass`].
const LONGEST: Duration = LONGEST_BELIEVED;
/// A token that is refused once may be valid; if it is still refused after this time, it is not.
const DOUBT: u64 = 3600 * 1000;
/// First wait after throttling without a named time; doubles with each further one.
const FIRST_UNASKED: Duration = Duration::from_secs(30);
/// Longest of those.
const LONGEST_UNASKED: Duration = Duration::from_secs(300);
/// While requests are sent, the shared file is read at least this often: it may change twice within one tick of its
/// modification time.
const RELOAD_INTERVAL: Duration = Duration::from_secs(1);
/// Shorter waits are not reported.
const MIN_ANNOUNCED_WAIT: Duration = Duration::from_secs(2);

/// The gate of one credential.
pub(crate) struct Gate {
    state: Mutex<State>,
    workers: Workers,
    /// Held by the next request while it waits for its turn: one lock for requests without content, which a user may be
    /// waiting for, and one for those with content, which are delayed for longer.
    turns: [AsyncMutex<()>; 2],
    shared: OnceLock<SharedFile>,
    wall: WallClock,
    waits: watch::Sender<Option<Timestamp>>,
}

struct State {
    not_before: Option<Instant>,
    /// When the wait was asked for; refusals of requests sent earlier add nothing.
    closed_at: Option<Instant>,
    /// Consecutive throttled answers that named no time.
    unasked: u32,
    pacer: Pacer,
    budget: Option<Budget>,
    /// Requests that have not been answered yet.
    under_way: u64,
    /// When the sign-in was first doubted, and until when its service must not be asked; by the wall clock.
    sign_in: SignIn,
    /// Last content of the file, when it was read, and its modification state then.
    seen: Shared,
    looked: Option<(Instant, Option<Stamp>)>,
}

/// Permission to send one request; it counts as in flight until this is dropped.
pub(crate) struct Permit<'a> {
    gate: &'a Gate,
    _worker: Worker<'a>,
    bytes: u64,
    at: Instant,
}

/// Time until the next request may be sent, or until the next check.
struct Pause {
    time: Duration,
    /// Whether the service accepts no requests at all, rather than only at a slow rate.
    is_asked_for: bool,
}

/// Why a request was refused for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// This account sends too many requests.
    TooMuch,
    /// The service is busy for everyone.
    Busy,
}

impl Gate {
    pub(crate) fn new(wall: WallClock) -> Self {
        let state = State {
            not_before: None,
            closed_at: None,
            unasked: 0,
            pacer: Pacer::new(Instant::now()),
            budget: None,
            under_way: 0,
            sign_in: SignIn::default(),
            seen: Shared::default(),
            looked: None,
        };
        Self {
            state: Mutex::new(state),
            workers: Workers::default(),
            turns: Default::default(),
            shared: OnceLock::new(),
            wall,
            waits: watch::Sender::new(None),
        }
    }

    /// From now on, shares waits and rates in `folder`, in the file of the credential whose `name` comes from
    /// [`name_of`]. Only the first call has an effect.
    pub(crate) fn share(&self, folder: &Path, name: &str) {
        let _ = self.shared.set(SharedFile::new(folder, name));
    }

    /// When the next request may be sent, while a request waits for the service; `None` while that is soon.
    pub(crate) fn waits(&self) -> watch::Receiver<Option<Timestamp>> {
        self.waits.subscribe()
    }

    /// How much of an upload may be sent from now on; `None` without a limit.
    pub(crate) fn allowance(&self) -> Option<Allowance> {
        let now = Instant::now();
        lock(&self.state).pacer.allowance(now)
    }

    /// How long the service accepts no requests.
    pub(crate) fn remaining(&self) -> Duration {
        lock(&self.state).closed(Instant::now())
    }

    /// Waits until a request with `bytes` in its body may be sent. A wait that the service asked for is extended by up
    /// to a tenth at random, so that processes do not all resume at once.
    ///
    /// # Errors
    /// The remaining wait, if it is longer than a run may wait.
    pub(crate) async fn pass(&self, bytes: u64) -> Result<Permit<'_>, Duration> {
        let came = Instant::now();
        let worker = self.workers.enter().await;
        let _turn = self.turns[usize::from(bytes > 0)].lock().await;
        let announcement = Announcement(&self.waits);
        loop {
            self.look();
            let closed = self.remaining();
            if closed > LONGEST_WAIT {
                return Err(closed);
            }
            let pause = lock(&self.state).next(bytes, Instant::now());
            let Some(pause) = pause else {
                return Ok(Permit {
                    gate: self,
                    _worker: worker,
                    bytes,
                    at: Instant::now(),
                });
            };
            // A queue that moves slowly after a refusal is a wait, too.
            let whole = match pause.is_asked_for {
                true => pause.time,
                false => pause.time + came.elapsed(),
            };
            if whole >= MIN_ANNOUNCED_WAIT {
                announcement.until(self.wall.now(), pause.time);
            }
            tokio::time::sleep(pause.time).await;
        }
    }

    /// Records that Graph refused a new token. Returns whether the sign-in has ended, which is the case if this happens
    /// again an hour after the first time with nothing accepted in between.
    pub(crate) fn doubts_sign_in(&self) -> bool {
        self.look();
        let wall = self.wall.now();
        let mut state = lock(&self.state);
        match state.sign_in.doubted_at.filter(|at| *at <= wall) {
            Some(at) => wall - at >= DOUBT,
            None => {
                state.sign_in.doubted_at = Some(wall);
                self.note(&mut state, Instant::now());
                false
            }
        }
    }

    /// A token was accepted.
    pub(crate) fn trusts_sign_in(&self) {
        let mut state = lock(&self.state);
        if state.sign_in.doubted_at.take().is_some() {
            self.note(&mut state, Instant::now());
        }
    }

    /// How long the token service must not be asked for this sign-in.
    pub(crate) fn sign_in_rests(&self) -> Option<Duration> {
        self.look();
        let wall = self.wall.now();
        let mut state = lock(&self.state);
        if state.sign_in.begin_again(wall) {
            self.note(&mut state, Instant::now());
        }
        let rest = state.sign_in.rest(wall);
        (!rest.is_zero()).then_some(rest)
    }

    /// Records that the token service asked to wait.
    pub(crate) fn rest_sign_in(&self, rest: Duration) {
        let wall = self.wall.now();
        let mut state = lock(&self.state);
        let rest = rest.min(LONGEST).as_millis() as u64;
        state.sign_in.rest = Some((wall, wall.saturating_add(rest)));
        self.note(&mut state, Instant::now());
    }

    /// Adopts what other processes wrote to the file.
    fn look(&self) {
        let Some(file) = self.shared.get() else {
            return;
        };
        let (now, wall) = (Instant::now(), self.wall.now());
        let mut state = lock(&self.state);
        // Checking its modification time costs microseconds, and is enough for most requests.
        let stamp = file.stamp();
        let is_known = state.looked.is_some_and(|(looked, known)| {
            known == stamp && now.saturating_duration_since(looked) < RELOAD_INTERVAL
        });
        if is_known {
            return;
        }
        state.looked = Some((now, stamp));
        if let Some(shared) = file.read().filter(|shared| *shared != state.seen) {
            state.unasked = shared.unasked;
            state.sign_in = shared.sign_in;
            if state.adopt(&shared, wall, now) {
                self.workers.refused();
            }
            let was_set_back = shared.asked_at > wall;
            state.seen = shared;
            if was_set_back {
                // With the new time, the wait would start over in every later process.
                self.note(&mut state, now);
            }
        }
    }

    /// Writes what other processes need to know.
    fn note(&self, state: &mut State, now: Instant) {
        let Some(file) = self.shared.get() else {
            return;
        };
        let wall = self.wall.now();
        // Another process may have written a longer wait since.
        if let Some(shared) = file.read().filter(|shared| *shared != state.seen) {
            state.adopt(&shared, wall, now);
        }
        let shared = state.shared(wall, now);
        file.write(shared.clone());
        state.seen = shared;
    }
}

/// Announces until when the next request waits, until this is dropped.
struct Announcement<'a>(&'a watch::Sender<Option<Timestamp>>);

impl Announcement<'_> {
    fn until(&self, wall: u64, wait: Duration) {
        let until = i64::try_from(u128::from(wall) + wait.as_millis()).ok();
        let until = until.and_then(|until| Timestamp::from_millisecond(until).ok());
        self.0.send_replace(until);
    }
}

impl Drop for Announcement<'_> {
    fn drop(&mut self) {
        self.0
            .send_if_modified(|announced| announced.take().is_some());
    }
}

impl Permit<'_> {
    /// Applies what the answer says about the remaining requests.
    pub(crate) fn observe_limits(&self, headers: &HeaderMap) {
        if let Some(limits) = RateLimitHeaders::read(headers) {
            let mut state = lock(&self.gate.state);
            let others = state.under_way.saturating_sub(1);
            state.budget = Some(Budget::updated(
                state.budget,
                limits,
                others,
                Instant::now(),
            ));
        }
    }

    /// Records a successful answer.
    pub(crate) fn succeeded(&self) {
        self.gate.workers.succeeded();
        let mut state = lock(&self.gate.state);
        // A request that was in flight when the gate closed says nothing.
        if state.unasked > 0 && state.closed_at.is_none_or(|at| self.at > at) {
            state.unasked = 0;
            self.gate.note(&mut state, Instant::now());
        }
    }

    /// Records that the service refused the request, for `wait` if it named a time. Never shortens an earlier wait.
    pub(crate) fn refused(&self, wait: Option<Duration>, reason: Reason) {
        let now = Instant::now();
        let wait = wait.filter(|named| *named >= SHORTEST_WAIT);
        let mut state = lock(&self.gate.state);
        state.pacer.refused(self.bytes);
        let is_news = state.closed_at.is_none_or(|at| self.at > at);
        if is_news {
            self.gate.workers.refused();
            if wait.is_none() {
                state.unasked = state.unasked.saturating_add(1);
            }
        }
        let wait = wait.map_or_else(
            || Wait::Guessed(unasked_wait(state.unasked)),
            |named| Wait::Named(named.min(LONGEST)),
        );
        // If the budget was used up, that was the reason, and the start of the next one is known.
        let is_known = state.budget.is_some_and(|budget| budget.is_spent());
        if is_news && reason == Reason::TooMuch && !is_known {
            state.pacer.learn(wait, now);
        }
        state.close(wait, now);
        self.gate.note(&mut state, now);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        lock(&self.gate.state).under_way -= 1;
    }
}

impl State {
    /// How long the service accepts no requests.
    fn closed(&self, now: Instant) -> Duration {
        self.not_before
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// How long the next request has to wait; counts it as sent when it may be sent now.
    fn next(&mut self, bytes: u64, now: Instant) -> Option<Pause> {
        let closed = self.closed(now);
        if !closed.is_zero() {
            let late = closed
                .min(Duration::from_secs(10))
                .mul_f64(rand::rng().random_range(0.0..0.1));
            return Some(Pause {
                time: closed + late,
                is_asked_for: true,
            });
        }
        self.budget = self.budget.and_then(|budget| budget.at(now));
        let by_number = match &self.budget {
            Some(budget) => budget.next(),
            None => self.pacer.next_request(),
        };
        let moment = match bytes {
            0 => by_number,
            _ => by_number.max(self.pacer.next_bytes()),
        };
        if moment > now {
            return Some(Pause {
                time: moment - now,
                is_asked_for: self.budget.is_some_and(|budget| budget.is_used_up()),
            });
        }
        self.pacer.sent(bytes, now, self.budget.is_none());
        if let Some(budget) = &mut self.budget {
            budget.sent(now);
        }
        self.under_way += 1;
        None
    }

    fn close(&mut self, wait: Wait, now: Instant) {
        let until = now + wait.time();
        self.not_before = Some(self.not_before.map_or(until, |before| before.max(until)));
        self.closed_at = Some(now);
        self.pacer.reopen(until);
    }

    /// Adopts what another or an earlier process wrote; returns whether that is a wait.
    fn adopt(&mut self, shared: &Shared, wall: u64, now: Instant) -> bool {
        let wait = shared.wait(wall);
        let until = now + wait;
        let is_longer = !wait.is_zero() && self.not_before.is_none_or(|before| before < until);
        if is_longer {
            self.not_before = Some(until);
            self.pacer.reopen(until);
        }
        if let Some((at, rate)) = shared.learned {
            self.pacer.adopt(rate, at, wall, now);
        }
        is_longer
    }

    fn shared(&self, wall: u64, now: Instant) -> Shared {
        Shared {
            asked_at: wall,
            // Round up to whole milliseconds.
            closed_until: wall + self.closed(now).as_micros().div_ceil(1000) as u64,
            unasked: self.unasked,
            learned: self.pacer.learned(wall, now),
            sign_in: self.sign_in,
            ..Shared::default()
        }
    }
}

/// Wait after this many consecutive throttled answers that named no time.
fn unasked_wait(times: u32) -> Duration {
    FIRST_UNASKED
        .saturating_mul(2_u32.saturating_pow(times.saturating_sub(1)))
        .min(LONGEST_UNASKED)
}
