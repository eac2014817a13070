use std::fs;
use std::path::Path;

use coffer_testkit::{Tree, write_files};

/// Incompressible bytes, different for each `seed`.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Writes a small home: text and noise, empty and nested, odd names, twins; on Unix links and modes, too.
///
/// # Panics
/// When it cannot be written.
pub fn write_source(folder: &Path) {
    write_files(
        folder,
        &[
            ("letter.txt", b"Dear reader"),
            ("empty", b""),
            ("docs/text.txt", &b"text that repeats ".repeat(3000)),
            ("docs/deep/er/noise.bin", &noise(700_000, 1)),
            ("docs/twin.bin", &noise(700_000, 1)),
            ("docs/exactly one block", &noise(102_400, 2)),
            ("a b/\u{fc} \u{2602} #1 50%.txt", b"umbrella"),
            ("photos/a.jpg", &noise(300_000, 3)),
            ("photos/b.jpg", &noise(2_300_000, 4)),
        ],
    );
    fs::create_dir(folder.join("empty folder")).expect("a folder");
    let old = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 123_456_700);
    let file = fs::File::options()
        .write(true)
        .open(folder.join("docs/text.txt"));
    file.and_then(|file| file.set_modified(old))
        .expect("an old file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        symlink("docs/deep", folder.join("link to a folder")).expect("a link");
        symlink("letter.txt", folder.join("link to a file")).expect("a link");
        symlink("/nowhere/at/all", folder.join("dangling")).expect("a link");
        for (path, mode) in [
            ("letter.txt", 0o600),
            ("docs/text.txt", 0o755),
            ("photos", 0o750),
        ] {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(folder.join(path), mode).expect("a mode");
        }
    }
}

/// Compares two trees entry by entry, so that a difference is reported with its path.
///
/// # Panics
/// When they differ.
#[track_caller]
pub fn assert_same_tree(found: &Tree, expected: &Tree, what: &str) {
    for path in expected.keys().chain(found.keys()) {
        assert_eq!(found.get(path), expected.get(path), "{what}: {path}");
    }
}
