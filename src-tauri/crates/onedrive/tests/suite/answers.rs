//! Every answer that a service was reported to give, and what becomes of the call that gets it.
//!
//! [`table`] has them; each of its cells is run here: the answer comes once, then the service is as it always is.

mod table;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coffer_destination::{Destination as _, Error, NoCheckpoints, TransferMonitor};
use coffer_onedrive::{
    AuthId, Credential, Endpoints, OneDrive, OneDriveDestination, Registration, TokenStore,
};
use coffer_onedrive_sim::{Fault, Op};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::stub;
use crate::support::{Bench, NAME, Still, quickly, quickly_past};
use table::{Answer, Call, Does, OWN_WORDS, ROWS};

/// More than fits in one request.
const LARGE: usize = 4_500_000;

/// The refresh token of one sign-in.
struct Kept(Mutex<String>);

impl TokenStore for Kept {
    fn lock(&self) -> Result<Box<dyn Send>, String> {
        Ok(Box::new(()))
    }

    fn load(&self) -> Result<Option<SecretString>, String> {
        Ok(Some(SecretString::from(self.0.lock().unwrap().clone())))
    }

    fn save(&self, token: &SecretString) -> Result<(), String> {
        token
            .expose_secret()
            .clone_into(&mut self.0.lock().unwrap());
        Ok(())
    }
}

/// Where the calls of one cell are made.
struct Scene {
    bench: Bench,
    account: OneDrive,
    destination: OneDriveDestination,
    /// With a sign-in that has not been used yet.
    fresh: OneDrive,
    asked: Asked,
    /// Seconds by which the wall clock is ahead of some day.
    ahead: Arc<AtomicU64>,
}

/// Records the waits that the service asked for during a transfer.
#[derive(Default)]
struct Asked(Mutex<Duration>);

impl TransferMonitor for Asked {
    fn moved(&self, _bytes: u64) {}

    fn waiting(&self, _time: Duration, _why: &str) {}

    fn asked_to_wait(&self, time: Duration, _why: &str) {
        *self.0.lock().unwrap() += time;
    }
}

impl Scene {
    async fn new(call: Call) -> Self {
        let bench = Bench::new().await;
        let account = bench.account("alex");
        let destination = quickly(bench.destination_of(&account)).await;
        if matches!(call, Call::Delete | Call::Download) {
            quickly(bench.put(&destination, &bench.file(1000)))
                .await
                .unwrap();
        }
        let credential = match call {
            Call::Token => {
                let scopes = "Files.ReadWrite offline_access User.Read openid profile";
                let token = bench.simulator.seed_refresh_token("alex", scopes);
                Credential::Direct {
                    registration: Registration::new("01234567-89ab-cdef-0123-456789abcdef", None)
                        .unwrap(),
                    store: Arc::new(Kept(Mutex::new(token))),
                }
            }
            _ => AuthId::parse(&bench.simulator.seed_auth_id("robin"))
                .unwrap()
                .into(),
        };
        let endpoints: Endpoints = bench.endpoints();
        let endpoints = endpoints.with_login(bench.simulator.api_url()).unwrap();
        let ahead = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&ahead);
        let now = move || {
            let seconds = 1_790_000_000 + clock.load(Ordering::Relaxed) as i64;
            Timestamp::from_second(seconds).unwrap()
        };
        let fresh = OneDrive::with_clock(&endpoints, credential, Arc::new(now)).unwrap();
        Self {
            bench,
            account,
            destination,
            fresh,
            asked: Asked::default(),
            ahead,
        }
    }

    async fn call(&self, call: Call) -> Result<(), Error> {
        quickly_past(&self.account.waits(), self.make(call)).await
    }

    fn pass(&self, seconds: u64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    async fn put(&self, len: usize) -> Result<(), Error> {
        let (file, cancel) = (self.bench.file(len), &self.bench.cancel);
        self.destination
            .put(NAME, &file, &NoCheckpoints, &self.asked, cancel)
            .await
    }

    async fn make(&self, call: Call) -> Result<(), Error> {
        let Self {
            bench, destination, ..
        } = self;
        let cancel = &bench.cancel;
        match call {
            Call::List => destination.list(cancel).await.map(drop),
            Call::Delete => destination.delete(NAME, cancel).await,
            Call::Put => self.put(1000).await,
            Call::CreateSession | Call::Fragment => self.put(LARGE).await,
            Call::Download => {
                let target = bench.folder.path().join("back");
                let got = destination.get(NAME, &target, &self.asked, cancel).await;
                got.map(|len| assert_eq!(std::fs::read(&target).unwrap().len() as u64, len))
            }
            Call::Token | Call::AuthId => self.fresh.drive(None, cancel).await.map(drop),
        }
    }

    /// Whether the world is as it has to be after a call that succeeded.
    fn is_right(&self, call: Call) -> bool {
        match call {
            Call::Delete => self.bench.stored().is_none(),
            Call::Put | Call::CreateSession | Call::Fragment => {
                let sent = std::fs::read(self.bench.folder.path().join("upload")).unwrap();
                // A session whose address never arrived cannot be deleted; it expires.
                let may_be_open = call == Call::CreateSession;
                self.bench.stored() == Some(sent)
                    && (may_be_open || self.bench.simulator.open_uploads() == 0)
            }
            _ => true,
        }
    }
}

