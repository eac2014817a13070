//! How all jobs together stand. The rule is here and nowhere else.

use std::collections::HashMap;

use coffer_ipc::event::Change;
use coffer_ipc::job::{HealthLevel, JobCard, Overview, WaitingFor};

use crate::wording;

/// What the cards said when they were told last, so that the overview needs no look at the database.
#[derive(Default)]
pub(super) struct ToldCards {
    cards: HashMap<String, Short>,
    /// What was told of all of them; nothing before somebody asked.
    overview: Option<Overview>,
}

/// What a card says, in short.
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
}

impl ToldCards {
    /// Takes in all cards that somebody is told.
    pub(super) fn start(&mut self, cards: &[JobCard]) -> Overview {
        let short = |card: &JobCard| (card.id.clone(), Short::of(card));
        self.cards = cards.iter().map(short).collect();
        let overview = self.overview();
        self.overview = Some(overview.clone());
        overview
    }

    /// Takes in a change that is told; the answer is what has to be told after it.
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
        let told = self.overview.as_mut()?;
        (*told != now).then(|| {
            told.clone_from(&now);
            now
        })
    }

    /// Whether a card says something else in short than the one that was told.
    pub(super) fn is_news(&self, card: &JobCard) -> bool {
        self.cards.get(&card.id) != Some(&Short::of(card))
    }

    /// The worst job speaks, and of several the first by name.
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
