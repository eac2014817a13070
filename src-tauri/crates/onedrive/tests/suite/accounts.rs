use std::collections::BTreeMap;

use coffer_destination::{Destination as _, Error, NoCheckpoints, Silent};
use coffer_onedrive::{AuthId, OneDrive, OneDriveUrl, TransferOptions};
use coffer_onedrive_sim::{Action, Fault, Op};

use crate::support::{Bench, NAME};

#[tokio::test]
async fn an_account_names_its_drives_and_folders() {
    let bench = Bench::new().await;
    let account = bench.account("robin");
    let drive_id = bench.simulator.drive_id("robin");
    bench.simulator.create_folder(&drive_id, "/Backups/laptop");

    let drives = account.drives(&bench.cancel).await.unwrap();

    assert_eq!(drives[0].id, drive_id);
    assert!(drives[0].is_default && drives[0].quota.is_some());
    assert!(!drives[0].owner.is_empty());
    assert_eq!(
        account.folders(None, "", &bench.cancel).await.unwrap(),
        ["Backups"]
    );
    assert_eq!(
        account
            .folders(None, "Backups", &bench.cancel)
            .await
            .unwrap(),
        ["laptop"]
    );
    let missing = account.folders(None, "no/such", &bench.cancel).await;
    assert!(
        matches!(missing, Err(Error::FolderMissing { .. })),
        "{missing:?}"
    );
}

#[tokio::test]
async fn drives_of_others_can_be_chosen_by_who_may_use_them() {
    let bench = Bench::new().await;
    let shared = coffer_onedrive_sim::SHARED_DRIVE;
    let names_it = async |service: &str| {
        let auth_id = bench.simulator.seed_auth_id_for("alex", service);
        let account = OneDrive::new(&bench.endpoints(), AuthId::parse(&auth_id).unwrap()).unwrap();
        let drives = account.drives(&bench.cancel).await.unwrap();
        drives.iter().any(|drive| drive.id == shared)
    };

    assert!(!names_it("onedrivev2").await);
    assert!(names_it("sharepoint").await);
}

#[tokio::test]
async fn a_drive_id_puts_files_on_that_drive() {
    let bench = Bench::new().await;
    let auth_id = bench.simulator.seed_auth_id_for("robin", "sharepoint");
    let account = OneDrive::new(&bench.endpoints(), AuthId::parse(&auth_id).unwrap()).unwrap();
    let team = coffer_onedrive_sim::TEAM_DRIVE;
    let options = TransferOptions::default();
    let destination = account.destination(Some(team), "Backups", options).unwrap();
    destination.create_folder(&bench.cancel).await.unwrap();

    let file = bench.file(10);
    destination
        .put(NAME, &file, &NoCheckpoints, &Silent, &bench.cancel)
        .await
        .unwrap();

    assert!(
        bench
            .simulator
            .file_bytes(team, &format!("/Backups/{NAME}"))
            .is_some()
    );
    let own = bench.simulator.drive_id("robin");
    assert!(
        bench
            .simulator
            .file_bytes(&own, &format!("/Backups/{NAME}"))
            .is_none()
    );
}

#[tokio::test]
async fn an_unknown_drive_is_named() {
    let bench = Bench::new().await;

    let drive = bench
        .account("alex")
        .drive(Some("b!nonsense"), &bench.cancel)
        .await;

    assert!(
        matches!(&drive, Err(Error::Refused { name, .. }) if name == "b!nonsense"),
        "{drive:?}"
    );
}

#[tokio::test]
async fn a_file_in_the_folders_place_is_named() {
    let bench = Bench::new().await;
    bench
        .simulator
        .put_file(&bench.simulator.drive_id("alex"), "/Backups", b"a file");
    let options = TransferOptions::default();
    let destination = bench
        .account("alex")
        .destination(None, "Backups/x", options)
        .unwrap();

    let created = destination.create_folder(&bench.cancel).await;

    assert!(matches!(created, Err(Error::Refused { .. })), "{created:?}");
}

#[tokio::test]
async fn a_wrong_auth_id_needs_a_new_sign_in() {
    let bench = Bench::new().await;
    let wrong = AuthId::parse("0123456789abcdef0123456789abcdef:wrong").unwrap();
    let account = OneDrive::new(&bench.endpoints(), wrong).unwrap();

    let drive = account.drive(None, &bench.cancel).await;

    assert!(
        matches!(drive, Err(Error::SignInRequired { .. })),
        "{drive:?}"
    );
}

#[tokio::test]
async fn a_wait_that_was_asked_for_holds_for_another_process() {
    let bench = Bench::new().await;
    let auth_id = bench.simulator.seed_auth_id("alex");
    let process = || {
        let auth_id = AuthId::parse(&auth_id).unwrap();
        let account = OneDrive::new(&bench.endpoints(), auth_id).unwrap();
        account.with_pacing(&bench.folder.path().join("pacing"))
    };
    let throttled = Fault::new(Op::Drive, Action::throttle(429, 3000));
    bench.simulator.add_fault(throttled);
    let refused = process().drive(None, &bench.cancel).await;
    assert!(matches!(refused, Err(Error::Throttled { .. })));
    let asked = bench.simulator.log().len();

    let other = process();
    let mut waits = other.waits();
    let waiting = async {
        waits.changed().await.unwrap();
        let until = (*waits.borrow()).expect("it waits");
        bench.cancel.cancel();
        until
    };
    let (ended, until) = tokio::join!(other.drive(None, &bench.cancel), waiting);

    assert!(matches!(ended, Err(Error::Cancelled)));
    let log = bench.simulator.log();
    let of_graph = log[asked..].iter().filter(|entry| entry.op == Op::Drive);
    assert_eq!(of_graph.count(), 0);
    let left = until.duration_since(jiff::Timestamp::now());
    assert!(left > jiff::SignedDuration::from_secs(1000));
}

#[tokio::test]
async fn sites_and_groups_lead_to_their_libraries() {
    let bench = Bench::new().await;
    let auth_id = bench.simulator.seed_auth_id_for("robin", "msgroup");
    let account = OneDrive::new(&bench.endpoints(), AuthId::parse(&auth_id).unwrap()).unwrap();
    let find = async |address: &str| {
        let url = OneDriveUrl::parse(address, &BTreeMap::new()).unwrap();
        let place = url.place().unwrap();
        account.find(&place, url.folder(), &bench.cancel).await
    };

    for address in [
        "sharepoint://Backups/PC?site-id=contoso.example,1,2",
        "sharepoint://contoso.example/sites/team//Backups/PC",
        "sharepoint://contoso.example/sites/team/Backups/PC",
        "msgroup://Backups/PC?group-email=team@contoso.example",
        "msgroup://Backups/PC?group-id=6f0d1c52-90f6-4a0b-b5d3-2a1e7c9d8b44",
    ] {
        let (drive, folder) = find(address).await.unwrap();
        assert_eq!(drive.id, coffer_onedrive_sim::TEAM_DRIVE, "{address}");
        assert_eq!(folder, "Backups/PC", "{address}");
    }
    for nowhere in [
        "sharepoint://contoso.example/sites/nobody/Backups",
        "msgroup://Backups?group-email=nobody@contoso.example",
        "msgroup://Backups?group-email=team@contoso.example&group-id=another",
    ] {
        let refused = find(nowhere).await;
        assert!(
            matches!(refused, Err(Error::Refused { .. })),
            "{nowhere}: {refused:?}"
        );
    }
}
