use std::sync::Arc;

use coffer_ipc::ErrorCode;
use coffer_ipc::account::Account;
use coffer_ipc::command::{DestinationContent, SaveJob};
use coffer_ipc::job::{DestinationSettings, JobOptions, Retention};
#[cfg(unix)]
use coffer_jobs::Folders;
use coffer_jobs::keychain::{Error, SecretStore};
use coffer_testkit::write_files;

use crate::support::{Computer, back_up};

/// A keychain that is locked.
struct Locked;

impl SecretStore for Locked {
    fn set(&self, _name: &str, _value: &str) -> Result<(), Error> {
        Err(locked())
    }

    fn get(&self, _name: &str) -> Result<Option<String>, Error> {
        Err(locked())
    }

    fn remove(&self, _name: &str) -> Result<(), Error> {
        Err(locked())
    }
}

fn locked() -> Error {
    Error::Unavailable {
        why: "it is locked".to_owned(),
    }
}

#[tokio::test]
async fn without_a_keychain_a_job_is_not_stored_and_the_reason_is_reported() {
    let mut computer = Computer::new().await;
    computer.keychain = Arc::new(Locked);
    let coffer = computer.start();

    let refused = coffer.create_job(computer.folder_job("laptop")).await;

    let refused = refused.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Keychain);
    assert!(!refused.hint.is_empty());
    coffer.look_at_keychain().await;
    let state = coffer.app_state().unwrap();
    assert!(state.jobs.is_empty());
    assert_eq!(state.keychain_problem.unwrap().code, ErrorCode::Keychain);
}

#[tokio::test]
async fn two_jobs_cannot_have_one_name_or_one_folder() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let job = computer.folder_job("laptop");
    coffer.create_job(job.clone()).await.unwrap();

    let mut same_folder = job.clone();
    same_folder.definition.name = "other".to_owned();
    let mut same_name = computer.folder_job("elsewhere");
    same_name.definition.name = "LAPTOP".to_owned();

    for job in [same_folder, same_name] {
        let refused = coffer.create_job(job).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidInput);
    }
    assert_eq!(coffer.job_cards().unwrap().len(), 1);
}

/// The same backup on a drive that is named by its id.
fn on_drive(job: &SaveJob, name: &str, drive: &str) -> SaveJob {
    let mut job = job.clone();
    job.definition.name = name.to_owned();
    if let DestinationSettings::OneDrive { drive_id, .. } = &mut job.definition.destination {
        drive.clone_into(drive_id);
    }
    job
}

#[tokio::test]
async fn the_own_drive_and_its_id_are_one_place() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let account = computer.sign_in(&coffer).await;
    let job = computer.drive_job("laptop", &account.id);
    coffer.create_job(job.clone()).await.unwrap();
    let id = computer.simulator.drive_id("alex");

    let by_id = on_drive(&job, "by id", &id);
    let by_capitals = on_drive(&job, "by id", &id.to_ascii_uppercase());
    for other in [by_id, by_capitals] {
        let destination = other.definition.destination.clone();
        let checked = coffer.check_destination(&destination, "duplicati").await;
        let refused = coffer.create_job(other).await.unwrap_err();

        assert_eq!(checked.unwrap().used_by.as_deref(), Some("laptop"));
        assert_eq!(refused.code, ErrorCode::InvalidInput);
        assert!(refused.message.contains("laptop"), "{}", refused.message);
    }
}

#[tokio::test]
async fn the_own_drive_of_an_early_sign_in_is_found_where_it_counts() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let account = computer.sign_in(&coffer).await;
    let early = Account {
        drive_id: String::new(),
        ..account.clone()
    };
    let body = serde_json::to_string(&early).unwrap();
    let database = rusqlite::Connection::open(computer.folders().database()).unwrap();
    let row = "UPDATE account SET body = ?1";
    database.execute(row, [body]).unwrap();
    let job = computer.drive_job("laptop", &account.id);
    let by_id = on_drive(&job, "by id", &account.drive_id);
    coffer.create_job(by_id).await.unwrap();

    let refused = coffer.create_job(job).await.unwrap_err();

    assert!(refused.message.contains("by id"), "{}", refused.message);
    assert_eq!(coffer.accounts().unwrap(), [account]);
}

