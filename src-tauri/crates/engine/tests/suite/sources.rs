//! Sources that are not there, lie, or change: nothing is taken for deleted that is only away.

use std::fs;
use std::path::{Path, PathBuf};

use coffer_engine::filter::{Action, Filters};
use coffer_engine::{BackupOptions, BackupStats, Error, Retention};
use coffer_testkit::{snapshot, write_files};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::support::Bench;

/// One version with these files, and options that keep the newest alone.
pub(crate) fn with_files(files: &[&str]) -> Bench {
    let mut bench = Bench::new();
    for name in files {
        write_files(&bench.source(), &[(name, name.as_bytes())]);
    }
    bench.backup().unwrap();
    bench
}

pub(crate) fn keeping_one(bench: &Bench) -> BackupOptions {
    let mut options = bench.options();
    options.retention = Retention::KeepVersions(1);
    options
}

pub(crate) fn run_keeping_one(bench: &mut Bench) -> BackupStats {
    let options = keeping_one(bench);
    bench.backup_with(options).unwrap()
}

pub(crate) fn restored(bench: &mut Bench, version: usize) -> Vec<String> {
    let target = tempfile::tempdir().unwrap();
    let target = target.path().join("restored");
    bench.restore(version, &target).unwrap();
    snapshot(&target).into_keys().collect()
}

fn rules(rules: &[(Action, &str)]) -> Filters {
    Filters::new(rules.iter().copied()).unwrap()
}

/// Moves the source away, as if its disk were unplugged.
pub(crate) fn unplug(bench: &Bench) -> PathBuf {
    let away = bench.folder.path().join("unplugged");
    fs::rename(bench.source(), &away).unwrap();
    away
}

#[test]
fn a_measured_source_is_as_large_as_its_backup() {
    let mut bench = Bench::new();
    let files = [
        ("a", &[1; 300][..]),
        ("deep/b", &[2; 50]),
        ("c.tmp", &[3; 7]),
    ];
    write_files(&bench.source(), &files);
    let mut options = bench.options();
    options.filters = rules(&[(Action::Exclude, "*.tmp")]);

    let measured = coffer_engine::source::measure(
        &[bench.source()],
        &options.filters,
        &options.source,
        &CancellationToken::new(),
    );

    let stats = bench.backup_with(options).unwrap();
    let measured = measured.unwrap();
    assert_eq!((measured.files, measured.bytes), (2, 350));
    assert_eq!(stats.examined_bytes, measured.bytes);
}

#[test]
fn measuring_ends_when_nobody_waits_for_it() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a")]);
    let options = bench.options();
    let cancel = CancellationToken::new();
    cancel.cancel();

    let measured = coffer_engine::source::measure(
        &[bench.source()],
        &options.filters,
        &options.source,
        &cancel,
    );

    assert!(matches!(measured, Err(Error::Cancelled)), "{measured:?}");
}

#[test]
fn without_any_source_nothing_is_written_and_nothing_deleted() {
    let mut bench = with_files(&["a", "b"]);
    let before = bench.volumes();
    let other = bench.folder.path().join("mistyped");
    for sources in [
        vec![other.clone()],
        vec![other, bench.folder.path().join("x")],
    ] {
        let mut options = keeping_one(&bench);
        options.sources = sources;
        options.allow_missing_source = true;

        let outcome = bench.backup_with(options);

        assert!(
            matches!(outcome, Err(Error::NoSource { .. })),
            "{outcome:?}"
        );
        assert_eq!(bench.volumes(), before);
    }
}

#[test]
fn what_was_emptied_on_purpose_still_costs_no_version() {
    let mut bench = with_files(&["a"]);
    unplug(&bench);
    fs::create_dir(bench.source()).unwrap();
    let mut options = keeping_one(&bench);
    options.allow_missing_source = true;

    let stats = bench.backup_with(options).unwrap();

    assert_eq!((stats.deleted_files, stats.deleted_versions), (1, 0));
    assert_eq!(stats.warnings, 0);
    assert_eq!(restored(&mut bench, 1), ["a"]);
}

#[test]
fn filters_that_leave_nothing_are_reported_and_cost_no_version() {
    let mut bench = with_files(&["a"]);
    for round in 0..3 {
        let mut options = keeping_one(&bench);
        options.filters = rules(&[(Action::Exclude, "*")]);
        options.upload_unchanged = true;

        let stats = bench.backup_with(options).unwrap();

        assert_eq!((stats.warnings, stats.deleted_versions), (1, 0), "{round}");
    }
    let oldest = 3;
    assert_eq!(restored(&mut bench, oldest), ["a"]);
    let mut first = Bench::new();
    write_files(&first.source(), &[("a", b"a")]);
    let mut options = first.options();
    options.filters = rules(&[(Action::Include, "*.docx")]);
    assert_eq!(first.backup_with(options).unwrap().warnings, 1);
}

