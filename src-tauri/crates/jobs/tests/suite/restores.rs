//! Where a restore writes files, and what it reports at its end.

use std::fs;

use coffer_ipc::ErrorCode;
use coffer_ipc::command::SaveJob;
use coffer_ipc::event::Change;
use coffer_ipc::job::{DestinationSettings, Retention};
use coffer_ipc::restore::{BackupRef, ExistingFiles, OpenBackup, RestoreRequest};
use coffer_ipc::run::{RunResult, RunSummary};
use coffer_jobs::Coffer;
use coffer_onedrive_sim::{Action, Fault, Op};

use crate::support::{Computer, PATIENCE, back_up};

fn request(opened: &OpenBackup, target: Option<String>) -> RestoreRequest {
    RestoreRequest {
        handle: opened.handle.clone(),
        version: 0,
        paths: Vec::new(),
        target,
        existing: ExistingFiles::KeepBoth,
    }
}

async fn restore(coffer: &Coffer, request: RestoreRequest) -> RunSummary {
    let mut events = coffer.subscribe();
    let run = coffer.start_restore(request).unwrap();
    loop {
        if let Change::Restore {
            run_id,
            summary: Some(summary),
            ..
        } = events.recv().await.unwrap().change
            && run_id == run
        {
            return *summary;
        }
    }
}

/// A backup whose job was deleted, so that it looks like the backup of another computer.
async fn foreign(computer: &Computer, coffer: &Coffer) -> SaveJob {
    let job = computer.folder_job("one");
    let id = coffer.create_job(job.clone()).await.unwrap().id;
    back_up(coffer, &id).await;
    coffer.delete_job(&id, true).await.unwrap();
    job
}

fn existing(job: &SaveJob) -> BackupRef {
    BackupRef::Existing {
        destination: job.definition.destination.clone(),
        prefix: String::new(),
        passphrase: job.passphrase.clone().unwrap().into(),
    }
}

/// Waits for the first request to OneDrive after the log entry `before`.
async fn first_request(computer: &Computer, before: usize) {
    while computer.simulator.log().len() <= before {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn opening_a_backup_stops_when_the_window_stops_waiting() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let job_id = computer.create_drive_job(&coffer).await;
    back_up(&coffer, &job_id).await;
    // OneDrive takes ten minutes to list the folder.
    let stalled = Action {
        stall_ms: Some(600_000),
        ..Action::default()
    };
    let stalled = Fault::new(Op::Children, stalled).times(0);
    computer.simulator.add_fault(stalled);
    let before = computer.simulator.log().len();
    let job = BackupRef::Job { job_id };

    let opening = coffer.answer(Some("7"), coffer.open_backup(job.clone()));
    let giving_up = async {
        first_request(&computer, before).await;
        coffer.give_up("7");
    };
    let (opened, ()) = tokio::join!(opening, giving_up);

    assert_eq!(opened.unwrap_err().code, ErrorCode::Cancelled);
    computer.simulator.clear_faults();
    // The cancelled work releases the backup's folder.
    let again = async {
        loop {
            match coffer.open_backup(job.clone()).await {
                Err(error) if error.code == ErrorCode::Busy => tokio::task::yield_now().await,
                opened => return opened,
            }
        }
    };
    let again = tokio::time::timeout(PATIENCE, again).await;
    assert_eq!(again.unwrap().unwrap().versions.len(), 1);
}

/// The version on the screen is the one that is restored, whatever the schedule does in the meantime.
#[tokio::test]
async fn versions_keep_their_numbers_while_a_backup_is_open() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let mut job = computer.folder_job("one");
    job.definition.options.retention = Retention::Versions { count: 2 };
    let job_id = coffer.create_job(job).await.unwrap().id;
    let change = |text: &str| {
        computer.clock.pass_minutes(60);
        fs::write(computer.path("source/a.txt"), text).unwrap();
    };
    back_up(&coffer, &job_id).await;
    change("second text");
    back_up(&coffer, &job_id).await;
    let opened = coffer.open_backup(BackupRef::Job {
        job_id: job_id.clone(),
    });
    let opened = opened.await.unwrap();

    // The oldest version is deleted, and the newest gets another number.
    change("the third text");
    back_up(&coffer, &job_id).await;

    let target = computer.path("restored");
    let summary = restore(
        &coffer,
        request(&opened, Some(target.display().to_string())),
    )
    .await;
    assert_eq!(summary.result, RunResult::Success, "{:?}", summary.error);
    assert_eq!(fs::read(target.join("a.txt")).unwrap(), b"second text");
    let folder = computer.path("source").display().to_string() + "/";
    let listed = coffer.list_entries(&opened.handle, 0, folder.clone(), 0, 10);
    let listed = listed.await.unwrap();
    let size = listed.entries.iter().find(|entry| entry.name == "a.txt");
    assert_eq!(size.unwrap().size_bytes, 11);
    let gone = coffer.list_entries(&opened.handle, 1, folder, 0, 10);
    let gone = gone.await.unwrap_err();
    assert_eq!(gone.code, ErrorCode::NotFound);
    assert!(gone.message.contains("2026-03-02T10:00:00Z"), "{gone:?}");
    let mut request = request(&opened, Some(target.display().to_string()));
    request.version = 1;
    let summary = restore(&coffer, request).await;
    assert_eq!(summary.error.unwrap().message, gone.message);
}

