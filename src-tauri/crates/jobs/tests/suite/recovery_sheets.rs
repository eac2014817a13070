//! The recovery sheet contains everything that is needed, whenever it is requested.

use coffer_ipc::ErrorCode;
use coffer_ipc::job::DestinationSettings;
use coffer_ipc::sheet::{RecoverySheet, SheetOf};

use crate::support::Computer;

fn draft(request: &coffer_ipc::command::SaveJob) -> SheetOf {
    SheetOf::Draft {
        request: Box::new(request.clone()),
    }
}

fn value<'a>(sheet: &'a RecoverySheet, label: &str) -> Option<&'a str> {
    let line = sheet.lines.iter().find(|line| line.label == label);
    line.map(|line| line.value.as_str())
}

#[tokio::test]
async fn every_line_is_filled_before_the_job_is_saved_and_ever_after() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let account = computer.sign_in(&coffer).await;
    let mut job = computer.drive_job("laptop", &account.id);
    job.definition.options.prefix = "mine".to_owned();

    let before = coffer.recovery_sheet(&draft(&job)).await.ok().unwrap();
    let job_id = coffer.create_job(job).await.unwrap().id;
    let of = SheetOf::Job { job_id };
    let after = coffer.recovery_sheet(&of).await.ok().unwrap();

    assert!(before == after, "one form of it");
    for (label, expected) in [
        ("Backup", "laptop"),
        ("Account", account.name.as_str()),
        ("Drive ID", &account.drive_id),
        ("Folder", "Backups/laptop"),
        ("File prefix", "mine"),
        ("Passphrase", "an old key, a new door"),
        // The simulator's service is not Duplicati's.
        ("AuthID service", &computer.simulator.oauth_url()),
    ] {
        assert_eq!(value(&after, label), Some(expected), "{label}");
    }
    let text = coffer.recovery_sheet_text(&of).await.unwrap();
    for line in &after.lines {
        assert!(text.contains(&line.value), "{}", line.label);
    }
    let name = format!("account:{}", account.id);
    let entry = computer.keychain.get(&name).unwrap().unwrap();
    let entry: serde_json::Value = serde_json::from_str(&entry).unwrap();
    assert!(!text.contains(entry["authid"].as_str().unwrap()));
}

#[tokio::test]
async fn a_custom_client_id_is_on_the_sheet() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let account = computer.sign_in_directly(&coffer, "alex", None).await;
    let job = computer.drive_job("laptop", &account.unwrap().id);

    let sheet = coffer.recovery_sheet(&draft(&job)).await.ok().unwrap();

    let client_id = "01234567-89ab-cdef-0123-456789abcdef";
    assert_eq!(value(&sheet, "Client ID"), Some(client_id));
    assert_eq!(value(&sheet, "AuthID service"), None);
}

#[tokio::test]
async fn there_is_no_sheet_with_a_gap() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let account = computer.sign_in(&coffer).await;
    let complete = computer.drive_job("laptop", &account.id);
    let mut nameless = complete.clone();
    nameless.definition.name = " ".to_owned();
    let mut nowhere = complete.clone();
    nowhere.definition.destination = DestinationSettings::OneDrive {
        account_id: account.id,
        drive_id: String::new(),
        folder: String::new(),
    };
    let mut keyless = complete;
    keyless.passphrase = None;

    for (job, code) in [
        (nameless, ErrorCode::InvalidInput),
        (nowhere, ErrorCode::InvalidInput),
        (keyless, ErrorCode::WrongPassphrase),
    ] {
        let refused = coffer.recovery_sheet(&draft(&job)).await;
        assert_eq!(refused.err().map(|error| error.code), Some(code));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_saved_sheet_is_private_also_over_a_file_that_was_not() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sheet.txt");
    std::fs::write(&path, "old").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();

    let saved = coffer_jobs::save_private_file(path.clone(), "Passphrase: secret".into()).await;

    saved.unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read(&path).unwrap(), b"Passphrase: secret");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
