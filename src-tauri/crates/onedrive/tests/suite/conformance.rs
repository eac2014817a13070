use coffer_destination::conformance_tests;
use coffer_onedrive::{OneDriveDestination, TransferOptions};

use crate::support::Bench;

async fn fresh() -> (OneDriveDestination, Bench) {
    let bench = Bench::new().await;
    let options = TransferOptions::default();
    let destination = bench
        .account("alex")
        .destination(None, "Backups/My PC #1/Ü", options)
        .unwrap();
    (destination, bench)
}

conformance_tests!(fresh);