/// OneDrive may be slow, and the user waits for each version.
#[tokio::test]
async fn another_version_of_an_open_backup_costs_one_download() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let job_id = computer.create_drive_job(&coffer).await;
    back_up(&coffer, &job_id).await;
    let opened = coffer.open_backup(BackupRef::Job { job_id }).await.unwrap();
    let before = computer.simulator.log().len();

    let roots = coffer.list_entries(&opened.handle, 0, String::new(), 0, 10);
    assert_eq!(roots.await.unwrap().total, 1);

    let requests = computer.simulator.log().split_off(before);
    let requests: Vec<_> = requests.iter().map(|request| request.op).collect();
    assert_eq!(requests, [Op::ItemGet, Op::ContentGet, Op::Download]);
}

#[tokio::test]
async fn a_folder_that_depends_on_where_the_app_started_is_refused() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let job = foreign(&computer, &coffer).await;
    let opened = coffer.open_backup(existing(&job)).await.unwrap();

    for target in ["restored here", "./x", ""] {
        let refused = coffer.start_restore(request(&opened, Some(target.to_owned())));

        assert_eq!(
            refused.unwrap_err().code,
            ErrorCode::InvalidInput,
            "{target}"
        );
    }
    assert!(coffer.run_history("", 0, 10).unwrap().is_empty());
}

#[tokio::test]
async fn a_restore_names_its_folder_and_the_names_it_gave() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = coffer
        .create_job(computer.folder_job("one"))
        .await
        .unwrap()
        .id;
    back_up(&coffer, &id).await;
    fs::write(computer.path("source/a.txt"), "second").unwrap();
    let opened = BackupRef::Job { job_id: id.clone() };
    let opened = coffer.open_backup(opened).await.unwrap();
    assert_eq!(opened.new_folder, None, "a job here has these paths");

    let summary = restore(&coffer, request(&opened, None)).await;

    let restored = summary.restored.clone().unwrap();
    assert!(!restored.elsewhere);
    let source = computer.path("source").display().to_string();
    assert_eq!(restored.folder.as_deref(), Some(source.as_str()));
    let beside = &restored.files[0];
    assert!(beside.new_name && beside.path.ends_with(".txt"));
    assert_eq!(fs::read(&beside.path).unwrap(), b"first");
    assert_eq!(summary.counts.restored_files, 2);
    let history = coffer.run_history(&id, 0, 10).unwrap();
    assert_eq!(history[0], summary);
}