fn op(call: Call) -> Op {
    match call {
        Call::List => Op::Children,
        Call::Delete => Op::Delete,
        Call::Put => Op::ContentPut,
        Call::CreateSession => Op::CreateSession,
        Call::Fragment => Op::Fragment,
        Call::Download => Op::Download,
        Call::Token => Op::Token,
        Call::AuthId => Op::RefreshAuthid,
    }
}

/// What an error asks of the caller.
fn understood(error: &Error) -> Does {
    match error {
        Error::Unavailable { .. } => Does::Again,
        Error::Throttled { retry_after: None } => Does::Waits(30),
        _ if error.retry_after().is_some() => {
            let seconds = error.retry_after().unwrap_or_default().as_secs();
            if seconds > 7200 || matches!(error, Error::SignInUnavailable { .. }) {
                Does::ComesBack(seconds)
            } else {
                Does::Waits(seconds)
            }
        }
        Error::Locked { .. } | Error::Corrupted { .. } => Does::Again,
        Error::Full => Does::Full,
        Error::NotFound { .. } | Error::FolderMissing { .. } => Does::Missing,
        Error::Refused { .. } => Does::Fails,
        Error::SignInRequired { .. } => Does::AsksPerson,
        other => panic!("unexpected: {other:?}"),
    }
}

/// Runs one cell and says what was done, and what is wrong besides.
async fn run(call: Call, answer: &Answer) -> (Does, Option<String>) {
    let scene = Scene::new(call).await;
    let nth = if call == Call::Fragment { 2 } else { 1 };
    let fault = Fault::new(op(call), answer.action()).nth(nth).times(1);
    scene.bench.simulator.add_fault(fault);
    let start = Instant::now();

    let first = scene.call(call).await;

    let log = || scene.bench.simulator.log();
    if !log().iter().any(|entry| entry.faulted) {
        return (Does::Done, Some("the answer never came".to_owned()));
    }
    let asked = scene.asked.0.lock().unwrap().as_secs_f64().round() as u64;
    let does = match &first {
        Ok(()) if asked > 0 => Does::Waits(asked),
        Ok(()) => Does::Done,
        Err(error) => understood(error),
    };
    if let Err(error) = &first {
        let text = format!("{error} {error:?}");
        let is_secret = |secret| text.contains(secret);
        if ["tempauth", "Bearer", "/rup/"].into_iter().any(is_secret) {
            return (does, Some(format!("a secret is exposed: {text}")));
        }
    }
    let before = log().len();
    let mut second = match first {
        Ok(()) => Ok(()),
        // The service is itself again: nothing may be left of it.
        Err(_) => scene.call(call).await,
    };
    if let Does::Waits(seconds) | Does::ComesBack(seconds) = does
        && second.is_err()
    {
        // An earlier call fails without a request to the service.
        if log().len() > before {
            return (does, Some("it is asked before its time".to_owned()));
        }
        if matches!(does, Does::ComesBack(_)) {
            return (does, None);
        }
        tokio::time::advance(Duration::from_secs(seconds)).await;
        scene.pass(seconds);
        second = scene.call(call).await;
    }
    let wrong = match (does, second) {
        (_, Err(error)) => Some(format!("it is not over: {error}")),
        (Does::ComesBack(_), Ok(())) => Some("it is asked before its time".to_owned()),
        (Does::Waits(seconds), Ok(())) if start.elapsed().as_secs() + 1 < seconds => {
            Some("it is asked before its time".to_owned())
        }
        _ if !scene.is_right(call) => Some("what is stored is wrong".to_owned()),
        _ => None,
    };
    (does, wrong)
}

