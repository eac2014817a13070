mod child;
mod limits;
mod walked_folders;

#[cfg(all(test, unix))]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::fs::{self, DirEntry, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use coffer_volume::dlist::EntryKind;

use super::SEPARATOR;
use super::entry::{SourceEntry, WalkItem, Why};
use super::identity::{device, is_mounted, whereabouts};
use super::mounts::{KnownMounts, MountPoint, is_marker};
use super::roots::{Root, is_inside, with_separator};
use super::rules::{Decision, EmptyFolders, Reason, SourceOptions, SymlinkPolicy};
use crate::filter::{Action, Filters};
use child::Child;
use limits::Limits;
use walked_folders::WalkedFolders;

/// Walks sources in the order of stored paths.
pub(crate) struct Walk<'a> {
    filters: &'a Filters,
    options: &'a SourceOptions,
    explains: bool,
    limits: Limits<'a>,
    known_mounts: Option<KnownMounts>,
    /// Sources, and folders in them in which another file system begins, with their [`whereabouts`].
    mounts: HashMap<String, i64>,
    /// The same, to see whether they are still there.
    begun: WalkedFolders,
    roots: std::vec::IntoIter<Root>,
    /// Sources within the one that is walked.
    inner: Vec<String>,
    stack: Vec<OpenFolder>,
    /// Items that come before anything else.
    ready: VecDeque<WalkItem>,
    /// Folders whose entries wait until something in them is stored.
    waiting: Vec<SourceEntry>,
    left_out: u64,
}

/// A folder that is being walked.
struct OpenFolder {
    /// With the separator at its end.
    stored: String,
    path: PathBuf,
    device: Option<i64>,
    /// Still to visit.
    children: std::vec::IntoIter<Child>,
    /// Without links on the way; known when links are followed.
    real: Option<PathBuf>,
    /// Why only what leads to a source in it is looked at.
    only_through: Option<Reason>,
}

