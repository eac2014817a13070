//! The number of concurrent requests: one more after several successes, half as many after a refusal.

use std::sync::Mutex;

use tokio::sync::Notify;

use super::lock;

/// Initial number of concurrent requests; the number of files that are sent at once.
const INITIAL_WORKERS: usize = 4;
/// Maximum number of concurrent requests.
const MAX_WORKERS: usize = 8;
/// Successful answers before the number increases by one.
const SUCCESSES_PER_WORKER: u32 = 25;

/// The requests in flight.
#[derive(Debug)]
pub(super) struct Workers {
    counts: Mutex<Counts>,
    freed: Notify,
}

#[derive(Debug)]
struct Counts {
    busy: usize,
    most: usize,
    clean: u32,
}

/// One request in flight, until this is dropped.
#[derive(Debug)]
pub(super) struct Worker<'a>(&'a Workers);

impl Default for Workers {
    fn default() -> Self {
        Self {
            counts: Mutex::new(Counts {
                busy: 0,
                most: INITIAL_WORKERS,
                clean: 0,
            }),
            freed: Notify::new(),
        }
    }
}

impl Workers {
    /// Waits until few enough others are in flight. First come, first served.
    pub(super) async fn enter(&self) -> Worker<'_> {
        loop {
            let freed = self.freed.notified();
            {
                let mut counts = lock(&self.counts);
                if counts.busy < counts.most {
                    counts.busy += 1;
                    return Worker(self);
                }
            }
            freed.await;
        }
    }

    pub(super) fn succeeded(&self) {
        let mut counts = lock(&self.counts);
        counts.clean += 1;
        if counts.clean >= SUCCESSES_PER_WORKER && counts.most < MAX_WORKERS {
            counts.clean = 0;
            counts.most += 1;
            self.freed.notify_one();
        }
    }

    pub(super) fn refused(&self) {
        let mut counts = lock(&self.counts);
        counts.most = (counts.most / 2).max(1);
        counts.clean = 0;
    }

    #[cfg(test)]
    pub(super) fn most(&self) -> usize {
        lock(&self.counts).most
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        lock(&self.0.counts).busy -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn refusals_halve_and_clean_answers_add_one() {
        let workers = Workers::default();

        workers.refused();
        workers.refused();
        workers.refused();
        assert_eq!(workers.most(), 1);
        for _ in 0..SUCCESSES_PER_WORKER {
            workers.succeeded();
        }
        assert_eq!(workers.most(), 2);
        for _ in 0..100 * SUCCESSES_PER_WORKER {
            workers.succeeded();
        }
        assert_eq!(workers.most(), MAX_WORKERS);
    }

    #[tokio::test(start_paused = true)]
    async fn one_more_enters_when_another_is_done() {
        let workers = Workers::default();
        let mut busy = Vec::new();
        for _ in 0..INITIAL_WORKERS {
            busy.push(workers.enter().await);
        }
        let soon = std::time::Duration::from_secs(1);
        let full = tokio::time::timeout(soon, workers.enter()).await;
        assert!(full.is_err());

        let (entered, ()) = tokio::join!(workers.enter(), async { drop(busy.pop()) });

        drop(entered);
        assert_eq!(lock(&workers.counts).busy, INITIAL_WORKERS - 1);
    }
}
