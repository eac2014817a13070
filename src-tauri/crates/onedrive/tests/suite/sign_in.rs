use coffer_onedrive::{Error, SignIn};
use tokio_util::sync::CancellationToken;

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
