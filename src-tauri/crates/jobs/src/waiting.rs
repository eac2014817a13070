//! Waits of an operation while it goes on: those that a destination asks for, and rests before something is tried again.

use coffer_destination::{Rest, Rests};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::watch;

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The service asked for it; nothing is sent before.
    Asked(Timestamp),
    /// Something failed and is tried again then.
    Again {
        until: Timestamp,
        /// A sentence for people.
        why: String,
    },
}

/// Tells of waits.
#[derive(Clone)]
pub(crate) struct Waits {
    /// Until when the next request has to wait; nothing while that is soon.
    asked: Option<watch::Receiver<Option<Timestamp>>>,
    rests: Option<watch::Receiver<Option<Rest>>>,
}

impl Waits {
    pub(crate) fn new(asked: Option<watch::Receiver<Option<Timestamp>>>, rests: &Rests) -> Self {
        Self {
            asked,
            rests: Some(rests.listen()),
        }
    }
}

/// Does `work`, and calls `tell` with each wait that begins or ends meanwhile.
pub(crate) async fn telling<T>(
    mut waits: Waits,
    tell: impl Fn(Option<Wait>),
    work: impl Future<Output = T>,
) -> T {
    // One that began before is told too.
    if let Some(asked) = &mut waits.asked {
        asked.mark_changed();
    }
    let mut work = std::pin::pin!(work);
    let mut told = None;
    let mut rest_ends = None;
    loop {
        let now = tokio::select! {
            biased;
            done = &mut work => {
                if told.is_some() {
                    tell(None);
                }
                return done;
            }
            asked = next(&mut waits.asked) => asked.map(Wait::Asked),
            rest = next(&mut waits.rests) => rest.map(|rest| {
                rest_ends = Some(tokio::time::Instant::now() + rest.time);
                again(rest)
            }),
            () = at(rest_ends) => {
                rest_ends = None;
                None
            }
        };
        if now != told {
            told.clone_from(&now);
            tell(now);
        }
    }
}

/// The next value; never when nobody tells any more.
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
    /// A sentence for people, with the time in the system's time zone.
    pub(crate) fn sentence(&self) -> String {
        self.sentence_in(&TimeZone::system())
    }

    pub(crate) fn sentence_in(&self, zone: &TimeZone) -> String {
        let clock = |until: &Timestamp| {
            let local = until.to_zoned(zone.clone());
            local.strftime("%H:%M:%S").to_string()
        };
        match self {
            Self::Asked(until) => {
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
    async fn each_wait_is_told_once_and_its_end_too() {
        let until = Timestamp::from_second(1_790_000_000).unwrap();
        let (sender, waits) = watch::channel(Some(until));
        let told = Mutex::new(Vec::new());
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
        let done = telling(waits, |wait| told.lock().unwrap().push(wait), work).await;

        assert_eq!(done, 7);
        let told = told.into_inner().unwrap();
        let asked = Some(Wait::Asked(until));
        assert_eq!(told, [asked.clone(), None, asked, None]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_is_told_until_something_is_tried_again() {
        let rests = Rests::default();
        let told = Mutex::new(Vec::new());
        let seconds = Duration::from_secs;

        let work = async {
            rests.waiting(seconds(20), "The line is dead");
            tokio::time::sleep(seconds(19)).await;
            assert_eq!(told.lock().unwrap().len(), 1);
            tokio::time::sleep(seconds(2)).await;
        };
        let waits = Waits::new(None, &rests);
        telling(waits, |wait| told.lock().unwrap().push(wait), work).await;

        let told = told.into_inner().unwrap();
        assert!(
            matches!(&told[..], [Some(Wait::Again { why, .. }), None] if why == "The line is dead"),
            "{told:?}"
        );
    }

    #[tokio::test]
    async fn work_goes_on_when_nobody_tells_of_waits_any_more() {
        let (sender, waits) = watch::channel(None);
        drop(sender);

        let work = async {
            tokio::task::yield_now().await;
            7
        };

        let waits = Waits::new(Some(waits), &Rests::default());
        assert_eq!(telling(waits, |_| {}, work).await, 7);
    }
}
