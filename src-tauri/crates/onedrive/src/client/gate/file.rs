//! Waits and rates, in a small file shared by all processes of the user.
//!
//! The file's name is a hash of the credential; neither the name nor the content reveals anything about it. A file that
//! is damaged, too long or out of bounds counts as absent, so a malicious one can delay us for at most a day.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::super::answer::LONGEST_BELIEVED;
use super::rate::Rate;

/// Maximum size of a file that is read, in bytes; ours have about 200.
const MAX_LENGTH: u64 = 4096;
/// Version of the file format.
const VERSION: u32 = 1;

/// The file of one credential.
#[derive(Debug)]
pub(super) struct SharedFile(PathBuf);

/// A file's modification time and length.
pub(super) type Stamp = (SystemTime, u64);

/// The shared content. Times are milliseconds since 1970 by the wall clock.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Shared {
    /// Version of the format.
    pub(super) v: u32,
    /// When the wait below was asked for.
    pub(super) asked_at: u64,
    /// No request may be sent before this.
    pub(super) closed_until: u64,
    /// Consecutive throttled answers that named no time.
    pub(super) unasked: u32,
    /// The learned rate, and when it was learned.
    pub(super) learned: Option<(u64, Rate)>,
    /// State of the sign-in; absent in files of older versions.
    #[serde(default)]
    pub(super) sign_in: SignIn,
}

/// State of a sign-in. Times are as in [`Shared`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SignIn {
    /// When a new token was refused, if none was accepted since.
    pub(super) doubted_at: Option<u64>,
    /// When the token service asked to wait, and until when.
    pub(super) rest: Option<(u64, u64)>,
}

impl SignIn {
    /// How long the token service must not be asked; never longer than it asked for.
    pub(super) fn rest(&self, now: u64) -> Duration {
        let (asked_at, until) = self.rest.unwrap_or_default();
        let asked = until.saturating_sub(asked_at);
        Duration::from_millis(until.saturating_sub(now).min(asked)).min(LONGEST_BELIEVED)
    }

    /// Restarts a wait whose start is in the future because the clock was set back: otherwise it would not end before
    /// that time comes. Returns whether it was one.
    pub(super) fn begin_again(&mut self, now: u64) -> bool {
        match &mut self.rest {
            Some((asked_at, until)) if *asked_at > now => {
                *until = now.saturating_add(until.saturating_sub(*asked_at));
                *asked_at = now;
                true
            }
            _ => false,
        }
    }
}

/// Name of a credential's file: a part of the credential's SHA-256.
pub(crate) fn name_of(credential: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"Coffer pacing\0");
    hash.update(credential.as_bytes());
    hex::encode(&hash.finalize()[..12])
}

impl SharedFile {
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        Self(folder.join(format!("{name}.json")))
    }

    /// Usually differs between two states of the file; `None` when there is no file.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let stat = fs::metadata(&self.0).ok()?;
        Some((stat.modified().ok()?, stat.len()))
    }

    /// Reads the file; `None` when it is absent or invalid.
    pub(super) fn read(&self) -> Option<Shared> {
        let mut text = Vec::new();
        let file = File::open(&self.0).ok()?;
        file.take(MAX_LENGTH + 1).read_to_end(&mut text).ok()?;
        if text.len() as u64 > MAX_LENGTH {
            return None;
        }
        let shared: Shared = serde_json::from_slice(&text).ok()?;
        let makes_sense = shared.v == VERSION
            && shared.closed_until.saturating_sub(shared.asked_at)
                <= LONGEST_BELIEVED.as_millis() as u64
            && shared.learned.is_none_or(|(_, rate)| rate.makes_sense());
        makes_sense.then_some(shared)
    }

    /// Replaces the file atomically. A failure only means that other processes do not learn of it.
    pub(super) fn write(&self, shared: Shared) {
        if let Err(error) = self.replace(&Shared {
            v: VERSION,
            ..shared
        }) {
            tracing::debug!(%error, "the rate limits of OneDrive could not be stored");
        }
    }

    fn replace(&self, shared: &Shared) -> io::Result<()> {
        static WRITES: AtomicU64 = AtomicU64::new(0);
        if let Some(folder) = self.0.parent() {
            fs::create_dir_all(folder)?;
        }
        let write = WRITES.fetch_add(1, Ordering::Relaxed);
        let ending = format!("{}-{write}.new", std::process::id());
        let new = self.0.with_extension(ending);
        let done =
            fs::write(&new, serde_json::to_vec(shared)?).and_then(|()| fs::rename(&new, &self.0));
        if done.is_err() {
            let _ = fs::remove_file(&new);
        }
        done
    }
}

impl Shared {
    /// How long requests still have to wait, by a wall clock that may have been set; never longer than was asked for.
    pub(super) fn wait(&self, now: u64) -> Duration {
        let asked = self.closed_until.saturating_sub(self.asked_at);
        Duration::from_millis(self.closed_until.saturating_sub(now).min(asked))
            .min(LONGEST_BELIEVED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> Shared {
        Shared {
            asked_at: 1_000_000,
            closed_until: 1_315_000,
            unasked: 2,
            ..Shared::default()
        }
    }

    #[test]
    fn no_secret_is_in_name_or_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = SharedFile::new(folder.path(), &name_of("key:password"));
        file.write(shared());

        let entries: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().collect();
        let [entry] = &entries[..] else {
            panic!("nothing else is left behind: {entries:?}");
        };
        let name = entry.file_name().into_string().unwrap();
        let text = fs::read_to_string(entry.path()).unwrap();
        assert!(!format!("{name}{text}").contains("password"));
        assert_eq!(name.len(), 24 + ".json".len());
    }

    #[test]
    fn credentials_do_not_share_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = |credential| SharedFile::new(folder.path(), &name_of(credential));
        file("one:a").write(shared());

        assert_eq!(file("two:b").read(), None);
        let again = file("one:a").read().unwrap();
        assert_eq!(again.closed_until, 1_315_000);
    }

    #[test]
    fn invalid_content_counts_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let file = SharedFile::new(folder.path(), &name_of("key:password"));
        let good = r#"{"v":1,"asked_at":5,"closed_until":9,"unasked":0,"learned":null}"#;
        fs::write(&file.0, good).unwrap();
        assert!(file.read().is_some());

        let endless = " ".repeat(5000);
        for text in [
            "",
            "{",
            "[]",
            r#"{"v":2,"asked_at":5,"closed_until":9,"unasked":0,"learned":null}"#,
            r#"{"v":1,"asked_at":0,"closed_until":18446744073709551615,"unasked":0,"learned":null}"#,
            r#"{"v":1,"asked_at":-1,"closed_until":9,"unasked":0,"learned":null}"#,
            r#"{"v":1,"asked_at":5,"closed_until":9,"unasked":0,"learned":[5,{"requests":0,"bytes":1,"growth":0}]}"#,
            r#"{"v":1,"asked_at":5,"closed_until":9,"unasked":0,"learned":[5,{"requests":1e999,"bytes":1,"growth":0}]}"#,
            &format!("{good}{endless}"),
        ] {
            fs::write(&file.0, text).unwrap();
            assert_eq!(file.read(), None, "{text}");
        }
    }

    #[test]
    fn a_clock_that_was_set_does_not_make_the_wait_longer() {
        let seconds = |now| shared().wait(now).as_secs();

        assert_eq!(seconds(1_000_000), 315);
        assert_eq!(seconds(1_300_000), 15);
        // Set back by more than the wait, and set forward.
        assert_eq!(seconds(0), 315);
        assert_eq!(seconds(u64::MAX), 0);
    }
}
