//! What outlives a restart.

use coffer_onedrive_sim::{ALEX_DRIVE, Options};
use serde_json::json;

use super::support::{Sim, UNIT, bytes};

#[tokio::test]
async fn a_restart_keeps_tokens_files_and_uploads() {
    let folder = tempfile::tempdir().expect("a folder");
    let sim = Sim::with(Options::in_folder(folder.path())).await;
    let port = |url: &str| {
        url.rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .expect("a port")
    };
    let options = Options {
        api_port: port(sim.sim.api_url()),
        up_port: port(sim.sim.up_url()),
        dl_port: port(sim.sim.dl_url()),
        ..Options::in_folder(folder.path())
    };
    let authid = sim.sim.seed_auth_id("alex");
    sim.put("/keep/x", bytes(1000)).await;
    sim.put("/keep/x", bytes(2000)).await;
    let download = sim.download_url("/keep/x").await;
    let file = bytes(2 * UNIT);
    let upload = sim.session("/f", json!({})).await;
    sim.fragment(&upload, &file, 0, UNIT).await;
    let token = sim.token.clone();
    sim.sim.shutdown().await;

    let mut sim = Sim::with(options).await;
    sim.token = token;

    assert_eq!(sim.sim.tree(ALEX_DRIVE).len(), 2);
    assert_eq!(sim.get_json("/me/drive").await["quota"]["used"], 2000);
    let read = sim
        .http
        .get(download)
        .send()
        .await
        .expect("it")
        .bytes()
        .await
        .expect("bytes");
    assert_eq!(read, bytes(2000));
    let refreshed = sim
        .http
        .get(sim.sim.oauth_url())
        .header("X-AuthID", authid)
        .send()
        .await;
    assert_eq!(refreshed.expect("it").status(), 200);
    assert_eq!(
        sim.fragment(&upload, &file, UNIT, 2 * UNIT).await.status(),
        201
    );
    assert_eq!(sim.sim.file_bytes(ALEX_DRIVE, "/f"), Some(file));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids() {
    let id = async || {
        let sim = Sim::with(Options {
            seed: Some(7),
            ..Options::default()
        })
        .await;
        let authid = sim.sim.seed_auth_id("alex");
        (sim.token, authid)
    };

    assert_eq!(id().await, id().await);
}
