//! Waits that a destination asks for, while an operation goes on.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::watch;

/// Until when the next request has to wait; nothing while that is soon.
pub(crate) type Waits = watch::Receiver<Option<Timestamp>>;

/// Does `work`, and calls `tell` with each wait that begins or ends meanwhile.
pub(crate) async fn telling<T>(
    waits: Option<Waits>,
    tell: impl Fn(Option<Timestamp>),
    work: impl Future<Output = T>,
) -> T {
    let Some(mut waits) = waits else {
        return work.await;
    };
    // One that began before is told too.
    waits.mark_changed();
    let mut work = std::pin::pin!(work);
    let mut told = None;
    loop {
        tokio::select! {
            biased;
            done = &mut work => {
                if told.is_some() {
                    tell(None);
                }
                return done;
            }
            changed = waits.changed() => {
                if changed.is_err() {
                    return work.await;
                }
                let wait = *waits.borrow_and_update();
                if wait != told {
                    told = wait;
                    tell(wait);
                }
            }
        }
    }
}

/// For people, with the time on their clock.
pub(crate) fn sentence(until: Timestamp) -> String {
    let local = until.to_zoned(TimeZone::system());
    format!(
        "OneDrive asked to wait until {}",
        local.strftime("%H:%M:%S")
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

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
        let done = telling(Some(waits), |wait| told.lock().unwrap().push(wait), work).await;

        assert_eq!(done, 7);
        let told = told.into_inner().unwrap();
        assert_eq!(told, [Some(until), None, Some(until), None]);
    }

    #[tokio::test]
    async fn work_goes_on_when_nobody_tells_of_waits_any_more() {
        let (sender, waits) = watch::channel(None);
        drop(sender);

        let work = async {
            tokio::task::yield_now().await;
            7
        };

        assert_eq!(telling(Some(waits), |_| {}, work).await, 7);
        assert_eq!(telling(None, |_| {}, async { 8 }).await, 8);
    }
}
