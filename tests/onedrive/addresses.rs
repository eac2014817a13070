//! Where an address leads: the volumes are in the folder and on the drive that Duplicati asked for.

use std::fs;

use coffer_onedrive_sim::{ROBIN_DRIVE, SHARED_DRIVE, TEAM_DRIVE};
use coffer_testkit::{fixture, write_files};
use coffer_tests::{Computer, Microsoft};
use serde_json::Value;

/// The table's drives, and those of the simulator that stand for them.
const DRIVES: [(&str, &str); 2] = [("b!Zz_1-2", TEAM_DRIVE), ("one", SHARED_DRIVE)];

/// Puts a working AuthID in the place of each of the table's.
fn with_auth_id(url: &str, auth_id: &str) -> String {
    let Some((path, query)) = url.split_once('?') else {
        return url.to_owned();
    };
    let parts = query.split('&').map(|part| match part.split_once('=') {
        Some(("authid", value)) if !value.is_empty() => {
            format!("authid={}", auth_id.replace(':', "%3A"))
        }
        Some(("drive-id", drive)) => format!("drive-id={}", drive_of(drive)),
        _ => part.to_owned(),
    });
    format!("{path}?{}", parts.collect::<Vec<_>>().join("&"))
}

fn drive_of(name: &str) -> &str {
    DRIVES
        .iter()
        .find(|(of_table, _)| *of_table == name)
        .map_or(name, |(_, drive)| drive)
}

/// Drive and folder of a request of Duplicati's.
fn place_of(request: &str) -> (&str, String) {
    let (drive, folder) = request
        .strip_prefix("/v1.0/")
        .unwrap()
        .split_once("/root:")
        .unwrap();
    let drive = drive.strip_prefix("drives/").map_or(ROBIN_DRIVE, drive_of);
    let folder = folder
        .trim_end_matches(":/children")
        .trim_matches('/')
        .replace("//", "/");
    (drive, decoded(&folder))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(&tail[..2]).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_address_of_the_table_leads_where_it_should() {
    let text = fs::read_to_string(fixture("duplicati-2.3/onedrive-urls.json")).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(rows.len(), 34);
    let microsoft = Microsoft::start();
    let auth_id = microsoft.seed_auth_id_for("robin", "sharepoint");
    let mut computer = Computer::new();
    computer.connect(&microsoft, "robin").unset("COFFER_AUTHID");
    let source = computer.path("source");
    write_files(&source, &[("a", b"a")]);
    for (number, row) in rows.iter().enumerate() {
        let url = row["url"].as_str().unwrap();
        let options = row["options"].as_array().unwrap().iter().map(|option| {
            let (name, value) = option.as_str().unwrap().split_once('=').unwrap();
            // The option of an AuthID that the address overrides is no working one, and need not be.
            match name {
                "--authid" if !url.contains("authid=") => format!("{name}={auth_id}"),
                "--drive-id" => format!("{name}={}", drive_of(value)),
                _ => format!("{name}={value}"),
            }
        });
        let prefix = format!("row{number}");
        let mut arguments = vec![
            "backup".to_owned(),
            with_auth_id(url, &auth_id),
            source.display().to_string(),
            "--no-encryption".to_owned(),
            format!("--prefix={prefix}"),
        ];
        arguments.extend(options);

        let run = computer.coffer(&arguments);

        let mut places = Vec::new();
        for drive in [ROBIN_DRIVE, TEAM_DRIVE, SHARED_DRIVE] {
            for (path, _) in microsoft.tree(drive) {
                let (folder, name) = path.rsplit_once('/').unwrap();
                if name.starts_with(&format!("{prefix}-")) {
                    places.push((drive, folder.trim_start_matches('/').to_owned()));
                }
            }
        }
        let refused =
            row["error"].is_string() || url.contains("..") || url.matches("authid=").count() > 1;
        if refused {
            // Two AuthIDs are joined with a comma and are none; `..` would lead out of the folder.
            run.expect(100);
            assert_eq!(places, [], "{url}");
            continue;
        }
        run.expect(0);
        let place = if url.contains('#') {
            // Duplicati cuts the request there.
            (ROBIN_DRIVE, "Backups/a#b".to_owned())
        } else {
            place_of(row["request"].as_str().unwrap())
        };
        assert_eq!(places, [place.clone(), place.clone(), place], "{url}");
    }
}