#[tokio::test]
async fn what_makes_no_backup_is_refused_with_a_reason() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let broken: [fn(&mut coffer_ipc::command::SaveJob); 9] = [
        |job| job.definition.name = "  ".to_owned(),
        |job| job.definition.sources.clear(),
        |job| job.definition.options.prefix = "with-hyphen".to_owned(),
        |job| {
            job.definition.filters.push(coffer_ipc::job::FilterRule {
                include: false,
                expression: "[(]".to_owned(),
            });
        },
        |job| {
            job.definition.options.retention = Retention::Time {
                span: "soon".to_owned(),
            };
        },
        |job| {
            job.definition.options.retention = Retention::Policy {
                policy: "1W:1W".to_owned(),
            };
        },
        |job| job.passphrase = None,
        |job| job.passphrase = Some(" ".to_owned()),
        |job| {
            job.definition.destination = coffer_ipc::job::DestinationSettings::Folder {
                path: "relative".to_owned(),
            };
        },
    ];
    for (number, breaks) in broken.iter().enumerate() {
        let mut job = computer.folder_job("laptop");
        breaks(&mut job);

        let refused = coffer.create_job(job).await;

        let refused = refused.expect_err(&format!("case {number} is no backup"));
        assert!(!refused.message.is_empty() && !refused.hint.is_empty());
    }
    assert!(coffer.job_cards().unwrap().is_empty());
}

#[tokio::test]
async fn a_deleted_job_leaves_its_backup_and_its_passphrase_is_removed_on_request() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let job = computer.folder_job("laptop");
    let destination = job.definition.destination.clone();
    let id = coffer.create_job(job).await.unwrap().id;
    back_up(&coffer, &id).await;
    let secret = format!("passphrase:{id}");
    assert!(computer.keychain.get(&secret).unwrap().is_some());

    coffer.delete_job(&id, true).await.unwrap();

    assert!(computer.keychain.get(&secret).unwrap().is_none());
    let found = coffer.check_destination(&destination, "duplicati").await;
    let DestinationContent::Backup { versions, .. } = found.unwrap().content else {
        panic!("the backup is gone");
    };
    assert_eq!(versions.len(), 1);
}

#[tokio::test]
async fn block_size_and_encryption_of_a_backup_that_exists_stay() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let job = computer.folder_job("laptop");
    let id = coffer.create_job(job.clone()).await.unwrap().id;
    back_up(&coffer, &id).await;

    let mut other_blocks = job.clone();
    other_blocks.definition.options.block_bytes = 4096;
    let mut plain = job.clone();
    plain.definition.encrypted = false;
    for changed in [other_blocks, plain] {
        let refused = coffer.update_job(&id, changed).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidInput);
    }

    let mut renamed = job;
    renamed.definition.name = "old laptop".to_owned();
    renamed.passphrase = None;
    let card = coffer.update_job(&id, renamed).await.unwrap();
    assert_eq!(card.definition.name, "old laptop");
}

#[cfg(unix)]
#[tokio::test]
async fn a_cache_of_another_user_is_not_used() {
    let computer = Computer::new().await;
    let cache = if nix::unistd::geteuid().is_root() {
        let cache = computer.path("cache");
        std::fs::create_dir(&cache).unwrap();
        std::os::unix::fs::chown(&cache, Some(65_534), None).unwrap();
        cache
    } else {
        // Root's.
        "/".into()
    };
    let folders = Folders::new(computer.path("data"), &cache);
    let coffer = computer.open_in(folders);
    let destination = computer.folder_job("laptop").definition.destination.clone();

    let refused = coffer.check_destination(&destination, "").await;

    let message = refused.unwrap_err().message;
    let expected = format!("{} belongs to another user.", cache.display());
    assert_eq!(message, expected);
    assert!(!cache.join("destinations").exists());
}

/// `ipc` depends on nothing, so it states them again for jobs that were stored before there was the option.
#[tokio::test]
async fn jobs_of_before_read_the_same_files_always_as_new_ones() {
    let computer = Computer::new().await;
    let state = computer.start().app_state().unwrap();
    let usual = JobOptions::usual_always_read();
    assert_eq!(state.defaults.options.always_read, usual);
}

#[tokio::test]
async fn what_a_new_job_leaves_out_is_not_counted() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let source = computer.path("files");
    write_files(
        &source,
        &[("kept", b"12345".as_slice()), (".cache/page", b"1")],
    );
    let path = source.display().to_string();
    let filters = coffer.app_state().unwrap().defaults.filters;

    let kept = coffer.measure_source(&path, filters).await.unwrap();
    let all = coffer.measure_source(&path, Vec::new()).await.unwrap();

    assert_eq!((kept.files, kept.bytes), (1, 5));
    assert_eq!((all.files, all.bytes), (2, 6));
}
