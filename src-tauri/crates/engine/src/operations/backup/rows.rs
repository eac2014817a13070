//! Rows of the index on their way from the thread that reads them: many together, because one by one takes longer than
//! what is done with them.

use coffer_database::EntryRow;
use crossbeam_channel::{Receiver, Sender, bounded};

/// Rows that are handed on together.
const TOGETHER: usize = 256;
/// So many times [`TOGETHER`] are read ahead.
const AHEAD: usize = 4;

/// Takes rows one by one.
pub(super) struct RowSender {
    batches: Sender<Vec<EntryRow>>,
    batch: Vec<EntryRow>,
}

pub(super) fn channel() -> (RowSender, Receiver<Vec<EntryRow>>) {
    let (batches, receiver) = bounded(AHEAD);
    let batch = Vec::with_capacity(TOGETHER);
    (RowSender { batches, batch }, receiver)
}

impl RowSender {
    /// False when the receiver is gone.
    pub(super) fn send(&mut self, row: EntryRow) -> bool {
        self.batch.push(row);
        if self.batch.len() < TOGETHER {
            return true;
        }
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(TOGETHER));
        self.batches.send(batch).is_ok()
    }

    /// Hands on the last rows.
    pub(super) fn finish(self) {
        // Without a receiver they are not needed.
        let _ = self.batches.send(self.batch);
    }
}
