//! Which versions Duplicati deletes: its own answers to 43 sets of options.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use coffer_engine::{
    DeleteOptions, DeleteStats, Error, FullRemoval, Mode, Retention, VersionState, Victims,
    retention_victims,
};
use coffer_testkit::{fixture, write_files};
use coffer_volume::name::{format_stamp, parse_stamp};
use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::hooked::Hooked;
use crate::support::{Bench, damage_index, noise, run};

fn stamps(value: &Value) -> Vec<Timestamp> {
    let texts = value.as_array().unwrap().iter();
    texts.map(stamp).collect()
}

fn stamp(text: &Value) -> Timestamp {
    parse_stamp(text.as_str().unwrap()).unwrap()
}

#[test]
fn the_same_versions_are_given_up_as_by_duplicati() {
    let text = fs::read_to_string(fixture("duplicati-2.3/retention.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let versions: Vec<_> = stamps(&file["versions"])
        .into_iter()
        .map(|time| VersionState {
            time,
            is_complete: true,
        })
        .collect();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 43);
    for case in cases {
        let options: Vec<_> = case["options"].as_array().unwrap().iter().collect();
        let option = |name: &str| {
            let values = options.iter().filter_map(|text| text.as_str());
            values
                .filter_map(|text| text.split_once('='))
                .find_map(|(found, value)| (found == name).then_some(value))
        };
        // Versions by number are no matter of retention; see the next test.
        if option("--version").is_some() {
            continue;
        }
        let count = option("--keep-versions").map(|count| count.parse().unwrap());
        let retention =
            Retention::from_options(count, option("--keep-time"), option("--retention-policy"));

        let answer = retention
            .map(|retention| retention_victims(&retention, &versions, stamp(&case["now"])));

        match case.get("error") {
            Some(error) => assert!(answer.is_err(), "{options:?} should be refused: {error}"),
            None => {
                let shown = |times: Vec<Timestamp>| -> Vec<_> {
                    times.into_iter().map(format_stamp).collect()
                };
                let expected = shown(stamps(&case["deleted"]));
                assert_eq!(shown(answer.unwrap()), expected, "{options:?}");
            }
        }
    }
}

fn with_versions(count: usize) -> Bench {
    let mut bench = Bench::new();
    for round in 0..count {
        let content = format!("round {round}");
        write_files(&bench.source(), &[("f", content.as_bytes())]);
        bench.backup().unwrap();
    }
    bench
}

pub(crate) fn delete(bench: &Bench, options: DeleteOptions) -> coffer_engine::Result<Vec<usize>> {
    let store = bench.store();
    run(move || {
        let cancel = CancellationToken::new();
        let stats = coffer_engine::delete(&store, &options, std::sync::Arc::new(()), &cancel)?;
        assert_eq!(stats.versions.len(), stats.deleted.len());
        Ok(stats
            .versions
            .iter()
            .map(|version| version.number)
            .collect())
    })
}

pub(crate) fn options(bench: &Bench, victims: Victims) -> DeleteOptions {
    DeleteOptions {
        victims,
        full_removal: FullRemoval::Refuse,
        compact: None,
        mode: Mode::Run,
        now: bench.now,
    }
}

#[test]
fn versions_are_deleted_by_number() {
    let bench = with_versions(6);
    let numbers = Victims::Numbers(vec![1, 3, 4, 5, 3]);

    let gone = delete(&bench, options(&bench, numbers)).unwrap();

    assert_eq!(gone, [1, 3, 4, 5]);
    let missing = delete(&bench, options(&bench, Victims::Numbers(vec![0, 2])));
    assert!(
        matches!(
            missing,
            Err(Error::NoVersion {
                number: 2,
                oldest: 1
            })
        ),
        "{missing:?}"
    );
}

#[test]
fn an_index_that_fails_meanwhile_does_not_make_a_number_mean_another_version() {
    let mut bench = with_versions(4);
    let before = bench.volumes_of(".dlist.");
    let index = bench.cache().join("index.sqlite");
    bench.destination = Arc::new(Hooked {
        before_delete: Box::new(move |name| {
            if name.contains(".dlist.") {
                damage_index(&index);
            }
        }),
        ..Hooked::over(bench.destination.clone())
    });

    let deleted = delete(&bench, options(&bench, Victims::Numbers(vec![1]))).unwrap();

    let after = bench.volumes_of(".dlist.");
    assert_eq!(deleted, [1]);
    assert_eq!(after, [&before[..2], &before[3..]].concat());
}

#[test]
fn a_plan_deletes_nothing() {
    let bench = with_versions(4);
    let before = bench.volumes();
    let mut plan = options(&bench, Victims::Retention(Retention::KeepVersions(1)));
    plan.mode = Mode::Plan;

    let gone = delete(&bench, plan).unwrap();

    assert_eq!(gone, [1, 2, 3]);
    assert_eq!(bench.volumes(), before);
}

#[test]
fn the_last_version_goes_only_when_that_is_said() {
    let bench = with_versions(2);
    let mut all = options(&bench, Victims::Numbers(vec![0, 1]));

    let refused = delete(&bench, all.clone());
    all.full_removal = FullRemoval::Allow;
    let gone = delete(&bench, all).unwrap();

    assert!(matches!(refused, Err(Error::FullRemoval)), "{refused:?}");
    assert_eq!(gone, [0, 1]);
}

#[test]
fn retention_counts_back_from_the_time_it_is_given() {
    let bench = with_versions(5);
    let two_days = Retention::from_options(None, Some("2D"), None).unwrap();

    let gone = delete(&bench, options(&bench, Victims::Retention(two_days))).unwrap();

    // The newest is one day old, the next two, which the tolerance keeps.
    assert_eq!(gone, [2, 3, 4]);
}

/// What happens to a volume.
type Harm = fn(&Path);

#[test]
fn a_rule_keeps_no_damaged_version_and_gives_up_whole_ones() {
    let empty: Harm = |path| fs::write(path, "").unwrap();
    let missing: Harm = |path| fs::remove_file(path).unwrap();
    let flipped: Harm = |path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 3;
        bytes[middle] ^= 0x55;
        fs::write(path, bytes).unwrap();
    };
    for (kind, harm) in [
        ("dlist", empty),
        ("dlist", flipped),
        ("dblock", missing),
        ("dblock", empty),
    ] {
        let mut bench = Bench::plain();
        let mut before = Vec::new();
        for round in 0..3 {
            write_files(&bench.source(), &[("f", &noise(50_000, round))]);
            before = bench.volumes_of(kind);
            bench.backup().unwrap();
        }
        let newest = bench
            .volumes_of(kind)
            .into_iter()
            .find(|name| !before.contains(name));
        harm(&bench.destination_path().join(newest.unwrap()));
        let there = bench.volumes_of("dlist");

        let refused = delete_by_rule(&bench, FullRemoval::Refuse);

        assert!(
            matches!(refused, Err(Error::OnlyDamagedLeft { .. })),
            "{kind}: {refused:?}"
        );
        assert_eq!(bench.volumes_of("dlist"), there, "{kind}");
        let allowed = delete_by_rule(&bench, FullRemoval::Allow).unwrap();
        assert!(!allowed.versions.is_empty(), "{kind}");
    }
}

#[test]
fn a_damaged_version_may_go_by_a_rule() {
    let mut bench = Bench::plain();
    for round in 0..2 {
        write_files(&bench.source(), &[("f", &noise(50_000, round))]);
        bench.backup().unwrap();
    }
    let oldest = bench.volumes_of("dlist").remove(0);
    fs::write(bench.destination_path().join(oldest), "").unwrap();

    let deleted = delete_by_rule(&bench, FullRemoval::Refuse).unwrap();

    assert_eq!(deleted.versions.len(), 1);
}

/// Keeps one version.
fn delete_by_rule(bench: &Bench, full_removal: FullRemoval) -> coffer_engine::Result<DeleteStats> {
    let options = DeleteOptions {
        victims: Victims::Retention(Retention::KeepVersions(1)),
        full_removal,
        compact: None,
        mode: Mode::Run,
        now: bench.now,
    };
    let (store, recorder) = (bench.store(), bench.recorder.clone());
    run(move || coffer_engine::delete(&store, &options, recorder, &CancellationToken::new()))
}
