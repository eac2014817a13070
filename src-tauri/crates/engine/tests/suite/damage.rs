//! What damage costs: every kind of it, to every kind of file, met by every operation.
//!
//! The table in the crate's documentation says the same to people; keep both alike.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffer_engine::{Error, Mode, Samples, VerifyOptions};
use coffer_testkit::{snapshot, write_files};
use tokio_util::sync::CancellationToken;

use crate::support::{Bench, noise, run};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Damage {
    Missing,
    Truncated,
    Flipped,
    OtherPassphrase,
}

/// Two versions: `old` is in the first alone, `both` in both, `new` in the second alone.
fn two_versions(passphrase: &str) -> Bench {
    let mut bench = Bench::new();
    bench.passphrase = Some(passphrase.to_owned());
    write_files(
        &bench.source(),
        &[("old", &noise(40_000, 1)), ("both", &noise(40_000, 2))],
    );
    let mut options = bench.options();
    options.block_size = Some(4096);
    bench.backup_with(options).unwrap();
    fs::remove_file(bench.source().join("old")).unwrap();
    write_files(&bench.source(), &[("new", &noise(40_000, 3))]);
    bench.backup().unwrap();
    bench
}

/// The file that is damaged: the dblock with `both`, its dindex, the newest dlist, or this computer's index.
fn victim(bench: &Bench, kind: &str) -> PathBuf {
    if kind == "index" {
        return bench.cache().join("index.sqlite");
    }
    let files = fs::read_dir(bench.destination_path()).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.to_str().unwrap().contains(&format!(".{kind}.")));
    // The first dblock is the larger one, and so is its dindex; dlists sort by time.
    files.sort_by_key(|path| (fs::metadata(path).unwrap().len(), path.clone()));
    if kind == "dlist" {
        files.sort();
    }
    files.pop().unwrap()
}

fn harm(path: &Path, damage: Damage) {
    let bytes = fs::read(path).unwrap();
    match damage {
        Damage::Missing => fs::remove_file(path).unwrap(),
        Damage::Truncated => fs::write(path, &bytes[..bytes.len() / 2]).unwrap(),
        Damage::Flipped => {
            let mut bytes = bytes;
            // In an index every page counts; its first one always is looked at.
            let place = if path.ends_with("index.sqlite") {
                3
            } else {
                bytes.len() / 2
            };
            bytes[place] ^= 1;
            fs::write(path, bytes).unwrap();
        }
        Damage::OtherPassphrase => {
            let kind = path
                .to_str()
                .unwrap()
                .rsplit('.')
                .nth(2)
                .unwrap()
                .to_owned();
            // What is compressed differs a little each time; a dblock of another length is noticed by that alone.
            let other = std::iter::repeat_with(|| two_versions("another one")).find(|other| {
                let len = fs::metadata(victim(other, &kind)).unwrap().len();
                kind != "dblock" || len == bytes.len() as u64
            });
            fs::copy(victim(&other.unwrap(), &kind), path).unwrap();
        }
    }
}

fn word(error: &Error) -> String {
    let name = format!("{error:?}");
    let end = name.find(|c: char| !c.is_alphanumeric());
    format!("refused: {}", &name[..end.unwrap_or(name.len())])
}

fn restore(bench: &mut Bench) -> String {
    let target = bench.folder.path().join("restored");
    match bench.restore(0, &target) {
        Err(error) => word(&error),
        Ok(stats) => {
            let expected = snapshot(&bench.source());
            let found = snapshot(&target);
            if found == expected {
                "all".to_owned()
            } else if found.keys().eq(["old", "both"].iter().rev()) {
                "the version before".to_owned()
            } else {
                let right = found
                    .iter()
                    .filter(|(path, node)| expected.get(*path) == Some(node));
                assert_eq!(right.count(), found.len(), "something wrong was restored");
                assert_eq!(stats.failed_files as usize, expected.len() - found.len());
                "the rest, reported".to_owned()
            }
        }
    }
}

fn verify(bench: &Bench) -> String {
    let (store, now) = (bench.store(), bench.now);
    let outcome = run(move || {
        let options = VerifyOptions {
            samples: Samples::All,
            now,
        };
        coffer_engine::verify(&store, &options, Arc::new(()), &CancellationToken::new())
    });
    match outcome {
        Err(error) => word(&error),
        Ok(stats) if stats.faults.is_empty() => "clean".to_owned(),
        Ok(_) => "reported".to_owned(),
    }
}

