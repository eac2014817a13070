//! Every message that a user can get, in one file: `tests/messages.txt`.
//!
//! `COFFER_UPDATE_MESSAGES=1 cargo test -p coffer-jobs --lib` writes it. An error without an example here does not
//! compile.

mod example_table;
mod examples;
mod messages;
mod reasons;
mod values;

use std::path::{Path, PathBuf};

#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "some messages name the system's keychain"
)]
fn the_file_has_every_message() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages.txt");
    let now = examples::messages().text;
    if std::env::var_os("COFFER_UPDATE_MESSAGES").is_some() {
        std::fs::write(&file, &now).unwrap();
    }

    let committed = std::fs::read_to_string(&file).unwrap().replace('\r', "");

    let difference = now.lines().zip(committed.lines()).find(|(a, b)| a != b);
    assert!(
        committed == now,
        "run `COFFER_UPDATE_MESSAGES=1 cargo test -p coffer-jobs --lib` and commit {}: {difference:?}",
        file.display()
    );
}

#[test]
fn the_app_never_names_a_command() {
    for line in examples::messages().app {
        assert!(!line.contains("--") && !line.contains("`coffer "), "{line}");
    }
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines().map(str::trim_start) {
            let is_text = line.contains('"') && !line.starts_with("//");
            let names_option = line.contains("--") && !line.contains(".args(");
            assert!(
                !is_text || (!names_option && !line.contains("`coffer ")),
                "{}: {line}",
                file.display()
            );
        }
    }
}

#[test]
fn each_step_of_the_command_line_is_in_a_message() {
    let text = examples::messages().text;
    for step in super::steps::ALL {
        assert!(text.contains(step.app), "{}", step.app);
        assert!(text.contains(step.command_line), "{}", step.command_line);
    }
}

/// The files that make messages for the app.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let of_command_line = ["reasons.rs", "steps.rs", "snapshot.rs"].map(Path::new);
    entries
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .filter(|path| !of_command_line.iter().any(|file| path.ends_with(file)))
        .collect()
}
