//! What the protocol (`docs/protocol.md`) asks of a client, part by part: addresses, folders, drives and secrets here.
//! What `faults`, `accounts`, `urls` and the destination's own conformance tests show is not repeated.

mod direct;
mod fragments;
mod reading;
mod signing_in;
mod uploading;

use std::collections::BTreeMap;

use coffer_destination::{Destination as _, Error};
use coffer_onedrive::{OneDriveUrl, TransferOptions};
use coffer_onedrive_sim::{Action, Fault, Op};

use crate::support::Bench;

#[test]
fn addresses_are_decoded_as_often_as_duplicati_does() {
    for (address, folder) in [
        ("onedrivev2://A/B%20C?authid=a:b", "A/B C"),
        ("onedrivev2://A/B+C?authid=a:b", "A/B C"),
        ("onedrivev2://A/B%2BC?authid=a:b", "A/B C"),
        ("onedrivev2://A/B%252BC?authid=a:b", "A/B+C"),
        ("onedrivev2://A/50%2525?authid=a:b", "A/50%"),
        ("onedrivev2://A/%u00E6?authid=a:b", "A/æ"),
    ] {
        let url = OneDriveUrl::parse(address, &BTreeMap::new()).unwrap();
        assert_eq!(url.folder(), folder, "{address}");
    }
}

#[tokio::test]
async fn a_folder_that_another_client_creates_first_is_used() {
    let bench = Bench::new().await;
    let drive = bench.simulator.drive_id("alex");
    bench.simulator.create_folder(&drive, "/Backups/My PC/x");
    // The last part looks missing, and then its creation is a conflict.
    let unseen = Fault::new(Op::ItemGet, Action::status(404)).times(1);
    bench.simulator.add_fault(unseen.path("PC/x"));
    let destination = bench
        .account("alex")
        .destination(None, "Backups/My PC/x", TransferOptions::default())
        .unwrap();

    destination.create_folder(&bench.cancel).await.unwrap();

    let folders = bench.simulator.tree(&drive);
    assert_eq!(folders.len(), 3, "{folders:?}");
    let log = bench.simulator.log();
    assert!(log.iter().any(|entry| entry.status == 409));
}

#[tokio::test]
async fn a_folder_in_another_case_is_the_same_folder() {
    let bench = Bench::new().await;
    let drive = bench.simulator.drive_id("alex");
    bench.simulator.create_folder(&drive, "/BACKUPS/my pc");

    let destination = bench.destination().await;
    bench.put(&destination, &bench.file(10)).await.unwrap();

    let tree = bench.simulator.tree(&drive);
    assert_eq!(tree.len(), 3, "{tree:?}");
}

#[tokio::test]
async fn a_recreated_folder_is_found_again() {
    let bench = Bench::new().await;
    let drive = bench.simulator.drive_id("alex");
    let destination = bench.destination().await;
    let file = bench.file(10);
    bench.put(&destination, &file).await.unwrap();
    remove(&bench, "Backups/My PC").await;
    bench.simulator.create_folder(&drive, "/Backups/My PC");

    assert!(destination.list(&bench.cancel).await.unwrap().is_empty());
    remove(&bench, "Backups/My PC").await;
    bench.simulator.create_folder(&drive, "/Backups/My PC");
    bench.put(&destination, &file).await.unwrap();

    assert!(bench.stored().is_some());
}

/// Deletes by path, as a user does on the web.
async fn remove(bench: &Bench, path: &str) {
    let token = bench.simulator.seed_access_token("alex", "Files.ReadWrite");
    let url = format!(
        "{}/v1.0/me/drive/root:/{}",
        bench.simulator.api_url(),
        path.replace(' ', "%20")
    );
    let deleted = reqwest::Client::new().delete(url).bearer_auth(token).send();
    assert_eq!(deleted.await.unwrap().status(), 204);
}

#[tokio::test]
async fn names_and_paths_are_checked_before_the_first_byte() {
    let bench = Bench::new().await;
    let destination = bench.destination().await;
    let file = bench.file(10);
    let long = "x".repeat(400);
    let before = bench.simulator.log().len();

    for name in [
        "..",
        "a:b",
        "a/b",
        "nul",
        "~$x",
        "x.",
        " x",
        "",
        long.as_str(),
    ] {
        let put = destination
            .put(
                name,
                &file,
                &coffer_destination::NoCheckpoints,
                &coffer_destination::Silent,
                &bench.cancel,
            )
            .await;
        assert!(
            matches!(put, Err(Error::InvalidName { .. })),
            "{name}: {put:?}"
        );
    }

    assert_eq!(bench.simulator.log().len(), before);
}

#[tokio::test]
async fn a_drive_is_chosen_and_one_without_access_is_refused() {
    let bench = Bench::new().await;
    let own = bench.simulator.drive_id("alex");
    let account = bench.account("alex");

    let default = account.drive(None, &bench.cancel).await.unwrap();
    assert!(default.is_default && default.id == own);
    for spelled in [own.clone(), own.to_uppercase()] {
        let named = account.drive(Some(&spelled), &bench.cancel).await.unwrap();
        assert_eq!(named.id, own);
    }

    // Duplicati's scope covers only the user's own files.
    let shared = coffer_onedrive_sim::SHARED_DRIVE;
    let without = account.drive(Some(shared), &bench.cancel).await;
    assert!(matches!(without, Err(Error::Refused { .. })), "{without:?}");
    let wide = bench.simulator.seed_auth_id_for("alex", "sharepoint");
    let wide = coffer_onedrive::AuthId::parse(&wide).unwrap();
    let account = coffer_onedrive::OneDrive::new(&bench.endpoints(), wide).unwrap();
    let with = account.drive(Some(shared), &bench.cancel).await.unwrap();
    assert_eq!(with.id, shared);
}

#[tokio::test]
async fn no_failure_names_a_secret() {
    let bench = Bench::new().await;
    let auth_id = bench.simulator.seed_auth_id("alex");
    let account = coffer_onedrive::OneDrive::new(
        &bench.endpoints(),
        coffer_onedrive::AuthId::parse(&auth_id).unwrap(),
    )
    .unwrap();
    let options = TransferOptions {
        fragment_size: 327_680,
        fragment_tries: 1,
        fragment_delay: std::time::Duration::from_millis(1),
        ..TransferOptions::default()
    };
    let destination = account.destination(None, "Backups/My PC", options).unwrap();
    destination.create_folder(&bench.cancel).await.unwrap();
    let file = bench.file(5_000_000);
    let mut said = Vec::new();
    for status in [400, 401, 403, 404, 409, 413, 423, 500, 507] {
        for op in [Op::Fragment, Op::CreateSession, Op::ItemGet] {
            bench
                .simulator
                .add_fault(Fault::new(op, Action::status(status)).times(1000));
            if let Err(error) = bench.put(&destination, &file).await {
                said.push(format!("{error} {error:?}"));
            }
            bench.simulator.clear_faults();
        }
    }
    let drop = Action::drop_at(coffer_onedrive_sim::DropPoint::BeforeResponse);
    bench
        .simulator
        .add_fault(Fault::new(Op::Any, drop).times(1000));
    for error in [
        bench.put(&destination, &file).await.unwrap_err(),
        destination.list(&bench.cancel).await.unwrap_err(),
    ] {
        said.push(format!("{error} {error:?}"));
    }

    assert!(said.len() > 10, "{}", said.len());
    let (_, password) = auth_id.split_once(':').unwrap();
    for text in said {
        for secret in ["tempauth", "Bearer", "uploadSession?", "/rup/", password] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}
