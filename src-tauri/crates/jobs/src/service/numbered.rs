//! Events, numbered in the order in which they are emitted.

use std::iter;
use std::sync::Mutex;

use coffer_ipc::event::{Change, Event};
use coffer_ipc::job::{JobCard, Overview, Unreadable};
use tokio::sync::broadcast::{Receiver, Sender, channel};

use super::overview::EmittedCards;
use crate::lock;

/// Number of events that a slow listener may lag behind before it gets the whole state instead.
const WAITING: usize = 1024;

/// The channel for events, and what was emitted last.
pub(super) struct Events {
    sender: Sender<Event>,
    /// Number of the last event. Locked while an event is created and emitted, so that none overtakes another.
    seq: Mutex<u64>,
    /// The cards as they were last emitted.
    cards: Mutex<EmittedCards>,
}

impl Events {
    pub(super) fn new() -> Self {
        Self {
            sender: channel(WAITING).0,
            seq: Mutex::new(0),
            cards: Mutex::default(),
        }
    }

    /// Subscribes to all further events.
    pub(super) fn subscribe(&self) -> Receiver<Event> {
        self.sender.subscribe()
    }

    /// Emits what `look` finds under the number that it gets, followed by the overview of all jobs if that changed.
    pub(super) fn emit(&self, look: impl FnOnce(u64) -> Option<Change>) {
        let mut seq = lock(&self.seq);
        let Some(change) = look(*seq + 1) else {
            return;
        };
        let overview = lock(&self.cards).follow(&change);
        let overview = overview.map(|overview| Change::Overview { overview });
        for change in iter::once(change).chain(overview) {
            *seq += 1;
            // There is no listener while the window is closed.
            let _ = self.sender.send(Event { seq: *seq, change });
        }
    }

    /// Does `work` with the number of the last event, while no event is emitted.
    pub(super) fn hold<T>(&self, work: impl FnOnce(u64) -> T) -> T {
        let seq = lock(&self.seq);
        work(*seq)
    }

    /// The overview of `cards`, which are all jobs. Call it while no event is emitted.
    pub(super) fn overview_of(&self, cards: &[JobCard], unreadable: &[Unreadable]) -> Overview {
        lock(&self.cards).start(cards, unreadable)
    }

    /// Whether the summary of a card differs from the one that was last emitted.
    pub(super) fn is_news(&self, card: &JobCard) -> bool {
        lock(&self.cards).is_news(card)
    }
}
