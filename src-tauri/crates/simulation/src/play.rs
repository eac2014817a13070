//! One history from its start to its end, and what is left of it when all that does not matter is left out.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::event::{Event, Trouble};
use crate::generate::History;
use crate::happen::happen_next;
use crate::model::Violation;
use crate::settle::settle;
use crate::world::World;

/// What came of a history.
#[derive(Debug, Clone)]
pub struct Played {
    /// What does not hold, if anything does not.
    pub violation: Option<Violation>,
    /// Each step and what came of it.
    pub trace: Vec<String>,
}

/// What a seed makes happen, and how it is played and shortened.
pub trait Story: Clone {
    /// Histories that are played at the same time on each processor: those that wait for something leave it to others.
    const AT_ONCE: usize;

    /// Plays it against the real thing.
    fn play(&self) -> Played;

    /// How many things happen.
    fn events(&self) -> usize;

    /// The same without the events from `start` to before `end`.
    fn without(&self, start: usize, end: usize) -> Self;

    /// The same with something simpler in place of one of its parts.
    fn simpler(&self) -> Vec<Self>;

    /// What it happens to, in a few words.
    fn describe(&self) -> String;
}

impl Story for History {
    const AT_ONCE: usize = 1;

    fn play(&self) -> Played {
        let world = World::new(self.clients);
        let mut trace = Vec::new();
        for event in &self.events {
            let happened = happen_next(&world, event);
            trace.push(format!("{event} => {happened}"));
            if world.violation().is_some() {
                break;
            }
        }
        if world.violation().is_none() {
            settle(&world, &mut trace);
        }
        Played {
            violation: world.violation(),
            trace,
        }
    }

    fn events(&self) -> usize {
        self.events.len()
    }

    fn without(&self, start: usize, end: usize) -> Self {
        let mut fewer = self.clone();
        fewer.events.drain(start..end);
        fewer
    }

    fn simpler(&self) -> Vec<Self> {
        let mut candidates = Vec::new();
        for (number, event) in self.events.iter().enumerate() {
            for simpler in simpler_ones(event) {
                let mut candidate = self.clone();
                candidate.events[number] = simpler;
                candidates.push(candidate);
            }
        }
        candidates
    }

    fn describe(&self) -> String {
        format!("{} clients", self.clients)
    }
}

/// Histories that are played at the same time unless another number is asked for.
pub fn usual_threads<S: Story>() -> usize {
    thread::available_parallelism().map_or(1, usize::from) * S::AT_ONCE
}

/// Plays the histories that `make` makes of many seeds, some at the same time, and returns what does not hold.
pub fn play_many<S: Story>(
    seeds: Range<u64>,
    make: impl Fn(u64) -> S + Sync,
    threads: usize,
) -> BTreeMap<u64, Violation> {
    let next = AtomicU64::new(seeds.start);
    let failures = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if let Some(violation) = make(seed).play().violation {
                        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                        failures.insert(seed, violation);
                    }
                }
            });
        }
    });
    failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
}

/// What does not hold, without what was injected last.
fn invariant(violation: &Violation) -> &str {
    let class = violation.class.as_str();
    class.split(" / ").next().unwrap_or(class)
}

/// Leaves out steps as long as the same does not hold.
pub fn shrink<S: Story>(history: &S, violation: &Violation) -> (S, Played) {
    let mut best = history.clone();
    let mut played = history.play();
    let same = |played: &Played| {
        let found = played.violation.as_ref();
        found.is_some_and(|found| invariant(found) == invariant(violation))
    };
    if !same(&played) {
        return (best, played);
    }
    // What comes after the step that failed does not matter.
    let failed_at = played.trace.len().min(best.events());
    let mut candidates = vec![best.without(failed_at, best.events())];
    loop {
        let mut is_better = false;
        for candidate in candidates {
            let outcome = candidate.play();
            if same(&outcome) {
                (best, played) = (candidate, outcome);
                is_better = true;
                break;
            }
        }
        if !is_better {
            return (best, played);
        }
        candidates = shorter_ones(&best);
    }
}

/// The same history without one of its parts; larger parts first.
fn shorter_ones<S: Story>(history: &S) -> Vec<S> {
    let count = history.events();
    let mut candidates = Vec::new();
    let mut size = count / 2;
    while size > 0 {
        for start in (0..count).step_by(size) {
            candidates.push(history.without(start, (start + size).min(count)));
        }
        size /= 2;
    }
    candidates.extend(history.simpler());
    candidates
}

/// The same event without one of its troubles, and with simpler ones.
fn simpler_ones(event: &Event) -> Vec<Event> {
    let Event::Operate {
        client,
        operation,
        troubles,
    } = event
    else {
        return Vec::new();
    };
    let with = |troubles: Vec<Trouble>| Event::Operate {
        client: *client,
        operation: operation.clone(),
        troubles,
    };
    (0..troubles.len())
        .map(|number| {
            let mut fewer = troubles.clone();
            fewer.remove(number);
            with(fewer)
        })
        .collect()
}
