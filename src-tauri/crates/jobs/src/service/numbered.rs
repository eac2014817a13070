//! Events, numbered in the order in which they are told.

use std::iter;
use std::sync::Mutex;

use coffer_ipc::event::{Change, Event};
use coffer_ipc::job::{JobCard, Overview};
use tokio::sync::broadcast::{Receiver, Sender, channel};

use super::overview::ToldCards;
use crate::lock;

/// Events that a slow listener may lag behind before it is told how everything stands instead.
const WAITING: usize = 1024;

/// What is told, and what was.
pub(super) struct Events {
    sender: Sender<Event>,
    /// Number of the event that was told last. Held while one is made and told, so that none overtakes another.
    seq: Mutex<u64>,
    /// What the cards said when they were told last.
    cards: Mutex<ToldCards>,
}

impl Events {
    pub(super) fn new() -> Self {
        Self {
            sender: channel(WAITING).0,
            seq: Mutex::new(0),
            cards: Mutex::default(),
        }
    }

    /// Everything that is told from now on.
    pub(super) fn subscribe(&self) -> Receiver<Event> {
        self.sender.subscribe()
    }

    /// Tells what `look` finds at this moment under the number that it is given, and how all jobs stand after it.
    pub(super) fn tell(&self, look: impl FnOnce(u64) -> Option<Change>) {
        let mut seq = lock(&self.seq);
        let Some(change) = look(*seq + 1) else {
            return;
        };
        let overview = lock(&self.cards).follow(&change);
        let overview = overview.map(|overview| Change::Overview { overview });
        for change in iter::once(change).chain(overview) {
            *seq += 1;
            // Nobody listens while the window is closed.
            let _ = self.sender.send(Event { seq: *seq, change });
        }
    }

    /// Does `work` while nothing is told, with the number of the last event.
    pub(super) fn hold<T>(&self, work: impl FnOnce(u64) -> T) -> T {
        let seq = lock(&self.seq);
        work(*seq)
    }

    /// How all jobs stand. For whoever tells all cards while no other event is told.
    pub(super) fn overview_of(&self, cards: &[JobCard]) -> Overview {
        lock(&self.cards).start(cards)
    }

    /// Whether a card says something else in short than when it was told.
    pub(super) fn is_news(&self, card: &JobCard) -> bool {
        lock(&self.cards).is_news(card)
    }
}
