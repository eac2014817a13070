//! Signing in at Microsoft itself, and the refresh token that comes of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use coffer_destination::Error as DestinationError;
use coffer_onedrive::{
    Credential, DeviceSignIn, DirectSignIn, Endpoints, Error, Grant, OneDrive, PendingDirect,
    Registration, TokenStore,
};
use coffer_onedrive_sim::{Op, Options, Simulator};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

const CLIENT: &str = "01234567-89ab-cdef-0123-456789abcdef";

struct Microsoft {
    simulator: Simulator,
    endpoints: Endpoints,
    cancel: CancellationToken,
}

impl Microsoft {
    /// Where everybody agrees as Alex.
    async fn new() -> Self {
        coffer_onedrive::install_tls_provider();
        let options = Options {
            auto_consent: Some("alex".to_owned()),
            ..Options::default()
        };
        let simulator = Simulator::start(options).await.unwrap();
        let endpoints = Endpoints::new(Some(simulator.api_url()), None)
            .and_then(|endpoints| endpoints.with_login(simulator.api_url()))
            .unwrap();
        Self {
            simulator,
            endpoints,
            cancel: CancellationToken::new(),
        }
    }

    fn registration() -> Registration {
        Registration::new(CLIENT, None).unwrap()
    }

    async fn start(&self) -> PendingDirect {
        let sign_in = DirectSignIn::new(&self.endpoints, Self::registration()).unwrap();
        sign_in.start(None).await.unwrap()
    }

    async fn signed_in(&self) -> Grant {
        let pending = self.start().await;
        let page = pending.page().to_owned();
        let browser = tokio::spawn(async move { reqwest::get(page).await.unwrap().status() });
        let grant = pending.wait(&self.cancel).await.unwrap();
        assert!(browser.await.unwrap().is_success());
        grant
    }

    fn account(&self, store: &Arc<Store>) -> OneDrive {
        let store: Arc<dyn TokenStore> = store.clone();
        let credential = Credential::Direct {
            registration: Self::registration(),
            store,
        };
        OneDrive::new(&self.endpoints, credential).unwrap()
    }

    /// Uses the sign-in and returns whose it is.
    async fn owner(&self, store: &Arc<Store>) -> String {
        let account = self.account(store);
        account.drive(None, &self.cancel).await.unwrap().owner
    }

    fn count(&self, op: Op) -> usize {
        let log = self.simulator.log();
        log.iter().filter(|entry| entry.op == op).count()
    }
}

/// A field of the page's address.
fn field(page: &str, name: &str) -> String {
    let url = reqwest::Url::parse(page).unwrap();
    let (_, value) = url.query_pairs().find(|(key, _)| key == name).unwrap();
    value.into_owned()
}

/// What the browser would be sent back to.
fn callback(page: &str, fields: &[(&str, &str)]) -> String {
    let redirect_uri = format!("{}/", field(page, "redirect_uri"));
    reqwest::Url::parse_with_params(&redirect_uri, fields)
        .unwrap()
        .into()
}

/// The refresh token of one sign-in, as the keychain has it.
#[derive(Default)]
struct Store {
    token: Mutex<Option<String>>,
    lock: Arc<tokio::sync::Mutex<()>>,
    saves: AtomicUsize,
    /// The computer dies before the next token is kept.
    dies: bool,
}

impl Store {
    fn with(token: &SecretString) -> Self {
        Self {
            token: Mutex::new(Some(token.expose_secret().to_owned())),
            ..Self::default()
        }
    }

    fn token(&self) -> MutexGuard<'_, Option<String>> {
        self.token.lock().unwrap()
    }
}

impl TokenStore for Store {
    fn lock(&self) -> Result<Box<dyn Send>, String> {
        Ok(Box::new(Arc::clone(&self.lock).blocking_lock_owned()))
    }

    fn load(&self) -> Result<Option<SecretString>, String> {
        Ok(self.token().clone().map(SecretString::from))
    }

    fn save(&self, refresh_token: &SecretString) -> Result<(), String> {
        if self.dies {
            return Err("the keychain is gone".to_owned());
        }
        self.saves.fetch_add(1, Ordering::SeqCst);
        *self.token() = Some(refresh_token.expose_secret().to_owned());
        Ok(())
    }
}

#[tokio::test]
async fn the_browser_comes_back_with_a_sign_in_that_works() {
    let microsoft = Microsoft::new().await;

    let grant = microsoft.signed_in().await;

    assert_eq!(grant.username.as_deref(), Some("alex@outlook.example"));
    assert!(grant.home.unwrap().contains('.'));
    let store = Arc::new(Store::with(&grant.refresh_token));
    assert_eq!(microsoft.owner(&store).await, "alex@outlook.example");
}