/// Runs a column of the table.
async fn column(call: Call) {
    let _still = Still::new();
    let mut wrong = Vec::new();
    for row in ROWS {
        let (does, also) = run(call, &row.answer).await;
        let wanted = row.cells[call as usize];
        // Part of a wait may have passed when it is reported.
        let is_wanted = match (does, wanted) {
            (Does::Waits(did), Does::Waits(wanted)) => (wanted - 2..=wanted).contains(&did),
            _ => does == wanted,
        };
        if !is_wanted || also.is_some() {
            wrong.push(format!(
                "{}: {does:?} and not {wanted:?} {also:?}",
                row.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{call:?}\n{}", wrong.join("\n"));
}

#[test]
fn each_row_names_its_report() {
    for row in ROWS {
        assert!(!row.reported.is_empty(), "{}", row.name);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_to_a_listing() {
    column(Call::List).await;
}

#[tokio::test(start_paused = true)]
async fn answers_to_a_deletion() {
    column(Call::Delete).await;
}

#[tokio::test(start_paused = true)]
async fn answers_to_a_small_upload() {
    column(Call::Put).await;
}

#[tokio::test(start_paused = true)]
async fn answers_to_the_start_of_an_upload() {
    column(Call::CreateSession).await;
}

#[tokio::test(start_paused = true)]
async fn answers_of_the_upload_host() {
    column(Call::Fragment).await;
}

#[tokio::test(start_paused = true)]
async fn answers_of_the_download_host() {
    column(Call::Download).await;
}

#[tokio::test(start_paused = true)]
async fn answers_of_the_token_endpoint() {
    column(Call::Token).await;
}

#[tokio::test(start_paused = true)]
async fn answers_of_the_auth_id_service() {
    column(Call::AuthId).await;
}

/// Asks the AuthID service once, which answers with `reply` to the letter.
async fn auth_id_answered(reply: &str) -> Error {
    let reply = format!("HTTP/1.1 {reply}");
    let (address, _) = stub::serve_raw(move |_| reply.clone()).await;
    let cancel = CancellationToken::new();
    quickly(stub::account(&address).drive(None, &cancel))
        .await
        .unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn the_auth_id_services_own_words() {
    let _still = Still::new();
    for (name, reported, head, body, wanted) in OWN_WORDS {
        let reply = format!(
            "{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );

        let error = auth_id_answered(&reply).await;

        assert!(!reported.is_empty(), "{name}");
        assert_eq!(understood(&error), *wanted, "{name}: {error:?}");
    }
}

/// A portal in place of OneDrive, with a certificate that this computer does not trust.
#[tokio::test]
async fn another_certificate_is_a_network_that_is_not_ours_yet() {
    let bench = Bench::new().await;
    let options = coffer_onedrive_sim::Options {
        front: true,
        ..Default::default()
    };
    let portal = coffer_onedrive_sim::Simulator::start(options)
        .await
        .unwrap();
    let portal = portal.front().unwrap().api_url();
    let (api, oauth) = (bench.simulator.api_url(), bench.simulator.oauth_url());
    let auth_id = || AuthId::parse(&bench.simulator.seed_auth_id("alex")).unwrap();
    let account = |graph: &str, oauth: &str| {
        let endpoints = Endpoints::new(Some(graph), Some(oauth)).unwrap();
        OneDrive::new(&endpoints, auth_id()).unwrap()
    };
    let direct = {
        let endpoints = bench.endpoints().with_login(&portal).unwrap();
        let credential = Credential::Direct {
            registration: Registration::new("01234567-89ab-cdef-0123-456789abcdef", None).unwrap(),
            store: Arc::new(Kept(Mutex::new("token".to_owned()))),
        };
        OneDrive::new(&endpoints, credential).unwrap()
    };
    let mut errors = Vec::new();
    for account in [
        account(&portal, &oauth),
        account(api, &format!("{portal}/authid/refresh")),
        direct,
    ] {
        errors.push(account.drive(None, &bench.cancel).await.unwrap_err());
    }
    // Graph itself, which names the portal's address for uploads and downloads.
    let place = portal.clone();
    let (address, _) = stub::serve_raw(move |head| {
        let path = stub::path(head);
        let item = r#"{"id":"f","name":"x","size":5000000,"folder":{},"file":{}}"#;
        let (head, body) = if path == "/refresh" {
            ("200 x".to_owned(), stub::token().1)
        } else if path.ends_with(":/content") {
            (format!("302 x\r\nLocation: {place}/file"), String::new())
        } else if path.ends_with("createUploadSession") {
            let session = format!(r#"{{"uploadUrl":"{place}/up"}}"#);
            ("200 x".to_owned(), session)
        } else {
            ("200 x".to_owned(), item.to_owned())
        };
        let len = body.len();
        format!("HTTP/1.1 {head}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}")
    })
    .await;
    let destination = quick(&stub::account(&address));
    errors.push(
        bench
            .put(&destination, &bench.file(LARGE))
            .await
            .unwrap_err(),
    );
    let target = bench.folder.path().join("back");
    let asked = Asked::default();
    let got = destination.get(NAME, &target, &asked, &bench.cancel);
    errors.push(got.await.unwrap_err());

    for error in errors {
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        assert!(error.to_string().contains("does not belong to"), "{error}");
    }
}

/// A folder of an account, with short waits and few tries.
fn quick(account: &OneDrive) -> OneDriveDestination {
    let options = coffer_onedrive::TransferOptions {
        fragment_tries: 2,
        fragment_delay: Duration::from_millis(1),
        ..Default::default()
    };
    account.destination(None, "Backups", options).unwrap()
}
