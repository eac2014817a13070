//! Faults, one by one.

use coffer_onedrive_sim::{ALEX_DRIVE, Action, BodyShape, DropPoint, Fault, Op, RetryAfter};
use serde_json::{Value, json};

use super::support::{Sim, UNIT, bytes, code};

#[tokio::test]
async fn throttling_answers_with_retry_after() {
    let sim = Sim::start().await;
    sim.sim
        .add_fault(Fault::new(Op::Children, Action::throttle(429, 7)).times(2));

    for _ in 0..2 {
        let reply = sim.get("/me/drive/root/children").await;
        assert_eq!(reply.status(), 429);
        assert_eq!(reply.headers()["retry-after"], "7");
        assert_eq!(code(reply).await, "throttledRequest");
    }
    assert_eq!(sim.get("/me/drive/root/children").await.status(), 200);
}

#[tokio::test]
async fn a_date_and_a_page_can_be_the_answer() {
    let sim = Sim::start().await;
    let action = Action {
        retry_after: Some(RetryAfter::Word("date".to_owned())),
        body: Some(BodyShape::Html),
        ..Action::status(503)
    };
    sim.sim.add_fault(Fault::new(Op::Any, action));

    let reply = sim.get("/me/drive").await;

    assert_eq!(reply.status(), 503);
    assert!(
        reply.headers()["retry-after"]
            .to_str()
            .expect("text")
            .ends_with("GMT")
    );
    assert!(reply.text().await.expect("text").starts_with("<html>"));
}

#[tokio::test]
async fn a_dropped_connection_stores_nothing() {
    let sim = Sim::start().await;
    let file = bytes(2 * UNIT);
    let url = sim.session("/f", json!({})).await;
    for point in [
        DropPoint::BeforeBody,
        DropPoint::MidBody,
        DropPoint::BeforeResponse,
    ] {
        sim.sim
            .add_fault(Fault::new(Op::Fragment, Action::drop_at(point)));

        assert!(
            sim.try_fragment(&url, &file, 0, UNIT).await.is_err(),
            "{point:?}"
        );

        let status: Value = sim
            .http
            .get(&url)
            .send()
            .await
            .expect("it")
            .json()
            .await
            .expect("JSON");
        assert_eq!(status["nextExpectedRanges"], json!(["0-"]), "{point:?}");
    }
}

#[tokio::test]
async fn a_fragment_can_be_stored_and_denied() {
    let sim = Sim::start().await;
    let file = bytes(4 * UNIT);
    let url = sim.session("/f", json!({})).await;
    let action = Action {
        store_then_status: Some(500),
        ..Action::default()
    };
    sim.sim.add_fault(Fault::new(Op::Fragment, action));
    assert_eq!(sim.fragment(&url, &file, 0, UNIT).await.status(), 500);
    assert_eq!(sim.fragment(&url, &file, 0, UNIT).await.status(), 416);

    let action = Action {
        store_half_then_status: Some(503),
        ..Action::default()
    };
    sim.sim.add_fault(Fault::new(Op::Fragment, action));
    assert_eq!(
        sim.fragment(&url, &file, UNIT, 3 * UNIT).await.status(),
        503
    );
    let status: Value = sim
        .http
        .get(&url)
        .send()
        .await
        .expect("it")
        .json()
        .await
        .expect("JSON");
    assert_eq!(
        status["nextExpectedRanges"],
        json!([format!("{}-", 2 * UNIT)])
    );

    assert_eq!(
        sim.fragment(&url, &file, 2 * UNIT, 4 * UNIT).await.status(),
        201
    );
    assert_eq!(sim.sim.file_bytes(ALEX_DRIVE, "/f"), Some(file));
}

