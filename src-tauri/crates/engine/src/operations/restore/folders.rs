//! Folders of a restore, open, so that nothing that becomes of their paths leads a restore elsewhere.
//!
//! Each is opened from the one above it and never through a link; only the base, which is the person's own choice, may
//! be reached in any way. All that a restore does to files is done in an open folder by a plain name. A folder that is
//! moved away meanwhile takes what is written with it; one that is a link when it is opened again is refused.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(unix)]
pub(super) use crate::operations::restore::folder_unix::Folder;
#[cfg(windows)]
pub(super) use crate::operations::restore::folder_windows::Folder;
use crate::operations::restore::target::Place;

/// Folders that are kept open, as each takes one of the files that a process may have open (256 on macOS).
const MOST_OPEN: usize = 96;

/// What something is, whatever its name: volume and number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(pub(super) u64, pub(super) u64);

/// What something in a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    Other,
}

/// Something in a folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stat {
    pub(super) kind: Kind,
    /// Bytes; files only.
    pub(super) len: u64,
    pub(super) id: FileId,
}

/// A link stands where a folder should be.
#[derive(Debug)]
pub(super) struct LinkInTheWay(pub(super) PathBuf);

impl std::fmt::Display for LinkInTheWay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is a link", self.0.display())
    }
}

impl std::error::Error for LinkInTheWay {}

/// The folders of one restore, shared by all that write.
pub(super) struct Folders {
    /// Mode of new folders until they get their own.
    mode: u32,
    /// Part of the temporary names of this restore.
    token: String,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    open: HashMap<PathBuf, Open>,
    /// Counts uses.
    clock: u64,
    /// Folders that exist and in which nothing lies about any more.
    prepared: HashSet<PathBuf>,
    /// Those of them that this restore made, and that have not got their metadata, with their base.
    created: HashMap<PathBuf, PathBuf>,
}

struct Open {
    folder: Arc<Folder>,
    last_use: u64,
    is_prepared: bool,
}

impl Folders {
    pub(super) fn new(token: &str, mode: u32) -> Self {
        Self {
            mode,
            token: token.to_owned(),
            known: Mutex::default(),
        }
    }

    /// A folder that is there.
    pub(super) fn existing(&self, base: &Path, rest: &Path) -> io::Result<Arc<Folder>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.find(base, rest, None)
    }

    /// A folder, which is made if need be. What killed restores left in it is removed.
    pub(super) fn prepared(&self, base: &Path, rest: &Path) -> io::Result<Arc<Folder>> {
        // Held until the folder is there: another thread would otherwise create the same one.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let path = join(base, rest);
        if let Some((folder, true)) = known.take_open(&path) {
            return Ok(folder);
        }
        let folder = match known.find(base, rest, Some(self.mode)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !base.is_dir() => {
                if create_base(base, self.mode)? {
                    known.created.insert(base.to_owned(), base.to_owned());
                }
                known.find(base, rest, Some(self.mode))?
            }
            found => found?,
        };
        if !known.prepared.contains(&path) {
            if !known.created.contains_key(&path) {
                sweep(&folder, &self.token);
            }
            known.prepared.insert(path.clone());
        }
        if let Some(open) = known.open.get_mut(&path) {
            open.is_prepared = true;
        }
        Ok(folder)
    }

    /// Makes a base; returns whether it was not there. Such a one gets metadata like all that is in it.
    pub(super) fn create_base(&self, base: &Path) -> io::Result<bool> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = create_base(base, self.mode)?;
        if is_new {
            known.created.insert(base.to_owned(), base.to_owned());
        }
        Ok(is_new)
    }

    /// Whether this restore made the folder; only the first to ask inner it.
    pub(super) fn take_created(&self, base: &Path, rest: &Path) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.created.remove(&join(base, rest)).is_some()
    }

    /// Folders that this restore made and that were not asked for, deepest first.
    pub(super) fn take_all_created(&self) -> Vec<Place> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut created: Vec<_> = known.created.drain().collect();
        created.sort_unstable_by(|a, b| b.cmp(a));
        let place = |(path, base): (PathBuf, PathBuf)| Place {
            rest: path
                .strip_prefix(&base)
                .map(Path::to_owned)
                .unwrap_or_default(),
            base,
        };
        created.into_iter().map(place).collect()
    }
}

impl Known {
    /// Opens what is not open yet, from the deepest folder that is. Without a mode nothing is made.
    fn find(&mut self, base: &Path, rest: &Path, mode: Option<u32>) -> io::Result<Arc<Folder>> {
        let path = join(base, rest);
        if let Some((folder, _)) = self.take_open(&path) {
            return Ok(folder);
        }
        let mut above = rest;
        let mut folder = loop {
            match above.parent() {
                Some(parent) => above = parent,
                None => break Arc::new(Folder::open(base)?),
            }
            if let Some((folder, _)) = self.take_open(&join(base, above)) {
                break folder;
            }
        };
        let mut path = join(base, above);
        if above.as_os_str().is_empty() {
            self.keep(path.clone(), &folder);
        }
        let missing = rest.strip_prefix(above).unwrap_or(rest);
        for part in missing.components() {
            let part = part.as_os_str();
            path.push(part);
            folder = match (folder.child(part), mode) {
                (Ok(child), _) => Arc::new(child),
                (Err(error), Some(mode)) if error.kind() == io::ErrorKind::NotFound => {
                    self.create_child(&folder, part, (base, &path), mode)?
                }
                (Err(error), _) => return Err(error),
            };
            self.keep(path.clone(), &folder);
        }
        Ok(folder)
    }

