//! The result of a restore: counts, and where things are now.

use std::path::{Path, PathBuf};

/// Files that are named, each way of them; a restore may have millions.
pub const MOST_NAMED: usize = 100;

/// A file that a restore put in its place, or found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredFile {
    /// Where it is now.
    pub path: PathBuf,
    /// Whether it has another name than the stored one, because another file has that.
    pub is_beside: bool,
}

/// What a restore did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreStats {
    /// Files asked for, without folders and links.
    pub selected_files: u64,
    /// Files that are there now: written, or right before.
    pub restored_files: u64,
    /// Bytes of their content.
    pub restored_bytes: u64,
    /// Folders and links that are there now.
    pub restored_others: u64,
    /// Files, folders and links that are not, each reported to the monitor.
    pub failed_files: u64,
    /// Things that need a look, failures included.
    pub warnings: u64,
    /// Up to [`MOST_NAMED`] of the files that are there now, those with new names first.
    pub files: Vec<RestoredFile>,
    /// Stored paths of up to [`MOST_NAMED`] that are not.
    pub failed: Vec<String>,
    /// The innermost folder that everything restored is in.
    pub folder: Option<PathBuf>,
}

impl RestoreStats {
    pub(super) fn note_file(&mut self, path: PathBuf, is_beside: bool) {
        self.restored_files += 1;
        if let Some(folder) = path.parent() {
            self.note_folder(folder);
        }
        if self.files.len() >= MOST_NAMED {
            // New names cannot be guessed, so they take the place of others.
            let usual = self.files.iter().rposition(|file| !file.is_beside);
            match usual.filter(|_| is_beside) {
                Some(position) => self.files.remove(position),
                None => return,
            };
        }
        let new_names = self.files.iter().take_while(|file| file.is_beside).count();
        let position = if is_beside {
            new_names
        } else {
            self.files.len()
        };
        self.files
            .insert(position, RestoredFile { path, is_beside });
    }

    pub(super) fn note_other(&mut self, within: Option<&Path>) {
        self.restored_others += 1;
        if let Some(folder) = within {
            self.note_folder(folder);
        }
    }

    pub(super) fn note_failed(&mut self, stored: &str) {
        self.failed_files += 1;
        if self.failed.len() < MOST_NAMED {
            self.failed.push(stored.to_owned());
        }
    }

    fn note_folder(&mut self, folder: &Path) {
        match &mut self.folder {
            None => self.folder = Some(folder.to_owned()),
            Some(common) => {
                while !folder.starts_with(&*common) {
                    // Drives of Windows have nothing in common.
                    if !common.pop() {
                        break;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_names_come_first_and_the_list_ends() {
        let mut stats = RestoreStats::default();
        for number in 0..150 {
            stats.note_file(format!("/a/{number}").into(), number >= 140);
        }

        assert_eq!(stats.restored_files, 150);
        assert_eq!(stats.files.len(), MOST_NAMED);
        let beside: Vec<_> = stats.files.iter().map(|file| file.is_beside).collect();
        assert_eq!(beside, [vec![true; 10], vec![false; 90]].concat());
        assert_eq!(stats.files[0].path, Path::new("/a/140"));
    }

    #[test]
    fn the_folder_is_the_innermost_that_holds_all() {
        let mut stats = RestoreStats::default();
        stats.note_file("/home/me/Documents/letter.odt".into(), false);
        assert_eq!(
            stats.folder.as_deref(),
            Some(Path::new("/home/me/Documents"))
        );
        stats.note_other(Some(Path::new("/home/me/Documents/sub")));
        stats.note_file("/home/me/Docs/x".into(), false);

        assert_eq!(stats.folder.as_deref(), Some(Path::new("/home/me")));
    }
}