/// What became of opening a folder.
enum FolderOpening {
    /// Its names are on the stack.
    Entered {
        /// Whether they say nothing.
        is_emptied: bool,
    },
    Away,
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
            limits: Limits::new(options),
            known_mounts: None,
            mounts: HashMap::new(),
            begun: WalkedFolders::default(),
            roots: roots.into_iter(),
            inner: Vec::new(),
            stack: Vec::new(),
            ready: VecDeque::new(),
            waiting: Vec::new(),
            left_out: 0,
        }
    }

    /// The same walk, which also reports what is left out.
    pub(crate) fn explaining(mut self) -> Self {
        self.explains = true;
        self
    }

    /// The same walk, which notices disks that are away.
    pub(crate) fn with_known_mounts(mut self, mounts: KnownMounts) -> Self {
        self.known_mounts = Some(mounts);
        self
    }

    /// Sources, and folders in them in which another file system begins, as far as the walk came; those that are away are
    /// not among them.
    pub(crate) fn mounts(&self) -> &HashMap<String, i64> {
        &self.mounts
    }

    /// A source, or a disk in one, that is not what it was when the walk came there: what was not met may be away.
    pub(crate) fn left_meanwhile(&self) -> Option<&Path> {
        self.begun.left()
    }

    /// Names that were left out so far; what is in a folder that was is not counted.
    pub(crate) fn left_out_names(&self) -> u64 {
        self.left_out
    }

    fn start_root(&mut self, root: Root) -> Option<WalkItem> {
        let problem = |why| WalkItem::Problem {
            subject: root.stored.clone(),
            why,
            keep: Some(root.stored.clone()),
        };
        let looked_at = SystemTime::now();
        // A root that is a link stands for what it leads to: that is what the person chose.
        let stat = match fs::metadata(&root.path) {
            Ok(stat) => stat,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Some(problem(Why::Missing));
            }
            Err(error) => return Some(problem(Why::UnreadableSource(error))),
        };
        let (kind, stored) = if stat.is_dir() {
            (EntryKind::Folder, with_separator(&root.stored))
        } else if stat.is_file() {
            (EntryKind::File, root.stored.clone())
        } else {
            return Some(problem(Why::SpecialFile));
        };
        let known = self.known_mounts.as_ref();
        if known.is_some_and(|known| known.is_replaced(&root.path, &root.stored)) {
            return Some(problem(Why::Away));
        }
        let mut is_emptied = false;
        self.inner = root.inner;
        if kind == EntryKind::Folder {
            let device = device(&stat);
            match self.open_folder(&root.path, &stored, device, None) {
                Ok(FolderOpening::Entered { is_emptied: found }) => is_emptied = found,
                Ok(FolderOpening::Away) => return Some(problem(Why::Away)),
                Err(error) => return Some(problem(Why::UnreadableSource(error))),
            }
            self.report_missing_inner();
            if self.filters.leaves_out_the_rest() && !self.includes(&stored) {
                return self.left_out(stored, Reason::NoRule);
            }
        }
        let path = root.path;
        let found = Box::new(SourceEntry {
            stored,
            path,
            kind,
            stat,
            looked_at,
            links_to_folder: false,
            is_followed: true,
            reason: Reason::Source,
            has_xattrs: true,
        });
        Some(if is_emptied {
            WalkItem::Emptied(found)
        } else {
            WalkItem::Entry(found)
        })
    }

    /// Sources in the one that is walked which are not there.
    fn report_missing_inner(&mut self) {
        for inner in &self.inner {
            let why = match fs::metadata(inner) {
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => Why::Missing,
                Err(error) => Why::UnreadableSource(error),
            };
            self.ready.push_back(WalkItem::Problem {
                subject: inner.clone(),
                why,
                keep: Some(inner.clone()),
            });
        }
    }

    /// What is in a folder, in order, and whether all of it is there in empty mount points, too. `names_alone` of one that is
    /// left out but for a source in it.
    fn read_children(
        &mut self,
        path: &Path,
        stored: &str,
        names_alone: bool,
    ) -> io::Result<(Vec<Child>, bool)> {
        let mut children = Vec::new();
        let mut only_markers = true;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let (name, is_unicode) = match entry.file_name().into_string() {
                Ok(name) => (name, true),
                Err(name) => (name.to_string_lossy().into_owned(), false),
            };
            only_markers &= is_marker(&name);
            let file_type = match entry.file_type() {
                Ok(file_type) => file_type,
                // Deleted since its name was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.begun.note_left();
                    continue;
                }
                Err(error) => {
                    let subject = format!("{stored}{name}");
                    self.ready.push_back(WalkItem::Problem {
                        keep: Some(subject.clone()),
                        subject,
                        why: Why::Unreadable(error),
                    });
                    continue;
                }
            };
            if !is_unicode {
                self.not_unicode(stored, &name, file_type.is_dir(), names_alone);
                continue;
            }
            children.push(self.child(&entry, stored, name, file_type));
        }
        children.sort_unstable_by(Child::order);
        Ok((children, only_markers))
    }

    fn child(&self, entry: &DirEntry, stored: &str, name: String, file_type: FileType) -> Child {
        let target = if file_type.is_symlink() {
            fs::metadata(entry.path()).ok()
        } else {
            None
        };
        let links_to_folder = target.as_ref().is_some_and(Metadata::is_dir);
        let follows = target.is_some()
            && (self.options.symlinks == SymlinkPolicy::Follow
                || self.is_on_the_way(&format!("{stored}{name}")));
        let kind = if file_type.is_symlink() && !follows {
            EntryKind::Symlink
        } else if file_type.is_dir() || links_to_folder {
            EntryKind::Folder
        } else {
            EntryKind::File
        };
        Child {
            name: name.into_boxed_str(),
            kind,
            links_to_folder,
            is_link: file_type.is_symlink(),
        }
    }

    /// Reads a folder's names onto the stack, unless the disk that was there is away.
    fn open_folder(
        &mut self,
        path: &Path,
        stored: &str,
        device: Option<i64>,
        only_through: Option<Reason>,
    ) -> io::Result<FolderOpening> {
        let names_alone = only_through.is_some();
        let (children, only_markers) = self.read_children(path, stored, names_alone)?;
        let is_source = self.stack.is_empty() || self.is_inner(stored);
        let leads_on = self.options.symlinks == SymlinkPolicy::Follow
            && fs::symlink_metadata(path).is_ok_and(|stat| stat.is_symlink());
        let is_named = is_source || leads_on;
        let around = self.stack.last();
        let begins =
            is_named || around.is_some_and(|around| around.device != device) || is_mounted(path);
        let known = self.known_mounts.as_ref().filter(|all| all.has(stored));
        let whereabouts = (begins || known.is_some())
            .then(|| whereabouts(path, is_named))
            .flatten();
        if let Some(whereabouts) = whereabouts {
            let now = MountPoint {
                device,
                whereabouts,
            };
            let paths = || children.iter().map(|child| child.stored(stored));
            if known.is_some_and(|known| known.is_away(stored, &now, paths)) {
                return Ok(FolderOpening::Away);
            }
            if begins {
                self.mounts.insert(stored.to_owned(), whereabouts);
                self.begun.add(path, device, is_named);
            }
        }
        let real = if self.options.symlinks == SymlinkPolicy::Follow {
            fs::canonicalize(path).ok()
        } else {
            None
        };
        self.stack.push(OpenFolder {
            stored: stored.to_owned(),
            path: path.to_owned(),
            device,
            children: children.into_iter(),
            real,
            only_through,
        });
        Ok(FolderOpening::Entered {
            is_emptied: only_markers,
        })
    }

    /// Reports a name that volumes cannot hold, unless a rule leaves it out in any case.
    fn not_unicode(&mut self, folder: &str, name: &str, is_folder: bool, is_passed: bool) {
        let mut subject = format!("{folder}{name}");
        if is_folder {
            subject.push(SEPARATOR);
        }
        let is_left_out =
            is_passed || matches!(self.verdict(&subject, is_folder), Verdict::LeaveOut(_));
        if is_left_out {
            self.left_out += 1;
            return;
        }
        self.ready.push_back(WalkItem::Problem {
            subject,
            why: Why::NotUnicode { is_folder },
            keep: None,
        });
    }

    fn includes(&self, stored: &str) -> bool {
        matches!(self.filters.decide(stored), Some((Action::Include, _)))
    }

    /// Whether a path is a source within the one that is walked, or lies around one.
    fn is_on_the_way(&self, stored: &str) -> bool {
        self.inner.iter().any(|inner| is_inside(inner, stored))
    }

    /// Whether a path is a source within the one that is walked.
    fn is_inner(&self, stored: &str) -> bool {
        let path = stored.strip_suffix(SEPARATOR).unwrap_or(stored);
        self.inner.iter().any(|inner| inner == path)
    }

    fn verdict(&self, stored: &str, is_folder: bool) -> Verdict {
        match self.filters.decide(stored) {
            Some((Action::Include, rule)) => Verdict::Store(Reason::Rule(rule)),
            Some((Action::Exclude, rule)) => Verdict::LeaveOut(Reason::Rule(rule)),
            None if !self.filters.leaves_out_the_rest() => Verdict::Store(Reason::NoRule),
            None if is_folder => Verdict::Enter,
            // Like a folder it is looked at; as it is not entered, looking at it means storing it.
            None if stored.ends_with(SEPARATOR) => Verdict::Store(Reason::NoRule),
            None => Verdict::LeaveOut(Reason::NoRule),
        }
    }

    fn visit(&mut self, child: Child) -> Option<WalkItem> {
        let around = self.stack.last()?;
        let stored = child.stored(&around.stored);
        let path = around.path.join(&*child.name);
        let is_inner = self.is_inner(&stored);
        let is_on_the_way = child.kind == EntryKind::Folder && self.is_on_the_way(&stored);
        let verdict = match &around.only_through {
            _ if is_inner => Verdict::Store(Reason::Source),
            Some(reason) => Verdict::LeaveOut(reason.clone()),
            None => self.verdict(&stored, child.kind == EntryKind::Folder),
        };
        let reason = match verdict {
            Verdict::LeaveOut(reason) if is_on_the_way => {
                return self.pass_through(&path, stored, reason);
            }
            Verdict::LeaveOut(reason) => return self.left_out(stored, reason),
            Verdict::Enter => Reason::NoRule,
            Verdict::Store(ref reason) => reason.clone(),
        };
        let looked_at = SystemTime::now();
        let stat = match child.stat(&path) {
            Ok(stat) => stat,
            // Deleted since its folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.begun.note_left();
                return None;
            }
            Err(error) => return problem(stored, Why::Unreadable(error), true),
        };
        let known = self.known_mounts.as_ref();
        if is_inner && known.is_some_and(|known| known.is_replaced(&path, &stored)) {
            return problem(stored, Why::Away, true);
        }
        if child.kind == EntryKind::File && !stat.is_file() {
            return problem(stored, Why::SpecialFile, false);
        }
        let mut found = SourceEntry {
            stored,
            path,
            kind: child.kind,
            stat,
            looked_at,
            links_to_folder: child.links_to_folder,
            is_followed: child.is_followed(),
            reason,
            has_xattrs: true,
        };
        let around = self.stack.iter().filter_map(|folder| folder.real.as_ref());
        if !is_inner && let Some(reason) = self.limits.reason(&mut found, around) {
            if is_on_the_way {
                return self.pass_through(&found.path, found.stored, reason);
            }
            return self.left_out(found.stored, reason);
        }
        let is_entered_alone = matches!(verdict, Verdict::Enter);
        self.enter(found, is_inner, is_entered_alone)
    }

    /// Goes into what was found when it is a folder, and gives it out.
    fn enter(
        &mut self,
        found: SourceEntry,
        is_inner: bool,
        is_entered_alone: bool,
    ) -> Option<WalkItem> {
        if found.kind == EntryKind::Folder {
            let device = device(&found.stat);
            match self.open_folder(&found.path, &found.stored, device, None) {
                Ok(FolderOpening::Entered { is_emptied }) if is_inner && is_emptied => {
                    return Some(WalkItem::Emptied(Box::new(found)));
                }
                Ok(FolderOpening::Entered { .. }) => {}
                Ok(FolderOpening::Away) => return problem(found.stored, Why::Away, true),
                Err(error) => return problem(found.stored, Why::Unreadable(error), true),
            }
        }
        if is_entered_alone {
            return self.left_out(found.stored, Reason::NoRule);
        }
        let leads_nowhere = found.kind == EntryKind::Symlink
            && !found.links_to_folder
            && self.options.symlinks == SymlinkPolicy::Follow;
        let found = Box::new(found);
        Some(if leads_nowhere {
            WalkItem::DeadLink(found)
        } else {
            WalkItem::Entry(found)
        })
    }

    /// Enters a folder that is left out, for a source in it.
    fn pass_through(&mut self, path: &Path, stored: String, reason: Reason) -> Option<WalkItem> {
        let device = fs::metadata(path).ok().as_ref().and_then(device);
        match self.open_folder(path, &stored, device, Some(reason.clone())) {
            Ok(_) => self.left_out(stored, reason),
            Err(error) => Some(WalkItem::Problem {
                keep: Some(stored.clone()),
                subject: stored,
                why: Why::UnreadableSource(error),
            }),
        }
    }

    fn left_out(&mut self, path: String, reason: Reason) -> Option<WalkItem> {
        self.left_out += 1;
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
            WalkItem::Entry(found) | WalkItem::DeadLink(found) => found.stored.clone(),
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

fn problem(stored: String, why: Why, keep: bool) -> Option<WalkItem> {
    Some(WalkItem::Problem {
        keep: keep.then(|| stored.clone()),
        subject: stored,
        why,
    })
}
