//! The shortest way to a first backup, each click counted.

use std::fs;
use std::path::{Path, PathBuf};

use coffer_onedrive_sim::ALEX_DRIVE;
use coffer_testkit::{Tree, snapshot, write_files};

use crate::app::App;
use crate::browser::accept_sign_in;
use crate::desktop::Desktop;

/// Title of the system's dialog.
const SAVE_DIALOG: &str = "Save the recovery sheet";

#[tokio::test(flavor = "multi_thread")]
async fn a_first_backup_takes_seven_clicks_and_two_in_the_browser() {
    let mut desktop = Desktop::new().await;
    let documents = documents(&desktop);
    let app = App::start(&desktop).await;

    app.click("Back up this computer").await;
    app.see("1 folder · 2 files").await;
    app.click("Next").await;
    app.click("Sign in with Microsoft").await;
    accept_sign_in(&desktop, 1, "alex").await;
    app.see("Signed in as alex@outlook.example").await;
    app.see("New folder").await;
    let folder = app.value("Folder").await;
    app.click("Next").await;
    app.click("Save recovery sheet").await;
    desktop.screen().press_enter(SAVE_DIALOG).await;
    app.see("Recovery sheet saved to").await;
    app.click("Start backup").await;

    let in_dialogs = 1;
    assert_eq!(app.clicks() + in_dialogs, 7);
    app.see("Backed up").await;
    let stored = desktop.microsoft.tree(ALEX_DRIVE);
    let in_folder = format!("/{folder}/");
    let is_list = |path: &str| path.starts_with(&in_folder) && path.contains(".dlist.");
    let lists = stored.iter().filter(|(path, _)| is_list(path)).count();
    assert_eq!(lists, 1, "{stored:?}");

    app.kill();
    let kept = snapshot(&documents);
    let sheet = saved_sheet(&documents);
    desktop.lose_everything().await;
    assert_eq!(comes_back(&desktop, &sheet).await, kept);
}

/// What the sheet alone leads back to, on a new computer.
async fn comes_back(desktop: &Desktop, sheet: &str) -> Tree {
    let app = App::start(desktop).await;
    app.click("I already have a backup").await;
    app.click("AuthID: sign in with Microsoft").await;
    accept_sign_in(desktop, 2, "alex").await;
    app.see("Signed in as alex@outlook.example").await;
    app.fill("Folder", &line(sheet, "Folder")).await;
    app.see("This folder already contains a backup").await;
    app.fill("Passphrase", &line(sheet, "Passphrase")).await;
    app.click("Open backup").await;
    app.click("Select everything").await;
    let restored = desktop.path("restored");
    app.choose("Another folder").await;
    app.fill("Target folder", &restored.display().to_string())
        .await;
    app.click("Restore now").await;
    app.see("Every file was verified against its checksum")
        .await;
    snapshot(&restored)
}

/// The person's Documents, as the desktop names them.
fn documents(desktop: &Desktop) -> PathBuf {
    let config = desktop.home().join(".config");
    fs::create_dir_all(&config).unwrap();
    fs::write(
        config.join("user-dirs.dirs"),
        "XDG_DOCUMENTS_DIR=\"$HOME/Documents\"\n",
    )
    .unwrap();
    let documents = desktop.home().join("Documents");
    write_files(
        &documents,
        &[
            ("letter.txt", b"Dear reader\n".as_slice()),
            ("deep/notes.md", b"# Notes\n"),
        ],
    );
    documents
}

/// The dialog starts in Documents.
fn saved_sheet(documents: &Path) -> String {
    let entries = fs::read_dir(documents).unwrap();
    let mut files = entries.map(|entry| entry.unwrap().path());
    let sheet = files.find(|path| path.display().to_string().contains("recovery sheet"));
    fs::read_to_string(sheet.expect("the sheet is in Documents")).unwrap()
}

/// What stands behind a label of the sheet.
fn line(sheet: &str, label: &str) -> String {
    let found = sheet.lines().find_map(|line| line.strip_prefix(label));
    let value = found.unwrap_or_else(|| panic!("no {label} in {sheet}"));
    value.trim_start_matches(':').trim().to_owned()
}
