use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coffer_destination::Error as DestinationError;
use coffer_onedrive::{Endpoints, Error, OneDrive, SignIn};
use tokio_util::sync::CancellationToken;

use crate::stub;
use crate::support::Bench;

#[tokio::test]
async fn a_cancelled_sign_in_ends_at_once() {
    let bench = Bench::new().await;
    let pending = SignIn::new(&bench.endpoints()).unwrap().start();
    let cancel = CancellationToken::new();
    assert!(pending.page().contains("?type=onedrivev2&token="));
    cancel.cancel();

    let outcome = pending.wait(&cancel).await;

    assert!(matches!(outcome, Err(Error::Cancelled)), "{outcome:?}");
}

#[tokio::test]
async fn every_sign_in_has_a_token_of_its_own() {
    let bench = Bench::new().await;
    let sign_in = SignIn::new(&bench.endpoints()).unwrap();

    assert_ne!(sign_in.start().page(), sign_in.start().page());
}

/// An object with the field and a lot of space.
fn padded(field: &str, value: &str) -> String {
    let space = " ".repeat(300 * 1024);
    format!(r#"{{"{field}":"{value}",{space}"expires":3600}}"#)
}

#[tokio::test]
async fn an_access_token_in_an_endless_answer_is_not_taken() {
    let (address, requests) = stub::serve(|_| (200, padded("access_token", "the-token"))).await;
    let account = stub::account(&address);

    let outcome = account.drive(None, &CancellationToken::new()).await;

    assert!(
        matches!(outcome, Err(DestinationError::Unavailable { .. })),
        "{outcome:?}"
    );
    let requests = requests.lock().unwrap();
    assert!(requests.iter().all(|head| head.contains("/refresh")));
}

/// An account whose AuthID service answers with a redirect to `location`, and the requests that the service gets.
async fn redirected(location: &'static str) -> (OneDrive, stub::Requests) {
    let (address, requests) = stub::serve_raw(move |head| {
        let (status, location, body) = match stub::path(head) {
            "/refresh" => (302, location, ""),
            "/worker" => (200, "", r#"{"access_token":"the-token","expires":3600}"#),
            _ => (302, location, ""),
        };
        format!(
            "HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        )
    })
    .await;
    (stub::account(&address), requests)
}

#[tokio::test]
async fn the_service_may_name_a_worker_of_its_own() {
    let (account, requests) = redirected("/worker").await;

    let _ = account.drive(None, &CancellationToken::new()).await;

    let requests = requests.lock().unwrap();
    let asked: Vec<&str> = requests.iter().map(|head| stub::path(head)).collect();
    assert_eq!(asked[..2], ["/refresh", "/worker"]);
    assert!(requests[1].contains("key:password"), "{}", requests[1]);
    assert!(requests[2].contains("Bearer the-token"), "{}", requests[2]);
}

#[tokio::test]
async fn an_auth_id_follows_no_redirect_to_where_it_could_be_read_nor_twice() {
    for (location, asked) in [("http://worker.example/", 1), ("/refresh/again", 2)] {
        let (account, requests) = redirected(location).await;

        let outcome = account.drive(None, &CancellationToken::new()).await;

        assert!(
            matches!(outcome, Err(DestinationError::Unavailable { .. })),
            "{outcome:?}"
        );
        assert_eq!(requests.lock().unwrap().len(), asked, "{location}");
    }
}

#[tokio::test]
async fn an_endless_answer_to_a_sign_in_is_asked_for_again() {
    let is_first = AtomicBool::new(true);
    let (address, _) = stub::serve(move |_| {
        let body = if is_first.swap(false, Ordering::Relaxed) {
            padded("authid", "endless:password")
        } else {
            r#"{"authid":"good:password"}"#.to_owned()
        };
        (200, body)
    })
    .await;
    coffer_onedrive::install_tls_provider();
    let endpoints = Endpoints::new(Some(&address), Some(&format!("{address}/refresh"))).unwrap();
    let sign_in = SignIn::new(&endpoints).unwrap();
    let pending = sign_in
        .with_timing(Duration::from_millis(1), Duration::from_secs(60))
        .start();

    let auth_id = pending.wait(&CancellationToken::new()).await.unwrap();

    assert_eq!(auth_id.expose(), "good:password");
}
