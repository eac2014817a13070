//! AuthIDs of both kinds of service, and the tokens that come from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use coffer_destination::{Destination as _, Error as DestinationError, RetryPolicy, Retrying};
use coffer_onedrive::{
    AuthId, Endpoints, Error, Handoff, OneDrive, OneDriveDestination, SignIn, TransferOptions,
};
use coffer_onedrive_sim::{Action, AuthIdDialect, Fault, Op, Options, Simulator};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::stub;
use crate::support::{Bench, Still, quickly};

async fn simulator(dialect: AuthIdDialect) -> (Simulator, Endpoints) {
    coffer_onedrive::install_tls_provider();
    let options = Options {
        authid_dialect: dialect,
        auto_consent: Some("alex".to_owned()),
        ..Options::default()
    };
    let simulator = Simulator::start(options).await.unwrap();
    let oauth = simulator.oauth_url();
    let endpoints = Endpoints::new(Some(simulator.api_url()), Some(&oauth)).unwrap();
    (simulator, endpoints)
}

/// What a user does in the browser: loads the page, follows its link, agrees.
async fn click_through(simulator: &Simulator, page: &str) {
    let browser = reqwest::Client::new();
    let loaded = browser.get(page).send().await.unwrap();
    assert!(loaded.status().is_success());
    let token = page.rsplit("token=").next().unwrap();
    let login = format!(
        "{}/authid/login?id=onedrivev2&token={token}",
        simulator.api_url()
    );
    let done = browser.get(login).send().await.unwrap();
    assert!(done.status().is_success(), "{}", done.status());
}

#[tokio::test]
async fn both_kinds_of_service_give_an_auth_id() {
    for dialect in [AuthIdDialect::Gae, AuthIdDialect::Dotnet] {
        let (simulator, endpoints) = simulator(dialect).await;
        let quick = (Duration::from_millis(5), Duration::from_secs(60));
        let sign_in = SignIn::new(&endpoints).unwrap();
        let pending = sign_in.with_timing(quick.0, quick.1).start();
        click_through(&simulator, pending.page()).await;

        let auth_id = pending.wait(&CancellationToken::new()).await.unwrap();

        let account = OneDrive::new(&endpoints, auth_id).unwrap();
        let drive = account.drive(None, &CancellationToken::new()).await;
        assert_eq!(drive.unwrap().kind, "personal", "{dialect:?}");
    }
}

#[tokio::test]
async fn a_browser_reaches_the_page_by_an_address_that_holds_no_secret() {
    let (simulator, endpoints) = simulator(AuthIdDialect::Gae).await;
    let pending = SignIn::new(&endpoints).unwrap().start();
    let handoff = Handoff::bind(pending.page()).await.unwrap();
    let address = handoff.address();
    let token = pending.page().rsplit("token=").next().unwrap();
    assert!(!address.contains(token), "{address}");

    tokio::select! {
        () = handoff.serve() => unreachable!("it answers until it is dropped"),
        () = async {
            let shown = reqwest::get(&address).await.unwrap();
            assert_eq!(shown.url().as_str(), pending.page());
            assert_eq!(shown.status(), 200);
            assert_eq!(reqwest::get(&address).await.unwrap().status(), 410);
        } => {}
    }
    drop(simulator);
}

#[tokio::test]
async fn an_auth_id_that_is_fetched_too_late_has_expired() {
    let (simulator, endpoints) = simulator(AuthIdDialect::Gae).await;
    let quick = (Duration::from_millis(5), Duration::from_millis(200));
    let sign_in = SignIn::new(&endpoints).unwrap();
    let pending = sign_in.with_timing(quick.0, quick.1).start();
    click_through(&simulator, pending.page()).await;
    simulator.advance(Duration::from_secs(31));

    let outcome = pending.wait(&CancellationToken::new()).await;

    assert!(matches!(outcome, Err(Error::SignInExpired)), "{outcome:?}");
}

#[test]
fn the_words_of_an_error_page_are_no_auth_id() {
    for text in [
        "Server error, close window and try again",
        "An error occurred",
        "<html>",
        ":",
    ] {
        assert!(AuthId::parse(text).is_err(), "{text}");
    }
}

fn refreshes(bench: &Bench) -> usize {
    let log = bench.simulator.log();
    log.iter()
        .filter(|entry| entry.op == Op::RefreshAuthid)
        .count()
}

#[tokio::test]
async fn eight_workers_make_one_refresh() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    bench.simulator.expire_access("alex");
    let before = refreshes(&bench);

    let lists = (0..8).map(|_| destination.list(&bench.cancel));
    let lists = futures::future::join_all(lists).await;

    assert!(lists.iter().all(Result::is_ok), "{lists:?}");
    assert_eq!(refreshes(&bench), before + 1);
}

