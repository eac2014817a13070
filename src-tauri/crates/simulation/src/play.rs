//! One history from its start to its end, and what is left of it when all that does not matter is left out.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::event::{Event, Trouble};
use crate::generate::{Choice, History};
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

/// Plays a history against the engine.
pub fn play(history: &History) -> Played {
    let world = World::new(history.clients);
    let mut trace = Vec::new();
    for event in &history.events {
        let happened = world.next(event);
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

/// Plays the histories of many seeds, some at the same time, and returns what does not hold.
pub fn play_many(seeds: Range<u64>, choice: &Choice, threads: usize) -> BTreeMap<u64, Violation> {
    let next = AtomicU64::new(seeds.start);
    let failures = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if let Some(violation) = play(&History::of(seed, choice)).violation {
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
pub fn shrink(history: &History, violation: &Violation) -> (History, Played) {
    let mut best = history.clone();
    let mut played = play(history);
    let same = |played: &Played| {
        let found = played.violation.as_ref();
        found.is_some_and(|found| invariant(found) == invariant(violation))
    };
    if !same(&played) {
        return (best, played);
    }
    // What comes after the step that failed does not matter.
    let failed_at = played.trace.len();
    let mut shorter = best.clone();
    shorter.events.truncate(failed_at);
    let mut candidates = vec![shorter];
    loop {
        let mut is_better = false;
        for candidate in candidates {
            let outcome = play(&candidate);
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
fn shorter_ones(history: &History) -> Vec<History> {
    let count = history.events.len();
    let mut candidates = Vec::new();
    let mut size = count / 2;
    while size > 0 {
        for start in (0..count).step_by(size) {
            let mut candidate = history.clone();
            candidate.events.drain(start..(start + size).min(count));
            candidates.push(candidate);
        }
        size /= 2;
    }
    for (number, event) in history.events.iter().enumerate() {
        for simpler in simpler_ones(event) {
            let mut candidate = history.clone();
            candidate.events[number] = simpler;
            candidates.push(candidate);
        }
    }
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
