use std::fs;

use coffer_ipc::ErrorCode;
use coffer_ipc::command::BandwidthSettings;
use coffer_ipc::event::Change;
use coffer_ipc::job::{HealthLevel, JobState};
use coffer_ipc::restore::{BackupRef, ExistingFiles, RestoreRequest};
use coffer_ipc::run::{MessageLevel, MissingSource, RunResult};
use coffer_onedrive_sim::{Action, Fault, Op};
use coffer_testkit::snapshot;

use crate::support::{Computer, back_up, end_of};

#[tokio::test]
async fn a_run_is_reported_while_it_is_active_and_afterwards() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = coffer
        .create_job(computer.folder_job("laptop"))
        .await
        .unwrap()
        .id;
    let mut events = coffer.subscribe();
    let run = coffer.start_backup(&id).unwrap();
    let busy = coffer.start_backup(&id).unwrap_err();
    assert_eq!(busy.code, ErrorCode::Busy);

    let mut seen_running = false;
    let mut last_seq = 0;
    let card = loop {
        let event = events.recv().await.unwrap();
        assert!(event.seq > last_seq, "numbers only grow");
        last_seq = event.seq;
        let Change::Job { card } = event.change else {
            continue;
        };
        match &card.state {
            JobState::Running { run_id, .. } => {
                assert_eq!(*run_id, run);
                seen_running = true;
            }
            _ if seen_running && card.versions.is_some() => break card,
            _ => {}
        }
    };

    assert_eq!(card.versions, Some(1));
    let last = card.last_run.unwrap();
    assert_eq!(last.result, RunResult::Success);
    // Without the folder and the source itself.
    assert_eq!(last.counts.added_files, 2);
    assert!(coffer.app_state().unwrap().seq >= last_seq);
    assert_eq!(coffer.run_history(&id, 0, 10).unwrap(), [last]);
}

#[tokio::test]
async fn a_run_without_changes_says_so_and_makes_no_version() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = coffer
        .create_job(computer.folder_job("laptop"))
        .await
        .unwrap()
        .id;
    back_up(&coffer, &id).await;
    computer.clock.pass_minutes(5);

    let (card, run) = back_up(&coffer, &id).await;

    assert_eq!(run.result, RunResult::Unchanged);
    assert_eq!(card.versions, Some(1));
}

#[tokio::test]
async fn a_missing_source_is_a_warning_and_its_files_stay() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let mut job = computer.folder_job("laptop");
    let gone = computer.path("stick");
    coffer_testkit::write_files(&gone, &[("photo.jpg", b"pixels".as_slice())]);
    job.definition.sources.push(gone.display().to_string());
    let id = coffer.create_job(job).await.unwrap().id;
    back_up(&coffer, &id).await;
    fs::remove_dir_all(&gone).unwrap();
    fs::write(computer.path("source/new.txt"), "new").unwrap();
    computer.clock.pass_minutes(5);

    let (card, run) = back_up(&coffer, &id).await;

    assert_eq!(run.result, RunResult::Warning);
    let missing = MissingSource {
        path: gone.display().to_string(),
        kept_files: 1,
        is_emptied: false,
    };
    assert_eq!(run.missing, [missing]);
    // Kept files are neither deleted nor unreadable, and the changed folder is not a file.
    let counts = run.counts;
    assert_eq!(
        (
            counts.added_files,
            counts.changed_files,
            counts.deleted_files,
            counts.failed_files
        ),
        (1, 0, 0, 0)
    );
    assert_eq!(card.health.level, HealthLevel::Warning);
    // A missing source is not an unreadable file.
    assert_eq!(
        (run.counts.missing_sources, run.counts.failed_files),
        (1, 0)
    );
    let report = coffer.run_report(&run.id, 0, 10).unwrap();
    let named = report
        .lines
        .iter()
        .any(|line| line.level == MessageLevel::Warning && line.subject.contains("stick"));
    assert!(named, "{:?}", report.lines);
    let opened = coffer
        .open_backup(BackupRef::Job { job_id: id })
        .await
        .unwrap();
    let found = coffer.search_entries(&opened.handle, 0, "photo".to_owned(), 0, 10);
    assert_eq!(found.await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_run_that_died_with_the_app_is_stored_as_interrupted() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = computer.create_drive_job(&coffer).await;
    let stall = Action {
        stall_ms: Some(600_000),
        ..Action::default()
    };
    computer
        .simulator
        .add_fault(Fault::new(Op::ContentPut, stall));
    let run = coffer.start_backup(&id).unwrap();

    // As the next start of the program finds the data folder.
    let coffer = computer.start();

    let history = coffer.run_history(&id, 0, 10).unwrap();
    assert_eq!(history[0].id, run);
    assert_eq!(history[0].result, RunResult::Interrupted);
}

