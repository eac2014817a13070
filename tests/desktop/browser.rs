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
    let web = &browser.web;
    web.goto(&address)
        .await
        .expect("the browser opens the page");
    let account = format!("#acct-{account}");
    for button in ["#authid-login", &account, "#consent-accept"] {
        let element = shown(web, button).await;
        element.click().await.expect("it can be clicked");
    }
    shown(web, "#authid").await;
}

/// Waits for an element. A page that is just being left answers with all kinds of errors.
async fn shown(web: &WebDriver, selector: &str) -> WebElement {
    let started = Instant::now();
    loop {
        match web.find(By::Css(selector)).await {
            Ok(element) => return element,
            Err(error) => assert!(
                started.elapsed() < PATIENCE,
                "the page has no {selector}: {error}"
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
