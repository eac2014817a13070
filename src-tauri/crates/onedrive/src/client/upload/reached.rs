//! How far an upload has come, as it is told.

use std::sync::atomic::{AtomicU64, Ordering};

use coffer_destination::TransferMonitor;

/// The farthest byte that has gone. What goes again is told when it comes farther than before, so that a repeated
/// fragment does not look like progress.
pub(super) struct Reached<'a> {
    monitor: &'a dyn TransferMonitor,
    farthest: AtomicU64,
}

impl<'a> Reached<'a> {
    pub(super) fn new(monitor: &'a dyn TransferMonitor) -> Self {
        Self {
            monitor,
            farthest: AtomicU64::new(0),
        }
    }

    /// A session goes on at `offset`: what lies before has not moved now.
    pub(super) fn begin(&self, offset: u64) {
        self.farthest.fetch_max(offset, Ordering::Relaxed);
    }

    /// All before `offset` has gone.
    pub(super) fn byte(&self, offset: u64) {
        let before = self.farthest.fetch_max(offset, Ordering::Relaxed);
        if offset > before {
            self.monitor.moved(offset - before);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::super::super::lock;
    use super::*;

    #[derive(Default)]
    struct Told(Mutex<Vec<u64>>);

    impl TransferMonitor for Told {
        fn moved(&self, bytes: u64) {
            lock(&self.0).push(bytes);
        }

        fn waiting(&self, _time: Duration, _why: &str) {}
    }

    #[test]
    fn what_goes_again_is_told_once() {
        let told = Told::default();
        let reached = Reached::new(&told);

        for offset in [10, 30, 0, 20, 30, 40] {
            reached.byte(offset);
        }

        assert_eq!(*lock(&told.0), [10, 20, 10]);
    }

    #[test]
    fn of_an_upload_that_goes_on_what_was_left_is_told() {
        let told = Told::default();
        let reached = Reached::new(&told);

        reached.begin(70);
        for offset in [70, 90, 100] {
            reached.byte(offset);
        }

        assert_eq!(*lock(&told.0), [20, 10]);
    }
}
