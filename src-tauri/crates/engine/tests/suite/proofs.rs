//! Whether a passphrase opens a backup: only a volume that was opened proves it.

use std::fs;

use coffer_engine::{Error, Proof, Result, prove};
use coffer_testkit::write_files;
use coffer_volume::Passphrase;
use tokio_util::sync::CancellationToken;

use crate::support::{Bench, run};

/// Asks as a computer does that never opened the backup.
fn ask(bench: &Bench, passphrases: &[&str]) -> Result<Proof> {
    let mut elsewhere = Bench::new();
    elsewhere.destination = bench.destination.clone();
    elsewhere.passphrase = None;
    ask_here(&elsewhere, passphrases)
}

fn ask_here(bench: &Bench, passphrases: &[&str]) -> Result<Proof> {
    let store = bench.store();
    let passphrases = passphrases.iter().map(|text| Passphrase::new(*text));
    let passphrases: Vec<_> = passphrases.map(|passphrase| passphrase.unwrap()).collect();
    run(move || prove(&store, &passphrases, &CancellationToken::new()))
}

fn backed_up() -> (Bench, String) {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("file", b"content".as_slice())]);
    bench.backup().unwrap();
    let right = bench.passphrase.clone().unwrap();
    (bench, right)
}

#[test]
fn the_first_passphrase_that_opens_is_named() {
    let (bench, right) = backed_up();

    let proof = ask(&bench, &["wrong", &right, "wrong, too"]);

    assert_eq!(proof.unwrap(), Proof::Opens(1));
    let refused = ask(&bench, &["wrong"]);
    assert!(matches!(refused, Err(Error::WrongPassphrase { .. })));
}

#[test]
fn a_damaged_file_list_proves_nothing_and_another_volume_is_asked() {
    for len in [0, 3, 100] {
        let (bench, right) = backed_up();
        for dlist in bench.volumes_of(".dlist.") {
            let path = bench.destination_path().join(dlist);
            let start = fs::read(&path).unwrap()[..len].to_vec();
            fs::write(path, start).unwrap();
        }

        let refused = ask(&bench, &["wrong"]);

        assert!(
            matches!(refused, Err(Error::WrongPassphrase { .. })),
            "{refused:?} with {len} bytes"
        );
        assert_eq!(ask(&bench, &[&right]).unwrap(), Proof::Opens(0));
    }
}

#[test]
fn where_no_volume_can_tell_nothing_is_proven() {
    let (bench, right) = backed_up();
    for volume in bench.volumes() {
        fs::write(bench.destination_path().join(volume), "").unwrap();
    }

    let asked = ask(&bench, &[&right]);

    assert!(matches!(asked, Err(Error::Volume { .. })), "{asked:?}");
}

#[test]
fn nothing_there_is_no_proof_for_whoever_knows_a_backup() {
    let (mut bench, _) = backed_up();
    fs::remove_dir_all(bench.destination_path()).unwrap();
    bench.reopen();

    assert_eq!(ask(&bench, &["anything"]).unwrap(), Proof::NoBackup);
    let known = ask_here(&bench, &["anything"]);
    assert!(matches!(known, Err(Error::DestinationGone { .. })));
}

#[test]
fn a_backup_without_encryption_has_no_passphrase() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("file", b"content".as_slice())]);
    bench.backup().unwrap();

    let asked = ask(&bench, &["anything"]);

    assert!(matches!(asked, Err(Error::NotEncrypted { .. })));
}
