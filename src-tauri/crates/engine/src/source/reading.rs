//! Opening what the walk found, which may be something else by now.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::SourceEntry;

/// Time within which file systems with whole seconds may give two changes the same time. FAT has the longest.
const LONG_TICK: Duration = Duration::from_secs(2);
/// The same for all others: two ticks of a slow kernel.
const TICK: Duration = Duration::from_millis(20);
/// How far the clock of a file server may be ahead.
const MOST_AHEAD: Duration = Duration::from_secs(3600);

impl SourceEntry {
    /// Opens the file to read it, and takes over what it is now.
    ///
    /// # Errors
    /// When it is no file any more: a pipe, say, would be waited for for ever.
    pub(crate) fn open(&mut self) -> io::Result<File> {
        let looked_at = SystemTime::now();
        let file = open(&self.path, self.is_followed)?;
        let stat = file.metadata()?;
        if !stat.is_file() {
            return Err(io::Error::other("it is no file any more"));
        }
        (self.stat, self.looked_at) = (stat, looked_at);
        Ok(file)
    }

    /// Whether a change after the look at it would show in its times.
    pub(crate) fn is_settled(&self) -> bool {
        let Some((changed, tick)) = last_change(&self.stat) else {
            return true;
        };
        match self.looked_at.duration_since(changed) {
            Ok(age) => age >= tick,
            // Somebody's clock is ahead, or was.
            Err(ahead) => ahead.duration() > MOST_AHEAD,
        }
    }
}

#[cfg(unix)]
fn open(path: &Path, follows: bool) -> io::Result<File> {
    use nix::fcntl::OFlag;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut flags = OFlag::O_NONBLOCK;
    if !follows {
        flags |= OFlag::O_NOFOLLOW;
    }
    let mut options = File::options();
    options.read(true).custom_flags(flags.bits()).open(path)
}

/// Pipes of Windows have no names in folders.
#[cfg(windows)]
fn open(path: &Path, _follows: bool) -> io::Result<File> {
    File::open(path)
}

/// When the system noted a change last, and within what time it may have been another one.
#[cfg(unix)]
fn last_change(stat: &Metadata) -> Option<(SystemTime, Duration)> {
    use std::os::unix::fs::MetadataExt as _;
    let seconds = Duration::from_secs(u64::try_from(stat.ctime()).ok()?);
    let part = Duration::from_nanos(u64::try_from(stat.ctime_nsec()).ok()?);
    let tick = if part.is_zero() { LONG_TICK } else { TICK };
    Some((SystemTime::UNIX_EPOCH + seconds + part, tick))
}

#[cfg(windows)]
fn last_change(stat: &Metadata) -> Option<(SystemTime, Duration)> {
    let modified = stat.modified().ok()?;
    let since_epoch = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let is_whole = since_epoch.subsec_nanos() == 0;
    Some((modified, if is_whole { LONG_TICK } else { TICK }))
}
