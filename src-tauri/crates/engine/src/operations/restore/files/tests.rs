use coffer_database::PlanEntry;

use super::*;
use crate::operations::restore::files::{Failure, Files};
use crate::operations::restore::folders::temporary_name;
use crate::operations::restore::options::{Existing, Permissions, RestoreOptions};
use crate::operations::restore::parts::{MOST_OPEN, Parts};
use crate::operations::restore::selection::Selection;
use crate::operations::restore::target::Place;
use crate::operations::restore::wanted_file::{Flags, Target};

fn target(folder: &Path, content: &[u8], flags: Flags) -> Target {
    let hash = Format::default().file_hash().digest(content);
    Target {
        entry: PlanEntry {
            id: 1,
            kind: 0,
            path: "/f".to_owned(),
            content: Some((hash.as_bytes().to_vec(), content.len() as u64)),
            listed: false,
            metadata: None,
            missing: 0,
        },
        place: Place {
            base: folder.to_owned(),
            rest: "f".into(),
        },
        flags,
    }
}

fn files(existing: Existing) -> Files {
    let options = RestoreOptions {
        version: 0,
        selection: Selection::all(),
        target: None,
        existing,
        permissions: Permissions::Leave,
    };
    Files::new(&Format::default(), &options, Timestamp::UNIX_EPOCH)
}

#[test]
fn content_that_no_block_proves_is_compared_with_the_hash_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let flags = Flags {
        has_other_hash: true,
        ..Flags::default()
    };
    let target = target(folder.path(), b"stored", flags);
    let (files, mut parts) = (files(Existing::KeepBoth), Parts::default());

    let at_once = files.put(&mut parts, &target, b"others", None);
    files.write(&mut parts, &target, 0, b"others").unwrap();
    let by_parts = files.complete(&mut parts, &target, None);

    for outcome in [at_once, by_parts] {
        assert!(matches!(outcome, Err(Failure::Mismatch)));
    }
    assert!(!folder.path().join("f").exists());
}

#[test]
fn temporary_files_that_somebody_replaced_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let target = target(folder.path(), b"stored", Flags::default());
    let (files, mut parts) = (files(Existing::KeepBoth), Parts::default());
    files.write(&mut parts, &target, 0, b"sto").unwrap();
    parts.close();
    let outside = folder.path().join("outside");
    std::fs::write(&outside, "untouched").unwrap();
    let temporary = folder.path().join(temporary_name(&files.token, 1));
    std::fs::remove_file(&temporary).unwrap();
    std::fs::hard_link(&outside, &temporary).unwrap();

    let written = files.write(&mut parts, &target, 3, b"red");

    assert!(written.is_err());
    assert_eq!(std::fs::read(outside).unwrap(), b"untouched");
}

#[test]
fn more_files_than_may_be_open_are_written_by_turns() {
    let folder = tempfile::tempdir().unwrap();
    let (files, mut parts) = (files(Existing::KeepBoth), Parts::default());
    let mut targets = Vec::new();
    for number in 0..3 * MOST_OPEN {
        let mut target = target(folder.path(), b"stored", Flags::default());
        target.entry.id = number as i64 + 1;
        target.place.rest = number.to_string().into();
        targets.push(target);
    }

    for (offset, data) in [(3, b"red"), (0, b"sto")] {
        for target in &targets {
            files.write(&mut parts, target, offset, data).unwrap();
            assert!(parts.open.len() <= MOST_OPEN);
        }
    }
    for target in &targets {
        assert!(files.complete(&mut parts, target, None).is_ok());
    }

    assert!(parts.partial.is_empty());
    for number in 0..3 * MOST_OPEN {
        let content = std::fs::read(folder.path().join(number.to_string())).unwrap();
        assert_eq!(content, b"stored");
    }
}
