//! A passphrase is tried before it is stored, and the old one stays until then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use coffer_ipc::ErrorCode;
use coffer_ipc::command::SaveJob;
use coffer_ipc::job::{DestinationSettings, JobState};
use coffer_ipc::restore::BackupRef;
use coffer_ipc::run::RunResult;
use coffer_jobs::keychain::{Error, MemoryKeychain, SecretStore};
use coffer_jobs::{Coffer, Environment, Folders, Target, TargetOptions};
use coffer_onedrive_sim::{Action, DropPoint, Fault, Op};
use tokio_util::sync::CancellationToken;

use crate::always_runs::{daily_job, run_what_is_due};
use crate::support::{Computer, back_up};

const RIGHT: &str = "an old key, a new door";
const WRONG: &str = "an old key, a new dooor";

fn kept(computer: &Computer, id: &str) -> Option<String> {
    computer.keychain.get(&format!("passphrase:{id}")).unwrap()
}

/// A job with a backup, and its id.
async fn backed_up(computer: &Computer, coffer: &Coffer, job: SaveJob) -> String {
    let id = coffer.create_job(job).await.unwrap().id;
    let (_, run) = back_up(coffer, &id).await;
    assert_eq!(run.result, RunResult::Success);
    assert!(kept(computer, &id).is_some());
    id
}

fn existing(job: &SaveJob, passphrase: &str) -> BackupRef {
    BackupRef::Existing {
        destination: job.definition.destination.clone(),
        prefix: String::new(),
        passphrase: passphrase.into(),
    }
}

#[tokio::test]
async fn a_wrong_passphrase_replaces_nothing() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let mut job = computer.folder_job("one");
    let id = backed_up(&computer, &coffer, job.clone()).await;

    let repaired = coffer.repair_passphrase(&id, WRONG).await;
    job.passphrase = Some(WRONG.to_owned());
    let updated = coffer.update_job(&id, job).await;

    for refused in [repaired.unwrap_err(), updated.unwrap_err()] {
        assert_eq!(refused.code, ErrorCode::WrongPassphrase);
    }
    assert_eq!(kept(&computer, &id).unwrap(), RIGHT);
    computer.clock.pass_minutes(5);
    let (_, run) = back_up(&coffer, &id).await;
    assert!(run.error.is_none(), "{:?}", run.error);
}

#[tokio::test]
async fn what_is_damaged_on_its_way_is_no_wrong_passphrase() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = computer.create_drive_job(&coffer).await;
    back_up(&coffer, &id).await;
    let damaged = Action {
        corrupt_byte: Some(100),
        ..Action::default()
    };
    let damaged = Fault::new(Op::Download, damaged).times(0);
    computer.simulator.add_fault(damaged);

    let (card, run) = back_up(&coffer, &id).await;

    let error = run.error.unwrap();
    assert_ne!(error.code, ErrorCode::WrongPassphrase, "{error:?}");
    assert_eq!(card.state, JobState::Idle);
    let repaired = coffer.repair_passphrase(&id, RIGHT).await.unwrap_err();
    assert_ne!(repaired.code, ErrorCode::WrongPassphrase, "{repaired:?}");
    computer.simulator.clear_faults();
    let (_, run) = back_up(&coffer, &id).await;
    assert!(run.error.is_none(), "{:?}", run.error);
}

#[tokio::test]
async fn a_passphrase_that_is_in_the_keychain_again_is_found_at_the_start() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = daily_job(&computer, &coffer, "one").await;
    back_up(&coffer, &id).await;
    let name = format!("passphrase:{id}");
    computer.keychain.remove(&name).unwrap();
    let (card, _) = back_up(&coffer, &id).await;
    assert!(matches!(card.state, JobState::NeedsAttention { .. }));
    assert_eq!(card.next_run, None, "the schedule waits for its owner");

    computer.keychain.set(&name, RIGHT).unwrap();
    drop(coffer);
    let coffer = computer.start();

    assert_eq!(run_what_is_due(&coffer).await, [RunResult::Unchanged]);
    let card = coffer.job_cards().unwrap().remove(0);
    assert_eq!(card.state, JobState::Idle);
    assert!(card.next_run.is_some());
}

#[tokio::test]
async fn a_passphrase_that_the_keychain_lost_is_repaired_by_one_that_opens_the_backup() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = backed_up(&computer, &coffer, computer.folder_job("one")).await;
    computer
        .keychain
        .remove(&format!("passphrase:{id}"))
        .unwrap();
    let (card, _) = back_up(&coffer, &id).await;
    let JobState::NeedsAttention { error } = card.state else {
        panic!("the job does not say what it waits for");
    };
    assert!(
        error.message.contains("not in this computer's keychain"),
        "{error:?}"
    );

    let card = coffer.repair_passphrase(&id, RIGHT).await.unwrap();

    assert_eq!(card.state, JobState::Idle);
    assert_eq!(kept(&computer, &id).unwrap(), RIGHT);
}

