use std::time::Duration;

use coffer_ipc::ErrorCode;
use coffer_ipc::account::SignInWay;
use coffer_ipc::job::JobState;
use coffer_ipc::run::RunResult;
use coffer_jobs::{Coffer, wording};
use coffer_onedrive_sim::{Action, Entry, Fault, Op};
use tokio_util::sync::CancellationToken;

use crate::support::{Computer, back_up, end_of};

#[tokio::test]
async fn a_pasted_auth_id_is_tried_and_names_its_account() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let auth_id = computer.simulator.seed_auth_id("alex");

    let account = coffer.add_pasted_auth_id(&auth_id, None).await.unwrap();

    assert!(account.name.contains("alex"), "{account:?}");
    assert_eq!(coffer.accounts().unwrap(), [account]);
}

#[tokio::test]
async fn a_wrong_auth_id_is_refused_and_nothing_is_stored() {
    let computer = Computer::new().await;
    let coffer = computer.start();

    let unknown = coffer
        .add_pasted_auth_id("0123456789abcdef0123456789abcdef:nobody", None)
        .await;
    let nonsense = coffer.add_pasted_auth_id("hello", None).await;

    assert_eq!(unknown.unwrap_err().code, ErrorCode::SignInRequired);
    assert_eq!(nonsense.unwrap_err().code, ErrorCode::InvalidInput);
    assert!(coffer.accounts().unwrap().is_empty());
}

/// A job that was stopped by the end of its sign-in, with the id of its account.
async fn stopped_job(computer: &Computer, coffer: &Coffer) -> (String, String) {
    let account = computer.sign_in(coffer).await;
    let job = computer.drive_job("laptop", &account.id);
    let id = coffer.create_job(job).await.unwrap().id;
    computer.end_sign_in();
    let (card, _) = back_up(coffer, &id).await;
    let JobState::NeedsAttention { error } = card.state else {
        panic!("{:?}", card.state);
    };
    assert_eq!(error.code, ErrorCode::SignInRequired);
    (id, account.id)
}

#[tokio::test]
async fn after_signing_in_again_the_stopped_backup_resumes_by_itself() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let (id, account) = stopped_job(&computer, &coffer).await;
    let stopped = coffer.run_history(&id, 0, 1).unwrap().remove(0);
    let mut events = coffer.subscribe();

    let again = computer.sign_in(&coffer).await;

    assert_eq!(again.id, account, "the same account keeps its place");
    let newest = coffer.run_history(&id, 0, 1).unwrap().remove(0);
    assert_ne!(newest.id, stopped.id);
    let (card, run) = end_of(&newest.id, &mut events).await;
    assert_eq!(run.result, RunResult::Success);
    assert_eq!(card.state, JobState::Idle);
}

#[tokio::test]
async fn a_lost_sign_in_stops_all_its_jobs_and_a_new_one_starts_only_what_it_stopped() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let account = computer.sign_in(&coffer).await;
    let other = computer.drive_job("did not run", &account.id);
    let other = coffer.create_job(other).await.unwrap().id;
    let local = coffer.create_job(computer.folder_job("local")).await;
    let local = local.unwrap().id;
    let (_, account) = stopped_job(&computer, &coffer).await;
    let state = |id: &str| {
        let cards = coffer.job_cards().unwrap();
        cards.into_iter().find(|card| card.id == id).unwrap().state
    };
    assert!(matches!(state(&other), JobState::NeedsAttention { .. }));
    assert_eq!(state(&local), JobState::Idle);
    let account_now = coffer.accounts().unwrap().remove(0);
    assert!(account_now.id == account && account_now.problem.is_some());

    computer.sign_in(&coffer).await;

    assert_eq!(state(&other), JobState::Idle);
    assert!(coffer.run_history(&other, 0, 1).unwrap().is_empty());
    assert!(coffer.accounts().unwrap().remove(0).problem.is_none());
    coffer.shut_down(Duration::from_secs(60)).await;
}

#[tokio::test]
async fn another_user_cannot_replace_an_account() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let (id, account) = stopped_job(&computer, &coffer).await;

    let robin = computer.simulator.seed_auth_id("robin");
    let pasted = coffer.add_pasted_auth_id(&robin, Some(&account)).await;
    let directly = computer
        .sign_in_directly(&coffer, "robin", Some(&account))
        .await;

    for refused in [pasted, directly] {
        let refused = refused.unwrap_err();
        for name in ["alex@outlook.example", "robin@"] {
            assert!(refused.message.contains(name), "{refused:?}");
        }
    }
    let accounts = coffer.accounts().unwrap();
    assert!(accounts.len() == 1 && accounts[0].problem.is_some());
    let runs = coffer.run_history(&id, 0, 10).unwrap();
    assert_eq!(runs.len(), 1, "nothing continued");
}

