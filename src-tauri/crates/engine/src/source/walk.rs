use std::collections::{HashSet, VecDeque};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use coffer_volume::dlist::EntryKind;

use super::roots::{Root, with_separator};
use super::rules::{
    Decision, EmptyFolders, ExclusionMarks, HardlinkPolicy, Reason, SourceOptions, SymlinkPolicy,
};
use super::{SEPARATOR, attributes, exclusion_mark, hardlink_id};
use crate::filter::{Action, Filters};
use crate::monitor::ProblemKind;

/// A file, folder or link of a source.
#[derive(Debug)]
pub(crate) struct Found {
    /// Path as stored.
    pub(crate) stored: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    pub(crate) kind: EntryKind,
    /// Of itself, or of what it leads to when links are followed.
    pub(crate) stat: Metadata,
    /// Whether a link leads to a folder.
    pub(crate) links_to_folder: bool,
    /// Why it is stored.
    pub(crate) reason: Reason,
    /// False when it is known to have no extended attributes.
    #[cfg_attr(windows, allow(dead_code, reason = "nobody asks for them there"))]
    pub(crate) has_xattrs: bool,
}

impl Found {
    /// Bytes of content; folders and links have none.
    pub(crate) fn content_len(&self) -> u64 {
        if self.kind == EntryKind::File {
            self.stat.len()
        } else {
            0
        }
    }
}

/// What the walk comes across.
#[derive(Debug)]
pub(crate) enum WalkItem {
    Entry(Box<Found>),
    /// Something that cannot be backed up. All that is stored under `keep`, if given, is kept as it was.
    Problem {
        subject: String,
        kind: ProblemKind,
        keep: Option<String>,
    },
    /// A folder root without anything in it.
    EmptyRoot(String),
    /// Something that gets no entry; told by [`Walk::explaining`] only.
    LeftOut(Decision),
}

/// Walks sources in the order of stored paths.
pub(crate) struct Walk<'a> {
    filters: &'a Filters,
    options: &'a SourceOptions,
    explains: bool,
    roots: std::vec::IntoIter<Root>,
    stack: Vec<OpenFolder>,
    /// Items that come before anything else.
    ready: VecDeque<WalkItem>,
    /// Folders whose entries wait until something in them is stored.
    waiting: Vec<Found>,
    /// Files with several names that were met.
    hardlinks: HashSet<(u64, u64)>,
}

/// A folder that is being walked.
struct OpenFolder {
    /// Still to visit.
    children: std::vec::IntoIter<Child>,
    /// Without links on the way; known when links are followed.
    real: Option<PathBuf>,
}

/// A name in a folder that is being walked.
struct Child {
    stored: String,
    path: PathBuf,
    kind: EntryKind,
    links_to_folder: bool,
    /// What the filters say.
    verdict: Verdict,
}

/// What the filters say of a path.
enum Verdict {
    Store(Reason),
    /// A folder that gets no entry itself.
    Enter,
    LeaveOut(Reason),
}

impl<'a> Walk<'a> {
    pub(crate) fn new(roots: Vec<Root>, filters: &'a Filters, options: &'a SourceOptions) -> Self {
        Self {
            filters,
            options,
            explains: false,
            roots: roots.into_iter(),
            stack: Vec::new(),
            ready: VecDeque::new(),
            waiting: Vec::new(),
            hardlinks: HashSet::new(),
        }
    }

    /// The same walk, which tells also of what is left out.
    pub(crate) fn explaining(mut self) -> Self {
        self.explains = true;
        self
    }

