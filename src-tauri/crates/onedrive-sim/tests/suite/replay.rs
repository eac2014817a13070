//! Every request Duplicati's own client was seen to send gets the answer it got then.

use std::collections::HashMap;

use coffer_onedrive_sim::TEAM_DRIVE;
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, USER_AGENT};
use serde_json::Value;

use super::support::Sim;

const REQUESTS: &str =
    include_str!("../../../../../tests/fixtures/duplicati-2.3/onedrive-requests.json");
const URLS: &str = include_str!("../../../../../tests/fixtures/duplicati-2.3/onedrive-urls.json");

/// What the recording called differently.
struct Names {
    authid: String,
    token: String,
    /// Item ids, upload and download addresses by their recorded names.
    known: HashMap<String, String>,
    /// Where the last answer pointed.
    last: String,
}

#[tokio::test]
async fn every_recorded_request_gets_the_recorded_status() {
    let sim = Sim::start().await;
    sim.sim.create_folder(TEAM_DRIVE, "/Backups/My PC");
    let steps: Vec<Value> = serde_json::from_str(REQUESTS).expect("the recording");
    let mut names = Names {
        authid: sim.sim.seed_auth_id("alex"),
        token: String::new(),
        known: HashMap::new(),
        last: String::new(),
    };

    for step in &steps {
        let name = step["step"].as_str().expect("a name");
        if name.contains("another drive") {
            names.authid = sim.sim.seed_auth_id_for("robin", "sharepoint");
        }
        for request in step["requests"].as_array().expect("requests") {
            let status = replay(&sim, &mut names, request).await;
            assert_eq!(u64::from(status), request["status"], "{name}: {request}");
        }
    }
}

#[tokio::test]
async fn every_recorded_address_is_understood() {
    let sim = Sim::start().await;
    let cases: Vec<Value> = serde_json::from_str(URLS).expect("the recording");

    for case in &cases {
        let Some(request) = case["request"].as_str() else {
            continue;
        };
        let url = format!("{}{request}", sim.sim.api_url());
        let reply = sim
            .http
            .get(url)
            .bearer_auth(&sim.token)
            .send()
            .await
            .expect("an answer");
        let expected = match request {
            request if request.ends_with("root::/children") => 200,
            request if request.contains("/..") => 400,
            _ => 404,
        };
        assert_eq!(reply.status(), expected, "{request}");
    }
}

async fn replay(sim: &Sim, names: &mut Names, request: &Value) -> u16 {
    let recorded = request["url"].as_str().expect("a url");
    let url = match recorded {
        url if url.starts_with("/up/") || url.starts_with("/dl/") => names
            .known
            .entry(url.to_owned())
            .or_insert_with(|| names.last.clone())
            .clone(),
        url => {
            let mut url = url.replace("b!OtherDrive", TEAM_DRIVE);
            for (recorded, real) in &names.known {
                url = url.replace(&format!("/items/{recorded}/"), &format!("/items/{real}/"));
            }
            format!("{}{url}", sim.sim.api_url())
        }
    };
    let method = request["method"]
        .as_str()
        .expect("a method")
        .parse::<Method>();
    let mut sent = sim.http.request(method.expect("a method"), url);
    let headers = &request["headers"];
    for name in [USER_AGENT, CONTENT_TYPE, CONTENT_LENGTH, CONTENT_RANGE] {
        let written = headers.as_object().and_then(|headers| {
            headers
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name.as_str()))
        });
        if let Some(value) = written.and_then(|(_, value)| value.as_str()) {
            sent = sent.header(name, value);
        }
    }
    if headers.get("Authorization").is_some() {
        sent = sent.bearer_auth(&names.token);
    }
    if headers.get("X-AuthID").is_some() {
        sent = sent.header("X-AuthID", &names.authid);
    }
    let length = request["body_bytes"].as_u64().expect("a length") as usize;
    if let Some(body) = request.get("body") {
        sent = sent.body(pad(body.to_string(), length));
    } else if length > 0 {
        sent = sent.body(vec![7; length]);
    }
    let reply = sent.send().await.expect("an answer");
    let status = reply.status().as_u16();
    if let Some(location) = reply.headers().get(LOCATION) {
        names.last = location.to_str().expect("an address").to_owned();
    }
    remember(names, recorded, reply.json().await.unwrap_or_default());
    status
}

fn remember(names: &mut Names, recorded: &str, answer: Value) {
    if let Some(token) = answer["access_token"].as_str() {
        names.token = token.to_owned();
    }
    if let Some(url) = answer["uploadUrl"].as_str() {
        names.last = url.to_owned();
    }
    if recorded.ends_with("/items/root/children") {
        names.known.insert(
            "i1".to_owned(),
            answer["id"].as_str().unwrap_or_default().to_owned(),
        );
    }
}

/// The recorded length counts spaces the recording left out.
fn pad(body: String, length: usize) -> Vec<u8> {
    let mut body = body.into_bytes();
    body.resize(length.max(body.len()), b' ');
    body
}
