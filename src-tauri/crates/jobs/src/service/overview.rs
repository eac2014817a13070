//! The overview of all jobs. This is the only place with the rule.

use std::collections::HashMap;

use coffer_ipc::event::Change;
use coffer_ipc::job::{HealthLevel, JobCard, Overview, Unreadable, WaitingFor};

use crate::wording;

/// The cards as they were last emitted, so that the overview needs no access to the database.
#[derive(Default)]
pub(super) struct EmittedCards {
    cards: HashMap<String, Short>,
    /// The overview that was last emitted; `None` before the first request.
    overview: Option<Overview>,
}

/// The fields of a card that affect the overview.
#[derive(PartialEq, Eq)]
struct Short {
    name: String,
    level: HealthLevel,
    waiting_for: WaitingFor,
    overdue: bool,
}

impl Short {
    fn of(card: &JobCard) -> Self {
        Self {
            name: card.definition.name.clone(),
            level: card.health.level,
            waiting_for: card.health.waiting_for,
            overdue: card.health.overdue,
        }
    }

    /// A job that does not run because it cannot be read.
    fn unreadable(entry: &Unreadable) -> Self {
        Self {
            name: match entry.name.as_str() {
                "" => "A backup".to_owned(),
                name => name.to_owned(),
            },
            level: HealthLevel::Bad,
            waiting_for: WaitingFor::Nothing,
            overdue: false,
        }
    }
}

impl EmittedCards {
    /// Replaces all cards.
    pub(super) fn start(&mut self, cards: &[JobCard], unreadable: &[Unreadable]) -> Overview {
        let short = |card: &JobCard| (card.id.clone(), Short::of(card));
        let unreadable = unreadable.iter().filter(|entry| entry.is_job);
        let unreadable = unreadable.map(|entry| (entry.id.clone(), Short::unreadable(entry)));
        self.cards = cards.iter().map(short).chain(unreadable).collect();
        let overview = self.overview();
        self.overview = Some(overview.clone());
        overview
    }

    /// Applies a change that is emitted; returns the overview if it changed and must be emitted, too.
    pub(super) fn follow(&mut self, change: &Change) -> Option<Overview> {
        match change {
            Change::Job { card } => {
                self.cards.insert(card.id.clone(), Short::of(card));
            }
            Change::JobRemoved { job_id } => {
                self.cards.remove(job_id);
            }
            _ => return None,
        }
        let now = self.overview();
        let emitted = self.overview.as_mut()?;
        (*emitted != now).then(|| {
            emitted.clone_from(&now);
            now
        })
    }

    /// Whether these fields of a card differ from those that were last emitted.
    pub(super) fn is_news(&self, card: &JobCard) -> bool {
        self.cards.get(&card.id) != Some(&Short::of(card))
    }

    /// The overview names the worst job, and of several the first by name.
    fn overview(&self) -> Overview {
        let level = self.cards.values().map(|card| card.level).max();
        let names = self
            .cards
            .values()
            .filter(|card| Some(card.level) == level)
            .map(|card| card.name.as_str());
        let mut names: Vec<_> = names.collect();
        names.sort_by_key(|name| name.to_lowercase());
        Overview {
            level,
            jobs: u32::try_from(names.len()).unwrap_or(u32::MAX),
            line: wording::overview(level, names.first().unwrap_or(&"")),
        }
    }
}
