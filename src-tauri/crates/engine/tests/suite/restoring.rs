//! What a restore does to the disk: where it writes, who may read it meanwhile, and what comes back besides content.

use std::fs::{self, File, Permissions as FilePermissions};
use std::io::Cursor;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::{Arc, Mutex};

use coffer_destination::{Error as DestinationError, Result as DResult};
use coffer_engine::{Error, Existing, Permissions, RestoreOptions, Selection};
use coffer_testkit::{snapshot, write_files};
use coffer_volume::archive::VolumeReader;
use coffer_volume::dlist::{Completeness, DlistHead, DlistReader, DlistWriter, FilelistEntry};
use coffer_volume::{Encryption, VolumeName};

use crate::hooked::Hooked;
use crate::support::{Bench, noise};

/// Backs up into volumes of 1 MiB in small blocks.
pub(crate) fn back_up(bench: &mut Bench) {
    let mut options = bench.options();
    options.volume_size = 1 << 20;
    options.block_size.get_or_insert(100 * 1024);
    options.parallel_uploads = 1;
    options.test_samples = 0;
    bench.backup_with(options).unwrap();
}

fn hook(bench: &mut Bench, before_get: impl Fn(&str) -> DResult<()> + Send + Sync + 'static) {
    bench.destination = Arc::new(Hooked {
        before_get: Box::new(before_get),
        ..Hooked::over(bench.destination.clone())
    });
}

pub(crate) fn options(target: Option<&Path>) -> RestoreOptions {
    RestoreOptions {
        version: 0,
        selection: Selection::all(),
        target: target.map(Path::to_owned),
        existing: Existing::KeepBoth,
        permissions: Permissions::Restore,
    }
}

/// Rewrites the only file list of an unencrypted backup.
pub(crate) fn rewrite(bench: &Bench, change: impl FnOnce(&mut Vec<FilelistEntry>)) {
    let mut names = bench.volumes();
    names.retain(|name| name.contains(".dlist."));
    let path = bench.destination_path().join(&names[0]);
    let name = VolumeName::parse(&names[0]).unwrap();
    let volume = VolumeReader::open(File::open(&path).unwrap(), &name, None).unwrap();
    let mut reader = DlistReader::new(volume).unwrap();
    let mut entries = Vec::new();
    let read: Result<(), coffer_volume::Error> = reader.read_entries(|entry| {
        entries.push(entry);
        Ok(())
    });
    read.unwrap();
    change(&mut entries);
    let mut writer = DlistWriter::create(
        Vec::new(),
        Cursor::new(Vec::new()),
        reader.format(),
        &Encryption::None,
        &DlistHead {
            created: name.time().unwrap(),
            completeness: Completeness::Full,
            maker: None,
        },
    )
    .unwrap();
    for entry in &entries {
        writer.add(entry).unwrap();
    }
    fs::write(path, writer.finish().unwrap().0).unwrap();
    fs::remove_dir_all(bench.cache()).unwrap();
}

pub(crate) fn entry_named<'e>(
    entries: &'e mut [FilelistEntry],
    name: &str,
) -> &'e mut FilelistEntry {
    let found = entries.iter_mut().find(|entry| entry.path.ends_with(name));
    found.unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, FilePermissions::from_mode(mode)).unwrap();
}

fn set_time(path: &Path, second: u64) {
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second);
    File::open(path).unwrap().set_modified(time).unwrap();
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn metadata_is_not_set_through_a_link() {
    let mut bench = Bench::plain();
    let content = b"the same content";
    write_files(&bench.source(), &[("sub/f", content), ("x", b"x")]);
    set_mode(&bench.source().join("sub/f"), 0o777);
    back_up(&mut bench);
    let outside = bench.folder.path().join("outside");
    write_files(&outside, &[("f", content)]);
    set_mode(&outside, 0o711);
    set_mode(&outside.join("f"), 0o600);
    set_time(&outside.join("f"), 1000);
    set_time(&outside, 1000);
    let target = bench.folder.path().join("restored");
    fs::create_dir(&target).unwrap();
    symlink(&outside, target.join("sub")).unwrap();

    let stats = bench.restore(0, &target).unwrap();

    for path in [outside.join("f"), outside.clone()] {
        assert_eq!(fs::metadata(&path).unwrap().mtime(), 1000, "{path:?}");
    }
    assert_eq!((mode(&outside.join("f")), mode(&outside)), (0o600, 0o711));
    assert_eq!(stats.failed_files, 2);
    let problems = bench.recorder.problems();
    assert!(
        problems
            .iter()
            .all(|reported| reported.ends_with(": LinkInTheWay")),
        "{problems:?}"
    );
}