    fn start_root(&mut self, root: Root) -> Option<WalkItem> {
        let missing = |kind| WalkItem::Problem {
            subject: root.stored.clone(),
            kind,
            keep: Some(root.stored.clone()),
        };
        let stat = match fs::symlink_metadata(&root.path) {
            Ok(stat) => stat,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Some(missing(ProblemKind::SourceMissing));
            }
            Err(error) => return Some(missing(ProblemKind::Unreadable(error))),
        };
        // A root that is a link stands for what it leads to: that is what the person chose.
        let stat = if stat.is_symlink() {
            fs::metadata(&root.path).unwrap_or(stat)
        } else {
            stat
        };
        let kind = if stat.is_dir() {
            EntryKind::Folder
        } else if stat.is_symlink() {
            EntryKind::Symlink
        } else {
            EntryKind::File
        };
        let stored = if kind == EntryKind::Folder {
            with_separator(&root.stored)
        } else {
            root.stored.clone()
        };
        if kind == EntryKind::Folder {
            match self.open_folder(&root.path, &stored) {
                Ok(0) => self.ready.push_back(WalkItem::EmptyRoot(stored.clone())),
                Ok(_) => {}
                Err(error) => return Some(missing(ProblemKind::Unreadable(error))),
            }
            if self.filters.leaves_out_the_rest() && !self.includes(&stored) {
                return self.left_out(stored, Reason::NoRule);
            }
        }
        let path = root.path;
        Some(WalkItem::Entry(Box::new(Found {
            stored,
            path,
            kind,
            stat,
            links_to_folder: false,
            reason: Reason::Source,
            has_xattrs: true,
        })))
    }

    /// Reads a folder's names onto the stack and returns how many there are, filtered ones included.
    fn open_folder(&mut self, path: &Path, stored: &str) -> io::Result<usize> {
        let mut children = Vec::new();
        let mut count = 0;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            count += 1;
            let Ok(name) = entry.file_name().into_string() else {
                self.ready.push_back(WalkItem::Problem {
                    subject: entry.path().display().to_string(),
                    kind: ProblemKind::NameNotUnicode,
                    keep: None,
                });
                continue;
            };
            let file_type = entry.file_type()?;
            let child_path = entry.path();
            let target = if file_type.is_symlink() {
                fs::metadata(&child_path).ok()
            } else {
                None
            };
            let links_to_folder = target.as_ref().is_some_and(Metadata::is_dir);
            let follows = self.options.symlinks == SymlinkPolicy::Follow && target.is_some();
            let kind = if file_type.is_symlink() && !follows {
                EntryKind::Symlink
            } else if file_type.is_dir() || links_to_folder {
                EntryKind::Folder
            } else {
                EntryKind::File
            };
            let separator = if kind == EntryKind::Folder || links_to_folder {
                SEPARATOR.to_string()
            } else {
                String::new()
            };
            let stored = format!("{stored}{name}{separator}");
            let verdict = self.verdict(&stored, &child_path, kind);
            if self.explains || !matches!(verdict, Verdict::LeaveOut(_)) {
                children.push(Child {
                    stored,
                    path: child_path,
                    kind,
                    links_to_folder,
                    verdict,
                });
            }
        }
        children.sort_unstable_by(|a, b| a.stored.cmp(&b.stored));
        let real = if self.options.symlinks == SymlinkPolicy::Follow {
            fs::canonicalize(path).ok()
        } else {
            None
        };
        self.stack.push(OpenFolder {
            children: children.into_iter(),
            real,
        });
        Ok(count)
    }

    fn includes(&self, stored: &str) -> bool {
        matches!(self.filters.decide(stored), Some((Action::Include, _)))
    }

    fn verdict(&self, stored: &str, path: &Path, kind: EntryKind) -> Verdict {
        if kind == EntryKind::Folder
            && self
                .options
                .excluded_folders
                .iter()
                .any(|own| own.as_path() == path)
        {
            return Verdict::LeaveOut(Reason::OwnFolder);
        }
        match self.filters.decide(stored) {
            Some((Action::Include, rule)) => Verdict::Store(Reason::Rule(rule)),
            Some((Action::Exclude, rule)) => Verdict::LeaveOut(Reason::Rule(rule)),
            None if !self.filters.leaves_out_the_rest() => Verdict::Store(Reason::NoRule),
            None if kind == EntryKind::Folder => Verdict::Enter,
            // Like a folder it is looked at; as it is not entered, looking at it means storing it.
            None if stored.ends_with(SEPARATOR) => Verdict::Store(Reason::NoRule),
            None => Verdict::LeaveOut(Reason::NoRule),
        }
    }

    fn visit(&mut self, child: Child) -> Option<WalkItem> {
        let problem = |kind, keep: Option<&str>| {
            let (subject, keep) = (child.stored.clone(), keep.map(str::to_owned));
            Some(WalkItem::Problem {
                subject,
                kind,
                keep,
            })
        };
        let reason = match child.verdict {
            Verdict::LeaveOut(reason) => return self.left_out(child.stored, reason),
            Verdict::Enter => Reason::NoRule,
            Verdict::Store(ref reason) => reason.clone(),
        };
        let looked_at =
            if self.options.symlinks == SymlinkPolicy::Follow && child.kind != EntryKind::Symlink {
                fs::metadata(&child.path)
            } else {
                fs::symlink_metadata(&child.path)
            };
        let stat = match looked_at {
            Ok(stat) => stat,
            // Deleted since its folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return problem(ProblemKind::Unreadable(error), Some(&child.stored)),
        };
        if child.kind == EntryKind::File && !stat.is_file() {
            return problem(ProblemKind::SpecialFile, None);
        }
        let gets_entry = matches!(child.verdict, Verdict::Store(_));
        let mut found = Found {
            stored: child.stored,
            path: child.path,
            kind: child.kind,
            stat,
            links_to_folder: child.links_to_folder,
            reason,
            has_xattrs: true,
        };
        if let Some(reason) = self.limit(&mut found) {
            return self.left_out(found.stored, reason);
        }
        if found.kind == EntryKind::Folder
            && let Err(error) = self.open_folder(&found.path, &found.stored)
        {
            return Some(WalkItem::Problem {
                subject: found.stored.clone(),
                kind: ProblemKind::Unreadable(error),
                keep: Some(found.stored),
            });
        }
        if !gets_entry {
            return self.left_out(found.stored, Reason::NoRule);
        }
        Some(WalkItem::Entry(Box::new(found)))
    }

    /// What but the filters keeps an entry out, in Duplicati's order.
    fn limit(&mut self, found: &mut Found) -> Option<Reason> {
        let options = self.options;
        if options.hardlinks != HardlinkPolicy::All
            && found.kind == EntryKind::File
            && let Some(id) = hardlink_id(&found.path, &found.stat)
            && (options.hardlinks == HardlinkPolicy::None || !self.hardlinks.insert(id))
        {
            return Some(Reason::HardlinkPolicy);
        }
        if found.kind == EntryKind::Folder || found.links_to_folder {
            let marker = options
                .ignore_names
                .iter()
                .find(|name| found.path.join(name).is_file());
            if let Some(marker) = marker {
                return Some(Reason::Marker(marker.clone()));
            }
        }
        if options.exclusion_marks == ExclusionMarks::Obey
            && found.kind != EntryKind::Symlink
            && let Some(mark) = exclusion_mark(found)
        {
            return Some(Reason::Mark(mark));
        }
        let unwanted = options.excluded_attributes.0;
        if unwanted != 0 && attributes(found).0 & unwanted != 0 {
            return Some(Reason::Attributes);
        }
        if found.kind == EntryKind::Symlink && options.symlinks == SymlinkPolicy::Ignore {
            return Some(Reason::SymlinkPolicy);
        }
        if found.kind == EntryKind::Folder && found.links_to_folder && self.is_loop(&found.path) {
            return Some(Reason::LinkLoop);
        }
        let too_large = |limit| found.kind == EntryKind::File && found.stat.len() > limit;
        options
            .max_file_size
            .is_some_and(too_large)
            .then_some(Reason::TooLarge)
    }

    /// Whether a link that is followed leads to a folder that is open already, or to one around it.
    fn is_loop(&self, link: &Path) -> bool {
        let Ok(target) = fs::canonicalize(link) else {
            return false;
        };
        self.stack
            .iter()
            .filter_map(|folder| folder.real.as_ref())
            .any(|real| real.starts_with(&target))
    }

    fn left_out(&self, path: String, reason: Reason) -> Option<WalkItem> {
        let decision = Decision {
            path,
            is_stored: false,
            reason,
        };
        self.explains.then_some(WalkItem::LeftOut(decision))
    }

    /// Holds folders back until something in them is stored, when empty ones are to be left out.
    fn hold_back(&mut self, item: WalkItem) -> Option<WalkItem> {
        let path = match &item {
            WalkItem::Entry(found) => found.stored.clone(),
            WalkItem::Problem {
                keep: Some(kept), ..
            } => kept.clone(),
            _ => return Some(item),
        };
        let first_empty = self
            .waiting
            .iter()
            .position(|folder| !path.starts_with(&folder.stored));
        self.leave_out_waiting(first_empty.unwrap_or(self.waiting.len()));
        match item {
            WalkItem::Entry(found)
                if found.kind == EntryKind::Folder && found.reason != Reason::Source =>
            {
                self.waiting.push(*found);
                self.ready.pop_front()
            }
            item => {
                let folders = std::mem::take(&mut self.waiting);
                let entries = folders
                    .into_iter()
                    .map(|folder| WalkItem::Entry(Box::new(folder)));
                let items: Vec<_> = entries.chain([item]).collect();
                for item in items.into_iter().rev() {
                    self.ready.push_front(item);
                }
                self.ready.pop_front()
            }
        }
    }

    /// Gives up the folders that wait from position `from` on.
    fn leave_out_waiting(&mut self, from: usize) {
        for folder in self.waiting.split_off(from) {
            let item = self.left_out(folder.stored, Reason::EmptyFolder);
            self.ready.extend(item);
        }
    }

    /// The next item, whatever becomes of it; `None` at the end.
    fn step(&mut self) -> Option<Option<WalkItem>> {
        match self.stack.last_mut() {
            Some(folder) => match folder.children.next() {
                Some(child) => Some(self.visit(child)),
                None => {
                    self.stack.pop();
                    Some(None)
                }
            },
            None => {
                let root = self.roots.next()?;
                Some(self.start_root(root))
            }
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = WalkItem;

    fn next(&mut self) -> Option<WalkItem> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            let Some(item) = self.step() else {
                self.leave_out_waiting(0);
                return self.ready.pop_front();
            };
            let item = match item {
                Some(item) if self.options.empty_folders == EmptyFolders::LeaveOut => {
                    self.hold_back(item)
                }
                item => item,
            };
            // A folder's own entry goes before what its reading brought up.
            if item.is_some() {
                return item;
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::roots;
    use super::*;

    fn tree(paths: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in paths {
            let file = folder.path().join("r").join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "x").unwrap();
        }
        folder
    }

    fn stored(folder: &tempfile::TempDir, options: &SourceOptions) -> Vec<String> {
        let root = folder.path().join("r");
        let start = format!("{}/", root.display());
        let (roots, _) = roots(&[root]);
        Walk::new(roots, &Filters::default(), options)
            .map(|item| match item {
                WalkItem::Entry(found) => found.stored.replacen(&start, "", 1),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn entries_come_in_the_order_of_their_stored_paths() {
        let folder = tree(&["a/x", "a/z/deep", "a.txt", "a b", "ab", "é"]);
        std::os::unix::fs::symlink("a", folder.path().join("r/link")).unwrap();

        let paths = stored(&folder, &SourceOptions::default());

        assert!(paths.is_sorted());
        assert_eq!(paths.len(), 10);
        assert!(paths.contains(&"link/".to_owned()));
    }

    #[test]
    fn links_that_lead_back_are_not_followed_for_ever() {
        let folder = tree(&["a/x", "b/y"]);
        let link = |target, name| {
            std::os::unix::fs::symlink(target, folder.path().join("r").join(name)).unwrap();
        };
        link("../b", "a/to b");
        link("../a", "b/to a");
        link("..", "a/up");
        link("nowhere", "dangling");
        let options = SourceOptions {
            symlinks: SymlinkPolicy::Follow,
            ..SourceOptions::default()
        };

        let paths = stored(&folder, &options);

        let expected = [
            "", "a/", "a/to b/", "a/to b/y", "a/x", "b/", "b/to a/", "b/to a/x", "b/y", "dangling",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn files_with_several_names_are_stored_as_the_policy_says() {
        let folder = tree(&["a/one", "b/other"]);
        fs::hard_link(folder.path().join("r/a/one"), folder.path().join("r/b/two")).unwrap();
        let with = |hardlinks| {
            let options = SourceOptions {
                hardlinks,
                ..SourceOptions::default()
            };
            stored(&folder, &options)
        };

        assert_eq!(
            with(HardlinkPolicy::All),
            ["", "a/", "a/one", "b/", "b/other", "b/two"]
        );
        assert_eq!(
            with(HardlinkPolicy::First),
            ["", "a/", "a/one", "b/", "b/other"]
        );
        // Duplicati leaves out all folders, too.
        assert_eq!(with(HardlinkPolicy::None), ["", "a/", "b/", "b/other"]);
    }

    #[test]
    fn folders_are_empty_when_nothing_in_them_is_stored() {
        let folder = tree(&["a/deep/CACHEDIR.TAG", "b/deep/er/file", "c"]);
        fs::create_dir_all(folder.path().join("r/d/e")).unwrap();
        let options = SourceOptions {
            empty_folders: EmptyFolders::LeaveOut,
            ..SourceOptions::default()
        };

        let paths = stored(&folder, &options);

        assert_eq!(
            paths,
            ["", "b/", "b/deep/", "b/deep/er/", "b/deep/er/file", "c"]
        );
    }
}