#[tokio::test]
async fn files_of_another_computer_go_into_a_new_folder_and_the_history() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let job = foreign(&computer, &coffer).await;
    let opened = coffer.open_backup(existing(&job)).await.unwrap();
    let proposed = opened.new_folder.clone().unwrap();
    assert!(proposed.contains("Restored 2026-03-02"), "{proposed}");
    assert!(!std::path::Path::new(&proposed).exists());
    let target = computer.path("restored").display().to_string();

    let summary = restore(&coffer, request(&opened, Some(target.clone()))).await;

    assert_eq!(summary.result, RunResult::Success);
    let restored = summary.restored.clone().unwrap();
    assert!(restored.elsewhere);
    assert_eq!(restored.folder, Some(target.clone()));
    assert!(restored.from.contains("backups"), "{}", restored.from);
    let history = coffer.run_history("", 0, 10).unwrap();
    assert_eq!(history, std::slice::from_ref(&summary));

    // Only the folder of a restore can be opened, and only while it is there.
    fs::remove_dir_all(target).unwrap();
    for run in [summary.id.as_str(), "no run", "/"] {
        let refused = coffer.open_restored(run).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::NotFound, "{run}");
    }
}

#[tokio::test]
async fn a_file_list_that_was_cut_off_is_named_and_no_right_to_write_is_looked_for() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let job = foreign(&computer, &coffer).await;
    let opened = coffer.open_backup(existing(&job)).await.unwrap();
    let files = fs::read_dir(computer.path("backups/one")).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    let list = files
        .find(|path| path.display().to_string().contains(".dlist."))
        .unwrap();
    let start = fs::read(&list).unwrap()[..200].to_vec();
    fs::write(&list, start).unwrap();
    let target = computer.path("restored").display().to_string();

    let summary = restore(&coffer, request(&opened, Some(target))).await;

    let error = summary.error.unwrap();
    let name = list.file_name().unwrap().to_str().unwrap();
    assert!(error.message.contains(name), "{error:?}");
    assert!(!error.hint.contains("write"), "{error:?}");
}

#[tokio::test]
async fn places_of_opened_backups_are_offered_again_until_they_are_removed() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let job = foreign(&computer, &coffer).await;
    let mut wrong = job.clone();
    wrong.passphrase = Some("not the key".to_owned());
    coffer.open_backup(existing(&wrong)).await.unwrap_err();
    assert!(coffer.opened_places().unwrap().is_empty());

    coffer.open_backup(existing(&job)).await.unwrap();
    coffer.open_backup(existing(&job)).await.unwrap();

    let coffer = computer.start();
    let places = coffer.opened_places().unwrap();
    assert_eq!(places.len(), 1, "each is there once, also after a restart");
    let place = &places[0];
    assert_eq!(place.destination, job.definition.destination);
    assert!(place.label.ends_with("one"));
    let row = "SELECT group_concat(value) FROM setting";
    let database = rusqlite::Connection::open(computer.folders().database()).unwrap();
    let kept: String = database.query_row(row, [], |row| row.get(0)).unwrap();
    assert!(kept.contains(&place.id));
    assert!(!kept.contains(job.passphrase.as_deref().unwrap()));

    // When a job has the backup, the list no longer offers it.
    let id = coffer.create_job(job.clone()).await.unwrap().id;
    assert!(coffer.opened_places().unwrap().is_empty());
    coffer.delete_job(&id, true).await.unwrap();
    assert_eq!(coffer.opened_places().unwrap(), places);
    coffer.forget_opened_place(&place.id).unwrap();

    assert!(computer.start().opened_places().unwrap().is_empty());
    let again = coffer.forget_opened_place(&place.id).unwrap_err();
    assert_eq!(again.code, ErrorCode::NotFound);
}

#[tokio::test]
async fn only_the_last_opened_places_are_kept_the_newest_first() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let mut job = foreign(&computer, &coffer).await;
    let DestinationSettings::Folder { path } = job.definition.destination.clone() else {
        panic!("it is a folder");
    };
    let mut moved = std::path::PathBuf::from(path);
    for number in 0..6 {
        let copy = computer.path(&format!("copy {number}"));
        fs::rename(&moved, &copy).unwrap();
        moved.clone_from(&copy);
        job.definition.destination = DestinationSettings::Folder {
            path: copy.display().to_string(),
        };
        coffer.open_backup(existing(&job)).await.unwrap();
    }

    let places = coffer.opened_places().unwrap();

    let ends = places.iter().map(|place| place.label.chars().last());
    assert_eq!(ends.flatten().collect::<String>(), "54321");
}
