use std::path::PathBuf;
use std::time::{Duration, Instant};

use thirtyfour::{By, WebDriver, WebElement};

use crate::desktop::Desktop;
use crate::driver::Session;

/// How long the app may take to open the page, and a page to load.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(50);

/// Waits for the page that the app opens as the desktop's `page`th (from 1), opens it in a browser and signs in:
/// service, account, Accept.
pub(crate) async fn accept_sign_in(desktop: &Desktop, page: usize, account: &str) {
    let browser = open(desktop, page).await;
    let account = format!("#acct-{account}");
    click(
        &browser.web,
        &["#authid-login", &account, "#consent-accept"],
    )
    .await;
    shown(&browser.web, By::Css("#authid")).await;
}

/// As [`accept_sign_in`], at Microsoft itself: account, Accept, and back to the app.
pub(crate) async fn accept_direct_sign_in(desktop: &Desktop, page: usize, account: &str) {
    let browser = open(desktop, page).await;
    let account = format!("#acct-{account}");
    click(&browser.web, &[&account, "#consent-accept"]).await;
    let end = By::XPath("//h1[.='You are signed in']");
    shown(&browser.web, end).await;
}

async fn open(desktop: &Desktop, page: usize) -> Session {
    let started = Instant::now();
    let address = loop {
        if let Some(address) = desktop.opened_pages().into_iter().nth(page - 1) {
            break address;
        }
        assert!(started.elapsed() < PATIENCE, "no page was opened");
        tokio::time::sleep(LOOK).await;
    };
    let mut driver = desktop.command("WebKitWebDriver");
    // What a browser keeps of the pages it showed is not Coffer's.
    driver
        .env("HOME", desktop.path("browser"))
        .env("TMPDIR", desktop.path("browser"));
    let browser = Session::start(driver, &mini_browser(), &["--automation"]).await;
    // Every user of the computer can see what a launcher was given, and the token gives access to the AuthID.
    assert!(!address.contains("token="), "{address}");
    let loaded = browser.web.goto(&address).await;
    loaded.expect("the browser opens the page");
    browser
}

async fn click(web: &WebDriver, buttons: &[&str]) {
    for button in buttons {
        let element = shown(web, By::Css(*button)).await;
        element.click().await.expect("it can be clicked");
    }
}

/// Waits for an element. A page that is just being left answers with all kinds of errors.
async fn shown(web: &WebDriver, what: By) -> WebElement {
    let started = Instant::now();
    loop {
        match web.find(what.clone()).await {
            Ok(element) => return element,
            Err(error) => assert!(
                started.elapsed() < PATIENCE,
                "the page has no {what:?}: {error}"
            ),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// WebKit's own small browser, which comes with the library.
fn mini_browser() -> PathBuf {
    let libraries = std::fs::read_dir("/usr/lib").expect("libraries are installed");
    let candidates = libraries
        .flatten()
        .map(|folder| folder.path().join("webkit2gtk-4.1/MiniBrowser"));
    candidates
        .into_iter()
        .find(|program| program.is_file())
        .expect("MiniBrowser comes with libwebkit2gtk-4.1-0; `cargo xtask setup` installs it")
}
