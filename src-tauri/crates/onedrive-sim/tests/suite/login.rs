//! Microsoft's sign-in pages and token endpoint.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use coffer_onedrive_sim::Options;
use reqwest::header::LOCATION;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Duration;

use super::support::Sim;

const CLIENT: &str = "0c0ffe00-1111-4222-8333-444455556666";
const VERIFIER: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ";
const REDIRECT: &str = "http://localhost:53999";

fn authorize_url(sim: &Sim, extra: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER.as_bytes()));
    let mut fields = vec![
        ("client_id", CLIENT),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", "Files.ReadWrite offline_access User.Read openid"),
        ("state", "st"),
        ("nonce", "n-1"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    fields.extend_from_slice(extra);
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    format!("{}/common/oauth2/v2.0/authorize?{query}", sim.sim.api_url())
}

/// The value of a hidden field.
pub(crate) fn field(html: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let rest = html.split(&mark).nth(1).expect("the field");
    rest.split('"').next().expect("its value").to_owned()
}

/// Clicks through both pages and returns where the browser is sent.
pub(crate) async fn click_through(sim: &Sim, url: &str, account: &str, decision: &str) -> String {
    let html = sim
        .http
        .get(url)
        .send()
        .await
        .expect("a page")
        .text()
        .await
        .expect("text");
    assert!(html.contains("id=\"acct-alex\"") && html.contains("Simulated Microsoft sign-in"));
    let form = [
        ("flow", field(&html, "flow")),
        ("csrf", field(&html, "csrf")),
        ("account", account.to_owned()),
    ];
    let action = format!("{}/common/oauth2/v2.0/authorize", sim.sim.api_url());
    let reply = sim
        .http
        .post(action)
        .form(&form)
        .send()
        .await
        .expect("a page");
    let html = reply.text().await.expect("text");
    assert!(html.contains("id=\"consent-accept\"") && html.contains("id=\"consent-cancel\""));
    let form = [
        ("flow", field(&html, "flow")),
        ("csrf", field(&html, "csrf")),
        ("account", field(&html, "account")),
        ("decision", decision.to_owned()),
    ];
    let action = format!("{}/common/oauth2/v2.0/consent", sim.sim.api_url());
    let reply = sim
        .http
        .post(action)
        .form(&form)
        .send()
        .await
        .expect("a redirect");
    assert_eq!(reply.status(), 302);
    reply.headers()[LOCATION]
        .to_str()
        .expect("an address")
        .to_owned()
}

async fn token(sim: &Sim, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}/common/oauth2/v2.0/token", sim.sim.api_url());
    let reply = sim
        .http
        .post(url)
        .form(form)
        .send()
        .await
        .expect("an answer");
    (reply.status().as_u16(), reply.json().await.expect("JSON"))
}

fn code_in(location: &str) -> String {
    let url = url::Url::parse(location).expect("an address");
    let code = url
        .query_pairs()
        .find(|(key, _)| key == "code")
        .expect("a code")
        .1
        .into_owned();
    assert!(
        url.query_pairs()
            .any(|(key, value)| key == "state" && value == "st")
    );
    code
}

fn code_form<'a>(code: &'a str, verifier: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("client_id", CLIENT),
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", verifier),
    ]
}

