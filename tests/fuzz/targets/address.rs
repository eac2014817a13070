//! Addresses of destinations and AuthIDs.

#![no_main]

use std::collections::BTreeMap;

use coffer_onedrive::{AuthId, Endpoints, OneDriveUrl};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let endpoints = Endpoints::new(None, None).expect("the usual ones");
    if let Ok(url) = OneDriveUrl::parse(text, &BTreeMap::new()) {
        let _ = (url.place(), url.auth_id(&endpoints));
        let _ = coffer_onedrive::check_folder(url.folder());
    }
    let _ = AuthId::parse(text);
});