fn repair(bench: &Bench) -> String {
    let (store, now) = (bench.store(), bench.now);
    let outcome = run(move || {
        let cancel = CancellationToken::new();
        coffer_engine::repair(&store, Mode::Run, now, Arc::new(()), &cancel)
    });
    match outcome {
        Err(error) => word(&error),
        Ok(stats) if stats.broken_files > 0 => "reported what is lost".to_owned(),
        Ok(_) => match verify(bench).as_str() {
            "clean" => "whole".to_owned(),
            _ => "as before".to_owned(),
        },
    }
}

fn next_backup(bench: &mut Bench) -> String {
    write_files(&bench.source(), &[("newer", b"newer")]);
    match bench.backup() {
        Err(error) => word(&error),
        Ok(_) => match restore(bench).as_str() {
            "all" => "a whole version".to_owned(),
            other => format!("a version of which is restored: {other}"),
        },
    }
}

#[test]
fn the_outcome_of_every_kind_of_damage_is_known() {
    let mut table = String::new();
    for kind in ["dblock", "dindex", "dlist", "index"] {
        for damage in [
            Damage::Missing,
            Damage::Truncated,
            Damage::Flipped,
            Damage::OtherPassphrase,
        ] {
            if (kind, damage) == ("index", Damage::OtherPassphrase) {
                continue;
            }
            let met = |operation: fn(&mut Bench) -> String| {
                let mut bench = two_versions("the right one");
                harm(&victim(&bench, kind), damage);
                operation(&mut bench)
            };
            table += &format!(
                "{kind} {damage:?} | {} | {} | {} | {}\n",
                met(restore),
                met(|bench| verify(bench)),
                met(|bench| repair(bench)),
                met(next_backup)
            );
        }
    }

    assert_eq!(table, EXPECTED, "\n{table}");
}

/// Damage | restore | verify | repair | next backup; all on the computer that made the backup.
const EXPECTED: &str = "\
dblock Missing | the rest, reported | reported | reported what is lost | refused: VolumesMissing
dblock Truncated | the rest, reported | reported | reported what is lost | a whole version
dblock Flipped | the rest, reported | reported | as before | a version of which is restored: the rest, reported
dblock OtherPassphrase | the rest, reported | reported | as before | a version of which is restored: the rest, reported
dindex Missing | all | reported | whole | a whole version
dindex Truncated | all | reported | whole | a whole version
dindex Flipped | all | reported | whole | a whole version
dindex OtherPassphrase | all | reported | whole | a whole version
dlist Missing | the version before | clean | whole | a whole version
dlist Truncated | refused: Volume | reported | as before | a whole version
dlist Flipped | refused: Volume | reported | as before | a whole version
dlist OtherPassphrase | refused: Volume | reported | as before | a whole version
index Missing | all | clean | whole | a whole version
index Truncated | all | clean | whole | a whole version
index Flipped | all | clean | whole | a whole version
";

#[test]
fn the_next_backup_sends_again_what_verify_found_lost() {
    let mut bench = two_versions("the right one");
    let damaged = victim(&bench, "dblock");
    harm(&damaged, Damage::Flipped);
    assert_eq!(verify(&bench), "reported");
    fs::remove_file(bench.source().join("new")).unwrap();

    bench.backup().unwrap();

    assert_eq!(restore(&mut bench), "all");
    // The oldest version has its `both` back as well; `old` is lost, and said to be.
    assert_eq!(repair(&bench), "reported what is lost");
    let store = bench.store();
    let options = coffer_engine::PurgeOptions {
        purged: coffer_engine::Purged::Broken,
        versions: Vec::new(),
        compact: None,
        now: bench.now,
        mode: Mode::Run,
    };
    let purged = run(move || {
        coffer_engine::purge(&store, &options, Arc::new(()), &CancellationToken::new())
    })
    .unwrap();
    let removed: Vec<_> = purged.versions.iter().flat_map(|v| &v.removed).collect();
    assert_eq!(removed.len(), 1);
    assert!(removed[0].ends_with("/old"));
    // Now nothing needs the damaged volume, and repair takes it away.
    assert_eq!(repair(&bench), "whole");
    assert!(!damaged.exists());
    for version in 0..3 {
        let target = bench.folder.path().join(format!("version {version}"));
        bench.restore(version, &target).unwrap();
        assert!(target.join("both").exists());
        assert_eq!(bench.recorder.problems(), Vec::<String>::new());
    }
}
