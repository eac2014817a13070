//! Upload sessions.

use coffer_onedrive_sim::{ALEX_DRIVE, Options, UploadAuth};
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE};
use serde_json::{Value, json};

use super::support::{Sim, UNIT, bytes, code};

#[tokio::test]
async fn fragments_in_order_become_the_file() {
    let sim = Sim::start().await;
    let file = bytes(2 * UNIT + 5);
    let times = json!({"lastModifiedDateTime": "2026-01-02T03:04:05Z"});
    let url = sim.session("/B/f.zip", json!({"item": {"@microsoft.graph.conflictBehavior": "replace", "fileSystemInfo": times}})).await;
    assert!(url.starts_with(sim.sim.up_url()));

    let first = sim.fragment(&url, &file, 0, 2 * UNIT).await;
    assert_eq!(first.status(), 202);
    let progress: Value = first.json().await.expect("JSON");
    assert_eq!(
        progress["nextExpectedRanges"],
        json!([format!("{}-", 2 * UNIT)])
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
    assert_eq!(status["nextExpectedRanges"], progress["nextExpectedRanges"]);
    let last = sim.fragment(&url, &file, 2 * UNIT, file.len()).await;

    assert_eq!(last.status(), 201);
    let item: Value = last.json().await.expect("JSON");
    assert_eq!(item["size"], file.len());
    assert_eq!(
        item["fileSystemInfo"]["lastModifiedDateTime"],
        "2026-01-02T03:04:05.000Z"
    );
    assert_eq!(sim.sim.file_bytes(ALEX_DRIVE, "/B/f.zip"), Some(file));
    assert_eq!(sim.http.get(&url).send().await.expect("it").status(), 404);
    assert_eq!(sim.sim.open_uploads(), 0);
}

#[tokio::test]
async fn a_last_fragment_counts_only_together_with_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let sim = Sim::with(Options::in_folder(folder.path())).await;
    let file = bytes(2 * UNIT);
    let url = sim.session("/f", json!({})).await;
    sim.fragment(&url, &file, 0, UNIT).await;
    let blobs = folder.path().join("blobs");
    std::fs::remove_dir(&blobs).expect("no place for files");

    let failed = sim.fragment(&url, &file, UNIT, file.len()).await;
    std::fs::create_dir(&blobs).expect("a place for files");

    assert_eq!(failed.status(), 500);
    let status = sim.http.get(&url).send().await.expect("it");
    let status: Value = status.json().await.expect("JSON");
    assert_eq!(status["nextExpectedRanges"], json!([format!("{UNIT}-")]));
    let again = sim.fragment(&url, &file, UNIT, file.len()).await;
    assert_eq!(again.status(), 201);
    assert_eq!(sim.sim.file_bytes(ALEX_DRIVE, "/f"), Some(file));
}

#[tokio::test]
async fn wrong_multiples_fail_only_at_the_last_fragment() {
    let sim = Sim::start().await;
    let file = bytes(UNIT + 10);
    let url = sim.session("/f", json!({})).await;

    assert_eq!(sim.fragment(&url, &file, 0, 1000).await.status(), 202);
    assert_eq!(
        sim.fragment(&url, &file, 1000, file.len()).await.status(),
        400
    );
}

#[tokio::test]
async fn overlapping_and_early_fragments_are_distinguished() {
    let sim = Sim::start().await;
    let file = bytes(3 * UNIT);
    let url = sim.session("/f", json!({})).await;
    sim.fragment(&url, &file, 0, UNIT).await;

    let again = sim.fragment(&url, &file, 0, UNIT).await;
    let early = sim.fragment(&url, &file, 2 * UNIT, 3 * UNIT).await;

    assert_eq!(again.status(), 416);
    assert_eq!(code(again).await, "fragmentOverlap");
    assert_eq!(early.status(), 416);
    assert_eq!(code(early).await, "fragmentOutOfOrder");
}

#[tokio::test]
async fn malformed_fragments_are_refused() {
    let sim = Sim::start().await;
    let url = sim.session("/f", json!({})).await;
    let put = async |range: &str, length: usize| {
        let request = sim
            .http
            .put(&url)
            .header(CONTENT_RANGE, range)
            .body(vec![0; length]);
        request.send().await.expect("an answer")
    };

    assert_eq!(put("bytes 0-9", 10).await.status(), 400);
    assert_eq!(
        code(put("bytes 0-9/100", 5).await).await,
        "fragmentLengthMismatch"
    );
    assert_eq!(
        code(put("bytes 0-9/100", 15).await).await,
        "fragmentLengthMismatch"
    );
    assert_eq!(put("bytes 0-62914559/99999999", 10).await.status(), 413);
    assert_eq!(
        sim.http
            .put(&url)
            .body("x")
            .send()
            .await
            .expect("it")
            .status(),
        400
    );
}