/// A folder of Alex' drive by a wall clock that shows `minutes` more than some day.
async fn by_the_clock(bench: &Bench, minutes: &Arc<AtomicI64>) -> OneDriveDestination {
    let auth_id = AuthId::parse(&bench.simulator.seed_auth_id("alex")).unwrap();
    let minutes = Arc::clone(minutes);
    let now = move || {
        let seconds = 1_790_000_000 + 60 * minutes.load(Ordering::Relaxed);
        Timestamp::from_second(seconds).unwrap()
    };
    let account = OneDrive::with_clock(&bench.endpoints(), auth_id, Arc::new(now)).unwrap();
    let options = TransferOptions::default();
    let destination = account.destination(None, "Backups", options).unwrap();
    destination.create_folder(&bench.cancel).await.unwrap();
    destination
}

#[tokio::test]
async fn a_dead_token_that_comes_again_is_not_asked_for_for_ever() {
    let bench = Bench::new().await;
    let minutes = Arc::default();
    let destination = by_the_clock(&bench, &minutes).await;
    bench.simulator.kill_access("alex");
    let before = refreshes(&bench);

    // Maybe a hiccup: for now it only passes.
    for minute in [0, 1, 30, 59] {
        minutes.store(minute, Ordering::Relaxed);
        let listed = destination.list(&bench.cancel).await;
        let passes = matches!(listed, Err(DestinationError::Unavailable { .. }));
        assert!(passes, "after {minute} minutes: {listed:?}");
    }
    // The service, which answers a few times an hour only, has no other token.
    assert_eq!(refreshes(&bench), before + 1);
    minutes.store(60, Ordering::Relaxed);
    let listed = destination.list(&bench.cancel).await;

    let is_lost = matches!(listed, Err(DestinationError::SignInRequired { .. }));
    assert!(is_lost, "{listed:?}");
}

#[tokio::test]
async fn one_refusal_of_a_good_token_is_asked_again_and_forgotten() {
    let bench = Bench::new().await;
    let minutes = Arc::default();
    let destination = by_the_clock(&bench, &minutes).await;
    let policy = RetryPolicy {
        delay: Duration::from_millis(1),
        ..RetryPolicy::default()
    };
    let destination = Retrying::new(destination, policy);

    // Two hours apart, and what is between them went well.
    for minute in [0, 120, 240] {
        minutes.store(minute, Ordering::Relaxed);
        let fault = Fault::new(Op::Children, Action::status(401));
        bench.simulator.add_fault(fault.times(1));

        destination.list(&bench.cancel).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_asks_for_an_hour_is_asked_once_in_it_by_all() {
    let _still = Still::new();
    let limit = "Too many requests for this key, wait 60 minutes";
    let (address, requests) = stub::serve_raw(move |_| {
        format!(
            "HTTP/1.1 503 x\r\nX-Reason: {limit}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    let minutes = Arc::new(AtomicI64::new(0));
    let clock = |minutes: &Arc<AtomicI64>| {
        let minutes = Arc::clone(minutes);
        move || {
            Timestamp::from_second(1_790_000_000 + 60 * minutes.load(Ordering::Relaxed)).unwrap()
        }
    };
    let mut waits = Vec::new();

    for minute in [0, 15, 30, 45, 61] {
        minutes.store(minute, Ordering::Relaxed);
        // Another process, for another job.
        let account = stub::account_by(&address, Arc::new(clock(&minutes)));
        let account = account.with_pacing(folder.path());
        let refused = quickly(account.drive(None, &cancel)).await.unwrap_err();
        waits.push(refused.retry_after().map(|wait| wait.as_secs() / 60));
    }

    assert_eq!(waits, [60, 45, 30, 15, 60].map(Some));
    assert_eq!(requests.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_refused_grant_is_final_and_an_outage_is_not() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    bench.simulator.expire_access("alex");
    for action in [Action::status(500), Action::status(502)] {
        bench
            .simulator
            .add_fault(Fault::new(Op::RefreshAuthid, action).times(1));
        let listed = destination.list(&bench.cancel).await;
        assert!(listed.unwrap_err().is_transient());
    }
    destination.list(&bench.cancel).await.unwrap();

    bench.simulator.change_password("alex");
    let listed = destination.list(&bench.cancel).await;

    assert!(
        matches!(listed, Err(DestinationError::SignInRequired { .. })),
        "{listed:?}"
    );
}
