use std::collections::BTreeMap;
use std::path::Path;

use coffer_destination::Destination as _;
use coffer_onedrive::{Endpoints, Error, OneDriveUrl, Place, TransferOptions};

use crate::support::Bench;

/// Every address that Duplicati was given, with the first request it made of it.
#[test]
fn addresses_lead_where_duplicatis_lead() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../tests/fixtures/duplicati-2.3/onedrive-urls.json");
    let rows: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut checked = 0;
    for row in rows.as_array().unwrap() {
        let url = row["url"].as_str().unwrap();
        let options: BTreeMap<String, String> = row["options"]
            .as_array()
            .unwrap()
            .iter()
            .map(|option| {
                let option = option.as_str().unwrap().trim_start_matches("--");
                let (name, value) = option.split_once('=').unwrap();
                (name.to_owned(), value.to_owned())
            })
            .collect();
        checked += 1;
        let parsed = OneDriveUrl::parse(url, &options);
        if url.contains("..") {
            // Duplicati asks for the folder `..`; here it is refused.
            assert!(matches!(parsed, Err(Error::InvalidFolder { .. })), "{url}");
            continue;
        }
        if let Some(error) = row["error"].as_str() {
            let found = parsed.and_then(|url| url.auth_id(&Endpoints::default()));
            let message = found.unwrap_err().to_string();
            let same_link = error
                .split("from: ")
                .nth(1)
                .is_none_or(|link| message.contains(link));
            assert!(same_link, "{url}: {message}");
            continue;
        }
        let parsed = parsed.unwrap();
        let auth_id = parsed.auth_id(&Endpoints::default()).unwrap();
        assert_eq!(auth_id.expose(), row["authid"].as_str().unwrap(), "{url}");
        let request = row["request"].as_str().unwrap();
        let (drive, folder) = request.split_once("/root:").unwrap();
        let expected_drive = drive.strip_prefix("/v1.0/drives/");
        let expected = Place::Drive(expected_drive.map(str::to_owned));
        assert_eq!(parsed.place().unwrap(), expected, "{url}");
        if url.contains('#') {
            // Duplicati cuts the request at the `#`.
            assert_eq!(parsed.folder(), "Backups/a#b");
            continue;
        }
        let folder = folder
            .trim_end_matches(":/children")
            .trim_matches([':', '/']);
        let folder = percent_decode(folder).replace("//", "/");
        assert_eq!(parsed.folder(), folder, "{url}");
    }
    assert_eq!(checked, 34);
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn odd_folders_are_created_where_they_are_named() {
    let bench = Bench::new().await;
    for folder in ["a#b", "50%", "it's & co", "日本/München", ".hidden"] {
        let options = TransferOptions::default();
        let destination = bench
            .account("alex")
            .destination(None, folder, options)
            .unwrap();
        destination.create_folder(&bench.cancel).await.unwrap();

        assert!(destination.list(&bench.cancel).await.unwrap().is_empty());
        let tree = bench.simulator.tree(&bench.simulator.drive_id("alex"));
        let found = tree
            .iter()
            .any(|(path, _)| path.trim_matches('/') == folder);
        assert!(found, "{folder} in {tree:?}");
    }
}
