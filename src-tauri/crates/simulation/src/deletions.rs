//! Which versions operations may delete.

use coffer_volume::VolumeName;
use jiff::{SignedDuration, Timestamp};

use crate::disk::Files;
use crate::event::{Keep, Kind};
use crate::model::Violation;
use crate::world::{Client, Rule, Running, State, World};

/// How much later than it should a run may look for old versions.
const TOLERANCE: SignedDuration = SignedDuration::from_hours(2);
/// How long a computer may have been off.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);

/// A version that was deleted.
struct Deleted<'n> {
    name: &'n str,
    /// By its name.
    time: Timestamp,
    /// By the true clock.
    made: Timestamp,
}

impl World {
    /// A client deleted a file.
    pub(crate) fn deleted(&self, client: usize, name: &str) {
        if Kind::of(name) != Kind::Dlist {
            return;
        }
        let mut state = self.state();
        let files = self.disk.files();
        if files.is_unplugged() {
            return;
        }
        let Some(version) = state.model.named_mut(name) else {
            return;
        };
        version.is_deleted = true;
        // A run may withdraw what it has not reported.
        let is_withdrawn = version.client == client && !version.is_judged;
        let is_hit = version.is_hit;
        let who = format!("{} of client {}", version.time, version.client);
        let deleted = Deleted {
            name,
            time: version.time,
            made: version.made,
        };
        state.note_deletion(client, deleted.time);
        if !is_hit && !is_withdrawn && !state.allows(client, &deleted, &files) {
            state.fail(Violation {
                class: "a version was deleted without a rule".to_owned(),
                detail: format!("client {client} deleted {who}"),
            });
        }
    }
}

impl State {
    /// Counts a version that a client deleted, and notes at the others what was deleted by hand.
    fn note_deletion(&mut self, client: usize, time: Timestamp) {
        let Some(running) = &mut self.clients[client].running else {
            return;
        };
        running.deleted += 1;
        if !matches!(running.rule, Rule::Named(_)) {
            return;
        }
        let others = self.clients.iter_mut().enumerate();
        let others = others.filter(|(other, _)| *other != client);
        for running in others.filter_map(|(_, other)| other.running.as_mut()) {
            running.gone_meanwhile.push(time);
        }
    }

    /// Whether the operation of a client may delete a version.
    fn allows(&self, client: usize, deleted: &Deleted<'_>, files: &Files) -> bool {
        let own = &self.clients[client];
        let Some(running) = &own.running else {
            return false;
        };
        let expires = |keep: &Keep| self.expires(own, running, *keep, deleted, files);
        match &running.rule {
            Rule::Nothing => false,
            Rule::Kept(keep) => expires(keep),
            Rule::KeptIfBack(keep) => !running.seen.is_empty() && expires(keep),
            Rule::Named(names) => names.iter().any(|named| named == deleted.name),
            Rule::Rewritten { has_written } => *has_written,
        }
    }

    /// Whether what a client keeps leaves a version out.
    fn expires(
        &self,
        own: &Client,
        running: &Running,
        keep: Keep,
        deleted: &Deleted<'_>,
        files: &Files,
    ) -> bool {
        let time = deleted.time;
        match keep {
            Keep::All => false,
            Keep::Versions(count) => {
                let gone = running.gone_meanwhile.iter();
                let gone = gone.filter(|gone| **gone > time).count();
                newer(files, time) + gone >= usize::from(count)
            }
            Keep::Days(days) => {
                let is_old = |now: Timestamp| {
                    let age = now.duration_since(time.min(deleted.made));
                    age > SignedDuration::from_hours(24 * i64::from(days)) - TOLERANCE
                };
                let are_most = own.kept == Some(keep) && running.deleted * 2 > running.versions + 1;
                let newest = newest_before(files).max(Some(time)).unwrap_or(self.time);
                let shown = self.believed_clock(own, newest);
                is_old(self.time) || (shown.is_some_and(is_old) && !are_most)
            }
        }
    }

    /// What the clock of a client shows, if its run believes that.
    ///
    /// A clock that is weeks ahead looks like a computer that was off for weeks: then no unchanged rule may expire most
    /// versions at once. If it is years ahead, only the times of the versions count.
    fn believed_clock(&self, own: &Client, newest: Timestamp) -> Option<Timestamp> {
        let ahead = SignedDuration::from_secs(own.offset);
        let shown = self.time.checked_add(ahead).ok()?;
        let has_jumped = shown.duration_since(newest) > LONGEST_PAUSE;
        (!ahead.is_negative() && !has_jumped).then_some(shown)
    }
}

/// Times of the versions at the destination.
fn times(files: &Files) -> impl Iterator<Item = Timestamp> {
    files.real().iter().filter_map(|file| {
        let name = VolumeName::parse(&file.name)?;
        name.time()
    })
}

/// How many of them are newer than `time`.
fn newer(files: &Files, time: Timestamp) -> usize {
    times(files).filter(|other| *other > time).count()
}

/// The newest version that was there before the one of a run in progress.
fn newest_before(files: &Files) -> Option<Timestamp> {
    let mut times: Vec<_> = times(files).collect();
    times.sort_unstable();
    times.pop();
    times.pop()
}
