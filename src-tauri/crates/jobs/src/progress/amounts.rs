//! How much of a run is done, in files and bytes.

use coffer_engine::Phase as EnginePhase;
use coffer_ipc::run::Operation;

/// Largest share that is shown: the bar becomes full only when the run has ended.
const MOST: f64 = 0.99;

/// What a run has done and has to do. The progress of a backup is the share of its data that has arrived; the amount
/// that is not read yet is estimated. Other operations report their progress themselves.
pub(super) struct Amounts {
    is_backup: bool,
    phase: EnginePhase,
    pub(super) files: u64,
    pub(super) total_files: Option<u64>,
    /// Bytes read from the sources, written by a restore, or checked.
    done: u64,
    total: Option<u64>,
    queued: u64,
    sent: u64,
    /// Bytes read and queued when the first volume was ready, and when the last one was.
    first: Option<(u64, u64)>,
    last: (u64, u64),
    /// Never falls.
    share: f64,
}

impl Amounts {
    pub(super) fn new(operation: Operation) -> Self {
        Self {
            is_backup: operation == Operation::Backup,
            phase: EnginePhase::Connecting,
            files: 0,
            total_files: None,
            done: 0,
            total: None,
            queued: 0,
            sent: 0,
            first: None,
            last: (0, 0),
            share: 0.0,
        }
    }

    pub(super) fn phase(&mut self, phase: EnginePhase) {
        if phase == EnginePhase::BackingUp {
            // What an earlier run left is at the destination now.
            (self.queued, self.sent) = (0, 0);
        }
        self.phase = phase;
    }

    pub(super) fn totals(&mut self, files: u64, bytes: u64) {
        if self.counts() {
            self.total_files = Some(files);
            self.total = Some(bytes);
        }
    }

    pub(super) fn done(&mut self, files: u64, bytes: u64) {
        if self.counts() {
            self.files += files;
            self.done += bytes;
        }
    }

    pub(super) fn queued(&mut self, bytes: u64) {
        self.queued += bytes;
        if self.counts() {
            self.last = (self.done, self.queued);
            self.first.get_or_insert(self.last);
        }
    }

    pub(super) fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    /// Whether data is being sent or was sent.
    pub(super) fn sends(&self) -> bool {
        self.queued > 0
    }

    /// Bytes uploaded, restored or checked.
    pub(super) fn done_bytes(&self) -> u64 {
        if self.is_backup { self.sent } else { self.done }
    }

    /// The total of those bytes, once it is known or can be estimated.
    pub(super) fn total_bytes(&self) -> Option<u64> {
        if !self.is_backup {
            return self.total;
        }
        let (first_read, first_queued) = self.first.unwrap_or_default();
        let (read, queued) = self.last;
        match self.phase {
            EnginePhase::BackingUp if read > first_read => {
                let unread = self.total?.saturating_sub(read);
                let packed = (queued - first_queued) as f64 / (read - first_read) as f64;
                Some(self.queued + (unread as f64 * packed) as u64)
            }
            EnginePhase::BackingUp => None,
            _ => Some(self.queued.max(self.sent)).filter(|queued| *queued > 0),
        }
    }

    /// 0 to 1. `None` while the amount of work is unknown, and while data of an earlier run is sent.
    pub(super) fn share(&mut self) -> Option<f64> {
        if self.phase == EnginePhase::SendingLeft {
            return None;
        }
        let share = match (self.total_bytes(), self.total_files) {
            (Some(total), _) if total > 0 => Some(self.done_bytes() as f64 / total as f64),
            (_, Some(files)) if files > 0 && !self.is_backup => {
                Some(self.files as f64 / files as f64)
            }
            _ => None,
        };
        if let Some(share) = share {
            self.share = self.share.max(share.min(MOST));
        }
        (share.is_some() || self.share > 0.0).then_some(self.share)
    }

    /// Whether the current work counts. After a backup has sent everything, it checks volumes and deletes some, which
    /// does not count.
    fn counts(&self) -> bool {
        !self.is_backup || matches!(self.phase, EnginePhase::BackingUp | EnginePhase::Sending)
    }
}
