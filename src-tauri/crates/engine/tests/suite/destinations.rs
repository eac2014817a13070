//! Destinations that are away, full, shared or of another kind, and clocks that are wrong.

use std::fs;
use std::sync::Arc;

use coffer_engine::{BackupOptions, Disposal, Error, Retention, versions};
use coffer_testkit::{snapshot, write_files};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::checker::assert_clean;
use crate::hooked::Hooked;
use crate::support::{Bench, noise, run};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn at(bench: &mut Bench, now: Timestamp) -> BackupOptions {
    bench.now = now;
    bench.options()
}

#[test]
fn a_backup_that_is_gone_is_not_begun_anew_unless_that_is_meant() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("f", b"f")]);
    bench.backup().unwrap();
    let away = bench.folder.path().join("away");
    fs::rename(bench.destination_path(), &away).unwrap();
    bench.reopen();

    for exists in [false, true] {
        if exists {
            fs::create_dir(bench.destination_path()).unwrap();
            bench.reopen();
        }
        let outcome = bench.backup();
        assert!(
            matches!(outcome, Err(Error::DestinationGone { versions: 1, .. })),
            "{outcome:?}"
        );
        assert_eq!(bench.volumes(), Vec::<String>::new());
    }
    // The index was lost as well, but the job remembers.
    fs::remove_dir_all(bench.cache()).unwrap();
    let mut options = bench.options();
    options.expected_versions = 3;
    let outcome = bench.backup_with(options);
    assert!(matches!(
        outcome,
        Err(Error::DestinationGone { versions: 3, .. })
    ));
    let mut options = bench.options();
    options.expected_versions = 3;
    options.allow_new_destination = true;
    assert_eq!(bench.backup_with(options).unwrap().versions, 1);
}

#[test]
fn who_looks_into_a_backup_that_is_gone_is_reported_that_it_is() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("f", b"f")]);
    bench.backup().unwrap();
    fs::remove_dir_all(bench.destination_path()).unwrap();
    bench.reopen();
    let target = bench.folder.path().join("restored");

    let outcome = bench.restore(0, &target);

    assert!(
        matches!(outcome, Err(Error::DestinationGone { versions: 1, .. })),
        "{outcome:?}"
    );
}

#[test]
fn a_version_that_somebody_deleted_is_reported_and_its_data_stays() {
    let mut bench = Bench::plain();
    for round in 0..3 {
        write_files(&bench.source(), &[("f", &noise(300_000, round))]);
        let mut options = bench.options();
        options.compact = None;
        bench.backup_with(options).unwrap();
    }
    let dlist = bench
        .volumes()
        .into_iter()
        .find(|name| name.contains("dlist"))
        .unwrap();
    let (there, bin) = (
        bench.destination_path().join(&dlist),
        bench.folder.path().join("bin"),
    );
    fs::rename(&there, &bin).unwrap();
    let data = |bench: &Bench| {
        let names = bench.volumes().into_iter();
        names.filter(|name| name.contains("dblock")).count()
    };

    // A restore that notices it first does not take it from the run that would delete.
    let looked = bench.folder.path().join("looked");
    bench.restore(0, &looked).unwrap();
    let stats = bench.backup().unwrap();

    assert_eq!((stats.versions, stats.warnings), (2, 1));
    assert_eq!(bench.recorder.problems(), [format!("{dlist}: VersionGone")]);
    assert_eq!(data(&bench), 3);
    // Found in the recycle bin a while later, but before a day has passed.
    bench.compact(Disposal::AfterADay).unwrap();
    fs::rename(&bin, &there).unwrap();
    let target = bench.folder.path().join("restored");
    bench.restore(2, &target).unwrap();
    assert_eq!(fs::read(target.join("f")).unwrap(), noise(300_000, 0));
}

#[test]
fn what_nobody_needs_waits_for_a_day_and_is_used_again_meanwhile() {
    let mut bench = Bench::plain();
    let start = bench.now;
    let big = noise(600_000, 1);
    write_files(&bench.source(), &[("big", &big)]);
    bench.backup().unwrap();
    fs::remove_file(bench.source().join("big")).unwrap();
    write_files(&bench.source(), &[("other", b"other")]);
    let mut options = at(&mut bench, start + HOUR);
    options.retention = Retention::KeepVersions(1);
    let stats = bench.backup_with(options).unwrap();
    let retired = stats.compacted.unwrap().retired;
    assert_eq!(retired.len(), 2, "{retired:?}");

    // Another computer has the same file.
    write_files(&bench.source(), &[("again", &big)]);
    let mut options = at(&mut bench, start + HOUR * 2);
    options.retention = Retention::KeepVersions(1);
    let stats = bench.backup_with(options).unwrap();
    assert!(stats.uploaded_bytes < 100_000);
    fs::remove_file(bench.source().join("again")).unwrap();
    for (hours, is_deleted) in [(30, false), (40, false), (60, true)] {
        let mut options = at(&mut bench, start + HOUR * hours);
        options.retention = Retention::KeepVersions(1);
        options.upload_unchanged = true;
        bench.backup_with(options).unwrap();
        let is_there = bench.volumes().contains(&retired[0].name);
        assert_eq!(is_there, !is_deleted, "after {hours} hours");
    }
    assert_clean(&bench.destination_path());
}

