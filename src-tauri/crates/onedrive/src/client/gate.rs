//! Holds the requests of an account back, so that the service gives all it has and is never asked too early.
//!
//! A request passes when there are few enough others ([`workers`]), when no wait is asked for, and when it is its turn:
//! by what the service says is left ([`budget`]), or else by the rate that was learned from its refusals ([`rate`]).
//! Waits and rates are shared with the other processes of this user through a file ([`file`]), which also outlives a
//! restart. Waits of this process go by a clock that is never set; the file goes by the one on the wall ([`clock`]).
//!
//! Source: `docs/protocol.md`, 4.11 "Throttling": one gate per credential; it moves forward only; throttled calls count too.

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
use budget::{Budget, Stated};
pub(crate) use clock::WallClock;
pub(crate) use file::name_of;
use file::{Shared, SharedFile, SignIn, Stamp};
use rate::{Pacer, Wait};
use workers::{Worker, Workers};

/// Longest wait that a service may ask for at a time. Nobody sleeps it: see [`Gate::pass`].
const LONGEST: Duration = LONGEST_BELIEVED;
/// A token that is refused once may be good; one that is refused again after this time is not.
const DOUBT: u64 = 3600 * 1000;
/// First wait after throttling that names no time; doubles while it goes on.
const FIRST_UNASKED: Duration = Duration::from_secs(30);
/// Longest of those.
const LONGEST_UNASKED: Duration = Duration::from_secs(300);
/// What other processes noted is read this often at least, while requests are sent: a file may change twice within
/// one tick of its time.
const LOOK: Duration = Duration::from_secs(1);
/// Waits that are shorter are not worth telling.
const TOLD: Duration = Duration::from_secs(2);

/// The gate of one credential.
pub(crate) struct Gate {
    state: Mutex<State>,
    workers: Workers,
    /// Held by the request that goes next, while it waits for its moment: one of those without content, which somebody
    /// may be waiting for, and one of those with, which are held back for longer.
    turns: [AsyncMutex<()>; 2],
    shared: OnceLock<SharedFile>,
    wall: WallClock,
    waits: watch::Sender<Option<Timestamp>>,
}

struct State {
    not_before: Option<Instant>,
    /// When that was asked for; refusals of requests that went earlier tell nothing new.
    closed_at: Option<Instant>,
    /// Throttled answers in a row that named no time.
    unasked: u32,
    pacer: Pacer,
    budget: Option<Budget>,
    /// Requests without an answer.
    under_way: u64,
    /// When the sign-in was doubted first, and until when its service must not be asked; by the wall clock.
    sign_in: SignIn,
    /// What the file held last, when it was read, and its state then.
    seen: Shared,
    looked: Option<(Instant, Option<Stamp>)>,
}

/// A request that may be sent, until this is dropped.
pub(crate) struct Passed<'a> {
    gate: &'a Gate,
    _worker: Worker<'a>,
    bytes: u64,
    at: Instant,
}

/// Time until the next request may go, or until that is looked at again.
struct Pause {
    time: Duration,
    /// Whether the service wants nothing to come, rather than everything to come slowly.
    is_asked_for: bool,
}

