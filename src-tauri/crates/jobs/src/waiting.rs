//! Waits of an operation while it runs: those that a destination requests, and rests before a retry.

use coffer_destination::{Rest, Rests};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::watch;

/// Why and how long an operation waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The service requested it; nothing is sent before this time.
    Requested(Timestamp),
    /// Something failed and is retried at this time.
    Again {
        until: Timestamp,
        /// A message for the user.
        why: String,
    },
}

/// Source of waits.
#[derive(Clone)]
pub(crate) struct Waits {
    /// Until when the next request has to wait; `None` when it need not.
    requested: Option<watch::Receiver<Option<Timestamp>>>,
    rests: Option<watch::Receiver<Option<Rest>>>,
}

impl Waits {
    pub(crate) fn new(
        requested: Option<watch::Receiver<Option<Timestamp>>>,
        rests: &Rests,
    ) -> Self {
        Self {
            requested,
            rests: Some(rests.listen()),
        }
    }
}

/// Does `work`, and calls `report` with each wait that begins and with `None` when it ends.
pub(crate) async fn report_waits<T>(
    mut waits: Waits,
    report: impl Fn(Option<Wait>),
    work: impl Future<Output = T>,
) -> T {
    // A wait that began before is reported, too.
    if let Some(requested) = &mut waits.requested {
        requested.mark_changed();
    }
    let mut work = std::pin::pin!(work);
    let mut reported = None;
    let mut rest_ends = None;
    loop {
        let now = tokio::select! {
            biased;
            done = &mut work => {
                if reported.is_some() {
                    report(None);
                }
                return done;
            }
            requested = next(&mut waits.requested) => requested.map(Wait::Requested),
            rest = next(&mut waits.rests) => rest.map(|rest| {
                rest_ends = Some(tokio::time::Instant::now() + rest.time);
                again(rest)
            }),
            () = at(rest_ends) => {
                rest_ends = None;
                None
            }
        };
        if now != reported {
            reported.clone_from(&now);
            report(now);
        }
    }
}

/// The next value; pending forever when the sender is gone.
async fn next<T: Clone>(values: &mut Option<watch::Receiver<Option<T>>>) -> Option<T> {
    loop {
        let Some(receiver) = values else {
            return std::future::pending().await;
        };
        if receiver.changed().await.is_ok() {
            return receiver.borrow_and_update().clone();
        }
        *values = None;
    }
}

async fn at(time: Option<tokio::time::Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn again(Rest { time, why }: Rest) -> Wait {
    let until = Timestamp::now().checked_add(time);
    Wait::Again {
        until: until.unwrap_or(Timestamp::MAX),
        why,
    }
}

impl Wait {
    /// A message for the user, with the time in the system's time zone.
    pub(crate) fn sentence(&self) -> String {
        self.sentence_in(&TimeZone::system())
    }

    pub(crate) fn sentence_in(&self, zone: &TimeZone) -> String {
        let clock = |until: &Timestamp| {
            let local = until.to_zoned(zone.clone());
            local.strftime("%H:%M:%S").to_string()
        };
        match self {
            Self::Requested(until) => {
                format!(
                    "OneDrive is limiting requests; resuming at {}",
                    clock(until)
                )
            }
            Self::Again { until, why } => format!("{why}; retrying at {}", clock(until)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use coffer_destination::TransferMonitor as _;

    use super::*;

    #[tokio::test]
    async fn each_wait_and_its_end_are_reported_once() {
        let until = Timestamp::from_second(1_790_000_000).unwrap();
        let (sender, waits) = watch::channel(Some(until));
        let reported = Mutex::new(Vec::new());
        let pause = tokio::task::yield_now;

        let work = async {
            pause().await;
            sender.send_replace(None);
            pause().await;
            sender.send_replace(Some(until));
            pause().await;
            7
        };
        let waits = Waits::new(Some(waits), &Rests::default());
        let done = report_waits(waits, |wait| reported.lock().unwrap().push(wait), work).await;

        assert_eq!(done, 7);
        let reported = reported.into_inner().unwrap();
        let requested = Some(Wait::Requested(until));
        assert_eq!(reported, [requested.clone(), None, requested, None]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_is_reported_until_something_is_tried_again() {
        let rests = Rests::default();
        let reported = Mutex::new(Vec::new());
        let seconds = Duration::from_secs;

        let work = async {
            rests.waiting(seconds(20), "The line is dead");
            tokio::time::sleep(seconds(19)).await;
            assert_eq!(reported.lock().unwrap().len(), 1);
            tokio::time::sleep(seconds(2)).await;
        };
        let waits = Waits::new(None, &rests);
        report_waits(waits, |wait| reported.lock().unwrap().push(wait), work).await;

        let reported = reported.into_inner().unwrap();
        assert!(
            matches!(&reported[..], [Some(Wait::Again { why, .. }), None] if why == "The line is dead"),
            "{reported:?}"
        );
    }

    #[tokio::test]
    async fn work_continues_when_waits_are_no_longer_sent() {
        let (sender, waits) = watch::channel(None);
        drop(sender);

        let work = async {
            tokio::task::yield_now().await;
            7
        };

        let waits = Waits::new(Some(waits), &Rests::default());
        assert_eq!(report_waits(waits, |_| {}, work).await, 7);
    }
}