#[test]
fn volumes_of_another_computer_wait_as_long_as_more_of_them_arrive() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("f", &noise(100_000, 1))]);
    bench.backup().unwrap();
    let start = bench.now;
    // A slow first upload of another computer, of which no version exists yet.
    let mut other = Bench::plain();
    write_files(&other.source(), &[("x", &noise(3_000_000, 2))]);
    let mut options = other.options();
    options.volume_size = 1 << 20;
    other.backup_with(options).unwrap();
    let mut pairs: Vec<_> = other.volumes();
    pairs.retain(|name| !name.contains("dlist"));
    let copy = |bench: &Bench, kind: &str, number: usize| {
        let mut names: Vec<_> = pairs.iter().filter(|name| name.contains(kind)).collect();
        names.sort();
        let (from, to) = (other.destination_path(), bench.destination_path());
        fs::copy(from.join(names[number]), to.join(names[number])).unwrap();
        names[number].clone()
    };
    let first = copy(&bench, "dblock", 0);
    for (day, number) in [(1, 1), (2, 2)] {
        bench.now = start + HOUR * 25 * day;
        bench.compact(Disposal::AfterADay).unwrap();
        assert!(bench.volumes().contains(&first), "day {day}");
        copy(&bench, "dblock", number);
    }
    for (day, is_there) in [(3, true), (4, false)] {
        bench.now = start + HOUR * 25 * day;
        bench.compact(Disposal::AfterADay).unwrap();
        assert_eq!(bench.volumes().contains(&first), is_there, "day {day}");
    }
}

#[test]
fn two_computers_that_begin_in_the_same_second_make_two_versions() {
    let mut one = Bench::plain();
    let mut other = Bench::plain();
    other.destination = one.destination.clone();
    other.now = one.now;
    write_files(&one.source(), &[("one", b"1")]);
    write_files(&other.source(), &[("other", b"2")]);
    // The other one's version appears between the look and the upload.
    let folder = one.destination_path();
    let stamp = "duplicati-20260101T080000Z.dlist.zip";
    other.backup().unwrap();
    let theirs = fs::read(folder.join(stamp)).unwrap();
    fs::rename(folder.join(stamp), folder.join("hidden")).unwrap();
    let real = one.destination.clone();
    let hooked = Hooked {
        before_put: Box::new(move |name| {
            if name.contains(".dblock.") {
                let _ = fs::rename(folder.join("hidden"), folder.join(stamp));
            }
        }),
        ..Hooked::over(real.clone())
    };
    one.destination = Arc::new(hooked);

    one.backup().unwrap();

    one.destination = real;
    let folder = one.destination_path();
    assert_eq!(fs::read(folder.join(stamp)).unwrap(), theirs);
    assert!(folder.join(stamp.replace("0000Z", "0001Z")).exists());
}

#[test]
fn a_clock_that_jumped_deletes_nothing_by_itself() {
    let mut bench = Bench::plain();
    let by_time = || Retention::from_options(None, Some("3M"), None).unwrap();
    for round in 0..6 {
        write_files(&bench.source(), &[("f", &noise(100, round))]);
        let mut options = bench.options();
        options.retention = by_time();
        bench.backup_with(options).unwrap();
    }
    write_files(&bench.source(), &[("f", b"by a clock that is ahead")]);
    let right = bench.now;
    let mut options = at(&mut bench, "2036-05-05T00:00:00Z".parse().unwrap());
    options.retention = by_time();

    let stats = bench.backup_with(options).unwrap();

    assert_eq!((stats.deleted_versions, stats.warnings), (0, 1));
    assert!(bench.recorder.problems()[0].ends_with(": MassDeletion"));
    // As long as it is wrong, however many versions it has made.
    let mut wrong = bench.now;
    for round in 0..8 {
        write_files(&bench.source(), &[("f", &noise(100, 100 + round))]);
        let mut options = at(&mut bench, wrong);
        options.retention = by_time();
        let stats = bench.backup_with(options).unwrap();
        assert_eq!((stats.deleted_versions, stats.warnings), (0, 1), "{round}");
        wrong = bench.now;
    }
    // The clock is right again.
    write_files(&bench.source(), &[("f", b"by a clock that is right")]);
    let mut options = at(&mut bench, right);
    options.retention = by_time();
    let stats = bench.backup_with(options).unwrap();
    assert_eq!(stats.deleted_versions, 0);
    assert!(bench.recorder.problems()[0].ends_with(": ClockBehind"));
    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
    let mut options = at(&mut bench, "2036-06-06T00:00:00Z".parse().unwrap());
    options.retention = by_time();
    options.allow_mass_deletion = true;
    assert_eq!(bench.backup_with(options).unwrap().deleted_versions, 6);
}