#[tokio::test]
async fn a_direct_sign_in_backs_up_and_renews_itself_in_the_keychain() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    computer.simulator.set_rotation("alex", true);
    let account = computer
        .sign_in_directly(&coffer, "alex", None)
        .await
        .unwrap();
    assert_eq!(account.way, SignInWay::Code);
    let entry = || {
        let name = format!("account:{}", account.id);
        computer.keychain.get(&name).unwrap().unwrap()
    };
    let before = entry();
    let job = computer.drive_job("laptop", &account.id);
    let id = coffer.create_job(job).await.unwrap().id;

    let (_, run) = back_up(&coffer, &id).await;

    assert_eq!(run.result, RunResult::Success);
    assert_ne!(entry(), before);
    coffer_testkit::write_files(&computer.path("source"), &[("new.txt", b"new".as_slice())]);
    let (_, run) = back_up(&computer.start(), &id).await;
    assert_eq!(run.result, RunResult::Success, "after a restart");
}

#[tokio::test]
async fn an_unused_sign_in_is_used_before_it_expires() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    computer.simulator.set_rotation("alex", true);
    computer
        .sign_in_directly(&coffer, "alex", None)
        .await
        .unwrap();
    let cancel = CancellationToken::new();
    let renewals = || {
        let log = computer.simulator.log();
        log.iter().filter(|entry| entry.op == Op::Token).count()
    };
    let signed_in = renewals();
    coffer.renew_sign_ins(&cancel).await.unwrap();
    assert_eq!(renewals(), signed_in, "not yet");

    // A year in which no backup runs.
    for _ in 0..12 {
        computer.clock.pass_minutes(31 * 24 * 60);
        computer
            .simulator
            .advance(Duration::from_secs(31 * 24 * 3600));
        coffer.renew_sign_ins(&cancel).await.unwrap();
        coffer.renew_sign_ins(&cancel).await.unwrap();
    }

    assert_eq!(renewals(), signed_in + 12);
    assert!(coffer.accounts().unwrap()[0].problem.is_none());
    computer.simulator.revoke("alex");
    computer.clock.pass_minutes(31 * 24 * 60);
    coffer.renew_sign_ins(&cancel).await.unwrap();
    assert!(coffer.accounts().unwrap()[0].problem.is_some());
}

#[tokio::test]
async fn the_sign_in_is_chosen_by_name_when_there_are_several() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    assert!(coffer.choose_sign_in(None).await.unwrap().is_none());
    let alex = computer.sign_in(&coffer).await;
    assert!(coffer.choose_sign_in(None).await.unwrap().is_some());
    let robin = computer.simulator.seed_auth_id("robin");
    coffer.add_pasted_auth_id(&robin, None).await.unwrap();

    for wanted in [alex.id.as_str(), "ALEX@outlook.example"] {
        let chosen = coffer.choose_sign_in(Some(wanted)).await;
        assert!(chosen.unwrap().is_some(), "{wanted}");
    }
    for wanted in [None, Some("nobody")] {
        let refused = coffer.choose_sign_in(wanted).await.err().unwrap();
        let hint = wording::for_command_line(&refused.hint);
        assert!(hint.contains("auth list"), "{refused:?}");
    }
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

#[tokio::test]
async fn a_sign_in_that_is_cancelled_while_it_is_tried_stores_nothing() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let stall = Action {
        stall_ms: Some(3_600_000),
        ..Action::default()
    };
    computer.simulator.add_fault(Fault::new(Op::Drive, stall));
    let cancel = CancellationToken::new();

    let giving_up = async {
        // The browser has answered by then, and the drive is requested.
        let is_granted = |entry: &Entry| entry.op == Op::Token && entry.status == 200;
        while !computer.simulator.log().iter().any(is_granted) {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let signing_in = computer.sign_in_unless(&coffer, "alex", None, &cancel);
    let (signed_in, ()) = tokio::join!(signing_in, giving_up);

    assert_eq!(signed_in.unwrap_err().code, ErrorCode::Cancelled);
    assert!(coffer.app_state().unwrap().accounts.is_empty());
}