#[tokio::test]
async fn a_wrong_state_or_host_changes_nothing() {
    let microsoft = Microsoft::new().await;
    let pending = microsoft.start().await;
    let page = pending.page().to_owned();
    let waiting = tokio::spawn({
        let cancel = microsoft.cancel.clone();
        async move { pending.wait(&cancel).await }
    });
    let browser = reqwest::Client::new();
    let state = field(&page, "state");

    let wrong = callback(&page, &[("code", "stolen"), ("state", "another")]);
    assert_eq!(browser.get(wrong).send().await.unwrap().status(), 400);
    // As a foreign page would reach it, through a name that resolves to this computer.
    let right = callback(&page, &[("code", "stolen"), ("state", &state)]);
    let rebound = browser.get(right).header("Host", "evil.example");
    assert_eq!(rebound.send().await.unwrap().status(), 421);
    let icon = format!("{}/favicon.ico", field(&page, "redirect_uri"));
    assert_eq!(browser.get(icon).send().await.unwrap().status(), 404);
    assert!(!waiting.is_finished());

    assert!(
        browser
            .get(page)
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn refusals_of_microsoft_are_reported() {
    let microsoft = Microsoft::new().await;
    for (error, description, words) in [
        ("access_denied", "AADSTS65004: no", "canceled"),
        ("access_denied", "AADSTS90094: x", "ApprovalRequired"),
        ("invalid_request", "AADSTS50011: x", "RedirectNotRegistered"),
        ("server_error", "", "not available"),
    ] {
        let pending = microsoft.start().await;
        let page = pending.page().to_owned();
        let state = field(&page, "state");
        let back = callback(
            &page,
            &[
                ("error", error),
                ("error_description", description),
                ("state", &state),
            ],
        );
        let browser = tokio::spawn(reqwest::get(back));

        let refused = pending.wait(&microsoft.cancel).await.err().unwrap();

        assert!(refused.to_string().contains(words), "{error}: {refused}");
        let shown = browser.await.unwrap().unwrap().text().await.unwrap();
        assert!(shown.contains("not signed in"), "{shown}");
    }
}

#[tokio::test]
async fn after_the_first_answer_the_port_is_closed() {
    let microsoft = Microsoft::new().await;
    let pending = microsoft.start().await;
    let page = pending.page().to_owned();
    let browser = tokio::spawn(reqwest::get(page.clone()));
    pending.wait(&microsoft.cancel).await.unwrap();
    browser.await.unwrap().unwrap();

    let state = field(&page, "state");
    let again = callback(&page, &[("code", "another"), ("state", &state)]);

    assert!(reqwest::get(again).await.unwrap_err().is_connect());
}

#[tokio::test]
async fn a_closed_browser_ends_the_sign_in_in_time() {
    let microsoft = Microsoft::new().await;
    let sign_in = DirectSignIn::new(&microsoft.endpoints, Microsoft::registration()).unwrap();
    let sign_in = sign_in.with_patience(Duration::from_millis(1));
    let pending = sign_in.start(None).await.unwrap();

    let outcome = pending.wait(&microsoft.cancel).await;

    assert!(matches!(outcome, Err(Error::SignInExpired)));
}

#[tokio::test]
async fn each_sign_in_has_a_port_and_secrets_of_its_own() {
    let microsoft = Microsoft::new().await;
    let (one, other) = (microsoft.start().await, microsoft.start().await);

    for name in ["redirect_uri", "state", "nonce", "code_challenge"] {
        assert_ne!(field(one.page(), name), field(other.page(), name), "{name}");
    }
    assert!(field(one.page(), "state").len() >= 43);
    assert_eq!(field(one.page(), "code_challenge_method"), "S256");
}

#[tokio::test]
async fn a_browser_that_only_knows_the_new_address_family_comes_back() {
    let probe = tokio::net::TcpListener::bind("[::1]:0").await;
    if probe.is_err() {
        eprintln!("this computer has no IPv6; nothing to see");
        return;
    }
    let microsoft = Microsoft::new().await;
    let pending = microsoft.start().await;
    let page = pending.page().to_owned();
    let six: std::net::SocketAddr = "[::1]:0".parse().unwrap();
    let browser = reqwest::Client::builder()
        .resolve("localhost", six)
        .build()
        .unwrap();
    let visit = tokio::spawn(async move { browser.get(page).send().await.unwrap().status() });

    pending.wait(&microsoft.cancel).await.unwrap();

    assert!(visit.await.unwrap().is_success());
}

#[tokio::test]
async fn a_code_typed_elsewhere_signs_in() {
    let microsoft = Microsoft::new().await;
    let sign_in = DeviceSignIn::new(&microsoft.endpoints, Microsoft::registration()).unwrap();
    for (who, granted) in [("alex", true), ("decline", false)] {
        let pending = sign_in.start().await.unwrap();
        let pending = pending.with_interval(Duration::from_millis(1));
        let form = [("user_code", pending.user_code()), ("account", who)];
        let typed = reqwest::Client::new().post(pending.page()).form(&form);
        assert!(typed.send().await.unwrap().status().is_success());

        match pending.wait(&microsoft.cancel).await {
            Ok(grant) => assert!(granted && grant.username.is_some(), "{who}"),
            Err(error) => assert!(
                !granted && matches!(error, Error::SignInDeclined),
                "{error}"
            ),
        }
    }
}

#[tokio::test]
async fn a_renewed_sign_in_is_kept_before_it_is_used() {
    let microsoft = Microsoft::new().await;
    microsoft.simulator.set_rotation("alex", true);
    let grant = microsoft.signed_in().await;
    let store = Arc::new(Store::with(&grant.refresh_token));
    let before = store.token().clone();

    microsoft
        .account(&store)
        .renew(&microsoft.cancel)
        .await
        .unwrap();

    assert_ne!(*store.token(), before);
    assert_eq!(microsoft.count(Op::Drive), 0, "nothing was used yet");
    // Another start of the program uses the new one.
    microsoft.owner(&store).await;
}

#[tokio::test]
async fn a_computer_that_dies_before_it_keeps_the_new_one_signs_in_with_the_old() {
    let microsoft = Microsoft::new().await;
    microsoft.simulator.set_rotation("alex", true);
    let grant = microsoft.signed_in().await;
    let dying = Arc::new(Store {
        dies: true,
        ..Store::with(&grant.refresh_token)
    });
    microsoft
        .account(&dying)
        .renew(&microsoft.cancel)
        .await
        .unwrap();

    let store = Arc::new(Store::with(&grant.refresh_token));
    microsoft.owner(&store).await;

    assert_eq!(store.saves.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn workers_of_a_process_refresh_once_and_processes_one_after_the_other() {
    let microsoft = Microsoft::new().await;
    microsoft.simulator.set_rotation("alex", true);
    let grant = microsoft.signed_in().await;
    let store = Arc::new(Store::with(&grant.refresh_token));
    let (one, other) = (microsoft.account(&store), microsoft.account(&store));
    let before = microsoft.count(Op::Token);

    let drives = (0..8).map(|worker| {
        let account = if worker % 2 == 0 { &one } else { &other };
        account.drive(None, &microsoft.cancel)
    });
    let drives = futures::future::join_all(drives).await;

    assert!(drives.iter().all(Result::is_ok), "{drives:?}");
    assert_eq!(microsoft.count(Op::Token), before + 2);
    assert_eq!(store.saves.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_revoked_sign_in_is_final_and_a_missing_one_is_reported() {
    let microsoft = Microsoft::new().await;
    let grant = microsoft.signed_in().await;
    let store = Arc::new(Store::with(&grant.refresh_token));
    let account = microsoft.account(&store);
    microsoft.simulator.revoke("alex");

    let revoked = account.renew(&microsoft.cancel).await;
    *store.token() = None;
    let gone = account.renew(&microsoft.cancel).await;

    for outcome in [revoked, gone] {
        let is_final = matches!(outcome, Err(DestinationError::SignInRequired { .. }));
        assert!(is_final, "{outcome:?}");
    }
}

#[tokio::test]
async fn a_computer_that_slept_asks_for_a_new_token() {
    let microsoft = Microsoft::new().await;
    let grant = microsoft.signed_in().await;
    let store: Arc<dyn TokenStore> = Arc::new(Store::with(&grant.refresh_token));
    let time = Arc::new(Mutex::new(Timestamp::now()));
    let clock = Arc::clone(&time);
    let credential = Credential::Direct {
        registration: Microsoft::registration(),
        store,
    };
    let account = OneDrive::with_clock(
        &microsoft.endpoints,
        credential,
        Arc::new(move || *clock.lock().unwrap()),
    )
    .unwrap();
    account.drive(None, &microsoft.cancel).await.unwrap();
    let before = microsoft.count(Op::Token);

    account.drive(None, &microsoft.cancel).await.unwrap();
    assert_eq!(microsoft.count(Op::Token), before);
    *time.lock().unwrap() += Duration::from_secs(3400);
    account.drive(None, &microsoft.cancel).await.unwrap();

    assert_eq!(microsoft.count(Op::Token), before + 1, "before the end");
}
