//! Items 2 and 4: AuthIDs of both kinds of service, and the tokens that come from them.

use std::time::Duration;

use coffer_destination::{Destination as _, Error as DestinationError};
use coffer_onedrive::{AuthId, Endpoints, Error, OneDrive, SignIn};
use coffer_onedrive_sim::{Action, AuthIdDialect, Fault, Op, Options, Simulator};
use tokio_util::sync::CancellationToken;

use crate::support::Bench;

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

/// What a person does in the browser: loads the page, follows its link, agrees.
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
async fn item_02_both_kinds_of_service_give_an_auth_id() {
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
async fn item_02_an_auth_id_that_was_fetched_too_late_is_told_as_expired() {
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
fn item_02_the_words_of_an_error_page_are_no_auth_id() {
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
async fn item_04_eight_workers_make_one_refresh() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    bench.simulator.expire_access("alex");
    let before = refreshes(&bench);

    let lists = (0..8).map(|_| destination.list(&bench.cancel));
    let lists = futures::future::join_all(lists).await;

    assert!(lists.iter().all(Result::is_ok), "{lists:?}");
    assert_eq!(refreshes(&bench), before + 1);
}

#[tokio::test]
async fn item_04_a_dead_token_that_comes_again_is_not_asked_for_for_ever() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    bench.simulator.kill_access("alex");
    let before = bench.simulator.log().len();

    let listed = destination.list(&bench.cancel).await;

    assert!(
        matches!(listed, Err(DestinationError::SignInRequired { .. })),
        "{listed:?}"
    );
    assert!(bench.simulator.log().len() <= before + 3);
}

#[tokio::test]
async fn item_04_a_refused_grant_is_final_and_an_outage_is_not() {
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