    fn create_child(
        &mut self,
        folder: &Folder,
        name: &OsStr,
        (base, path): (&Path, &Path),
        mode: u32,
    ) -> io::Result<Arc<Folder>> {
        match folder.create_child(name, mode) {
            Ok(()) => drop(self.created.insert(path.to_owned(), base.to_owned())),
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        folder.child(name).map(Arc::new)
    }

    /// A folder that is open, and whether it is prepared.
    fn take_open(&mut self, path: &Path) -> Option<(Arc<Folder>, bool)> {
        self.clock += 1;
        let open = self.open.get_mut(path)?;
        open.last_use = self.clock;
        Some((Arc::clone(&open.folder), open.is_prepared))
    }

    fn keep(&mut self, path: PathBuf, folder: &Arc<Folder>) {
        if self.open.len() >= MOST_OPEN {
            let oldest = self.open.iter().min_by_key(|(_, open)| open.last_use);
            if let Some(oldest) = oldest.map(|(path, _)| path.clone()) {
                self.open.remove(&oldest);
            }
        }
        self.clock += 1;
        let open = Open {
            folder: Arc::clone(folder),
            last_use: self.clock,
            is_prepared: false,
        };
        self.open.insert(path, open);
    }
}

/// Name of a file of this restore that is not complete.
pub(super) fn temporary_name(token: &str, entry: i64) -> std::ffi::OsString {
    format!(".coffer-{token}-{entry}.part").into()
}

/// The token, if it is such a name.
fn token_of(name: &OsStr) -> Option<&str> {
    let (token, entry) = name
        .to_str()?
        .strip_prefix(".coffer-")?
        .strip_suffix(".part")?
        .split_once('-')?;
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_number = !entry.is_empty() && entry.bytes().all(|byte| byte.is_ascii_digit());
    (token.len() == 8 && token.bytes().all(hex) && is_number).then_some(token)
}

/// Removes what restores left that were killed. Those that go on have a lock on some of their files.
fn sweep(folder: &Folder, own_token: &str) {
    let Ok(names) = folder.names() else {
        return;
    };
    let mut left = Vec::new();
    let mut living = HashSet::new();
    for name in &names {
        let Some(token) = token_of(name).filter(|token| *token != own_token) else {
            continue;
        };
        let Ok(file) = folder.open_file(name) else {
            continue;
        };
        match file.try_lock() {
            // Held until all were looked at, because files beyond the first few of a restore have no lock.
            Ok(()) if left.len() < MOST_OPEN => left.push((token, name, Some(file))),
            Ok(()) => left.push((token, name, None)),
            Err(TryLockError::WouldBlock) => drop(living.insert(token)),
            // This system does not say.
            Err(TryLockError::Error(_)) => drop(living.insert(token)),
        }
    }
    for (token, name, file) in left {
        if living.contains(token) {
            continue;
        }
        drop(file);
        if let Err(error) = folder.remove_file(name) {
            tracing::warn!(name = %name.display(), %error, "could not remove what a restore left");
        }
    }
}

/// Folders above it that are missing, too, are as all new ones.
fn create_base(base: &Path, mode: u32) -> io::Result<bool> {
    if base.is_dir() {
        return Ok(false);
    }
    if let Some(parent) = base.parent() {
        fs::create_dir_all(parent)?;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        fs::DirBuilder::new().mode(mode).create(base)?;
    }
    #[cfg(windows)]
    {
        let _ = mode;
        fs::create_dir(base)?;
    }
    Ok(true)
}

/// Joining nothing would add a separator.
pub(super) fn join(base: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() {
        base.to_owned()
    } else {
        base.join(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_names_are_those_of_a_restore() {
        assert_eq!(
            token_of(OsStr::new(".coffer-0123abcd-17.part")),
            Some("0123abcd")
        );
        for other in [
            ".coffer-0123abcd-.part",
            ".coffer-0123abcd-1x.part",
            ".coffer-0123ABCD-1.part",
            ".coffer-0123abcde-1.part",
            ".coffer-0123abcd-1.part.txt",
            "coffer-0123abcd-1.part",
            ".coffer-my-1.part",
        ] {
            assert_eq!(token_of(OsStr::new(other)), None, "{other}");
        }
    }

    #[test]
    fn leftovers_are_removed_but_not_those_of_a_restore_that_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in [
            ".coffer-00000001-1.part",
            ".coffer-00000002-1.part",
            ".coffer-00000002-2.part",
            ".coffer-00000003-1.part",
            ".coffer-x-1.part",
        ] {
            fs::write(path(name), "x").unwrap();
        }
        let living = fs::File::open(path(".coffer-00000002-2.part")).unwrap();
        living.lock().unwrap();
        let folders = Folders::new("00000003", 0o777);

        folders.prepared(folder.path(), Path::new("")).unwrap();

        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(
            left,
            [
                ".coffer-00000002-1.part",
                ".coffer-00000002-2.part",
                ".coffer-00000003-1.part",
                ".coffer-x-1.part"
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn more_folders_than_may_be_open_are_reached_again() {
        let base = tempfile::tempdir().unwrap();
        let folders = Folders::new("00000001", 0o777);
        let rest = |number: usize| PathBuf::from(format!("a/{number}/b"));
        for number in 0..3 * MOST_OPEN {
            folders.prepared(base.path(), &rest(number)).unwrap();
        }
        fs::rename(base.path().join("a/0"), base.path().join("moved")).unwrap();
        std::os::unix::fs::symlink(base.path(), base.path().join("a/0")).unwrap();

        assert!(folders.known.lock().unwrap().open.len() <= MOST_OPEN);
        folders.existing(base.path(), &rest(1)).unwrap();
        let refused = folders.existing(base.path(), &rest(0)).err().unwrap();
        assert!(refused.get_ref().unwrap().is::<LinkInTheWay>());
        assert!(folders.prepared(base.path(), &rest(0)).is_err());
    }
}
