//! Each row of the table of answers to fragments (protocol, 4.6).

use std::time::Duration;

use coffer_destination::{Destination as _, Error, RetryPolicy, Retrying, Silent};
use coffer_onedrive_sim::{Action, Fault, Op};

use crate::support::{Bench, NAME, Remembered, Still, quickly, quickly_past};

const LARGE: usize = 5_000_000;

fn answer(status: u16, code: &str, inner: &str) -> Action {
    Action {
        code: Some(code.to_owned()),
        inner: Some(inner.to_owned()),
        ..Action::status(status)
    }
}

#[tokio::test(start_paused = true)]
async fn each_answer_to_a_fragment_ends_in_a_whole_file() {
    let _still = Still::new();
    let rows = [
        (
            "400",
            answer(400, "invalidRequest", "fragmentLengthMismatch"),
        ),
        ("401", answer(401, "unauthenticated", "")),
        ("403", answer(403, "accessDenied", "")),
        ("404", answer(404, "itemNotFound", "uploadSessionNotFound")),
        ("409 at commit", answer(409, "nameAlreadyExists", "")),
        ("409 modified", answer(409, "resourceModified", "")),
        ("410", Action::status(410)),
        ("412", answer(412, "resourceModified", "")),
        (
            "413",
            answer(413, "invalidRequest", "maxFragmentLengthExceeded"),
        ),
        ("416", answer(416, "invalidRange", "fragmentOverlap")),
        (
            "416 ahead",
            answer(416, "invalidRange", "fragmentOutOfOrder"),
        ),
        ("423", answer(423, "locked", "")),
        ("429", Action::throttle(429, 0)),
        ("500", Action::status(500)),
        ("502", Action::status(502)),
        ("503", Action::status(503)),
        ("504", Action::status(504)),
        ("509", Action::throttle(509, 0)),
        ("redirect", Action::status(302)),
        (
            "ranges that make no sense",
            Action {
                bad_ranges: Some(vec!["x-".to_owned()]),
                ..Action::default()
            },
        ),
        (
            "ranges behind the end",
            Action {
                bad_ranges: Some(vec!["99999999999-".to_owned()]),
                ..Action::default()
            },
        ),
    ];
    for (row, action) in rows {
        for nth in [2, 16] {
            let bench = Bench::new().await;
            let account = bench.account("alex");
            let destination = quickly(bench.destination_of(&account)).await;
            let file = bench.file(LARGE);
            let fault = Fault::new(Op::Fragment, action.clone());
            bench.simulator.add_fault(fault.nth(nth).times(1));

            let put = quickly_past(&account.waits(), bench.put(&destination, &file)).await;

            assert!(put.is_ok(), "{row}, fragment {nth}: {put:?}");
            let whole = bench.stored().unwrap() == std::fs::read(file.path()).unwrap();
            assert!(whole, "{row}, fragment {nth}");
            assert_eq!(bench.simulator.open_uploads(), 0, "{row}, fragment {nth}");
            let log = bench.simulator.log();
            assert!(
                log.iter().any(|entry| entry.faulted),
                "{row} never happened"
            );
            let sent = log.iter().filter(|entry| entry.op == Op::Fragment);
            assert!(sent.clone().count() <= 50, "{row}");
            assert!(sent.clone().all(|entry| !entry.had_auth), "{row}");
        }
    }
}

#[tokio::test]
async fn a_session_without_progress_is_abandoned() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let action = Action {
        bad_ranges: Some(vec!["0-".to_owned()]),
        ..Action::default()
    };
    bench
        .simulator
        .add_fault(Fault::new(Op::Fragment, action.clone()).times(1000));
    bench
        .simulator
        .add_fault(Fault::new(Op::SessionStatus, action).times(1000));

    let put = bench.put(&destination, &bench.file(LARGE)).await;

    assert!(matches!(put, Err(Error::Unavailable { .. })), "{put:?}");
    assert!(bench.simulator.log().len() < 200);
    assert_eq!(bench.simulator.open_uploads(), 0);
}

#[tokio::test]
async fn a_session_that_is_always_gone_is_recreated_three_times() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let gone = answer(404, "itemNotFound", "uploadSessionNotFound");
    bench
        .simulator
        .add_fault(Fault::new(Op::Fragment, gone).times(1000));

    let put = bench.put(&destination, &bench.file(LARGE)).await;

    assert!(matches!(put, Err(Error::Unavailable { .. })), "{put:?}");
    let log = bench.simulator.log();
    let made = log.iter().filter(|entry| entry.op == Op::CreateSession);
    assert_eq!(made.count(), 3);
}