/// Why a request was refused for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// This account asks for too much.
    TooMuch,
    /// The service is busy, whoever asks.
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

    /// From now on what the service asks for is kept in `folder`, in the file of the credential that [`name_of`] made
    /// `name` of. Only the first call counts.
    pub(crate) fn share(&self, folder: &Path, name: &str) {
        let _ = self.shared.set(SharedFile::new(folder, name));
    }

    /// Until when the service wants nothing to come, while a request waits for that; nothing while it is soon.
    pub(crate) fn waits(&self) -> watch::Receiver<Option<Timestamp>> {
        self.waits.subscribe()
    }

    /// What of an upload may go from now on; `None` without a limit.
    pub(crate) fn allowance(&self) -> Option<Allowance> {
        let now = Instant::now();
        lock(&self.state).pacer.allowance(now)
    }

    /// How long the service wants to be left alone.
    pub(crate) fn remaining(&self) -> Duration {
        lock(&self.state).closed(Instant::now())
    }

    /// Waits until a request with `bytes` in its body may be sent. After a wait that the service asked for it takes up
    /// to a tenth longer, so that processes do not all come at once.
    ///
    /// # Errors
    /// The time that the service wants to be left alone, when that is longer than a run may rest.
    pub(crate) async fn pass(&self, bytes: u64) -> Result<Passed<'_>, Duration> {
        let came = Instant::now();
        let worker = self.workers.enter().await;
        let _turn = self.turns[usize::from(bytes > 0)].lock().await;
        let told = Told(&self.waits);
        loop {
            self.look();
            let closed = self.remaining();
            if closed > LONGEST_WAIT {
                return Err(closed);
            }
            let pause = lock(&self.state).next(bytes, Instant::now());
            let Some(pause) = pause else {
                return Ok(Passed {
                    gate: self,
                    _worker: worker,
                    bytes,
                    at: Instant::now(),
                });
            };
            // A queue that moves slowly because of a refusal before is a wait, too.
            let whole = match pause.is_asked_for {
                true => pause.time,
                false => pause.time + came.elapsed(),
            };
            if whole >= TOLD {
                told.until(self.wall.now(), pause.time);
            }
            tokio::time::sleep(pause.time).await;
        }
    }

    /// Graph refuses a token that was just given. Says whether that is the end of the sign-in: it is when it happens
    /// again an hour after the first time, and nothing was accepted in between.
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

    /// How long the service that gives out tokens must not be asked for this sign-in.
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

    /// The service that gives out tokens asks for a rest.
    pub(crate) fn rest_sign_in(&self, rest: Duration) {
        let wall = self.wall.now();
        let mut state = lock(&self.state);
        let rest = rest.min(LONGEST).as_millis() as u64;
        state.sign_in.rest = Some((wall, wall.saturating_add(rest)));
        self.note(&mut state, Instant::now());
    }

    /// Takes over what other processes noted.
    fn look(&self) {
        let Some(file) = self.shared.get() else {
            return;
        };
        let (now, wall) = (Instant::now(), self.wall.now());
        let mut state = lock(&self.state);
        // A look at its times costs microseconds, and is all that most requests need.
        let stamp = file.stamp();
        let is_known = state.looked.is_some_and(|(looked, known)| {
            known == stamp && now.saturating_duration_since(looked) < LOOK
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
                // By the new time the wait would begin anew in every process to come.
                self.note(&mut state, now);
            }
        }
    }

    /// Notes what other processes have to know.
    fn note(&self, state: &mut State, now: Instant) {
        let Some(file) = self.shared.get() else {
            return;
        };
        let wall = self.wall.now();
        // Another process may have noted a longer wait since.
        if let Some(shared) = file.read().filter(|shared| *shared != state.seen) {
            state.adopt(&shared, wall, now);
        }
        let shared = state.shared(wall, now);
        file.write(shared.clone());
        state.seen = shared;
    }
}

/// Says until when the next request waits, until this is dropped.
struct Told<'a>(&'a watch::Sender<Option<Timestamp>>);

impl Told<'_> {
    fn until(&self, wall: u64, wait: Duration) {
        let until = i64::try_from(u128::from(wall) + wait.as_millis()).ok();
        let until = until.and_then(|until| Timestamp::from_millisecond(until).ok());
        self.0.send_replace(until);
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.send_if_modified(|told| told.take().is_some());
    }
}

impl Passed<'_> {
    /// Heeds what the answer says about the requests that are left.
    pub(crate) fn heed(&self, headers: &HeaderMap) {
        if let Some(stated) = Stated::read(headers) {
            let mut state = lock(&self.gate.state);
            let others = state.under_way.saturating_sub(1);
            state.budget = Some(Budget::heed(state.budget, stated, others, Instant::now()));
        }
    }

    /// The request was answered as it should be.
    pub(crate) fn went_well(&self) {
        self.gate.workers.went_well();
        let mut state = lock(&self.gate.state);
        // One that was under way when the gate closed tells nothing.
        if state.unasked > 0 && state.closed_at.is_none_or(|at| self.at > at) {
            state.unasked = 0;
            self.gate.note(&mut state, Instant::now());
        }
    }

    /// The service wants to be left alone, for `wait` when it named a time. Never shortens a wait that was asked for
    /// before.
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
        // With nothing left in the budget, that was the reason, and the next one is known.
        let is_known = state.budget.is_some_and(|budget| budget.is_spent());
        if is_news && reason == Reason::TooMuch && !is_known {
            state.pacer.learn(wait, now);
        }
        state.close(wait, now);
        self.gate.note(&mut state, now);
    }
}

impl Drop for Passed<'_> {
    fn drop(&mut self) {
        lock(&self.gate.state).under_way -= 1;
    }
}

impl State {
    /// How long the service wants to be left alone.
    fn closed(&self, now: Instant) -> Duration {
        self.not_before
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// How long the next request has to wait; counts it as sent when it may go.
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

    /// Takes over what another process, or one before, noted; says whether that is a wait.
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
            // Part of a millisecond counts as one.
            closed_until: wall + self.closed(now).as_micros().div_ceil(1000) as u64,
            unasked: self.unasked,
            learned: self.pacer.learned(wall, now),
            sign_in: self.sign_in,
            ..Shared::default()
        }
    }
}

/// Wait after so many throttled answers in a row that named no time.
fn unasked_wait(times: u32) -> Duration {
    FIRST_UNASKED
        .saturating_mul(2_u32.saturating_pow(times.saturating_sub(1)))
        .min(LONGEST_UNASKED)
}
