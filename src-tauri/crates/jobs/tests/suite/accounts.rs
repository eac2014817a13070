use coffer_ipc::ErrorCode;
use coffer_ipc::job::JobState;
use coffer_ipc::run::RunResult;

use crate::support::{Computer, back_up};

#[tokio::test]
async fn a_pasted_auth_id_is_tried_and_names_its_account() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let auth_id = computer.simulator.seed_auth_id("alex");

    let account = coffer.add_pasted_auth_id(&auth_id).await.unwrap();

    assert!(account.name.contains("alex"), "{account:?}");
    assert_eq!(coffer.accounts().unwrap(), [account]);
}

#[tokio::test]
async fn a_wrong_auth_id_is_refused_and_nothing_is_kept() {
    let computer = Computer::new().await;
    let coffer = computer.start();

    let unknown = coffer
        .add_pasted_auth_id("0123456789abcdef0123456789abcdef:nobody")
        .await;
    let nonsense = coffer.add_pasted_auth_id("hello").await;

    assert_eq!(unknown.unwrap_err().code, ErrorCode::SignInRequired);
    assert_eq!(nonsense.unwrap_err().code, ErrorCode::InvalidInput);
    assert!(coffer.accounts().unwrap().is_empty());
}

#[tokio::test]
async fn signing_in_again_mends_the_job_that_waited() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let account = computer.sign_in(&coffer).await;
    let job = computer.drive_job("laptop", &account.id);
    let id = coffer.create_job(job).await.unwrap().id;
    computer.end_sign_in();
    let (card, _) = back_up(&coffer, &id).await;
    let JobState::NeedsAttention { error } = card.state else {
        panic!("{:?}", card.state);
    };
    assert_eq!(error.code, ErrorCode::SignInRequired);

    let again = computer.sign_in(&coffer).await;

    assert_eq!(again.id, account.id, "the same account keeps its place");
    let (card, run) = back_up(&coffer, &id).await;
    assert_eq!(run.result, RunResult::Success);
    assert_eq!(card.state, JobState::Idle);
}

#[tokio::test]
async fn a_sign_in_that_a_job_uses_cannot_be_removed() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let account = computer.sign_in(&coffer).await;
    let job = computer.drive_job("laptop", &account.id);
    let job = coffer.create_job(job).await.unwrap();

    let refused = coffer.remove_account(&account.id).await.unwrap_err();
    assert!(refused.message.contains("laptop"), "{refused:?}");

    coffer.delete_job(&job.id, true).await.unwrap();
    coffer.remove_account(&account.id).await.unwrap();
    assert!(coffer.accounts().unwrap().is_empty());
}

#[tokio::test]
async fn a_folder_that_is_not_taken_is_suggested() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let account = computer.sign_in(&coffer).await;
    let first = coffer.suggest_folder(&account.id, "").await.unwrap();
    let drive = computer.simulator.drive_id("alex");
    computer
        .simulator
        .create_folder(&drive, &format!("/{first}"));

    let second = coffer.suggest_folder(&account.id, "").await.unwrap();

    assert!(first.starts_with("Backups/"));
    assert_ne!(first.to_lowercase(), second.to_lowercase());
}
