//! What the window shows when something is in the way, and that it disappears with its cause.

use std::fs;
use std::path::Path;

use coffer_onedrive_sim::{ALEX_DRIVE, Action, DropPoint, Fault, Op};
use coffer_testkit::write_files;

use crate::app::App;
use crate::desktop::Desktop;
use crate::form::{PASSPHRASE, create_backup, create_local_backup};

/// Of a fault that stays.
const ALWAYS: u64 = 0;

/// A backup that ran once, and its source.
macro_rules! backed_up {
    ($desktop:expr, $app:expr) => {{
        let source = $desktop.home().join("Papers");
        write_files(&source, &[("one.txt", b"one".as_slice())]);
        create_backup(&$desktop, &$app, "Papers", &source).await;
        $app.click("Back up now").await;
        $app.see("Backed up ·").await;
        source
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stops_a_backup_is_reported_until_it_is_resolved() {
    let desktop = Desktop::new().await;
    let app = App::start(&desktop).await;
    let source = backed_up!(desktop, app);
    let away = desktop.home().join("unplugged");

    fs::rename(&source, &away).unwrap();
    app.click("Back up now").await;
    app.see("None of the sources can be read").await;
    app.see("Nothing was written, and all versions are kept")
        .await;
    fs::rename(&away, &source).unwrap();
    app.click("Back up now").await;
    app.see("Nothing had changed").await;

    desktop.microsoft.set_readonly(ALEX_DRIVE, true);
    run_with(&app, &source, "two.txt").await;
    app.see("access is denied").await;
    app.see("and that this account has permission").await;
    desktop.microsoft.set_readonly(ALEX_DRIVE, false);
    app.click("Back up now").await;
    app.see("1 new, 0 changed").await;

    desktop.microsoft.set_quota(ALEX_DRIVE, 10);
    run_with(&app, &source, "three.txt").await;
    app.see("The destination is full").await;
    app.see("One backup needs your attention").await;
    desktop.microsoft.set_quota(ALEX_DRIVE, 5 << 30);
    app.click("Back up now").await;
    app.see("Everything is backed up").await;

    let cut = Action::drop_at(DropPoint::BeforeResponse);
    let cut = Fault::new(Op::Any, cut).times(ALWAYS);
    desktop.microsoft.add_fault(cut);
    run_with(&app, &source, "four.txt").await;
    app.see("OneDrive cannot be reached").await;
    app.see_at_last("Waiting for the internet").await;
    desktop.microsoft.clear_faults();
    // Automatically.
    app.see_at_last("1 new, 0 changed").await;
    app.see("Everything is backed up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_away_is_waited_for() {
    let desktop = Desktop::new().await;
    let source = desktop.home().join("Papers");
    write_files(&source, &[("one.txt", b"one".as_slice())]);
    let disk = desktop.home().join("disk");
    let (backup, away) = (disk.join("backup"), desktop.home().join("unplugged"));
    fs::create_dir_all(&backup).unwrap();
    let app = App::start(&desktop).await;
    create_local_backup(&app, "Disk", &source, &backup).await;
    app.click("Back up now").await;
    app.see("Backed up ·").await;

    fs::rename(&disk, &away).unwrap();
    run_with(&app, &source, "two.txt").await;
    app.see("Waiting for its disk").await;
    app.see("Connect it, and the backup resumes automatically")
        .await;
    assert!(!disk.exists(), "nothing is written anywhere else");
    fs::rename(&away, &disk).unwrap();

    app.see_at_last("1 new, 0 changed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_keychain_is_waited_for() {
    let mut desktop = Desktop::new().await;
    let app = App::start(&desktop).await;
    let source = backed_up!(desktop, app);
    app.kill();
    desktop.lock_keychain().await;
    let app = App::start(&desktop).await;
    app.see("The keychain cannot be used: it is locked").await;

    run_with(&app, &source, "two.txt").await;
    app.see("Waiting for the keychain").await;
    app.see("Unlock the keyring").await;
    desktop.start_keychain().await;

    app.see_at_last("1 new, 0 changed").await;
    app.see("Everything is backed up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_passphrase_is_refused_wherever_one_is_typed() {
    let mut desktop = Desktop::new().await;
    let source = desktop.home().join("Papers");
    write_files(&source, &[("one.txt", b"one".as_slice())]);
    let backup = desktop.home().join("backup");
    fs::create_dir(&backup).unwrap();
    let app = App::start(&desktop).await;
    create_local_backup(&app, "Papers", &source, &backup).await;
    app.click("Back up now").await;
    app.see("Backed up ·").await;

    app.click("More actions for Papers").await;
    app.click("Edit").await;
    app.click("Repair").await;
    try_wrong_then_right(&app, "Check and replace").await;
    app.see("It opens the backup and is now in the keychain.")
        .await;
    app.kill();

    desktop.lose_keychain().await;
    let app = App::start(&desktop).await;
    run_with(&app, &source, "two.txt").await;
    app.click("Enter the passphrase").await;
    try_wrong_then_right(&app, "Check and store").await;
    app.see("1 new, 0 changed").await;

    app.click("More actions for Papers").await;
    app.click("Delete").await;
    app.choose("Also remove its passphrase from the keychain")
        .await;
    app.click("Delete backup").await;
    app.click("Back up this computer").await;
    app.click("Next").await;
    app.click("Use a folder or an external disk instead").await;
    app.fill("Path", &backup.display().to_string()).await;
    app.choose("Continue this backup").await;
    app.see("Passphrase for this backup").await;
    try_wrong_then_right(&app, "Check").await;
    app.see("It opens the backup.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_a_year_ahead_stops_nothing() {
    let mut desktop = Desktop::new().await;
    desktop.set_clock_ahead(365);
    let app = App::start(&desktop).await;
    let source = backed_up!(desktop, app);
    app.kill();

    desktop.set_clock_right();
    let app = App::start(&desktop).await;
    run_with(&app, &source, "two.txt").await;
    app.see("Backed up with warnings").await;
    app.see("1 new, 0 changed").await;
    app.click("View report").await;
    app.see("The clock of this computer was ahead").await;
    app.see("If the clock is wrong, set it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_is_tried_again_and_one_with_a_damaged_database_works() {
    let desktop = Desktop::new().await;
    let app = App::start(&desktop).await;
    backed_up!(desktop, app);
    app.kill();
    let data = desktop.home().join(".local/share/coffer");
    let kept = desktop.home().join("kept");

    fs::rename(&data, &kept).unwrap();
    fs::write(&data, b"no folder").unwrap();
    let app = App::start(&desktop).await;
    app.see("Coffer could not start").await;
    app.see("Check that this folder exists and that you have permission to write there")
        .await;
    fs::remove_file(&data).unwrap();
    copy(&kept, &data);
    app.click("Try again").await;
    app.see("Backed up ·").await;
    app.kill();

    fs::remove_dir_all(&data).unwrap();
    copy(&kept, &data);
    for end in ["", "-wal", "-shm"] {
        let file = data.join(format!("coffer.sqlite{end}"));
        if let Ok(mut bytes) = fs::read(&file) {
            let start = bytes.len().min(100);
            bytes[start..].fill(0x5a);
            fs::write(&file, bytes).unwrap();
        }
    }
    let app = App::start(&desktop).await;
    app.see("was damaged and has been repaired").await;
    app.see("Every backup is in the list").await;
    app.see("Backed up ·").await;
}

/// Types a passphrase that is refused, and then the right one.
async fn try_wrong_then_right(app: &App, button: &str) {
    app.fill("Passphrase", "not the passphrase").await;
    app.click(button).await;
    app.see("The passphrase does not open the backup").await;
    app.fill("Passphrase", PASSPHRASE).await;
    app.click(button).await;
}

/// Adds a file and starts the backup.
async fn run_with(app: &App, source: &Path, name: &str) {
    write_files(source, &[(name, name.as_bytes())]);
    app.click("Back up now").await;
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
