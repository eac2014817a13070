//! `check_destination.py`, which knows the format from elsewhere, finds nothing wrong with what was written.

use std::fs;
use std::path::Path;
use std::process::Command;

use coffer_testkit::{fixture, write_files};
use coffer_tests::{Computer, noise, tools, volumes, write_source};

const PASSPHRASE: &str = "p\u{e4}ssphrase \u{2713}";

/// What the checker prints, and whether it is content.
fn check(destination: &Path, passphrase: Option<&str>) -> (bool, String) {
    let mut command = Command::new(tools::python());
    command
        .arg(fixture("vectors/check_destination.py"))
        .arg(destination);
    if let Some(passphrase) = passphrase {
        command.args(["--passphrase", passphrase]);
    }
    let output = command.output().expect("the checker starts");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8(text).expect("output is UTF-8"),
    )
}

/// Four versions with changes, growth and deletions, one of them deleted afterwards.
fn nothing_is_wrong(block_size: &str, passphrase: Option<&str>) {
    let mut computer = Computer::new();
    let mut options = vec!["--dblock-size=1mb", block_size];
    match passphrase {
        Some(passphrase) => {
            computer.set("PASSPHRASE", passphrase);
        }
        None => options.push("--no-encryption"),
    }
    let (source, destination) = (computer.path("source"), computer.path("destination"));
    let url = format!("file://{}", destination.display());
    let backup = || {
        let arguments = ["backup", &url, source.to_str().unwrap()];
        computer.coffer(arguments.iter().chain(&options)).expect(0);
    };
    let assert_clean = |versions: &str| {
        let (clean, text) = check(&destination, passphrase);
        assert!(clean && text.starts_with(versions), "{block_size}: {text}");
        assert!(!text.contains("note:"), "{block_size}: {text}");
    };

    write_source(&source);
    backup();
    let mut grown = noise(700_000, 1);
    grown.extend(noise(5_000, 8));
    write_files(
        &source,
        &[
            ("docs/twin.bin", &grown),
            ("docs/letter.txt", b"new"),
            ("zeroes", &[0; 3_000_000]),
        ],
    );
    backup();
    fs::remove_dir_all(source.join("photos")).unwrap();
    fs::remove_file(source.join("letter.txt")).unwrap();
    backup();
    fs::write(source.join("empty"), "no more").unwrap();
    computer.clear_cache();
    backup();
    assert_clean("4 dlist, ");
    let mut deleting = vec!["delete", &url, "--version=1,2"];
    deleting.extend(passphrase.is_none().then_some("--no-encryption"));
    computer.coffer(&deleting).expect(0);

    assert_clean("2 dlist, ");
    assert!(
        volumes(&destination).len() > 8,
        "several volumes of each kind"
    );
}

#[test]
fn nothing_is_wrong_with_blocks_of_1_kib() {
    nothing_is_wrong("--blocksize=1kb", None);
    nothing_is_wrong("--blocksize=1kb", Some(PASSPHRASE));
}

#[test]
fn nothing_is_wrong_with_blocks_of_100_kib() {
    nothing_is_wrong("--blocksize=100kb", None);
    nothing_is_wrong("--blocksize=100kb", Some(PASSPHRASE));
}

#[test]
fn nothing_is_wrong_with_blocks_of_1_mib() {
    nothing_is_wrong("--blocksize=1mb", None);
    nothing_is_wrong("--blocksize=1mb", Some(PASSPHRASE));
}

#[test]
fn hashes_of_two_lengths_are_right_too() {
    let computer = Computer::new();
    let (source, destination) = (computer.path("source"), computer.path("destination"));
    write_source(&source);
    let url = format!("file://{}", destination.display());
    let source = source.to_str().unwrap();
    let hashes = [
        "--block-hash-algorithm=SHA512",
        "--file-hash-algorithm=SHA384",
    ];

    computer
        .coffer(
            [
                "backup",
                &url,
                source,
                "--no-encryption",
                "--blocksize=10kb",
            ]
            .iter()
            .chain(&hashes),
        )
        .expect(0);

    let (clean, text) = check(&destination, None);
    assert!(clean, "{text}");
}

#[test]
fn the_checker_notices_one_changed_bit() {
    let computer = Computer::new();
    let (source, destination) = (computer.path("source"), computer.path("destination"));
    write_source(&source);
    let url = format!("file://{}", destination.display());
    computer
        .coffer(["backup", &url, source.to_str().unwrap(), "--no-encryption"])
        .expect(0);
    let dblock = volumes(&destination)
        .into_iter()
        .find(|name| name.contains(".dblock."))
        .unwrap();
    let dblock = destination.join(dblock);
    let mut bytes = fs::read(&dblock).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&dblock, bytes).unwrap();

    let (clean, text) = check(&destination, None);

    assert!(!clean, "{text}");
}
