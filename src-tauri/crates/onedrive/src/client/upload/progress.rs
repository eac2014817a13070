//! Progress of an upload, as reported.

use std::sync::atomic::{AtomicU64, Ordering};

use coffer_destination::TransferMonitor;

/// The highest offset sent so far. Repeated bytes are reported only beyond it, so that a repeated fragment does not look
/// like progress.
pub(super) struct UploadProgress<'a> {
    monitor: &'a dyn TransferMonitor,
    farthest: AtomicU64,
}

impl<'a> UploadProgress<'a> {
    pub(super) fn new(monitor: &'a dyn TransferMonitor) -> Self {
        Self {
            monitor,
            farthest: AtomicU64::new(0),
        }
    }

    /// Resumes a session at `offset`: bytes before it are not reported.
    pub(super) fn begin(&self, offset: u64) {
        self.farthest.fetch_max(offset, Ordering::Relaxed);
    }

    /// Everything before `offset` has been sent.
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
    struct Reports(Mutex<Vec<u64>>);

    impl TransferMonitor for Reports {
        fn moved(&self, bytes: u64) {
            lock(&self.0).push(bytes);
        }

        fn waiting(&self, _time: Duration, _why: &str) {}
    }

    #[test]
    fn repeated_bytes_are_reported_once() {
        let reports = Reports::default();
        let progress = UploadProgress::new(&reports);

        for offset in [10, 30, 0, 20, 30, 40] {
            progress.byte(offset);
        }

        assert_eq!(*lock(&reports.0), [10, 20, 10]);
    }

    #[test]
    fn a_resumed_upload_reports_only_the_rest() {
        let reports = Reports::default();
        let progress = UploadProgress::new(&reports);

        progress.begin(70);
        for offset in [70, 90, 100] {
            progress.byte(offset);
        }

        assert_eq!(*lock(&reports.0), [20, 10]);
    }
}
