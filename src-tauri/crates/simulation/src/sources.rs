//! What a client backs up: a folder, and a link to a folder of a disk that may be unplugged.

use std::cell::Cell;
use std::fs;
#[cfg(unix)]
use std::os::unix::fs::symlink;
#[cfg(windows)]
use std::os::windows::fs::symlink_dir as symlink;
use std::path::{Path, PathBuf};

use filetime::{FileTime, set_file_mtime};

use crate::audit::{Node, Tree, file_node};
use crate::event::Plug;
use crate::random::noise;

/// Files of each source; the last of each lies in a folder.
const FILES: u8 = 4;

/// The sources of one client.
pub(crate) struct Sources {
    folder: PathBuf,
    /// A folder of another disk, when there is one.
    elsewhere: Option<PathBuf>,
    plug: Plug,
    /// Seconds that become the date of the next change, so that dates are the same in each replay.
    stamp: Cell<i64>,
}

impl Sources {
    /// Makes them below `folder`; `elsewhere` is on another disk.
    pub(crate) fn create(folder: PathBuf, elsewhere: Option<PathBuf>) -> Self {
        let sources = Self {
            folder,
            elsewhere,
            plug: Plug::In,
            stamp: Cell::new(1_500_000_000),
        };
        for part in ["docs/sub", "media/sub", "nothing"] {
            fs::create_dir_all(sources.folder.join(part)).expect("folders are created");
        }
        let not_mounted = sources.not_mounted();
        fs::create_dir_all(&not_mounted).expect("folders are created");
        fs::write(not_mounted.join("NOT_MOUNTED"), b"").expect("files are written");
        for part in ["docs", "media"] {
            fs::write(sources.folder.join(part).join("always"), part).expect("files are written");
        }
        symlink(sources.folder.join("media"), sources.photos()).expect("links are made");
        for part in [
            "docs/always",
            "docs/sub/x",
            "media/always",
            "media/sub/x",
            "nothing/x",
        ] {
            sources.date(&sources.folder.join(part));
        }
        sources
    }

    fn docs(&self) -> PathBuf {
        self.folder.join("docs")
    }

    fn photos(&self) -> PathBuf {
        self.folder.join("photos")
    }

    fn not_mounted(&self) -> PathBuf {
        let own = self.folder.join("mount point");
        self.elsewhere.clone().unwrap_or(own)
    }

    /// What is chosen for the backup.
    pub(crate) fn chosen(&self) -> Vec<PathBuf> {
        vec![self.docs(), self.photos()]
    }

    /// Whether the second source is there.
    pub(crate) fn plug(&self) -> Plug {
        self.plug
    }

    /// Lets the second source be there, or not.
    pub(crate) fn set_plug(&mut self, plug: Plug) {
        self.plug = plug;
        let link = self.photos();
        let _ = fs::remove_file(&link);
        let target = match plug {
            Plug::In => self.folder.join("media"),
            Plug::Dangling => self.folder.join("no such folder"),
            Plug::Missing => return,
            Plug::Empty => self.folder.join("nothing"),
            Plug::NotMounted => self.not_mounted(),
            Plug::Unreadable => link.clone(),
        };
        symlink(target, link).expect("links are made");
    }

    fn path(&self, file: u8) -> Option<PathBuf> {
        let (root, number) = ((file / FILES) % 2, file % FILES);
        if root == 1 && self.plug != Plug::In {
            return None;
        }
        let root = self.folder.join(if root == 0 { "docs" } else { "media" });
        Some(if number + 1 == FILES {
            root.join("sub").join(format!("f{number}"))
        } else {
            root.join(format!("f{number}"))
        })
    }

    /// Writes in place, as most programs do.
    pub(crate) fn write(&self, file: u8, len: u32, content: u64) {
        if let Some(path) = self.path(file) {
            fs::write(&path, noise(len as usize, content)).expect("files are written");
            self.date(&path);
        }
    }

    pub(crate) fn remove(&self, file: u8) {
        if let Some(path) = self.path(file) {
            let _ = fs::remove_file(&path);
            self.date(&path);
        }
    }

    /// Dates a file and its folder.
    fn date(&self, path: &Path) {
        self.stamp.set(self.stamp.get() + 10);
        let time = FileTime::from_unix_time(self.stamp.get(), 0);
        let _ = set_file_mtime(path, time);
        set_file_mtime(path.parent().unwrap_or(path), time).expect("times are set");
    }

    /// Other content of the same size and date.
    pub(crate) fn disguise(&self, file: u8, content: u64) {
        let Some(path) = self.path(file) else {
            return;
        };
        let Ok(stat) = fs::metadata(&path) else {
            return;
        };
        let data = noise(stat.len() as usize, content);
        fs::write(&path, data).expect("files are written");
        let time = FileTime::from_last_modification_time(&stat);
        set_file_mtime(&path, time).expect("times are set");
    }

    /// The pattern of a file for rules, and the end of its path.
    pub(crate) fn suffix(file: u8) -> String {
        let number = file % FILES;
        let root = if (file / FILES).is_multiple_of(2) {
            "docs"
        } else {
            "photos"
        };
        if number + 1 == FILES {
            format!("{root}/sub/f{number}")
        } else {
            format!("{root}/f{number}")
        }
    }

    /// Both sources as versions hold them, with paths cut by `base`; `None` for one that cannot be looked into.
    pub(crate) fn look(&self, base: &str) -> [Option<Tree>; 2] {
        let is_there = matches!(self.plug, Plug::In | Plug::Empty | Plug::NotMounted);
        let photos = is_there.then(|| tree(&self.photos(), base));
        [Some(tree(&self.docs(), base)), photos]
    }

    /// Whether a folder of another disk stands in the place of one that is not mounted.
    pub(crate) fn has_other_disk(&self) -> bool {
        self.elsewhere.is_some()
    }

    /// What paths of each source start with.
    pub(crate) fn prefixes(&self, base: &str) -> [String; 2] {
        [self.docs(), self.photos()].map(|root| stored(&root, base))
    }
}

fn stored(path: &Path, base: &str) -> String {
    let path = path.to_str().expect("paths here are Unicode");
    path.strip_prefix(base).unwrap_or(path).to_owned()
}

/// A folder and everything in it.
pub(crate) fn tree(root: &Path, base: &str) -> Tree {
    let mut tree = Tree::new();
    add(root, &stored(root, base), &mut tree);
    tree
}

fn add(path: &Path, name: &str, tree: &mut Tree) {
    let name = format!("{name}/");
    tree.insert(name.clone(), Some(Node::Folder));
    for entry in fs::read_dir(path).expect("folders can be listed") {
        let entry = entry.expect("folders can be listed");
        let child = format!("{name}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().expect("entries have a type");
        if kind.is_dir() {
            add(&entry.path(), &child, tree);
        } else if kind.is_symlink() {
            tree.insert(child, Some(Node::Link));
        } else {
            let data = fs::read(entry.path()).expect("files can be read");
            tree.insert(child, Some(file_node(&data)));
        }
    }
}
