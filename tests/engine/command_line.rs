//! What scripts rely on: option forms, exit codes, JSON, and that nothing waits for input that will not come.

use std::fs;
#[cfg(target_os = "linux")]
use std::process::Command;

use coffer_testkit::{snapshot, write_files};
use coffer_tests::{Computer, assert_same_tree, volumes};
#[cfg(target_os = "linux")]
use coffer_tests::{Finished, noise};

use crate::support::Bench;

#[test]
fn the_version_is_asked_for_by_the_option_alone() {
    let computer = Computer::new();
    for line in [
        &["--version"][..],
        &["restore", "file:///nowhere", "--version"],
        &["list", "file:///nowhere", "--version"],
        &["delete", "file:///nowhere", "--version"],
    ] {
        let run = computer.coffer(line).expect(0);

        assert!(
            run.stdout.starts_with("coffer 0."),
            "{line:?}: {}",
            run.stdout
        );
        assert_eq!(run.stderr, "", "{line:?}");
    }
}

#[test]
fn a_wrong_command_line_exits_with_200() {
    let bench = Bench::new();
    let computer = &bench.computer;
    let url = bench.url();
    for line in [
        &[][..],
        &["nonsense"],
        &["backup", &url],
        &["backup", &url, "/", "--no-such-option"],
        &["backup", &url, "/", "--dblock-size=many"],
        &["backup", &url, "/", "--keep-versions=0"],
        &["restore"],
        &["restore", &url, "--version=first"],
        &["restore", &url, "--version="],
        &["find", &url, "x", "--version="],
        &["delete", &url],
        &["delete", &url, "--version=5-3"],
        &["auth"],
        &["auth", "remove"],
    ] {
        let run = computer.coffer(line).expect(200);

        assert_eq!(run.stdout, "", "{line:?}");
        assert_ne!(run.stderr, "", "{line:?}");
    }
    let help = computer.coffer(["--help"]).expect(0);
    assert!(
        help.stdout.contains("backup") && help.stdout.contains("PASSPHRASE"),
        "{}",
        help.stdout
    );
    assert!(!bench.destination().exists());
}

#[test]
fn options_take_values_after_a_space_or_an_equals_sign_and_switches_only_after_the_latter() {
    let mut bench = Bench::new();
    bench.computer.unset("PASSPHRASE");
    write_files(&bench.source(), &[("a", b"a"), ("false", b"no switch")]);
    let (url, source) = (bench.url(), bench.source());
    let source = source.to_str().unwrap();

    // A switch does not eat what follows it.
    bench
        .computer
        .coffer([
            "backup",
            "--no-encryption",
            &url,
            source,
            "--prefix",
            "one",
            "--Dblock-Size=2MB",
        ])
        .expect(0);
    bench
        .computer
        .coffer([
            "restore",
            &url,
            "--prefix=one",
            "--overwrite",
            "false",
            "--restore-path",
            "out",
        ])
        .expect(0);

    let restored = fs::read_dir(bench.computer.path("out")).unwrap();
    let names: Vec<_> = restored.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["false"]);
    let encrypted = bench
        .computer
        .coffer([
            "backup",
            &url,
            source,
            "--prefix=two",
            "--no-encryption=false",
            "--passphrase",
            "a secret",
        ])
        .expect(0);
    assert!(
        encrypted.stdout.contains("Backup finished"),
        "{}",
        encrypted.stdout
    );
    assert_eq!(
        bench
            .volumes()
            .iter()
            .filter(|name| name.ends_with(".aes"))
            .count(),
        3
    );
}