#[tokio::test]
async fn a_stopped_run_ends_as_stopped_and_the_next_one_works() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = computer.create_drive_job(&coffer).await;
    let stall = Action {
        stall_ms: Some(600_000),
        ..Action::default()
    };
    computer
        .simulator
        .add_fault(Fault::new(Op::ContentPut, stall));
    let mut events = coffer.subscribe();
    let run = coffer.start_backup(&id).unwrap();
    coffer.stop_run(&run).unwrap();
    let (card, stopped) = end_of(&run, &mut events).await;
    assert_eq!(stopped.result, RunResult::Stopped);
    assert_eq!(stopped.error, None);
    assert_eq!(card.state, JobState::Idle);

    computer.simulator.clear_faults();
    let (card, run) = back_up(&coffer, &id).await;

    assert_eq!(run.result, RunResult::Success);
    assert_eq!(card.versions, Some(1));
}

#[tokio::test]
async fn a_restore_without_a_job_brings_everything_back() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let job = computer.folder_job("laptop");
    let id = coffer.create_job(job.clone()).await.unwrap().id;
    back_up(&coffer, &id).await;

    let opened = coffer
        .open_backup(BackupRef::Existing {
            destination: job.definition.destination.clone(),
            prefix: String::new(),
            passphrase: job.passphrase.clone().unwrap().into(),
        })
        .await
        .unwrap();
    let mut events = coffer.subscribe();
    let run = coffer
        .start_restore(RestoreRequest {
            handle: opened.handle,
            version: 0,
            paths: Vec::new(),
            target: Some(computer.path("restored").display().to_string()),
            existing: ExistingFiles::KeepBoth,
        })
        .unwrap();
    let summary = loop {
        if let Change::Restore {
            run_id,
            summary: Some(summary),
            ..
        } = events.recv().await.unwrap().change
        {
            assert_eq!(run_id, run);
            break summary;
        }
    };

    assert_eq!(summary.result, RunResult::Success);
    assert_eq!(
        snapshot(&computer.path("source")),
        snapshot(&computer.path("restored"))
    );
}

#[tokio::test]
async fn a_wrong_passphrase_opens_nothing() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let job = computer.folder_job("laptop");
    let id = coffer.create_job(job.clone()).await.unwrap().id;
    back_up(&coffer, &id).await;

    let refused = coffer.open_backup(BackupRef::Existing {
        destination: job.definition.destination.clone(),
        prefix: String::new(),
        passphrase: "another".into(),
    });

    assert_eq!(refused.await.unwrap_err().code, ErrorCode::WrongPassphrase);
}

#[tokio::test]
async fn a_limit_on_the_wire_is_kept_and_one_that_cannot_work_is_refused() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let limits = |upload_bytes| BandwidthSettings {
        upload_bytes,
        download_bytes: None,
    };

    coffer.set_bandwidth(limits(Some(500_000))).unwrap();
    let refused = coffer.set_bandwidth(limits(Some(1000))).unwrap_err();

    assert_eq!(refused.code, ErrorCode::InvalidInput);
    drop(coffer);
    assert_eq!(computer.start().bandwidth().unwrap(), limits(Some(500_000)));
}