#[tokio::test]
async fn a_disk_that_is_away_does_not_make_any_passphrase_right() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = backed_up(&computer, &coffer, computer.folder_job("one")).await;
    std::fs::rename(computer.path("backups"), computer.path("away")).unwrap();
    for cache_is_lost in [false, true] {
        if cache_is_lost {
            std::fs::remove_dir_all(computer.path("cache")).unwrap();
        }

        let refused = coffer.repair_passphrase(&id, WRONG).await.unwrap_err();

        assert_eq!(refused.code, ErrorCode::DestinationGone);
        assert!(refused.hint.contains("nothing was stored or replaced"));
        assert_eq!(kept(&computer, &id).unwrap(), RIGHT);
    }
}

#[tokio::test]
async fn without_a_connection_nothing_is_replaced_and_that_is_reported() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = computer.create_drive_job(&coffer).await;
    back_up(&coffer, &id).await;
    let cut = Action::drop_at(DropPoint::BeforeBody);
    computer
        .simulator
        .add_fault(Fault::new(Op::Any, cut).times(0));

    let refused = coffer.repair_passphrase(&id, RIGHT).await.unwrap_err();

    assert_eq!(refused.code, ErrorCode::Offline);
    assert!(refused.hint.contains("nothing was stored or replaced"));
    assert_eq!(kept(&computer, &id).unwrap(), RIGHT);
}

#[tokio::test]
async fn a_job_that_continues_a_backup_is_made_only_with_its_passphrase() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let mut job = computer.folder_job("one");
    let id = backed_up(&computer, &coffer, job.clone()).await;
    coffer.delete_job(&id, true).await.unwrap();
    let destination = &job.definition.destination;

    let checked = coffer
        .check_passphrase(destination, "duplicati", WRONG)
        .await;
    job.passphrase = Some(WRONG.to_owned());
    let refused = coffer.create_job(job.clone()).await;

    assert_eq!(checked.unwrap_err().code, ErrorCode::WrongPassphrase);
    assert_eq!(refused.unwrap_err().code, ErrorCode::WrongPassphrase);
    assert!(coffer.job_cards().unwrap().is_empty());
    coffer
        .check_passphrase(destination, "duplicati", RIGHT)
        .await
        .unwrap();
    job.passphrase = Some(format!("{RIGHT}\n"));
    let card = coffer.create_job(job).await.unwrap();
    assert_eq!(kept(&computer, &card.id).unwrap(), RIGHT);
}

#[tokio::test]
async fn the_form_of_a_passphrase_that_opens_the_backup_is_kept() {
    const COMPOSED: &str = "caf\u{e9} noir";
    const DECOMPOSED: &str = "cafe\u{301} noir";
    for (made, typed) in [
        (COMPOSED, DECOMPOSED.to_owned()),
        (DECOMPOSED, COMPOSED.to_owned()),
        (COMPOSED, format!(" {DECOMPOSED}\r\n")),
    ] {
        let computer = Computer::new().await;
        let coffer = computer.start();
        let mut job = computer.folder_job("one");
        job.passphrase = Some(made.to_owned());
        let id = backed_up(&computer, &coffer, job.clone()).await;

        coffer.repair_passphrase(&id, &typed).await.unwrap();
        let opened = coffer.open_backup(existing(&job, &typed)).await;

        assert_eq!(kept(&computer, &id).unwrap(), made);
        assert_eq!(opened.unwrap().versions.len(), 1);
    }
}

#[tokio::test]
async fn an_address_opens_with_any_form_of_its_passphrase() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let mut job = computer.folder_job("one");
    job.passphrase = Some("caf\u{e9}".to_owned());
    backed_up(&computer, &coffer, job).await;
    let folders = Folders::new(computer.path("data"), computer.path("other cache"));
    let address = computer.path("backups/one").display().to_string();
    for typed in ["cafe\u{301}", "caf\u{e9} ", " caf\u{e9}", "caf\u{e9}\n"] {
        let options = TargetOptions {
            passphrase: Some(typed.to_owned()),
            ..TargetOptions::default()
        };
        let cancel = CancellationToken::new();
        let environment = Environment::default();

        let target =
            Target::from_address(&address, &options, &environment, &folders, &cancel).await;

        let observer = coffer_jobs::Observer::silent();
        let target = target.unwrap();
        let versions = coffer_jobs::operations::versions(&target, observer, &cancel).await;
        assert_eq!(versions.unwrap().len(), 1, "{typed:?}");
    }
}