#[test]
fn volumes_of_a_module_that_cannot_be_read_are_named_and_nothing_is_written_beside_them() {
    let mut bench = Bench::new();
    write_files(&bench.source(), &[("f", b"f")]);
    fs::create_dir(bench.destination_path()).unwrap();
    for name in [
        "duplicati-20240901T080000Z.dlist.7z.aes",
        "duplicati-b0123456789abcdef0123456789abcdef.dblock.7z.aes",
    ] {
        fs::write(bench.destination_path().join(name), "7z").unwrap();
    }
    let before = bench.volumes();

    let backup = bench.backup();
    let (store, cancel) = (bench.store(), CancellationToken::new());
    let listed = run(move || versions(&store, Arc::new(()), &cancel));

    for outcome in [backup.map(drop), listed.map(drop)] {
        assert!(
            matches!(&outcome, Err(Error::UnreadableModule { module, .. }) if module == "7z.aes"),
            "{outcome:?}"
        );
    }
    assert_eq!(bench.volumes(), before);
    // What only looks like it is a leftover.
    let mut bench = Bench::new();
    fs::create_dir(bench.destination_path()).unwrap();
    let leftover = "duplicati-b0123456789abcdef0123456789abcdef.dblock.zip.part";
    fs::write(bench.destination_path().join(leftover), "").unwrap();
    bench.backup().unwrap();
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_looked_at_is_not_taken_for_deleted() {
    use coffer_destination::{Destination as _, FolderDestination};

    let folder = tempfile::tempdir().unwrap();
    let loop_of_links = folder.path().join("duplicati-20240901T080000Z.dlist.zip");
    std::os::unix::fs::symlink(&loop_of_links, &loop_of_links).unwrap();
    let destination = FolderDestination::new(folder.path());

    let listed = run(move || {
        let cancel = CancellationToken::new();
        tokio::runtime::Handle::current().block_on(destination.list(&cancel))
    });

    assert!(listed.is_err(), "{listed:?}");
}

#[test]
fn nothing_is_written_where_the_disk_was_that_is_unplugged_while_a_run_writes() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("f", &noise(3_000_000, 1))]);
    bench.backup().unwrap();
    write_files(&bench.source(), &[("f", &noise(3_000_000, 2))]);
    let (disk, away) = (bench.destination_path(), bench.folder.path().join("away"));
    let real = bench.destination.clone();
    let (from, to) = (disk.clone(), away.clone());
    let hooked = Hooked {
        before_put: Box::new(move |name| {
            if name.contains(".dindex.") && !to.exists() {
                fs::rename(&from, &to).unwrap();
                fs::create_dir(&from).unwrap();
            }
        }),
        ..Hooked::over(real.clone())
    };
    bench.destination = Arc::new(hooked);
    let mut options = bench.options();
    options.volume_size = 1 << 20;

    let outcome = bench.backup_with(options);

    let lost = coffer_destination::Error::FolderLost {
        folder: disk.display().to_string(),
    };
    let error = outcome.unwrap_err();
    assert!(
        matches!(&error, Error::Destination(error) if error.to_string() == lost.to_string()),
        "{error:?}"
    );
    assert_eq!(bench.volumes(), Vec::<String>::new());
    fs::remove_dir(&disk).unwrap();
    fs::rename(&away, &disk).unwrap();
    bench.destination = real;
    assert_eq!(bench.backup().unwrap().versions, 2);
    assert_clean(&disk);
}

#[test]
fn a_volume_where_a_disk_was_makes_no_new_destination_of_it() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("f", b"f")]);
    bench.backup().unwrap();
    let left = bench.volumes_of("dindex").remove(0);
    let away = bench.folder.path().join("away");
    fs::rename(bench.destination_path(), &away).unwrap();
    fs::create_dir(bench.destination_path()).unwrap();
    fs::copy(away.join(&left), bench.destination_path().join(&left)).unwrap();
    bench.reopen();

    let outcome = bench.backup();

    assert!(
        matches!(outcome, Err(Error::DestinationGone { .. })),
        "{outcome:?}"
    );
    assert_eq!(bench.volumes(), [left]);
}

#[test]
fn a_clock_that_is_wrong_for_days_wins_not_by_patience() {
    let mut bench = Bench::plain();
    let days = |bench: &mut Bench, round: u64| {
        write_files(&bench.source(), &[("f", &noise(10, round))]);
        let mut options = bench.options();
        options.retention = Retention::KeepTime((HOUR * 24 * 30).into());
        bench.backup_with(options).unwrap().deleted_versions
    };
    for round in 0..4 {
        days(&mut bench, round);
    }
    bench.now += HOUR * 24 * 400;

    let deleted: u64 = (4..14).map(|round| days(&mut bench, round)).sum();

    assert_eq!(deleted, 0);
}
