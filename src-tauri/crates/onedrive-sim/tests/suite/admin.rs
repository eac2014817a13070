//! The admin API.

use coffer_onedrive_sim::ALEX_DRIVE;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::support::Sim;

async fn admin(sim: &Sim, method: Method, path: &str, body: Value) -> Response {
    let url = format!("{}/_sim/{path}", sim.sim.api_url());
    let request = sim
        .http
        .request(method, url)
        .bearer_auth(sim.sim.admin_token());
    request.json(&body).send().await.expect("an answer")
}

#[tokio::test]
async fn only_the_admin_token_opens_it() {
    let sim = Sim::start().await;
    let url = format!("{}/_sim/log", sim.sim.api_url());
    assert_eq!(sim.http.get(&url).send().await.expect("it").status(), 401);
    assert_eq!(
        sim.http
            .get(&url)
            .bearer_auth("x")
            .send()
            .await
            .expect("it")
            .status(),
        401
    );
    let page = sim
        .http
        .get(format!("{}/_sim/ui", sim.sim.api_url()))
        .send()
        .await
        .expect("it");
    assert_eq!(page.status(), 200);
    assert!(
        !page
            .text()
            .await
            .expect("text")
            .contains(sim.sim.admin_token())
    );
}

#[tokio::test]
async fn faults_are_set_and_removed() {
    let sim = Sim::start().await;
    let fault = json!({"id": "f1", "match": {"op": "drive", "method": "GET"}, "times": 0, "action": {"status": 500}});
    assert_eq!(
        admin(&sim, Method::POST, "faults", fault).await.status(),
        200
    );
    assert_eq!(sim.get("/me/drive").await.status(), 500);
    let list: Value = admin(&sim, Method::GET, "faults", json!({}))
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(list["faults"][0]["struck"], 1);

    assert_eq!(
        admin(&sim, Method::DELETE, "faults/f1", json!({}))
            .await
            .status(),
        200
    );

    assert_eq!(sim.get("/me/drive").await.status(), 200);
    let unknown = json!({"action": {"explode": true}});
    assert_eq!(
        admin(&sim, Method::POST, "faults", unknown).await.status(),
        400
    );
}

#[tokio::test]
async fn accounts_drives_and_the_clock_are_controlled() {
    let mut sim = Sim::start().await;
    let made: Value = admin(&sim, Method::POST, "accounts/alex/authid", json!({}))
        .await
        .json()
        .await
        .expect("JSON");
    let request = sim
        .http
        .get(sim.sim.oauth_url())
        .header("X-AuthID", made["authid"].as_str().expect("it"));
    assert_eq!(request.send().await.expect("it").status(), 200);

    admin(
        &sim,
        Method::PUT,
        &format!("drives/{ALEX_DRIVE}/fill"),
        json!({}),
    )
    .await;
    assert_eq!(sim.get_json("/me/drive").await["quota"]["remaining"], 0);
    admin(
        &sim,
        Method::PUT,
        &format!("drives/{ALEX_DRIVE}/fill"),
        json!({"bytes": 0}),
    )
    .await;
    admin(
        &sim,
        Method::POST,
        "clock",
        json!({"advance_seconds": 4000}),
    )
    .await;
    assert_eq!(sim.get("/me/drive").await.status(), 401);
    sim.sign_in("alex", "Files.ReadWrite");
    admin(&sim, Method::POST, "accounts/alex/revoke", json!({})).await;
    assert_eq!(sim.get("/me/drive").await.status(), 401);
}

#[tokio::test]
async fn the_log_shows_what_was_sent() {
    let sim = Sim::start().await;
    sim.put("/a/b", b"12345".to_vec()).await;

    let log: Value = admin(&sim, Method::GET, "log?since=0", json!({}))
        .await
        .json()
        .await
        .expect("JSON");

    let entry = &log["entries"][0];
    assert_eq!(
        (&entry["op"], &entry["status"], &entry["bytes"]),
        (&json!("content_put"), &json!(201), &json!(5))
    );
    assert_eq!(
        (&entry["account"], &entry["had_auth"]),
        (&json!("alex"), &json!(true))
    );
    let tree: Value = admin(&sim, Method::GET, "tree", json!({}))
        .await
        .json()
        .await
        .expect("JSON");
    assert!(tree.to_string().contains("/a/b"));
}

#[tokio::test]
async fn a_reset_forgets_everything() {
    let sim = Sim::start().await;
    sim.put("/x", b"1".to_vec()).await;

    assert_eq!(
        admin(&sim, Method::POST, "reset", json!({})).await.status(),
        200
    );

    assert_eq!(sim.get("/me/drive").await.status(), 401);
    assert!(sim.sim.tree(ALEX_DRIVE).is_empty());
}

#[tokio::test]
async fn limits_refuse_what_is_too_much_until_the_window_is_over() {
    let sim = Sim::start().await;
    let limits = json!({"window_seconds": 60, "requests": 2, "headers": "always"});

    let set = admin(&sim, Method::PUT, "limits", limits).await;
    assert_eq!(set.status(), 200);
    assert_eq!(sim.get("/me/drive").await.status(), 200);
    let second = sim.get("/me/drive").await;
    assert_eq!(second.headers()["ratelimit-remaining"], "0");
    let third = sim.get("/me/drive").await;

    assert_eq!(third.status(), 429);
    let named: u64 = third.headers()["retry-after"]
        .to_str()
        .expect("text")
        .parse()
        .expect("seconds");
    assert!((1..=60).contains(&named));
    sim.sim.advance(std::time::Duration::from_secs(named));
    assert_eq!(sim.get("/me/drive").await.status(), 200);
    let report: Value = admin(&sim, Method::GET, "limits", json!({}))
        .await
        .json()
        .await
        .expect("JSON");
    let counted = &report["accounts"]["alex"];
    assert_eq!(
        (&counted["requests"], &counted["throttled"]),
        (&json!(3), &json!(1))
    );
    let endless = json!({"window_seconds": 0});
    assert_eq!(
        admin(&sim, Method::PUT, "limits", endless).await.status(),
        400
    );
}
