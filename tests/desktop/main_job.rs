//! Form, sign-in in the browser, backup, crash, backup again, restore; then the same on a new computer.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use coffer_onedrive_sim::ALEX_DRIVE;
use coffer_testkit::{snapshot, write_files};
use coffer_tests::secrets::Search;

use crate::app::App;
use crate::browser::accept_sign_in;
use crate::desktop::Desktop;
use crate::form::{PASSPHRASE, create_backup};

/// The folder of this backup.
const FOLDER: &str = "Backups/Laptop";

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_with_the_form_comes_back_after_a_crash_and_on_a_new_computer() {
    let mut desktop = Desktop::new().await;
    let source = create_source(&desktop.home());
    let app = App::start(&desktop).await;

    create_backup(&desktop, &app, "Laptop", &source).await;
    let secrets = desktop.kept_secrets().await;
    for secret in [PASSPHRASE, "\"authid\":"] {
        let kept = secrets.iter().any(|kept| kept.contains(secret));
        assert!(kept, "{secret} is not in the keychain");
    }

    app.click("Back up now").await;
    app.see("Backed up").await;
    let first = stored(&desktop);
    assert!(first.values().sum::<u64>() > 3_000_000, "{first:?}");

    app.kill();
    fs::write(
        source.join("letter.txt"),
        "Dear reader, this is the second version.\n",
    )
    .unwrap();
    fs::write(source.join("new.txt"), "made after the first backup\n").unwrap();
    let app = App::start(&desktop).await;
    app.see("Backed up").await;
    app.click("Back up now").await;
    app.see("1 new, 1 changed, 0 deleted").await;
    let second = stored(&desktop);
    assert!(first.keys().all(|name| second.contains_key(name)));
    let sent = second.values().sum::<u64>() - first.values().sum::<u64>();
    assert!(sent < 100_000, "{sent} bytes were sent for two small files");

    let restored = desktop.path("restored");
    app.click("Restore").await;
    app.click("Laptop").await;
    app.click("Select everything").await;
    restore_to(&app, &restored).await;
    assert_eq!(snapshot(&source), snapshot(&restored));
    its_folders_are_private(&desktop.home());
    the_log_follows_each_volume(&desktop.home(), second.keys());
    no_secret_is_left_behind(&desktop, app);

    desktop.lose_everything().await;
    let app = App::start(&desktop).await;
    app.click("I already have a backup").await;
    app.click("AuthID: sign in with Microsoft").await;
    accept_sign_in(&desktop, 2, "alex").await;
    app.see("Signed in as alex@outlook.example").await;
    app.fill("Folder", FOLDER).await;
    app.see("This folder already contains a backup").await;
    app.fill("Passphrase", "not the passphrase").await;
    app.click("Open backup").await;
    app.see("The passphrase does not open the backup").await;
    app.fill("Passphrase", PASSPHRASE).await;
    app.click("Open backup").await;
    app.click("Select everything").await;
    let restored = desktop.path("restored on the new computer");
    restore_to(&app, &restored).await;
    assert_eq!(snapshot(&source), snapshot(&restored));
}

async fn restore_to(app: &App, target: &Path) {
    app.choose("Another folder").await;
    app.fill("Target folder", &target.display().to_string())
        .await;
    app.click("Restore now").await;
    app.see("Every file was verified against its checksum")
        .await;
}

/// The log that a user sends to get help: it has every run with its phases and volumes, but no names of the user's
/// files.
fn the_log_follows_each_volume<'a>(home: &Path, volumes: impl Iterator<Item = &'a String>) {
    let logs = home.join(".local/share/coffer/logs");
    let entries = fs::read_dir(&logs).unwrap();
    let log: String = entries
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    for part in [
        "run{operation=Backup",
        "run{operation=Restore",
        "phase{name=Sending}",
    ] {
        assert!(log.contains(part), "the log lacks {part}:\n{log}");
    }
    for volume in volumes {
        let lines = log.lines().filter(|line| line.contains(volume.as_str()));
        assert!(
            lines.clone().any(|line| line.contains("stored bytes=")),
            "{volume}: {:?}",
            lines.collect::<Vec<_>>()
        );
    }
    assert!(!log.contains("letter.txt"), "{log}");
}

/// Checks that the app's folders are readable only by their owner.
fn its_folders_are_private(home: &Path) {
    let mut own = Vec::new();
    for shared in [".local/share", ".local/state", ".cache", ".config"] {
        let entries = fs::read_dir(home.join(shared)).into_iter().flatten();
        own.extend(entries.map(|entry| entry.unwrap().path()).filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.is_dir() && name.to_lowercase().contains("coffer")
        }));
    }
    assert!(!own.is_empty());
    for folder in own {
        let mode = fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", folder.display());
    }
}

/// Searches the running app's command line and what it left behind, and shows that the search can find something.
fn no_secret_is_left_behind(desktop: &Desktop, app: App) {
    let mut search = Search::new();
    search.add("the passphrase", PASSPHRASE);
    let given = desktop.microsoft.secrets();
    for kind in ["an AuthID", "an access token", "a refresh token"] {
        assert!(given.iter().any(|(name, _)| name == kind), "{kind}");
    }
    for (name, secret) in &given {
        search.add(name, secret);
    }
    let mut findings = search.in_command_lines(app.process());
    app.kill();
    for folder in ["home", "tmp"] {
        findings.extend(search.in_folder(&desktop.path(folder)));
    }
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{findings:#?}");

    let planted = desktop.path("home/.local/share/coffer/note");
    fs::write(&planted, PASSPHRASE).unwrap();
    assert_eq!(search.in_folder(&desktop.home()).len(), 1);
}

/// Volumes on the drive and their sizes.
fn stored(desktop: &Desktop) -> std::collections::BTreeMap<String, u64> {
    let tree = desktop.microsoft.tree(ALEX_DRIVE).into_iter();
    tree.filter_map(|(path, size)| {
        let name = path.strip_prefix(&format!("/{FOLDER}/"))?.to_owned();
        Some((name, size?))
    })
    .collect()
}

/// A folder with a bit of everything.
fn create_source(home: &Path) -> PathBuf {
    let source = home.join("My files");
    let noise: Vec<u8> = (0..3_000_000_u32)
        .map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    write_files(
        &source,
        &[
            (
                "letter.txt",
                b"Dear reader,\nthis is the first version.\n".as_slice(),
            ),
            ("empty.txt", b""),
            (
                "Reisen/Stra\u{df}e nach S\u{fc}den \u{2013} \u{65e5}\u{672c}.txt",
                "Gr\u{fc}\u{df}e\n".as_bytes(),
            ),
            ("pictures/large.jpg", &noise),
            ("pictures/the same.jpg", &noise),
        ],
    );
    for number in 0..150 {
        let path = format!("diary/{:02}/{number:03}.md", number / 20);
        let text = format!("Entry {number}\n").repeat(number + 1);
        write_files(&source, &[(path.as_str(), text.as_bytes())]);
    }
    fs::create_dir(source.join("empty folder")).unwrap();
    fs::set_permissions(source.join("empty.txt"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::set_permissions(
        source.join("diary/00/001.md"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    symlink("letter.txt", source.join("link to the letter")).unwrap();
    symlink("pictures", source.join("link to a folder")).unwrap();
    symlink("/nowhere/at all", source.join("link to nothing")).unwrap();
    source
}