#[test]
fn a_source_within_a_folder_that_is_left_out_is_backed_up() {
    for rule in ["cache/", "cache*", "ignored"] {
        let mut bench = Bench::new();
        write_files(
            &bench.source(),
            &[
                ("cache/deep/wanted/f", b"1"),
                ("cache/deep/junk", b"2"),
                ("cache/junk", b"3"),
                ("z", b"4"),
            ],
        );
        if rule == "ignored" {
            write_files(&bench.source(), &[("cache/CACHEDIR.TAG", b"")]);
        }
        let mut options = bench.options();
        let rule = format!("{}/{rule}", bench.source().display());
        options.filters = rules(&[(Action::Exclude, &rule)]);
        options
            .sources
            .push(bench.source().join("cache/deep/wanted"));
        if rule.ends_with('*') {
            // The rule matches all in it as well, the source itself apart.
            bench.backup_with(options).unwrap();
            let names = restored(&mut bench, 0);
            assert!(names.contains(&"cache/deep/wanted".to_owned()), "{names:?}");
            continue;
        }

        bench.backup_with(options).unwrap();

        let names = restored(&mut bench, 0);
        let expected = [
            "cache",
            "cache/deep",
            "cache/deep/wanted",
            "cache/deep/wanted/f",
            "z",
        ];
        assert_eq!(names, expected, "{rule}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_never_waited_for() {
    let mut bench = with_files(&["a"]);
    let pipe = bench.folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut options = bench.options();
    options.sources.push(pipe.clone());

    bench.backup_with(options).unwrap();

    let reported = bench.recorder.problems();
    assert_eq!(reported, [format!("{}: SpecialFile", pipe.display())]);
}

#[test]
fn what_cannot_be_backed_up_says_whether_a_version_has_it() {
    let mut bench = with_files(&["a"]);
    let never = bench.folder.path().join("never there");
    let mut options = bench.options();
    options.sources.push(never);

    let stats = bench.backup_with(options).unwrap();

    assert_eq!(stats.warnings, 1);
    assert!(format!("{:?}", bench.recorder.details()).contains("Nothing"));
    assert!(!format!("{:?}", bench.recorder.details()).contains("Kept"));
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_are_reported_unless_a_rule_leaves_them_out() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let mut bench = with_files(&["a"]);
    let odd = |name: &[u8]| bench.source().join(OsStr::from_bytes(name));
    fs::write(odd(b"caf\xe9"), "").unwrap();
    fs::create_dir(odd(b"d\xe9j")).unwrap();
    let with = |bench: &mut Bench, exclude: &[(Action, &str)]| {
        let mut options = bench.options();
        options.filters = rules(exclude);
        bench.backup_with(options).unwrap().warnings
    };

    assert_eq!(with(&mut bench, &[]), 2);
    assert_eq!(with(&mut bench, &[(Action::Exclude, "*/caf*")]), 1);
    let both = [(Action::Exclude, "*/caf*"), (Action::Exclude, "*/d?j/")];
    assert_eq!(with(&mut bench, &both), 0);
}

/// Changes content and keeps size and date.
fn change_secretly(path: &Path, content: &[u8]) {
    let before = fs::metadata(path).unwrap().modified().unwrap();
    fs::write(path, content).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(before).unwrap();
}

#[test]
fn a_change_that_keeps_its_date_is_seen_without_an_index() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("f", b"before")]);
    bench.now = Timestamp::now() + SignedDuration::from_secs(5);
    bench.backup().unwrap();
    // The change comes after the version was made.
    bench.now = Timestamp::now() + SignedDuration::from_hours(24);
    let version = bench
        .volumes()
        .into_iter()
        .find(|name| name.contains("dlist"))
        .unwrap();
    let path = bench.destination_path();
    fs::rename(path.join(&version), path.join(dated(&version, -60))).unwrap();
    change_secretly(&bench.source().join("f"), b"after!");
    fs::remove_dir_all(bench.cache()).unwrap();

    let stats = bench.backup().unwrap();

    assert_eq!(stats.changed_files, 1);
}

/// The name of a dlist made some seconds from now.
fn dated(name: &str, seconds: i64) -> String {
    let time = Timestamp::now() + SignedDuration::from_secs(seconds);
    let stamp = coffer_volume::name::format_stamp(time);
    let (prefix, rest) = name.split_once('-').unwrap();
    let (_, rest) = rest.split_once('.').unwrap();
    format!("{prefix}-{stamp}.{rest}")
}

#[test]
fn containers_are_read_in_each_run() {
    let mut bench = with_files(&["a", "safe.hc", "other.tc"]);
    bench.let_files_settle();
    bench.backup().unwrap();
    let read = |bench: &mut Bench, always: Filters| {
        let mut options = bench.options();
        options.always_read = always;
        bench.backup_with(options).unwrap().read_files
    };

    assert_eq!(bench.backup().unwrap().read_files, 2);
    assert_eq!(read(&mut bench, Filters::default()), 0);
    assert_eq!(read(&mut bench, rules(&[(Action::Include, "*/a")])), 1);
}