#[test]
fn nothing_is_written_through_a_link_that_appears_meanwhile() {
    let mut bench = Bench::plain();
    for number in 0..40_u64 {
        let name = format!("sub/{number:02}");
        write_files(&bench.source(), &[(&name, &noise(200_000, number))]);
    }
    back_up(&mut bench);
    let target = bench.folder.path().join("restored");
    let outside = bench.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    set_mode(&outside, 0o711);
    set_time(&outside, 1000);
    let (sub, away) = (target.join("sub"), outside.clone());
    hook(&mut bench, move |name| {
        // Another process of the owner of the target.
        if name.contains(".dblock.") && sub.is_dir() && !sub.is_symlink() {
            fs::rename(&sub, sub.with_extension("old")).unwrap();
            symlink(&away, &sub).unwrap();
        }
        Ok(())
    });

    let stats = bench.restore(0, &target).unwrap();

    assert!(target.join("sub").is_symlink());
    assert_eq!(names(&outside), [""; 0]);
    assert_eq!(
        (mode(&outside), fs::metadata(&outside).unwrap().mtime()),
        (0o711, 1000)
    );
    let moved = names(&target.join("sub.old")).len() as u64;
    assert!(moved > 0);
    // What is not in the folder that was moved is reported; so is, perhaps, the folder.
    assert!((40..=41).contains(&(moved + stats.failed_files)));
}

#[test]
fn files_and_folders_are_private_until_they_are_complete() {
    for permissions in [Permissions::Restore, Permissions::Leave] {
        let mut bench = Bench::plain();
        write_files(&bench.source(), &[("sub/f", &noise(5 << 20, 1))]);
        set_mode(&bench.source().join("sub"), 0o751);
        set_mode(&bench.source().join("sub/f"), 0o640);
        back_up(&mut bench);
        let target = bench.folder.path().join("restored");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (sub, see) = (target.join("sub"), seen.clone());
        hook(&mut bench, move |_| {
            for name in sub.exists().then(|| names(&sub)).into_iter().flatten() {
                let modes = (mode(&sub), mode(&sub.join(&name)));
                see.lock().unwrap().push((name, modes));
            }
            Ok(())
        });

        let mut options = options(Some(&target));
        options.permissions = permissions;
        bench.restore_with(options).unwrap();

        let new = bench.folder.path().join("new");
        write_files(&new, &[("f", b"f")]);
        let (new_folder, new_file) = (mode(&new), mode(&new.join("f")));
        let expected = match permissions {
            Permissions::Restore => (0o700, 0o751, 0o640),
            Permissions::Leave => (new_folder, new_folder, new_file),
        };
        let seen = seen.lock().unwrap();
        assert!(!seen.is_empty());
        for (name, (folder, file)) in &*seen {
            assert!(name.starts_with(".coffer-"), "{name}");
            assert_eq!((*folder, *file), (expected.0, 0o600), "{permissions:?}");
        }
        let modes = (mode(&target.join("sub")), mode(&target.join("sub/f")));
        assert_eq!(modes, (expected.1, expected.2), "{permissions:?}");
    }
}

#[test]
fn folders_that_are_in_no_selection_are_no_more_private_than_new_ones() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("a/one", b"1"), ("b/two", b"2")]);
    back_up(&mut bench);
    let target = bench.folder.path().join("restored");
    let mut options = options(Some(&target));
    options.selection = Selection::arguments(&["one".to_owned(), "two".to_owned()]);

    bench.restore_with(options).unwrap();

    let new = bench.folder.path().join("new");
    fs::create_dir(&new).unwrap();
    for folder in [&target, &target.join("a"), &target.join("b")] {
        assert_eq!(mode(folder), mode(&new), "{folder:?}");
    }
}

#[test]
fn what_a_killed_restore_left_is_removed_by_the_next() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("sub/f", b"f")]);
    back_up(&mut bench);
    let target = bench.folder.path().join("restored");
    write_files(
        &target,
        &[
            ("sub/.coffer-0123abcd-7.part", b"half"),
            ("sub/.coffer-89abcdef-8.part", b"half of one in progress"),
            ("sub/.coffer-notes.part", b"mine"),
        ],
    );
    let living = File::open(target.join("sub/.coffer-89abcdef-8.part")).unwrap();
    living.lock().unwrap();

    bench.restore(0, &target).unwrap();

    assert_eq!(
        names(&target.join("sub")),
        [".coffer-89abcdef-8.part", ".coffer-notes.part", "f"]
    );
}

