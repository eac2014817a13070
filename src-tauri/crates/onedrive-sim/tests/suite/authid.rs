//! The AuthID service.

use std::time::Duration;

use coffer_onedrive_sim::{AuthIdDialect, Options};
use reqwest::Response;
use reqwest::header::LOCATION;
use serde_json::Value;

use super::login::click_through;
use super::support::Sim;

const FETCH: &str = "fetch-token-0123456789";

async fn refresh(sim: &Sim, authid: &str) -> Response {
    let request = sim.http.get(sim.sim.oauth_url()).header("X-AuthID", authid);
    request.send().await.expect("an answer")
}

async fn fetch(sim: &Sim) -> Value {
    let url = format!("{}/authid/fetch?token={FETCH}", sim.sim.api_url());
    sim.http
        .get(url)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON")
}

/// Opens the service's page and follows its button to Microsoft; returns that address.
async fn open(sim: &Sim, start: &str) -> String {
    let url = format!("{}{start}", sim.sim.api_url());
    let html = sim
        .http
        .get(url)
        .send()
        .await
        .expect("a page")
        .text()
        .await
        .expect("text");
    assert!(html.contains("id=\"authid-login\""));
    let link = html
        .split("href=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let link = link.expect("a link").replace("&amp;", "&");
    let reply = sim.http.get(link).send().await.expect("a redirect");
    assert_eq!(reply.status(), 302);
    reply.headers()[LOCATION]
        .to_str()
        .expect("an address")
        .to_owned()
}

async fn sign_in(sim: &Sim, start: &str) -> String {
    let microsoft = open(sim, start).await;
    let back = click_through(sim, &microsoft, "alex", "accept").await;
    let page = sim
        .http
        .get(back)
        .send()
        .await
        .expect("a page")
        .text()
        .await
        .expect("text");
    assert!(page.contains("Here is your AuthID"));
    fetch(sim).await["authid"]
        .as_str()
        .expect("an AuthID")
        .to_owned()
}

#[tokio::test]
async fn signing_in_gives_an_authid_that_opens_the_drive() {
    let mut sim = Sim::start().await;
    assert_eq!(fetch(&sim).await["error"], "No such entry");

    let authid = sign_in(&sim, &format!("/authid/?type=onedrivev2&token={FETCH}")).await;

    let (key, password) = authid.split_once(':').expect("two halves");
    assert!(key.len() == 32 && password.len() == 21, "{authid}");
    let granted: Value = refresh(&sim, &authid).await.json().await.expect("JSON");
    assert_eq!(granted["type"], "onedrivev2");
    assert!(
        granted["v2_authid"]
            .as_str()
            .is_some_and(|v2| v2.starts_with("v2:onedrivev2:"))
    );
    sim.token = granted["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    assert_eq!(sim.get_json("/me/drive").await["driveType"], "personal");
}

#[tokio::test]
async fn both_spellings_of_the_start_link_make_the_fetch_token() {
    for start in ["/authid?", "/authid/?", "/?"] {
        let sim = Sim::start().await;

        open(&sim, &format!("{start}type=onedrivev2&token={FETCH}")).await;

        assert_eq!(fetch(&sim).await["wait"], "Not ready", "{start}");
    }
}

#[tokio::test]
async fn an_authid_can_be_fetched_for_half_a_minute() {
    let sim = Sim::start().await;
    sign_in(&sim, &format!("/authid?type=onedrivev2&token={FETCH}")).await;
    let state = format!("{}/authid/token-state?token={FETCH}", sim.sim.api_url());
    let state: Value = sim
        .http
        .get(state)
        .send()
        .await
        .expect("it")
        .json()
        .await
        .expect("JSON");
    assert_eq!(state["success"], true);

    sim.sim.advance(Duration::from_secs(31));

    assert_eq!(fetch(&sim).await["error"], "No such entry");
}

#[tokio::test]
async fn version_two_carries_the_refresh_token_and_never_rotates() {
    let sim = Sim::start().await;
    let start = format!("/authid?type=onedrivev2&token={FETCH}&tokenversion=2");
    let authid = sign_in(&sim, &start).await;
    assert!(authid.starts_with("v2:onedrivev2:"));

    assert_eq!(refresh(&sim, &authid).await.status(), 200);
    sim.sim.advance(Duration::from_secs(91 * 24 * 3600));

    assert_eq!(refresh(&sim, &authid).await.status(), 500);
}

#[tokio::test]
async fn version_one_renews_itself_at_every_refresh() {
    let sim = Sim::start().await;
    let authid = sim.sim.seed_auth_id("alex");
    for _ in 0..3 {
        sim.sim.advance(Duration::from_secs(60 * 24 * 3600));
        assert_eq!(refresh(&sim, &authid).await.status(), 200);
    }
}

#[tokio::test]
async fn a_cached_token_comes_again_even_when_it_is_dead() {
    let sim = Sim::start().await;
    let authid = sim.sim.seed_auth_id("alex");
    let token = async || {
        let granted: Value = refresh(&sim, &authid).await.json().await.expect("JSON");
        granted["access_token"].clone()
    };
    let first = token().await;

    sim.sim.kill_access("alex");
    assert_eq!(token().await, first);

    sim.sim.expire_access("alex");
    assert_ne!(token().await, first);
}

#[tokio::test]
async fn bad_authids_are_refused_in_the_words_of_each_server() {
    let sim = Sim::start().await;
    let authid = sim.sim.seed_auth_id("alex");
    let (key, _) = authid.split_once(':').expect("two halves");
    let unknown = format!("{}:x", "0".repeat(32));
    let wrong = format!("{key}:wrong");
    for (given, status, reason) in [
        ("nonsense", 400, "Invalid authid in query"),
        (":x", 400, "Invalid authid in query"),
        (wrong.as_str(), 400, "Invalid authid password"),
        (unknown.as_str(), 404, "No such key"),
        ("", 400, "No authid in query"),
    ] {
        let reply = refresh(&sim, given).await;
        assert_eq!(reply.status(), status, "{given}");
        assert_eq!(reply.headers()["x-reason"], reason);
        assert_eq!(reply.json::<Value>().await.expect("JSON")["error"], reason);
    }

    let options = Options {
        authid_dialect: AuthIdDialect::Dotnet,
        ..Options::default()
    };
    let sim = Sim::with(options).await;
    assert_eq!(refresh(&sim, &unknown).await.status(), 401);
    sim.sim.require_mfa("alex", true);
    let reply = refresh(&sim, &sim.sim.seed_auth_id("alex")).await;
    assert_eq!(reply.status(), 500);
    assert_eq!(reply.text().await.expect("text"), "An error occurred");
}

#[tokio::test]
async fn a_revoked_sign_in_is_reported_in_the_words_of_microsoft() {
    let sim = Sim::start().await;
    let authid = sim.sim.seed_auth_id("alex");
    sim.sim.revoke("alex");

    let reply = refresh(&sim, &authid).await;

    assert_eq!(reply.status(), 500);
    let reason = reply.headers()["x-reason"].to_str().expect("text");
    assert!(reason.starts_with("Authentication provider for onedrivev2 gave error: "));
    assert!(reason.contains("invalid_grant"));
}

#[tokio::test]
async fn the_hourly_limit_answers_503_with_its_reason() {
    let sim = Sim::with(Options {
        authid_hourly_limit: 1,
        ..Options::default()
    })
    .await;
    let authid = sim.sim.seed_auth_id("alex");
    assert_eq!(refresh(&sim, &authid).await.status(), 200);

    let refused = refresh(&sim, &authid).await;

    assert_eq!(refused.status(), 503);
    assert!(
        refused.headers()["x-reason"]
            .to_str()
            .expect("text")
            .starts_with("Too many requests")
    );
    sim.sim.advance(Duration::from_secs(3600));
    assert_eq!(refresh(&sim, &authid).await.status(), 200);
}

#[tokio::test]
async fn a_revoked_authid_is_gone() {
    let sim = Sim::start().await;
    let authid = sim.sim.seed_auth_id("alex");
    let url = format!("{}/authid/revoked", sim.sim.api_url());

    let reply = sim
        .http
        .post(url)
        .form(&[("authid", &authid)])
        .send()
        .await
        .expect("a page");

    assert!(reply.text().await.expect("text").contains("Token revoked"));
    assert_eq!(refresh(&sim, &authid).await.status(), 404);
}
