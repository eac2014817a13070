//! How accounts and runs cope with failing services.

use std::sync::{Arc, Mutex};

use coffer_ipc::ErrorCode;
use coffer_ipc::run::RunResult;
use coffer_jobs::{Coffer, Environment, Folders, Target, TargetOptions};
use coffer_onedrive_sim::{Action, Fault, Op};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use crate::support::{Computer, back_up};

/// A server that answers everything with a firewall's page and keeps what it was sent.
async fn firewall() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = vec![0; 16384];
            let len = stream.read(&mut buffer).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&buffer[..len]).into_owned();
            kept.lock().unwrap().push(request);
            let page = "<html>blocked by the firewall</html>";
            let reply = format!(
                "HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
                page.len()
            );
            let _ = stream.write_all(reply.as_bytes()).await;
        }
    });
    (url, seen)
}

/// The same computer, started where the environment names another AuthID service.
fn start_elsewhere(computer: &Computer, oauth_url: &str) -> Coffer {
    let folders = Folders::new(computer.path("data"), computer.path("cache"));
    let mut environment = Environment::demo(computer.simulator.api_url(), oauth_url);
    environment.retries.retries = 0;
    let keychain = Arc::clone(&computer.keychain);
    Coffer::open(folders, environment, keychain, computer.clock.clone()).unwrap()
}

#[tokio::test]
async fn a_sign_in_stays_with_the_service_that_gave_it() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = computer.create_drive_job(&coffer).await;
    drop(coffer);
    let (url, seen) = firewall().await;

    let coffer = start_elsewhere(&computer, &format!("{url}/refresh"));
    let (_, run) = back_up(&coffer, &id).await;

    assert_eq!(run.result, RunResult::Success, "{:?}", run.error);
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_firewalls_page_ends_no_sign_in() {
    let computer = Computer::new().await;
    let (url, seen) = firewall().await;
    let coffer = start_elsewhere(&computer, &format!("{url}/refresh"));

    let added = coffer.add_pasted_auth_id("key:password", None).await;

    assert_eq!(added.unwrap_err().code, ErrorCode::Offline);
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_address_leads_no_kept_sign_in_to_another_service() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    computer.sign_in(&coffer).await;
    let (url, seen) = firewall().await;
    let options = TargetOptions {
        kept_sign_in: coffer.choose_sign_in(None).await.transpose(),
        ..TargetOptions::default()
    };
    let own = computer.simulator.oauth_url();
    let environment = Environment::demo(computer.simulator.api_url(), &own);
    let folders = Folders::new(computer.path("data"), computer.path("cache"));
    let open = async |service: &str| {
        let address = format!("onedrivev2://Backups/shared?oauth-url={service}");
        let cancel = CancellationToken::new();
        Target::from_address(&address, &options, &environment, &folders, &cancel).await
    };

    let refused = open(&format!("{url}/refresh")).await;
    assert_eq!(refused.err().unwrap().code, ErrorCode::InvalidInput);
    assert!(seen.lock().unwrap().is_empty());
    assert!(open(&own).await.is_ok());
}

#[tokio::test]
async fn one_refusal_of_a_token_stops_neither_run_nor_account() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let id = computer.create_drive_job(&coffer).await;
    let fault = Fault::new(Op::Drive, Action::status(401));
    computer.simulator.add_fault(fault);

    let (_, run) = back_up(&coffer, &id).await;

    // Without retries it ends this run, which waits for the network, not for the user.
    assert_eq!(run.error.unwrap().code, ErrorCode::Offline);
    assert!(coffer.accounts().unwrap()[0].problem.is_none());
    let (_, run) = back_up(&coffer, &id).await;
    assert_eq!(run.result, RunResult::Success, "{:?}", run.error);
}

#[tokio::test]
async fn each_lost_sign_in_says_why_and_what_helps() {
    type Lose = fn(&coffer_onedrive_sim::Simulator);
    let ways: [(Lose, &str); 5] = [
        (|simulator| simulator.revoke("alex"), "revoked"),
        (|simulator| simulator.change_password("alex"), "password"),
        (
            |simulator| simulator.require_mfa("alex", true),
            "additional verification",
        ),
        (|simulator| simulator.set_disabled("alex", true), "disabled"),
        (|simulator| simulator.expire_refresh("alex"), "expired"),
    ];
    let mut hints = std::collections::BTreeSet::new();
    for (lose, why) in ways {
        let computer = Computer::new().await;
        let coffer = computer.start();
        let id = computer.create_drive_job(&coffer).await;
        computer.simulator.expire_access("alex");
        lose(&computer.simulator);
        drop(coffer);

        let (_, run) = back_up(&computer.start(), &id).await;

        let error = run.error.unwrap();
        assert_eq!(error.code, ErrorCode::SignInRequired);
        assert!(error.message.contains(why), "{why}: {}", error.message);
        assert!(error.message.contains("AADSTS"), "{}", error.message);
        hints.insert(error.hint);
    }
    assert_eq!(hints.len(), 5, "{hints:?}");
}