#[tokio::test]
async fn a_session_without_words_fails_when_the_name_is_taken() {
    let sim = Sim::start().await;
    sim.put("/f", b"old".to_vec()).await;
    let path = "/me/drive/root:/f:/createUploadSession";
    let reply = sim
        .graph(Method::POST, path)
        .header(CONTENT_LENGTH, 0)
        .send()
        .await
        .expect("it");
    let value: Value = reply.json().await.expect("JSON");
    let url = value["uploadUrl"].as_str().expect("an address");

    assert_eq!(sim.fragment(url, b"new", 0, 3).await.status(), 409);

    let flat = sim
        .session("/f", json!({"@microsoft.graph.conflictBehavior": "rename"}))
        .await;
    let item: Value = sim
        .fragment(&flat, b"new", 0, 3)
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(item["name"], "f 1");
}

#[tokio::test]
async fn the_address_takes_a_token_only_when_lenient() {
    let sim = Sim::start().await;
    let url = sim.session("/f", json!({})).await;
    let reply = sim
        .http
        .get(&url)
        .bearer_auth(&sim.token)
        .send()
        .await
        .expect("an answer");
    assert_eq!(reply.status(), 401);

    let options = Options {
        upload_auth: UploadAuth::Lenient,
        ..Options::default()
    };
    let sim = Sim::with(options).await;
    let url = sim.session("/f", json!({})).await;
    let reply = sim
        .http
        .get(&url)
        .bearer_auth(&sim.token)
        .send()
        .await
        .expect("an answer");
    assert_eq!(reply.status(), 200);
}

#[tokio::test]
async fn a_re_encoded_address_is_refused() {
    let mut sim = Sim::start().await;
    for account in ["alex", "robin"] {
        sim.sign_in(account, "Files.ReadWrite");
        let url = sim.session("/f", json!({})).await;
        let status = async |url: String| {
            sim.http
                .get(url)
                .send()
                .await
                .expect("an answer")
                .status()
                .as_u16()
        };

        assert_eq!(status(url.clone()).await, 200);
        assert_eq!(status(url.replace("%2B", "+")).await, 401);
        assert_eq!(status(url.replace('\'', "%27")).await, 200);
    }
}

#[tokio::test]
async fn a_cancelled_or_old_session_is_gone() {
    let sim = Sim::start().await;
    let url = sim.session("/f", json!({})).await;
    assert_eq!(
        sim.http.delete(&url).send().await.expect("it").status(),
        204
    );
    assert_eq!(
        sim.http.delete(&url).send().await.expect("it").status(),
        404
    );

    let url = sim.session("/f", json!({})).await;
    sim.sim.advance(std::time::Duration::from_secs(25 * 3600));
    let reply = sim.fragment(&url, b"new", 0, 3).await;
    assert_eq!(reply.status(), 404);
    assert_eq!(code(reply).await, "uploadSessionNotFound");
}

#[tokio::test]
async fn a_business_drive_takes_one_upload_of_a_name_at_a_time() {
    let mut sim = Sim::start().await;
    sim.sign_in("robin", "Files.ReadWrite");
    let file = bytes(2 * UNIT);
    let url = sim.session("/f", json!({})).await;
    sim.fragment(&url, &file, 0, UNIT).await;
    let start = async || {
        let path = "/me/drive/root:/F:/createUploadSession";
        sim.graph(Method::POST, path)
            .body("{}")
            .send()
            .await
            .expect("an answer")
            .status()
    };

    assert_eq!(start().await, 409);
    sim.http.delete(&url).send().await.expect("an answer");
    assert_eq!(start().await, 200);
}

#[tokio::test]
async fn a_session_needs_a_length_and_a_name() {
    let sim = Sim::start().await;
    let root = sim
        .graph(Method::POST, "/me/drive/root/createUploadSession")
        .body("{}");
    assert_eq!(root.send().await.expect("an answer").status(), 400);
    let other = json!({"item": {"name": "other"}});
    let path = "/me/drive/root:/f:/microsoft.graph.createUploadSession";
    let reply = sim
        .graph(Method::POST, path)
        .json(&other)
        .send()
        .await
        .expect("an answer");
    assert_eq!(reply.status(), 400);
    for action in ["oneDrive.createUploadSession", "upload.createSession"] {
        let path = format!("/me/drive/root:/f:/{action}");
        let reply = sim
            .graph(Method::POST, &path)
            .json(&json!({}))
            .send()
            .await
            .expect("it");
        assert_eq!(reply.status(), 200, "{action}");
    }
}

#[tokio::test]
async fn a_deferred_session_creates_the_file_on_commit() {
    let sim = Sim::start().await;
    for commit in [Method::POST, Method::PUT] {
        let path = format!("/{commit}");
        let url = sim.session(&path, json!({"deferCommit": true})).await;
        assert_eq!(sim.fragment(&url, b"new", 0, 3).await.status(), 202);
        assert_eq!(sim.sim.file_bytes(ALEX_DRIVE, &path), None);

        let request = match commit {
            Method::POST => sim.http.post(&url),
            _ => sim
                .graph(Method::PUT, &format!("/me/drive/root:{path}"))
                .json(&json!({"@microsoft.graph.sourceUrl": url})),
        };

        assert_eq!(request.send().await.expect("an answer").status(), 201);
        assert_eq!(sim.sim.file_bytes(ALEX_DRIVE, &path), Some(b"new".to_vec()));
    }
}