#[test]
fn an_empty_file_is_compared_with_its_hash() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("a", b"a"), ("empty", b"")]);
    back_up(&mut bench);
    rewrite(&bench, |entries| {
        let a = entry_named(entries, "/a").content.clone().unwrap();
        entry_named(entries, "/empty")
            .content
            .as_mut()
            .unwrap()
            .hash = a.hash;
    });
    let target = bench.folder.path().join("restored");

    let stats = bench.restore(0, &target).unwrap();

    assert_eq!(names(&target), ["a"]);
    assert_eq!(stats.failed_files, 1);
    let problems = bench.recorder.problems();
    assert!(problems[0].ends_with("ContentMismatch"), "{problems:?}");
}

#[test]
fn runs_of_zeros_come_back_as_holes() {
    const MIB: usize = 1 << 20;
    let mut bench = Bench::plain();
    let mut middle = noise(MIB, 1);
    middle.resize(5 * MIB, 0);
    middle.extend(noise(1000, 2));
    let mut end = noise(1000, 3);
    end.resize(4 * MIB + 77, 0);
    // Less than a block.
    let mut small = vec![1; 10];
    small.resize(90_000, 0);
    let files: [(&str, &[u8]); 4] = [
        ("zeros", &vec![0; 4 * MIB]),
        ("middle", &middle),
        ("end", &end),
        ("small", &small),
    ];
    write_files(&bench.source(), &files);
    back_up(&mut bench);
    let target = bench.folder.path().join("restored");

    bench.restore(0, &target).unwrap();

    assert_eq!(snapshot(&target), snapshot(&bench.source()));
    for (name, most) in [
        ("zeros", 0),
        ("middle", MIB + 16_384),
        ("end", 8192),
        ("small", 8192),
    ] {
        let taken = fs::metadata(target.join(name)).unwrap().blocks() * 512;
        assert!(taken <= most as u64, "{name} takes {taken}");
    }
    let again = bench.restore(0, &target).unwrap();
    assert_eq!(again.failed_files, 0);
    assert_eq!(names(&target).len(), 4);
}

#[test]
fn set_id_and_sticky_bits_come_back_with_the_permissions() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("tool", b"1"), ("shared/f", b"2")]);
    set_mode(&bench.source().join("tool"), 0o6755);
    set_mode(&bench.source().join("shared"), 0o3777);
    back_up(&mut bench);
    let target = bench.folder.path().join("restored");
    let left = bench.folder.path().join("left");
    let mut without = options(Some(&left));
    without.permissions = Permissions::Leave;

    bench.restore(0, &target).unwrap();

    assert_eq!(bench.recorder.problems(), [""; 0]);
    assert_eq!(mode(&target.join("tool")), 0o6755);
    assert_eq!(mode(&target.join("shared")), 0o3777);
    bench.restore_with(without).unwrap();
    assert_eq!(mode(&left.join("tool")) & 0o7000, 0);
    assert_eq!(mode(&left.join("shared")) & 0o7000, 0);
}

#[test]
fn the_top_folder_gets_its_times_and_mode_only_when_the_restore_made_it() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("f", b"f")]);
    set_mode(&bench.source(), 0o2750);
    set_time(&bench.source(), 1000);
    back_up(&mut bench);
    let new = bench.folder.path().join("deep/new");
    let old = bench.folder.path().join("old");
    fs::create_dir(&old).unwrap();
    set_mode(&old, 0o711);

    bench.restore(0, &new).unwrap();
    bench.restore(0, &old).unwrap();

    assert_eq!(
        (mode(&new), fs::metadata(&new).unwrap().mtime()),
        (0o2750, 1000)
    );
    assert_eq!(mode(&old), 0o711);
    assert_ne!(fs::metadata(&old).unwrap().mtime(), 1000);
    assert_ne!(mode(&bench.folder.path().join("deep")), 0o2750);
}

#[test]
fn paths_of_windows_do_not_go_back_where_they_were() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("f", b"f")]);
    back_up(&mut bench);
    rewrite(&bench, |entries| {
        for entry in entries {
            let name = if entry.path.ends_with('/') { "" } else { "f" };
            entry.path = format!("C:\\Users\\Pat\\{name}");
        }
    });
    let fetched = Arc::new(Mutex::new(0));
    let count = fetched.clone();
    hook(&mut bench, move |name| {
        *count.lock().unwrap() += u32::from(name.contains(".dblock."));
        Ok(())
    });

    let outcome = bench.restore_with(options(None));

    let refused = matches!(outcome, Err(Error::OtherSystem { is_windows: true }));
    assert!(refused, "{outcome:?}");
    assert_eq!(*fetched.lock().unwrap(), 0);
    let target = bench.folder.path().join("restored");
    bench.restore(0, &target).unwrap();
    assert_eq!(bench.recorder.problems(), [""; 0]);
    assert_eq!(names(&target), ["f"]);
}

