//! Listings, downloads, deletions and the quota.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use coffer_destination::{Destination as _, Error, RetryPolicy, Retrying, Silent, TransferMonitor};
use coffer_onedrive::{Deletion, TransferOptions};
use coffer_onedrive_sim::{Action, DropPoint, Fault, Op};
use tokio_util::sync::CancellationToken;

use crate::stub;
use crate::support::{Bench, NAME};

#[tokio::test]
async fn listings_of_every_length_are_whole() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let drive = bench.simulator.drive_id("alex");
    let mut stored = 0;
    for count in [0, 1, 200, 1000, 1001, 25_000] {
        while stored < count {
            let path = format!("/Backups/My PC/duplicati-b{stored:032x}.dblock.zip");
            assert!(bench.simulator.put_file(&drive, &path, b""));
            stored += 1;
        }

        let listed = destination.list(&bench.cancel).await.unwrap();

        assert_eq!(listed.len(), count);
    }
}

/// Lists at a service whose pages are `page`, given the service's own address and the path.
async fn listing(
    page: impl Fn(&str, &str) -> String + Send + Sync + 'static,
) -> (Result<usize, Error>, stub::Requests) {
    let own = Arc::new(OnceLock::<String>::new());
    let known = Arc::clone(&own);
    let (address, requests) = stub::serve(move |path| {
        if path == "/refresh" {
            stub::token()
        } else if path.contains("/children") {
            (200, page(known.get().unwrap(), path))
        } else {
            (200, r#"{"id":"f","folder":{},"root":{}}"#.to_owned())
        }
    })
    .await;
    own.set(address.clone()).unwrap();
    let destination = stub::account(&address)
        .destination(None, "", TransferOptions::default())
        .unwrap();
    let listed = destination.list(&CancellationToken::new()).await;
    (listed.map(|files| files.len()), requests)
}

#[tokio::test]
async fn a_page_at_another_address_gets_no_token() {
    let (foreign, seen) = stub::serve(|_| (200, r#"{"value":[]}"#.to_owned())).await;
    let next = format!("{foreign}/v1.0/me/drive/items/f/children?$skiptoken=x");

    let (listed, _) =
        listing(move |_, _| format!(r#"{{"value":[],"@odata.nextLink":"{next}"}}"#)).await;

    assert!(matches!(listed, Err(Error::Refused { .. })), "{listed:?}");
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn pages_that_lead_in_a_circle_end() {
    let (listed, requests) = listing(|own, path| {
        let next = if path.contains("skip=a") { "b" } else { "a" };
        format!(r#"{{"value":[],"@odata.nextLink":"{own}/v1.0/children?skip={next}"}}"#)
    })
    .await;

    assert!(
        matches!(listed, Err(Error::Unavailable { .. })),
        "{listed:?}"
    );
    assert!(requests.lock().unwrap().len() < 10);
}

#[tokio::test]
async fn a_file_on_two_pages_counts_once() {
    let item = r#"{"id":"1","name":"a","size":1,"file":{}}"#;
    let (listed, _) = listing(move |_, _| format!(r#"{{"value":[{item},{item}]}}"#)).await;

    assert_eq!(listed.unwrap(), 1);
}

#[tokio::test]
async fn an_address_that_ran_out_is_asked_for_again() {
    for status in [401, 403, 404, 410] {
        let bench = Bench::new().await;
        let destination = bench.destination().await;
        let file = bench.file(100_000);
        bench.put(&destination, &file).await.unwrap();
        let fault = Fault::new(Op::Download, Action::status(status));
        bench.simulator.add_fault(fault.times(1));
        let target = bench.folder.path().join("back");

        let got = destination.get(NAME, &target, &Silent, &bench.cancel).await;

        assert!(got.is_ok(), "{status}: {got:?}");
        let log = bench.simulator.log();
        let asked = log.iter().filter(|entry| entry.op == Op::ContentGet);
        assert_eq!(asked.count(), 2, "{status}");
    }
}

/// Replaces the file when its first bytes have come.
struct Replacing<'a>(&'a Bench, Vec<u8>, AtomicBool);

impl TransferMonitor for Replacing<'_> {
    fn moved(&self, _bytes: u64) {
        if !self.2.swap(true, Ordering::SeqCst) {
            let drive = self.0.simulator.drive_id("alex");
            let path = format!("/Backups/My PC/{NAME}");
            assert!(self.0.simulator.put_file(&drive, &path, &self.1));
        }
    }

    fn waiting(&self, _time: Duration, _why: &str) {}
}

#[tokio::test]
async fn a_file_that_changes_during_a_download_starts_again() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    bench
        .put(&destination, &bench.file(3_000_000))
        .await
        .unwrap();
    let cut = Action {
        at: Some(1_000_000),
        ..Action::drop_at(DropPoint::MidResponse)
    };
    bench
        .simulator
        .add_fault(Fault::new(Op::Download, cut).times(1));
    let new = vec![7; 3_000_000];
    let monitor = Replacing(&bench, new.clone(), false.into());
    let target = bench.folder.path().join("back");

    destination
        .get(NAME, &target, &monitor, &bench.cancel)
        .await
        .unwrap();

    assert!(std::fs::read(&target).unwrap() == new);
}

#[tokio::test]
async fn a_download_resumes_at_the_byte_where_it_broke() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    bench
        .put(&destination, &bench.file(3_000_000))
        .await
        .unwrap();
    let cut = Action {
        at: Some(1_000_000),
        ..Action::drop_at(DropPoint::MidResponse)
    };
    bench
        .simulator
        .add_fault(Fault::new(Op::Download, cut).times(1));
    let target = bench.folder.path().join("back");

    destination
        .get(NAME, &target, &Silent, &bench.cancel)
        .await
        .unwrap();

    let log = bench.simulator.log();
    let ranged = log
        .iter()
        .filter(|entry| entry.op == Op::Download && entry.range.is_some());
    assert_eq!(ranged.count(), 1);
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_is_no_failure() {
    let bench = Bench::new().await;
    let policy = RetryPolicy {
        delay: Duration::from_millis(1),
        ..RetryPolicy::default()
    };
    let destination = Retrying::new(bench.destination().await, policy);
    destination
        .put(
            NAME,
            &bench.file(10),
            &coffer_destination::NoCheckpoints,
            &Silent,
            &bench.cancel,
        )
        .await
        .unwrap();
    let lost = Action {
        complete_then_drop: true,
        ..Action::default()
    };
    bench
        .simulator
        .add_fault(Fault::new(Op::Delete, lost).times(1));

    destination.delete(NAME, &bench.cancel).await.unwrap();

    assert!(bench.stored().is_none());
    let again = destination.delete(NAME, &bench.cancel).await;
    assert!(matches!(again, Err(Error::NotFound { .. })), "{again:?}");
}

#[tokio::test]
async fn files_are_deleted_permanently_if_the_drive_supports_it() {
    for (account, recycled) in [("alex", true), ("robin", false)] {
        let bench = Bench::new().await;
        let options = TransferOptions {
            deletion: Deletion::Permanent,
            ..TransferOptions::default()
        };
        let destination = bench
            .account(account)
            .destination(None, "Backups", options)
            .unwrap();
        destination.create_folder(&bench.cancel).await.unwrap();
        for _ in 0..2 {
            bench.put(&destination, &bench.file(10)).await.unwrap();

            destination.delete(NAME, &bench.cancel).await.unwrap();

            assert!(destination.list(&bench.cancel).await.unwrap().is_empty());
        }
        let log = bench.simulator.log();
        let deletions: Vec<_> = log.iter().filter(|entry| entry.op == Op::Delete).collect();
        let for_good = deletions
            .iter()
            .filter(|entry| entry.path.ends_with("permanentDelete"));
        // A drive that does not support it is asked only once.
        assert_eq!(for_good.count(), if recycled { 1 } else { 2 }, "{account}");
        assert_eq!(deletions.len(), if recycled { 3 } else { 2 }, "{account}");
    }
}

#[tokio::test]
async fn the_quota_is_advice_whatever_it_says() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let drive = bench.simulator.drive_id("alex");
    assert!(destination.quota(&bench.cancel).await.unwrap().is_some());

    bench.simulator.fill(&drive, 99 << 40);
    let full = destination.quota(&bench.cancel).await.unwrap().unwrap();
    assert_eq!(full.free_bytes, 0);
    bench.simulator.fill(&drive, 0);

    bench.simulator.hide_quota(&drive, true);
    assert_eq!(destination.quota(&bench.cancel).await.unwrap(), None);
    bench.put(&destination, &bench.file(10)).await.unwrap();

    bench.simulator.hide_quota(&drive, false);
    for status in [403, 404, 405] {
        bench
            .simulator
            .add_fault(Fault::new(Op::Drive, Action::status(status)).times(1));
        assert_eq!(
            destination.quota(&bench.cancel).await.unwrap(),
            None,
            "{status}"
        );
    }
    for quota in [
        r#"{"total":0,"used":0,"remaining":0}"#,
        r#"{"total":1.5e300,"state":7}"#,
        r#""unknown""#,
        "null",
    ] {
        let (address, _) = stub::serve(move |path| match path {
            "/refresh" => stub::token(),
            _ => (200, format!(r#"{{"id":"d","quota":{quota}}}"#)),
        })
        .await;
        let drive = stub::account(&address).drive(None, &bench.cancel).await;
        assert_eq!(drive.unwrap().quota, None, "{quota}");
    }
}

#[tokio::test]
async fn a_drive_that_fills_up_in_the_middle_ends_the_upload_cleanly() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let full = Action {
        code: Some("quotaLimitReached".to_owned()),
        ..Action::status(507)
    };
    bench
        .simulator
        .add_fault(Fault::new(Op::Fragment, full).nth(5).times(1));

    let put = bench.put(&destination, &bench.file(5_000_000)).await;

    assert!(matches!(put, Err(Error::Full)), "{put:?}");
    assert_eq!(bench.simulator.open_uploads(), 0);
}
