//! What a run holds back because data may be lost is done once the user allows it.

use coffer_ipc::run::{Permission, RunResult};

use crate::support::{Computer, back_up, end_of};

#[tokio::test]
async fn files_of_an_emptied_source_stay_until_the_user_confirms() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = computer.create_drive_job(&coffer).await;
    let (_, first) = back_up(&coffer, &id).await;
    assert_eq!(first.held_back, []);
    let source = computer.path("source");
    std::fs::remove_dir_all(&source).unwrap();
    std::fs::create_dir(&source).unwrap();

    computer.clock.pass_minutes(5);
    let (card, held) = back_up(&coffer, &id).await;

    assert_eq!(held.held_back, [Permission::MissingSource]);
    assert_eq!(held.counts.deleted_files, 0);
    assert_eq!(
        card.health.last_backup.unwrap().held_back,
        [Permission::MissingSource]
    );

    computer.clock.pass_minutes(5);
    let mut events = coffer.subscribe();
    let run = coffer
        .start_backup_with(&id, Permission::MissingSource)
        .unwrap();
    let (_, allowed) = end_of(&run, &mut events).await;

    assert_eq!(allowed.result, RunResult::Success);
    assert_eq!(allowed.held_back, []);
    assert!(allowed.counts.deleted_files > 0);
}