#[test]
fn single_paths_of_windows_are_reported_and_the_others_go_back() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("f", b"f"), ("g", b"g")]);
    back_up(&mut bench);
    rewrite(&bench, |entries| {
        entry_named(entries, "/g").path = "C:\\g".to_owned();
    });
    fs::remove_file(bench.source().join("f")).unwrap();

    let stats = bench.restore_with(options(None)).unwrap();

    assert_eq!(stats.failed_files, 1);
    assert_eq!(bench.recorder.problems(), ["C:\\g: PathOfOtherSystem"]);
    assert_eq!(fs::read(bench.source().join("f")).unwrap(), b"f");
}

#[test]
fn only_folders_can_be_at_the_top() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("f", b"f")]);
    back_up(&mut bench);
    rewrite(&bench, |entries| {
        let top = entries[0].path.clone();
        let mut file = entry_named(entries, "/f").clone();
        file.path = format!("{top}/");
        entries.push(file);
    });
    let target = bench.folder.path().join("deep/restored");

    let stats = bench.restore(0, &target).unwrap();

    assert_eq!(stats.failed_files, 1);
    let problems = bench.recorder.problems();
    assert!(problems[0].ends_with("//: HostilePath"), "{problems:?}");
    assert_eq!(names(&bench.folder.path().join("deep")), ["restored"]);
    assert_eq!(names(&target), ["f"]);
}

#[test]
fn metadata_that_cannot_be_read_is_reported() {
    let mut bench = Bench::plain();
    write_files(&bench.source(), &[("sub/f", b"no metadata"), ("g", b"g")]);
    back_up(&mut bench);
    rewrite(&bench, |entries| {
        let text = entry_named(entries, "/f").content.clone();
        for name in ["/f", "/sub/"] {
            entry_named(entries, name).metadata = text.clone();
        }
    });
    let target = bench.folder.path().join("restored");

    let stats = bench.restore(0, &target).unwrap();

    let reported: Vec<_> = bench
        .recorder
        .problems()
        .into_iter()
        .map(|reported| reported.rsplit_once("source/").unwrap().1.to_owned())
        .collect();
    assert_eq!(
        reported,
        ["sub/f: MetadataNotRestored", "sub/: MetadataNotRestored"]
    );
    assert_eq!((stats.failed_files, stats.warnings), (0, 2));
    assert_eq!(fs::read(target.join("sub/f")).unwrap(), b"no metadata");
    // Whether it was private is unknown.
    assert_eq!(mode(&target.join("sub/f")), 0o600);
}

#[test]
fn a_volume_that_is_refused_costs_only_what_is_in_it() {
    let mut bench = Bench::plain();
    for number in 0..8_u64 {
        let name = format!("f{number}");
        write_files(&bench.source(), &[(&name, &noise(600_000, number))]);
    }
    back_up(&mut bench);
    let mut dblocks = bench.volumes();
    dblocks.retain(|name| name.contains(".dblock."));
    assert!(dblocks.len() > 2);
    let refused = dblocks[0].clone();
    hook(&mut bench, move |name| {
        if name == refused {
            return Err(DestinationError::Refused {
                operation: "download",
                name: name.to_owned(),
                why: "malware detected".to_owned(),
            });
        }
        Ok(())
    });
    let target = bench.folder.path().join("restored");

    let stats = bench.restore(0, &target).unwrap();

    let problems = bench.recorder.problems();
    let count = |kind: &str| {
        problems
            .iter()
            .filter(|reported| reported.ends_with(kind))
            .count() as u64
    };
    assert_eq!(count("VolumeUnusable"), 1, "{problems:?}");
    assert!((1..=3).contains(&count("DataMissing")), "{problems:?}");
    assert_eq!(stats.failed_files, count("DataMissing"));
    assert_eq!(names(&target).len() as u64, 8 - stats.failed_files);
}

#[test]
fn names_that_differ_in_case_are_two_files_where_case_matters() {
    let mut bench = Bench::plain();
    write_files(
        &bench.source(),
        &[
            ("A.txt", b"large"),
            ("a.txt", b"small"),
            ("É/x", b"1"),
            ("é/x", b"2"),
        ],
    );
    if names(&bench.source()).len() < 4 {
        return;
    }
    back_up(&mut bench);
    let target = bench.folder.path().join("restored");
    write_files(&target, &[("A.txt", b"older"), ("a.txt", b"older still")]);
    let mut options = options(Some(&target));
    options.existing = Existing::Overwrite;

    let stats = bench.restore_with(options).unwrap();

    assert_eq!((stats.failed_files, stats.warnings), (0, 0));
    assert_eq!(snapshot(&target), snapshot(&bench.source()));
}