#[tokio::test]
async fn a_file_can_be_finished_without_an_answer() {
    let sim = Sim::start().await;
    let file = bytes(100);
    let url = sim.session("/f", json!({})).await;
    let action = Action {
        complete_then_drop: true,
        ..Action::default()
    };
    sim.sim.add_fault(Fault::new(Op::Fragment, action));

    assert!(sim.try_fragment(&url, &file, 0, 100).await.is_err());

    assert_eq!(sim.http.get(&url).send().await.expect("it").status(), 404);
    assert_eq!(sim.sim.file_bytes(ALEX_DRIVE, "/f"), Some(file));
    assert_eq!(
        sim.sim
            .log()
            .iter()
            .filter(|entry| entry.status == 0)
            .count(),
        1
    );
}

#[tokio::test]
async fn a_session_can_expire_under_the_client() {
    let sim = Sim::start().await;
    let url = sim.session("/f", json!({})).await;
    let action = Action {
        expire_session: true,
        ..Action::default()
    };
    sim.sim.add_fault(Fault::new(Op::Fragment, action));

    assert_eq!(sim.fragment(&url, &bytes(10), 0, 10).await.status(), 404);
    assert_eq!(sim.fragment(&url, &bytes(10), 0, 10).await.status(), 404);
}

#[tokio::test]
async fn a_session_can_claim_wrong_ranges() {
    let sim = Sim::start().await;
    let url = sim.session("/f", json!({})).await;
    let action = Action {
        bad_ranges: Some(vec!["0-".to_owned()]),
        ..Action::default()
    };
    sim.sim.add_fault(Fault::new(Op::Fragment, action));

    let reply = sim.fragment(&url, &bytes(2 * UNIT), 0, UNIT).await;

    assert_eq!(
        reply.json::<Value>().await.expect("JSON")["nextExpectedRanges"],
        json!(["0-"])
    );
}

#[tokio::test]
async fn downloads_break_in_every_way() {
    let sim = Sim::start().await;
    let file = bytes(300_000);
    sim.put("/f", file.clone()).await;
    let url = sim.download_url("/f").await;
    let get = async |action: Action| {
        sim.sim.add_fault(Fault::new(Op::Download, action));
        sim.http
            .get(&url)
            .send()
            .await
            .expect("an answer")
            .bytes()
            .await
    };

    let cut = get(Action {
        truncate_download: Some(5),
        ..Action::default()
    })
    .await;
    assert_eq!(cut.expect("bytes"), file[..5]);
    let damaged = get(Action {
        corrupt_byte: Some(100_000),
        ..Action::default()
    })
    .await
    .expect("bytes");
    assert_eq!(damaged.len(), file.len());
    let differing = (0..file.len()).filter(|at| damaged[*at] != file[*at]);
    assert_eq!(differing.collect::<Vec<_>>(), [100_000]);
    let page = get(Action {
        html_login_page: true,
        ..Action::default()
    })
    .await
    .expect("bytes");
    assert!(page.starts_with(b"<!doctype html>"));
    let action = Action {
        at: Some(1000),
        ..Action::drop_at(DropPoint::MidResponse)
    };
    assert!(get(action).await.is_err());
}

#[tokio::test]
async fn an_answer_can_end_in_the_middle() {
    let sim = Sim::start().await;
    sim.sim.add_fault(Fault::new(
        Op::Drive,
        Action::drop_at(DropPoint::MidResponse),
    ));

    let reply = sim.get("/me/drive").await;

    assert_eq!(reply.status(), 200);
    assert!(reply.bytes().await.is_err());
}

#[tokio::test]
async fn a_fault_is_aimed_by_path_account_and_number() {
    let sim = Sim::start().await;
    let mut fault = Fault::new(Op::ItemGet, Action::status(500))
        .path("/wanted$")
        .nth(2);
    fault.matching.account = Some("alex".to_owned());
    sim.sim.add_fault(fault);
    sim.put("/wanted", vec![]).await;
    let statuses = async |path: &str| {
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(
                sim.get(&format!("/me/drive/root:{path}"))
                    .await
                    .status()
                    .as_u16(),
            );
        }
        seen
    };

    assert_eq!(statuses("/other").await, [404, 404, 404]);
    assert_eq!(statuses("/wanted").await, [200, 500, 200]);
}