#[tokio::test]
async fn a_passphrase_left_by_a_deleted_job_opens_its_backup_until_it_is_removed() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let mut job = computer.folder_job("one");
    let id = backed_up(&computer, &coffer, job.clone()).await;
    coffer.delete_job(&id, false).await.unwrap();

    let left = coffer.left_passphrases().unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].name.as_str(), &left[0].id), ("one", &id));
    let check = coffer
        .check_destination(&job.definition.destination, "duplicati")
        .await;
    assert!(check.unwrap().passphrase_kept);
    let opened = coffer.open_backup(existing(&job, "")).await.unwrap();
    assert_eq!(opened.versions.len(), 1);

    // A job that continues the backup takes it over.
    job.passphrase = None;
    let again = coffer.create_job(job.clone()).await.unwrap().id;
    assert_eq!(kept(&computer, &again).unwrap(), RIGHT);
    assert!(coffer.left_passphrases().unwrap().is_empty());
    assert!(kept(&computer, &id).is_none());

    coffer.delete_job(&again, false).await.unwrap();
    coffer.remove_left_passphrase(&again).await.unwrap();
    assert!(kept(&computer, &again).is_none());
    assert!(coffer.left_passphrases().unwrap().is_empty());
    assert!(coffer.create_job(job).await.is_err(), "it has to be typed");
}

#[tokio::test]
async fn the_passphrase_of_an_open_backup_is_not_typed_again_to_continue_it() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let mut job = computer.folder_job("one");
    let id = backed_up(&computer, &coffer, job.clone()).await;
    coffer.delete_job(&id, true).await.unwrap();
    let destination = job.definition.destination.clone();
    let check = || coffer.check_destination(&destination, "duplicati");
    assert!(!check().await.unwrap().passphrase_kept);

    let opened = coffer.open_backup(existing(&job, RIGHT)).await.unwrap();

    assert!(check().await.unwrap().passphrase_kept);
    let tried = coffer.check_passphrase(&destination, "duplicati", "").await;
    tried.unwrap();
    job.passphrase = None;
    let again = coffer.create_job(job).await.unwrap().id;
    assert_eq!(kept(&computer, &again).unwrap(), RIGHT);

    // It is forgotten when the backup is closed.
    coffer.delete_job(&again, true).await.unwrap();
    coffer.close_backup(&opened.handle);
    assert!(!check().await.unwrap().passphrase_kept);
}

#[tokio::test]
async fn a_job_that_moves_keeps_its_passphrase_and_leaves_that_of_another_backup_usable() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let first = computer.folder_job("one");
    let mut second = computer.folder_job("two");
    second.passphrase = Some("another door".to_owned());
    let other = backed_up(&computer, &coffer, second.clone()).await;
    coffer.delete_job(&other, true).await.unwrap();
    let id = backed_up(&computer, &coffer, first.clone()).await;

    let mut moved = first.clone();
    let path = computer.path("backups/three").display().to_string();
    moved.definition.destination = DestinationSettings::Folder { path };
    moved.passphrase = None;
    coffer.update_job(&id, moved.clone()).await.unwrap();
    assert_eq!(kept(&computer, &id).unwrap(), RIGHT);
    let (_, run) = back_up(&coffer, &id).await;
    assert_eq!(run.result, RunResult::Success, "{:?}", run.error);

    moved.definition.destination = second.definition.destination.clone();
    let refused = coffer.update_job(&id, moved.clone()).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::WrongPassphrase);
    assert_eq!(kept(&computer, &id).unwrap(), RIGHT);

    moved.passphrase = second.passphrase.clone();
    coffer.update_job(&id, moved).await.unwrap();
    assert_eq!(kept(&computer, &id).unwrap(), "another door");
    let left = coffer.left_passphrases().unwrap();
    assert_eq!(kept(&computer, &left[0].id).unwrap(), RIGHT);
}

/// A keychain that can be locked.
#[derive(Default)]
struct Lockable {
    inner: MemoryKeychain,
    is_locked: AtomicBool,
}

impl Lockable {
    fn opened(&self) -> Result<&MemoryKeychain, Error> {
        if self.is_locked.load(Ordering::SeqCst) {
            return Err(Error::Unavailable {
                why: "it is locked".to_owned(),
            });
        }
        Ok(&self.inner)
    }
}

impl SecretStore for Lockable {
    fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        self.opened()?.set(name, value)
    }

    fn get(&self, name: &str) -> Result<Option<String>, Error> {
        self.opened()?.get(name)
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.opened()?.remove(name)
    }
}

#[tokio::test]
async fn a_locked_keychain_is_never_called_a_wrong_passphrase() {
    let mut computer = Computer::new().await;
    let keychain = Arc::new(Lockable::default());
    computer.keychain = keychain.clone();
    let coffer = computer.start();
    let job = computer.folder_job("one");
    let id = backed_up(&computer, &coffer, job).await;
    keychain.is_locked.store(true, Ordering::SeqCst);

    let repaired = coffer.repair_passphrase(&id, RIGHT).await.unwrap_err();
    let (_, run) = back_up(&coffer, &id).await;

    for error in [repaired, run.error.unwrap()] {
        assert_eq!(error.code, ErrorCode::Keychain);
        assert!(error.message.contains("it is locked"), "{error:?}");
        assert!(!error.message.contains("passphrase"), "{error:?}");
        assert!(!error.hint.contains("recovery sheet"), "{error:?}");
    }
    keychain.is_locked.store(false, Ordering::SeqCst);
    assert_eq!(kept(&computer, &id).unwrap(), RIGHT);
}
