use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use thirtyfour::error::WebDriverErrorInner;
use thirtyfour::extensions::query::ElementQueryable as _;
use thirtyfour::{By, Key, WebElement};

use crate::desktop::Desktop;
use crate::driver::Session;

/// How long the app may take to show something.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take until it retries something automatically.
const LONG_PATIENCE: Duration = Duration::from_secs(240);
/// How often the window is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// The running app as the user sees it: buttons, fields and texts.
pub(crate) struct App {
    session: Session,
    process: u32,
    clicks: AtomicU32,
}

impl App {
    /// Starts the app.
    pub(crate) async fn start(desktop: &Desktop) -> Self {
        let (starter, process) = starter(desktop);
        let mut driver = desktop.command("WebKitWebDriver");
        desktop
            .wire(&mut driver)
            .env("TAURI_WEBVIEW_AUTOMATION", "true");
        let session = Session::start(driver, &starter, &[]).await;
        let process = fs::read_to_string(process).expect("the app was started");
        Self {
            session,
            process: process.trim().parse().expect("a process number"),
            clicks: AtomicU32::new(0),
        }
    }

    /// Ends it at once, as a crash or a power cut does.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// Process number of the app.
    pub(crate) fn process(&self) -> u32 {
        self.process
    }

    pub(crate) fn is_running(&self) -> bool {
        // A program that has ended but was not reaped yet has no command line.
        let line = fs::read(format!("/proc/{}/cmdline", self.process));
        line.is_ok_and(|line| !line.is_empty())
    }

    /// Waits until the app has exited.
    pub(crate) async fn wait_for_end(&self) {
        let started = Instant::now();
        while self.is_running() {
            assert!(started.elapsed() < PATIENCE, "the app does not end");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Clicks the button with this name.
    pub(crate) async fn click(&self, button: &str) {
        let name = quoted(button);
        let path = format!(
            "//button[@aria-label={name} or (not(@aria-label) and normalize-space(.)={name})]"
        );
        let element = self.find(&path, button).await;
        self.press(&element, button).await;
    }

    /// Opens the part of the page with this heading.
    pub(crate) async fn open(&self, heading: &str) {
        let path = format!("//summary[normalize-space(.)={}]", quoted(heading));
        let element = self.find(&path, heading).await;
        self.press(&element, heading).await;
    }

    /// Ticks the box, or chooses the option, with these words in its label.
    pub(crate) async fn choose(&self, label: &str) {
        let name = quoted(label);
        let path = format!(
            "//label[.//*[normalize-space(.)={name}] or normalize-space(.)={name}]\
             | //input[@aria-label={name}]"
        );
        let element = self.find(&path, label).await;
        self.press(&element, label).await;
    }

    /// Types into the field with this label, in place of what is in it.
    pub(crate) async fn fill(&self, label: &str, text: &str) {
        let element = self.field(label).await;
        let typed = async {
            element.send_keys(Key::Control + "a").await?;
            element.send_keys(Key::Delete + "").await?;
            element.send_keys(text).await
        };
        typed
            .await
            .unwrap_or_else(|error| panic!("{label:?} takes no text: {error}"));
    }

    /// What the field with this label holds.
    pub(crate) async fn value(&self, label: &str) -> String {
        let element = self.field(label).await;
        let value = element.prop("value").await.expect("a field has a value");
        value.unwrap_or_default()
    }

    /// Waits until these words can be read.
    pub(crate) async fn see(&self, words: &str) {
        self.find(&with_words(words), words).await;
    }

    /// The same for what the app does automatically after some minutes.
    pub(crate) async fn see_at_last(&self, words: &str) {
        self.find_within(LONG_PATIENCE, &with_words(words), words)
            .await;
    }

    async fn field(&self, label: &str) -> WebElement {
        let name = quoted(label);
        let path = format!(
            "//*[self::input or self::select][@aria-label={name} or @id=//label[normalize-space(.)={name}]/@for]"
        );
        self.find(&path, label).await
    }

    async fn find(&self, path: &str, what: &str) -> WebElement {
        self.find_within(PATIENCE, path, what).await
    }

    async fn find_within(&self, patience: Duration, path: &str, what: &str) -> WebElement {
        let found = self
            .session
            .web
            .query(By::XPath(path))
            .wait(patience, LOOK)
            .and_displayed()
            .and_enabled()
            .first()
            .await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("{what:?} cannot be seen ({error}). {}", self.shown().await),
        }
    }

    /// How often something in the window was clicked.
    pub(crate) fn clicks(&self) -> u32 {
        self.clicks.load(Ordering::Relaxed)
    }

    /// Clicks; scrolls first to elements that are behind the bar at the bottom, as a user would.
    async fn press(&self, element: &WebElement, what: &str) {
        self.clicks.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        while let Err(error) = element.click().await {
            let is_covered = matches!(*error, WebDriverErrorInner::ElementClickIntercepted(_));
            if !is_covered || started.elapsed() > PATIENCE {
                panic!(
                    "{what:?} cannot be clicked ({error}). {}",
                    self.shown().await
                );
            }
            tokio::time::sleep(LOOK).await;
            // Where that fails the next click says why.
            let _ = element.scroll_into_view().await;
        }
    }

    /// The text in the window, for a failure; a screenshot is saved to `COFFER_TEST_PICTURES`.
    async fn shown(&self) -> String {
        if let Some(folder) = std::env::var_os("COFFER_TEST_PICTURES") {
            let file = PathBuf::from(folder).join(format!("failed-{}.png", self.process));
            // The failure itself is more important.
            let _ = self.session.web.screenshot(&file).await;
        }
        match self.session.web.find(By::Tag("body")).await {
            Ok(body) => format!(
                "The window says:\n{}",
                body.text().await.unwrap_or_default()
            ),
            Err(error) => format!("The window is gone: {error}"),
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // The driver ends only programs that it can still reach.
        let _ = std::process::Command::new("kill")
            .args(["-9", &self.process.to_string()])
            .stderr(std::process::Stdio::null())
            .status();
    }
}

/// A program that notes its process number and becomes the app.
fn starter(desktop: &Desktop) -> (PathBuf, PathBuf) {
    let app = std::env::var_os("COFFER_APP").map_or_else(built_app, PathBuf::from);
    assert!(
        app.is_file(),
        "{} is missing; `cargo xtask test` builds it",
        app.display()
    );
    let (starter, process) = (desktop.path("bin/coffer-app"), desktop.path("app-process"));
    let script = format!(
        "#!/bin/sh\n{}echo $$ > '{}'\nexec '{}' \"$@\"\n",
        desktop.clock(),
        process.display(),
        app.display()
    );
    fs::write(&starter, script).expect("the starter can be written");
    let runnable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&starter, runnable).expect("the starter can be run");
    (starter, process)
}

/// The app beside this test, in the folder that cargo builds into.
fn built_app() -> PathBuf {
    let test = std::env::current_exe().expect("this program has a path");
    test.ancestors()
        .nth(2)
        .expect("tests are built into deps")
        .join("coffer-app")
}

/// The innermost elements that hold these words.
fn with_words(words: &str) -> String {
    format!(
        "//*[text()[contains(normalize-space(.), {0})]] | //*[contains(normalize-space(.), {0}) \
         and not(*[contains(normalize-space(.), {0})])]",
        quoted(words)
    )
}

/// A text as XPath writes it.
fn quoted(text: &str) -> String {
    if text.contains('\'') {
        format!("\"{text}\"")
    } else {
        format!("'{text}'")
    }
}
