//! Accounts, drives, rights and quota.

use coffer_onedrive_sim::{ALEX_DRIVE, SHARED_DRIVE, TEAM_DRIVE};
use reqwest::Method;
use serde_json::json;

use super::support::{Sim, UNIT, bytes, code};

#[tokio::test]
async fn each_account_has_its_drive() {
    let mut sim = Sim::start().await;
    assert_eq!(sim.get_json("/me").await["displayName"], "Alex Moreau");
    let drive = sim.get_json("/me/drive").await;
    assert_eq!(drive["id"], ALEX_DRIVE);
    assert_eq!(drive["quota"]["total"], 5_u64 << 30);

    sim.sign_in("robin", "Files.ReadWrite.All");
    let drives = sim.get_json("/me/drives").await;
    let kinds: Vec<_> = drives["value"]
        .as_array()
        .expect("drives")
        .iter()
        .map(|drive| &drive["driveType"])
        .collect();
    assert!(kinds.contains(&&json!("business")) && kinds.contains(&&json!("documentLibrary")));

    sim.sign_in("nolicense", "Files.ReadWrite");
    assert_eq!(sim.get("/me/drive").await.status(), 400);
}

#[tokio::test]
async fn a_shared_drive_needs_the_wider_scope() {
    let mut sim = Sim::start().await;
    let path = format!("/drives/{SHARED_DRIVE}/root/children");
    assert_eq!(sim.get(&path).await.status(), 403);
    assert_eq!(
        sim.get(&format!("/drives/{TEAM_DRIVE}")).await.status(),
        404
    );

    sim.sign_in("alex", "Files.ReadWrite.All");

    assert_eq!(sim.get(&path).await.status(), 200);
    let shared = sim.get_json("/me/drive/sharedWithMe").await;
    assert_eq!(
        shared["value"][0]["remoteItem"]["parentReference"]["driveId"],
        SHARED_DRIVE
    );
}

#[tokio::test]
async fn a_token_without_files_rights_may_not_look() {
    let mut sim = Sim::start().await;
    sim.sign_in("alex", "User.Read");
    assert_eq!(sim.get("/me/drive/root").await.status(), 403);

    sim.sign_in("alex", "Files.Read");
    assert_eq!(sim.get("/me/drive/root").await.status(), 200);
    assert_eq!(sim.put("/x", vec![]).await.status(), 403);
}

#[tokio::test]
async fn a_full_drive_takes_nothing_more() {
    let sim = Sim::start().await;
    sim.sim.set_quota(ALEX_DRIVE, UNIT as u64 + 1000);
    assert_eq!(sim.put("/big", bytes(UNIT + 1001)).await.status(), 507);
    let url = sim.session("/f", json!({})).await;
    let file = bytes(2 * UNIT);
    assert_eq!(sim.fragment(&url, &file, 0, UNIT).await.status(), 202);

    let refused = sim.fragment(&url, &file, UNIT, 2 * UNIT).await;

    assert_eq!(refused.status(), 507);
    assert_eq!(code(refused).await, "quotaLimitReached");
    let sized = json!({"item": {"fileSize": 10_000_000}});
    let path = "/me/drive/root:/g:/createUploadSession";
    let early = sim
        .graph(Method::POST, path)
        .json(&sized)
        .send()
        .await
        .expect("an answer");
    assert_eq!(early.status(), 507);
}

#[tokio::test]
async fn quota_states_follow_what_is_left() {
    let sim = Sim::start().await;
    sim.sim.set_quota(ALEX_DRIVE, 1000);
    for (fill, state) in [
        (0, "normal"),
        (901, "nearing"),
        (991, "critical"),
        (1000, "exceeded"),
    ] {
        sim.sim.fill(ALEX_DRIVE, fill);
        assert_eq!(sim.get_json("/me/drive").await["quota"]["state"], state);
    }

    sim.sim.hide_quota(ALEX_DRIVE, true);
    assert!(sim.get_json("/me/drive").await.get("quota").is_none());
}

#[tokio::test]
async fn a_readonly_drive_can_be_read() {
    let sim = Sim::start().await;
    sim.sim.set_readonly(ALEX_DRIVE, true);

    assert_eq!(sim.put("/x", vec![]).await.status(), 403);
    assert_eq!(sim.get("/me/drive/root/children").await.status(), 200);
}

#[tokio::test]
async fn sites_and_groups_lead_to_the_team_library() {
    let mut sim = Sim::start().await;
    sim.sign_in("robin", "Files.ReadWrite.All Group.Read.All");
    let groups = sim
        .get_json("/groups?$filter=mail eq 'team@contoso.example'")
        .await;
    let id = groups["value"][0]["id"].as_str().expect("a group");

    assert_eq!(
        sim.get_json(&format!("/groups/{id}/drive")).await["id"],
        TEAM_DRIVE
    );
    assert_eq!(
        sim.get_json(&format!("/sites/{id}/drive")).await["id"],
        TEAM_DRIVE
    );
}
