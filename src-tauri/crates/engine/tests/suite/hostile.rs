use std::fs;
use std::io::Cursor;

#[cfg(unix)]
use coffer_testkit::write_files;
use coffer_volume::archive::{BlockCompressor, Hint};
use coffer_volume::dblock::DblockWriter;
use coffer_volume::dindex::{self, BlockRow};
use coffer_volume::dlist::{Completeness, DlistHead, DlistWriter, EntryKind, FilelistEntry};
use coffer_volume::metadata::Metadata;
use coffer_volume::stream::{Parts, StreamRef};
use coffer_volume::{Encryption, Format, VolumeName};

use crate::support::Bench;

/// Writes a backup whose file list names these paths; every file and folder is made of the same few blocks.
fn write_backup(bench: &mut Bench, entries: &[(&str, EntryKind, Option<&str>)]) {
    bench.passphrase = None;
    let folder = bench.destination_path();
    fs::create_dir_all(&folder).unwrap();
    let format = Format::default();
    let encryption = Encryption::None;
    let time = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut compressor = BlockCompressor::new(6);
    let mut rows = Vec::new();
    let mut dblock = DblockWriter::create(Vec::new(), &format, &encryption, time).unwrap();
    let mut store = |data: Vec<u8>| {
        let hash = format.block_hash().digest(&data);
        let size = data.len() as u64;
        if !rows.iter().any(|row: &BlockRow| row.hash == hash) {
            rows.push(BlockRow { hash, size });
            dblock
                .add(hash, &compressor.prepare(data, Hint::Compress))
                .unwrap();
        }
        StreamRef {
            hash,
            size,
            parts: Parts::Block(hash),
        }
    };
    let list: Vec<_> = entries
        .iter()
        .map(|(path, kind, link)| {
            let metadata = Metadata {
                symlink_target: link.map(str::to_owned),
                ..Metadata::default()
            };
            FilelistEntry {
                kind: *kind,
                path: (*path).to_owned(),
                content: (*kind == EntryKind::File).then(|| store(b"hostile".to_vec())),
                time: Some(time),
                metadata: Some(store(metadata.encode())),
            }
        })
        .collect();
    let name = VolumeName::new_dblock("duplicati", &encryption);
    let (bytes, digest) = dblock.finish().unwrap();
    fs::write(folder.join(name.as_str()), bytes).unwrap();
    let index = VolumeName::new_dindex("duplicati", &encryption);
    let (bytes, _) = dindex::write(
        Vec::new(),
        &format,
        &encryption,
        time,
        (&name, digest),
        &rows,
        &[],
    )
    .unwrap();
    fs::write(folder.join(index.as_str()), bytes).unwrap();
    let scratch = Cursor::new(Vec::new());
    let mut dlist = DlistWriter::create(
        Vec::new(),
        scratch,
        &format,
        &encryption,
        &DlistHead {
            created: time,
            completeness: Completeness::Full,
            maker: None,
        },
    )
    .unwrap();
    for entry in &list {
        dlist.add(entry).unwrap();
    }
    let name = VolumeName::new_dlist("duplicati", time, &encryption);
    fs::write(folder.join(name.as_str()), dlist.finish().unwrap().0).unwrap();
}

#[test]
fn paths_that_leave_the_target_are_refused_and_the_rest_is_restored() {
    let mut bench = Bench::new();
    write_backup(
        &mut bench,
        &[
            ("/s/", EntryKind::Folder, None),
            ("/s/../../escaped", EntryKind::File, None),
            ("/s/ok", EntryKind::File, None),
        ],
    );
    let target = bench.folder.path().join("deep/er/target");

    let stats = bench.restore(0, &target).unwrap();

    assert!(!bench.folder.path().join("escaped").exists());
    assert!(!bench.folder.path().join("deep/escaped").exists());
    assert_eq!(stats.failed_files, 1);
    assert_eq!(bench.recorder.problems(), ["/s/../../escaped: HostilePath"]);
    let restored = fs::read_dir(&target).unwrap().count();
    assert_eq!(restored, 1);
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link_of_the_backup() {
    let mut bench = Bench::new();
    let outside = bench.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let link = outside.to_str().unwrap().to_owned();
    write_backup(
        &mut bench,
        &[
            ("/s/", EntryKind::Folder, None),
            ("/s/way", EntryKind::Symlink, Some(&link)),
            ("/s/way/file", EntryKind::File, None),
        ],
    );
    let target = bench.folder.path().join("target");

    bench.restore(0, &target).unwrap();

    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link_that_was_there_before() {
    let mut bench = Bench::new();
    let outside = bench.folder.path().join("outside");
    write_files(&outside, &[("victim", b"untouched")]);
    write_backup(
        &mut bench,
        &[
            ("/s/", EntryKind::Folder, None),
            ("/s/way/", EntryKind::Folder, None),
            ("/s/other", EntryKind::File, None),
            ("/s/way/victim", EntryKind::File, None),
        ],
    );
    let target = bench.folder.path().join("target");
    fs::create_dir(&target).unwrap();
    std::os::unix::fs::symlink(&outside, target.join("way")).unwrap();

    bench.restore(0, &target).unwrap();

    assert_eq!(fs::read(outside.join("victim")).unwrap(), b"untouched");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert!(target.join("other").exists());
    let problems = bench.recorder.problems();
    assert!(
        problems.contains(&"/s/way/victim: LinkInTheWay".to_owned()),
        "{problems:?}"
    );
}

#[cfg(unix)]
#[test]
fn links_come_back_as_they_were_stored_also_when_they_point_outside() {
    let mut bench = Bench::new();
    write_backup(
        &mut bench,
        &[
            ("/s/", EntryKind::Folder, None),
            ("/s/absolute", EntryKind::Symlink, Some("/etc/hostname")),
            ("/s/folder/", EntryKind::Symlink, Some("../..")),
        ],
    );
    let target = bench.folder.path().join("target");

    let stats = bench.restore(0, &target).unwrap();

    assert_eq!(stats.failed_files, 0);
    assert_eq!(
        fs::read_link(target.join("absolute")).unwrap().to_str(),
        Some("/etc/hostname")
    );
    assert_eq!(
        fs::read_link(target.join("folder")).unwrap().to_str(),
        Some("../..")
    );
}