#[tokio::test]
async fn a_last_fragment_that_always_fails_is_cut_otherwise() {
    let bench = Bench::new().await;
    let options = coffer_onedrive::TransferOptions {
        fragment_size: 2 * 327_680,
        fragment_delay: Duration::from_millis(1),
        ..coffer_onedrive::TransferOptions::default()
    };
    let destination = bench
        .account("alex")
        .destination(None, "Backups/My PC", options)
        .unwrap();
    destination.create_folder(&bench.cancel).await.unwrap();
    let file = bench.file(LARGE);
    // The eighth is the last of this size, and so are the repetitions after it.
    let mut last = Fault::new(Op::Fragment, Action::status(500)).times(3);
    last.matching.after_bytes = 7 * 2 * 327_680;
    bench.simulator.add_fault(last);

    bench.put(&destination, &file).await.unwrap();

    assert!(bench.stored().unwrap() == std::fs::read(file.path()).unwrap());
    let log = bench.simulator.log();
    let made = log.iter().filter(|entry| entry.op == Op::CreateSession);
    assert_eq!(made.count(), 2);
    let ranges: Vec<_> = log
        .iter()
        .filter_map(|entry| entry.content_range.as_deref())
        .collect();
    assert!(
        ranges
            .iter()
            .any(|range| range.starts_with("bytes 0-327679/")),
        "{ranges:?}"
    );
}

#[tokio::test]
async fn an_unclear_answer_is_settled_by_asking_before_sending() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let action = Action {
        store_then_status: Some(500),
        ..Action::default()
    };
    bench
        .simulator
        .add_fault(Fault::new(Op::Fragment, action).nth(4).times(1));

    bench.put(&destination, &bench.file(LARGE)).await.unwrap();

    let log = bench.simulator.log();
    let failed = log.iter().position(|entry| entry.status == 500).unwrap();
    assert_eq!(log[failed + 1].op, Op::SessionStatus);
    let sent: u64 = log
        .iter()
        .filter(|entry| entry.op == Op::Fragment)
        .map(|entry| entry.bytes)
        .sum();
    assert_eq!(sent, LARGE as u64);
}

#[tokio::test]
async fn an_upload_that_fails_leaves_no_session() {
    let bench = Bench::new().await;
    let retrying = Retrying::new(
        bench.destination().await,
        RetryPolicy {
            retries: 1,
            delay: Duration::from_millis(1),
            longest_delay: Duration::from_millis(1),
        },
    );
    let file = bench.file(LARGE);
    let mut broken = Fault::new(Op::Fragment, Action::status(503)).times(1000);
    broken.matching.after_bytes = 1_000_000;
    bench.simulator.add_fault(broken);

    let put = retrying
        .put(
            NAME,
            &file,
            &coffer_destination::NoCheckpoints,
            &Silent,
            &bench.cancel,
        )
        .await;

    assert!(matches!(put, Err(Error::Unavailable { .. })), "{put:?}");
    assert_eq!(bench.simulator.open_uploads(), 0);

    // With a journal the session stays, for a later run to resume.
    let journal = Remembered::default();
    let put = retrying
        .put(NAME, &file, &journal, &Silent, &bench.cancel)
        .await;
    assert!(put.is_err());
    assert_eq!(bench.simulator.open_uploads(), 1);
    bench.simulator.clear_faults();
    retrying.abandon(NAME, &journal).await;
    assert_eq!(bench.simulator.open_uploads(), 0);
    assert!(journal.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_deferred_last_answer_is_waited_for() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let file = bench.file(LARGE);
    let action = Action {
        store_then_status: Some(202),
        ..Action::default()
    };
    bench
        .simulator
        .add_fault(Fault::new(Op::Fragment, action).nth(16).times(1));

    bench.put(&destination, &file).await.unwrap();

    assert!(bench.stored().unwrap() == std::fs::read(file.path()).unwrap());
    let log = bench.simulator.log();
    let made = log.iter().filter(|entry| entry.op == Op::CreateSession);
    assert_eq!(made.count(), 1);
}
