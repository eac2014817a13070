//! How many requests are under way at once: one more after some that went well, half as many after a refusal.

use std::sync::Mutex;

use tokio::sync::Notify;

use super::lock;

/// Requests under way before anything is known; the number of files that are sent at once.
const FIRST: usize = 4;
/// Most that are ever under way.
const MOST: usize = 8;
/// Answers without a refusal for one more.
const CLEAN: u32 = 25;

/// The requests under way.
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

/// One request that is under way, until this is dropped.
#[derive(Debug)]
pub(super) struct Worker<'a>(&'a Workers);

impl Default for Workers {
    fn default() -> Self {
        Self {
            counts: Mutex::new(Counts {
                busy: 0,
                most: FIRST,
                clean: 0,
            }),
            freed: Notify::new(),
        }
    }
}

impl Workers {
    /// Waits until there are few enough others. First come, first served.
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

    pub(super) fn went_well(&self) {
        let mut counts = lock(&self.counts);
        counts.clean += 1;
        if counts.clean >= CLEAN && counts.most < MOST {
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
        for _ in 0..CLEAN {
            workers.went_well();
        }
        assert_eq!(workers.most(), 2);
        for _ in 0..100 * CLEAN {
            workers.went_well();
        }
        assert_eq!(workers.most(), MOST);
    }

    #[tokio::test(start_paused = true)]
    async fn one_more_enters_when_another_is_done() {
        let workers = Workers::default();
        let mut busy = Vec::new();
        for _ in 0..FIRST {
            busy.push(workers.enter().await);
        }
        let soon = std::time::Duration::from_secs(1);
        let full = tokio::time::timeout(soon, workers.enter()).await;
        assert!(full.is_err());

        let (entered, ()) = tokio::join!(workers.enter(), async { drop(busy.pop()) });

        drop(entered);
        assert_eq!(lock(&workers.counts).busy, FIRST - 1);
    }
}