#[tokio::test]
async fn clicking_through_the_pages_ends_in_tokens_that_open_the_drive() {
    let mut sim = Sim::start().await;
    let location = click_through(&sim, &authorize_url(&sim, &[]), "robin", "accept").await;
    assert!(location.starts_with("http://localhost:53999/?code="));
    let code = code_in(&location);

    let (status, granted) = token(&sim, &code_form(&code, VERIFIER)).await;

    assert_eq!(status, 200);
    let claims = granted["id_token"]
        .as_str()
        .expect("an id token")
        .split('.')
        .nth(1)
        .map(str::to_owned);
    let claims = URL_SAFE_NO_PAD
        .decode(claims.expect("claims"))
        .expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(claims["nonce"], "n-1");
    assert_eq!(claims["aud"], CLIENT);
    sim.token = granted["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let drive = sim.get_json("/me/drive").await;
    assert_eq!(drive["driveType"], "business");
}

#[tokio::test]
async fn a_code_works_once_and_only_with_its_verifier() {
    let sim = Sim::start().await;
    let location = click_through(&sim, &authorize_url(&sim, &[]), "alex", "accept").await;
    let code = code_in(&location);

    let wrong = token(
        &sim,
        &code_form(&code, "wrongwrongwrongwrongwrongwrongwrongwrongwrong"),
    )
    .await;
    let first = token(&sim, &code_form(&code, VERIFIER)).await;
    let second = token(&sim, &code_form(&code, VERIFIER)).await;

    assert_eq!(
        (wrong.0, &wrong.1["error_codes"][0]),
        (400, &Value::from(501_481))
    );
    assert_eq!(first.0, 200);
    assert_eq!(
        (second.0, &second.1["error_codes"][0]),
        (400, &Value::from(54005))
    );
}

#[tokio::test]
async fn cancelling_sends_the_browser_back_with_access_denied() {
    let sim = Sim::start().await;

    let location = click_through(&sim, &authorize_url(&sim, &[]), "alex", "cancel").await;

    assert!(location.contains("error=access_denied") && location.contains("state=st"));
}

#[tokio::test]
async fn a_form_without_its_csrf_field_is_refused() {
    let sim = Sim::start().await;
    let html = sim
        .http
        .get(authorize_url(&sim, &[]))
        .send()
        .await
        .expect("a page");
    let flow = field(&html.text().await.expect("text"), "flow");

    let form = [
        ("flow", flow.as_str()),
        ("csrf", "guess"),
        ("account", "alex"),
        ("decision", "accept"),
    ];
    let action = format!("{}/common/oauth2/v2.0/consent", sim.sim.api_url());
    let reply = sim
        .http
        .post(action)
        .form(&form)
        .send()
        .await
        .expect("a page");

    assert_eq!(reply.status(), 400);
}

#[tokio::test]
async fn an_unregistered_redirect_uri_shows_an_error_page() {
    let sim = Sim::start().await;
    for uri in [
        "http://evil.example/",
        "http://localhost:1/path",
        "https://localhost:1/",
        "nonsense",
    ] {
        let url = format!(
            "{}/common/oauth2/v2.0/authorize?client_id=a&response_type=code&scope=s&redirect_uri={uri}",
            sim.sim.api_url()
        );

        let reply = sim.http.get(url).send().await.expect("a page");

        assert_eq!(reply.status(), 400, "{uri}");
        assert!(reply.text().await.expect("text").contains("AADSTS50011"));
    }
}

#[tokio::test]
async fn auto_consent_answers_without_pages() {
    let options = Options {
        auto_consent: Some("alex".to_owned()),
        ..Options::default()
    };
    let sim = Sim::with(options).await;

    let reply = sim
        .http
        .get(authorize_url(&sim, &[]))
        .send()
        .await
        .expect("a redirect");

    let location = reply.headers()[LOCATION]
        .to_str()
        .expect("an address")
        .to_owned();
    assert_eq!(
        token(&sim, &code_form(&code_in(&location), VERIFIER))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn a_refresh_rotates_and_a_revoked_one_is_an_invalid_grant() {
    let sim = Sim::start().await;
    let refresh = sim
        .sim
        .seed_refresh_token("alex", "Files.ReadWrite offline_access");
    let form = [
        ("client_id", CLIENT),
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
    ];

    let (status, granted) = token(&sim, &form).await;
    assert_eq!(status, 200);
    assert_ne!(granted["refresh_token"], Value::from(refresh.as_str()));

    sim.sim.set_rotation("alex", false);
    assert_eq!(token(&sim, &form).await.1["refresh_token"], Value::Null);

    sim.sim.revoke("alex");
    let (status, refused) = token(&sim, &form).await;
    assert_eq!(
        (status, &refused["error"]),
        (400, &Value::from("invalid_grant"))
    );
}

#[tokio::test]
async fn a_refresh_token_dies_of_old_age() {
    let sim = Sim::start().await;
    let refresh = sim
        .sim
        .seed_refresh_token("alex", "Files.ReadWrite offline_access");
    let form = [
        ("client_id", CLIENT),
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
    ];

    sim.sim.advance(Duration::from_secs(91 * 24 * 3600));

    assert_eq!(token(&sim, &form).await.1["error_codes"][0], 70008);
}

#[tokio::test]
async fn an_expired_access_token_says_so_in_the_challenge() {
    let sim = Sim::start().await;
    sim.sim.advance(Duration::from_secs(3601));

    let reply = sim.get("/me/drive").await;

    assert_eq!(reply.status(), 401);
    let challenge = reply.headers()["www-authenticate"].to_str().expect("text");
    assert!(challenge.contains("expired_token"));
}

#[tokio::test]
async fn client_credentials_may_come_by_http_basic() {
    let sim = Sim::start().await;
    let refresh = sim
        .sim
        .seed_refresh_token("alex", "Files.ReadWrite offline_access");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
    ];
    let url = format!("{}/common/oauth2/v2.0/token", sim.sim.api_url());

    let reply = sim
        .http
        .post(url)
        .basic_auth("sim-client", Some("x"))
        .form(&form)
        .send()
        .await;

    assert_eq!(reply.expect("an answer").status(), 200);
}

#[tokio::test]
async fn a_device_code_waits_until_it_was_typed() {
    let sim = Sim::start().await;
    let base = sim.sim.api_url();
    let url = format!("{base}/common/oauth2/v2.0/devicecode");
    let form = [
        ("client_id", CLIENT),
        ("scope", "Files.ReadWrite offline_access"),
    ];
    let reply = sim
        .http
        .post(url)
        .form(&form)
        .send()
        .await
        .expect("an answer");
    let started: Value = reply.json().await.expect("JSON");
    let code = started["device_code"].as_str().expect("a code");
    let poll = [
        ("client_id", CLIENT),
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", code),
    ];
    assert_eq!(token(&sim, &poll).await.1["error"], "authorization_pending");

    let typed = [
        ("user_code", started["user_code"].as_str().expect("a code")),
        ("account", "alex"),
    ];
    let reply = sim
        .http
        .post(format!("{base}/device"))
        .form(&typed)
        .send()
        .await;

    assert_eq!(reply.expect("a page").status(), 200);
    assert_eq!(token(&sim, &poll).await.0, 200);
}

#[tokio::test]
async fn libraries_find_the_sign_in_addresses() {
    let sim = Sim::start().await;
    let url = format!(
        "{}/common/v2.0/.well-known/openid-configuration",
        sim.sim.api_url()
    );

    let found: Value = sim
        .http
        .get(url)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");

    for key in [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "device_authorization_endpoint",
        "jwks_uri",
        "end_session_endpoint",
    ] {
        assert!(found[key].is_string(), "{key}");
    }
    let probe = sim
        .http
        .head(sim.sim.api_url())
        .send()
        .await
        .expect("an answer");
    assert_eq!(probe.status(), 200);
}