#[test]
fn json_is_one_line_on_standard_output_and_everything_else_is_not() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a"), ("deep/b", b"bb")]);
    let url = bench.url();

    let backup = bench.backup(&[]).expect(0);
    let versions = bench.computer.coffer(["list", &url, "--json"]).expect(0);
    let files = bench
        .computer
        .coffer(["list", &url, "deep/b", "--json"])
        .expect(0);
    let restore = bench.restore("restored", &[]).expect(0);
    let connection = bench
        .computer
        .coffer(["test-connection", &url, "--json"])
        .expect(0);
    let accounts = bench.computer.coffer(["auth", "list", "--json"]).expect(0);
    let deleted = bench
        .computer
        .coffer([
            "delete",
            &url,
            "--version=0",
            "--allow-full-removal",
            "--json",
        ])
        .expect(0);

    for run in [
        &backup,
        &versions,
        &files,
        &restore,
        &connection,
        &accounts,
        &deleted,
    ] {
        assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
    }
    assert_eq!(backup.json()["result"], "success");
    assert_eq!(backup.count("examinedFiles"), 2);
    assert_eq!(versions.json()[0]["number"], 0);
    assert!(versions.json()[0]["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(files.json()[0]["sizeBytes"], 2);
    assert_eq!(files.json().as_array().unwrap().len(), 1);
    assert_eq!(
        restore.count("restoredFiles") + restore.count("restoredOthers"),
        4
    );
    assert_eq!(connection.json()["versions"].as_array().unwrap().len(), 1);
    assert_eq!(accounts.json().as_array().unwrap().len(), 0);
    assert_eq!(deleted.json()[0]["number"], 0);
}

#[test]
fn what_fails_is_json_too_when_json_is_asked_for() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a")]);
    let url = bench.url();
    bench.restore("restored", &[]).expect(100);
    for line in [
        &["restore", &url, "--json"][..],
        &["list", &url, "--json"],
        &["delete", &url, "--version=0", "--json"],
        &["test-connection", "ftp://x", "--json"],
        &["backup", "onedrivev2://x", "/", "--json"],
    ] {
        let run = bench.computer.coffer(line).expect(100);

        let error = run.json()["error"].clone();
        for part in ["code", "message", "hint"] {
            assert!(
                error[part].as_str().is_some_and(|text| !text.is_empty()),
                "{line:?}: {error}"
            );
        }
        assert_eq!(run.json()["result"], "error");
        run.reports(&["ErrorID: ", error["message"].as_str().unwrap()]);
    }
    bench.computer.set("PASSPHRASE", "");
    assert_eq!(
        bench.backup(&[]).expect(100).json()["error"]["code"],
        "invalidInput"
    );
}

#[test]
fn plain_lines_are_printed_without_a_terminal_and_no_bar() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a")]);
    let (url, source) = (bench.url(), bench.source());
    let source = source.to_str().unwrap();

    let first = bench.computer.coffer(["backup", &url, source]).expect(0);
    let second = bench
        .computer
        .coffer(["backup", &url, source, "--no-progress"])
        .expect(1);

    assert!(
        first.stdout.starts_with("Backup finished."),
        "{}",
        first.stdout
    );
    assert!(
        first
            .stderr
            .lines()
            .any(|line| line == "Looking for changes"),
        "{}",
        first.stderr
    );
    assert!(
        second.stdout.starts_with("Nothing changed"),
        "{}",
        second.stdout
    );
    for run in [first, second] {
        assert!(!run.stderr.contains(['\u{1b}', '\r']), "{}", run.stderr);
    }
}

/// Runs a line of shell on a terminal that `script` makes, where `typed` is typed; `coffer` is "$COFFER".
#[cfg(target_os = "linux")]
fn on_terminal(bench: &Bench, line: &str, typed: &str) -> Finished {
    use std::io::Write as _;
    let mut terminal = Command::new("script");
    bench.computer.prepare(&mut terminal);
    terminal
        .args(["-qec", line, "/dev/null"])
        .env("TERM", "xterm")
        .env("COFFER", coffer_tests::tools::coffer())
        .env("URL", bench.url())
        .env("SOURCE", bench.source());
    let (input, mut typing) = std::io::pipe().unwrap();
    typing.write_all(typed.as_bytes()).unwrap();
    terminal.stdin(input);
    // What is typed stays open, as a keyboard does.
    let run = Finished::of(terminal);
    drop(typing);
    run
}

#[cfg(target_os = "linux")]
#[test]
fn a_bar_is_drawn_on_a_terminal_only_when_it_is_wanted() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("a", &noise(3_000_000, 1))]);
    let line = "\"$COFFER\" backup \"$URL\" \"$SOURCE\" --upload-unchanged-backups";

    let wanted = on_terminal(&bench, line, "").expect(0).stdout;
    let unwanted = on_terminal(&bench, &format!("{line} --no-progress"), "")
        .expect(0)
        .stdout;

    assert!(wanted.contains('\u{1b}'), "{wanted:?}");
    assert!(!unwanted.contains('\u{1b}'), "{unwanted:?}");
    assert!(unwanted.contains("Looking for changes"), "{unwanted:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_the_passphrase_is_asked_for_twice_when_it_is_new() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a")]);
    bench.computer.unset("PASSPHRASE");
    let line = "\"$COFFER\" backup \"$URL\" \"$SOURCE\"";

    let differ = on_terminal(&bench, line, "typed-secret\nanother-secret\n")
        .expect(100)
        .stdout;
    let same = on_terminal(&bench, line, "typed-secret\ntyped-secret\n")
        .expect(0)
        .stdout;

    assert!(differ.contains("The two passphrases differ"), "{differ:?}");
    assert!(same.contains("Passphrase again: "), "{same:?}");
    bench.computer.set("PASSPHRASE", "typed-secret");
    bench.restore("restored", &[]).expect(0);
}

#[test]
fn an_address_of_a_folder_may_be_percent_encoded() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a")]);
    let source = bench.source();
    let source = source.to_str().unwrap();
    let folder = bench.computer.path("");
    let url = format!("file://{}My%20Backups/PC%231?ignored=1", folder.display());

    bench.computer.coffer(["backup", &url, source]).expect(0);

    assert_eq!(volumes(&bench.computer.path("My Backups/PC#1")).len(), 3);
    // A folder that is named like that is meant literally, and so is a path that is no address.
    fs::create_dir(bench.computer.path("100%25")).unwrap();
    let url = format!("file://{}100%25", folder.display());
    bench.computer.coffer(["backup", &url, source]).expect(0);
    bench
        .computer
        .coffer(["backup", "plain%20path", source])
        .expect(0);
    for name in ["100%25", "plain%20path"] {
        assert_eq!(volumes(&bench.computer.path(name)).len(), 3, "{name}");
    }
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a")]);
    bench.backup(&[]).expect(0);
    bench.computer.unset("PASSPHRASE");
    let url = bench.url();

    bench
        .backup(&[])
        .expect(100)
        .reports(&["No passphrase was given", "PASSPHRASE"]);
    bench
        .restore("restored", &[])
        .expect(100)
        .reports(&["is encrypted", "passphrase"]);
    bench
        .computer
        .coffer(["list", &url])
        .expect(100)
        .reports(&["is encrypted"]);
    bench
        .computer
        .coffer(["delete", &url, "--version=0"])
        .expect(100)
        .reports(&["is encrypted"]);
    // The content of a folder is determined by names alone.
    let content = bench
        .computer
        .coffer(["test-connection", &url])
        .expect(0)
        .stdout;
    assert!(
        content.contains("an encrypted backup with 1 version(s)"),
        "{content}"
    );
}

#[test]
fn the_passphrase_may_come_from_the_environment_or_the_command_line() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a")]);
    bench.backup(&[]).expect(0);
    bench.computer.set("PASSPHRASE", "wrong");
    let right = format!("--passphrase={}", crate::support::PASSPHRASE);

    bench.restore("restored", &[&right]).expect(0);

    let found = snapshot(&bench.computer.path("restored"));
    assert_same_tree(&found, &snapshot(&bench.source()), "restored");
}

/// A pipe whose reader is gone.
fn closed_pipe() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a"), ("b", b"b")]);
    let (url, source) = (bench.url(), bench.source());

    // The backup must not end because its output is not read.
    let mut backup = bench
        .computer
        .command(["backup", &url, source.to_str().unwrap()]);
    let backup = backup
        .stdout(closed_pipe())
        .stderr(closed_pipe())
        .status()
        .unwrap();
    let mut list = bench.computer.command(["list", &url, "--version=0"]);
    let list = list.stdout(closed_pipe()).output().unwrap();

    assert_eq!((backup.code(), list.status.code()), (Some(0), Some(0)));
    assert_eq!(String::from_utf8(list.stderr).unwrap(), "");
    assert_same_tree(&bench.restored(0), &snapshot(&bench.source()), "restored");
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_reported() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a")]);
    bench.backup(&[]).expect(0);
    let url = bench.url();
    for line in [
        &["list", &url][..],
        &["list", &url, "--version=0"],
        &["list", &url, "--json"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = bench.computer.command(line).stdout(full).output().unwrap();

        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(100), "{line:?}: {stderr}");
        assert!(
            stderr.contains("output could not be written"),
            "{line:?}: {stderr}"
        );
    }
}
