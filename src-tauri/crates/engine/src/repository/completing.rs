//! What the index knows and a listing leaves out: listings lag behind, and only the file itself says that it is gone.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use coffer_database::{Index, VolumeState};
use coffer_volume::{VolumeKind, VolumeName};

use crate::error::{Error, Result};
use crate::monitor::{FaultKind, Problem, ProblemKind};
use crate::repository::dlist::open_dlist;
use crate::repository::listing::Listing;
use crate::repository::local_facts::Others;
use crate::repository::makers::{Makers, Origin};
use crate::repository::session::{Role, Session};
use crate::repository::store::spool_beside;
use crate::repository::volumes::ListedVolume;

impl Listing {
    /// The same, completed by what `index` knows: see [`Listing::complete`].
    pub(crate) fn completed(session: &Session, index: &Index) -> Result<Self> {
        let mut listed = Self::of(session)?;
        listed.complete(session, index)?;
        Ok(listed)
    }

    /// Adds volumes that the index knows and the listing leaves out, when they are there. Versions that are gone are reported,
    /// and nothing is deleted by a rule in this run. Does its work once.
    ///
    /// # Errors
    /// [`Error::DestinationGone`] when versions are known and nothing is there at all.
    pub(crate) fn complete(&mut self, session: &Session, index: &Index) -> Result<()> {
        if std::mem::replace(&mut self.is_complete, true) {
            return Ok(());
        }
        let known = Known::of(index)?;
        if self.is_empty() && !known.sizes.is_empty() {
            return Err(Error::DestinationGone {
                destination: session.label(),
                versions: known.sizes.len() as u64,
            });
        }
        self.report_changed(session, index, &known)?;
        let unlisted = self.unlisted(index, &known)?;
        let there = session.ask_by_name(unlisted.keys().cloned().collect())?;
        // Where not one is left, it is another backup that is there.
        let is_another = !known.sizes.is_empty() && !self.dlists.iter().any(|it| known.has(it));
        let others_work_here = self.note_others(session, index, &known, is_another)?;
        for (text, size) in unlisted {
            let Some(name) = VolumeName::parse(&text) else {
                continue;
            };
            if there.contains(&text) {
                self.of_kind(name.kind()).push(ListedVolume { name, size });
            } else if name.kind() == VolumeKind::Dlist {
                let was_reported =
                    known.gone.contains(&text) && session.role() == Role::Maintaining;
                if !was_reported && session.is_first_report(&text) {
                    report_gone(session, index, &name, others_work_here)?;
                }
            }
        }
        self.dlists.sort_by_key(|volume| volume.name.time());
        // What lies here instead of the backup that was known becomes known when a backup has reported that.
        let learns = match session.role() {
            Role::Reading => false,
            Role::Maintaining => !is_another,
            Role::BackingUp => true,
        };
        if learns {
            let is_new = |dlist: &&ListedVolume| !known.has(dlist) || known.is_gone(dlist);
            for dlist in self.dlists.iter().filter(is_new) {
                index.know_dlist(dlist.name.as_str(), dlist.size)?;
            }
        }
        Ok(())
    }

    /// Names and lengths of what the index knows and the listing lacks.
    fn unlisted(&self, index: &Index, known: &Known) -> Result<HashMap<String, u64>> {
        let mut sizes = known.sizes.clone();
        let confirmed = index.volumes()?.into_iter();
        let confirmed = confirmed.filter(|row| row.state == VolumeState::Confirmed);
        sizes.extend(confirmed.map(|row| (row.name, row.size)));
        for volume in self.volumes() {
            sizes.remove(volume.name.as_str());
        }
        Ok(sizes)
    }

    /// Notes whether other computers make versions here, and returns whether they do.
    fn note_others(
        &self,
        session: &Session,
        index: &Index,
        known: &Known,
        is_another: bool,
    ) -> Result<bool> {
        let is_foreign = |dlist: &ListedVolume| {
            // One whose run was killed right after it arrived is in the spool still.
            !known.has(dlist) && !spool_beside(index).join(dlist.name.as_str()).exists()
        };
        let is_first_look = known.sizes.is_empty();
        let has_foreign = !is_first_look && self.dlists.iter().any(is_foreign);
        // Also where they left none of this computer's.
        if has_foreign && session.role() != Role::Reading {
            Others::Work.note(index)?;
        }
        let noted = Others::noted(index)?;
        if is_first_look && !self.dlists.is_empty() && noted == Others::None {
            Others::Unknown.note(index)?;
        }
        Ok(!is_another && (has_foreign || noted == Others::Work))
    }

    /// Reports dlists that have another length than they had: what was loaded of them is not what they say. One that was
    /// rewritten is reported once, one that is damaged each time.
    fn report_changed(&self, session: &Session, index: &Index, known: &Known) -> Result<()> {
        for dlist in &self.dlists {
            let found = dlist.size;
            let before = known.sizes.get(dlist.name.as_str()).copied();
            let Some(expected) = before.filter(|before| *before != found) else {
                continue;
            };
            session.monitor().problem(Problem {
                subject: dlist.name.to_string(),
                kind: ProblemKind::Faulty(FaultKind::OtherSize { expected, found }),
            });
            if session.role() == Role::Reading {
                continue;
            }
            if is_readable(session, dlist, &spool_beside(index)) {
                index.know_dlist(dlist.name.as_str(), found)?;
            }
            if let Some(time) = dlist.name.time() {
                index.forget_versions(&[time.as_second()])?;
            }
        }
        Ok(())
    }
}

/// The versions that the index knows.
struct Known {
    /// Of their dlists.
    sizes: HashMap<String, u64>,
    /// Those that were reported as gone.
    gone: HashSet<String>,
}

impl Known {
    fn of(index: &Index) -> Result<Self> {
        let (mut sizes, mut gone) = (HashMap::new(), HashSet::new());
        for known in index.known_dlists()? {
            if known.is_gone {
                gone.insert(known.name.clone());
            }
            sizes.insert(known.name, known.size);
        }
        Ok(Self { sizes, gone })
    }

    fn has(&self, dlist: &ListedVolume) -> bool {
        self.sizes.contains_key(dlist.name.as_str())
    }

    fn is_gone(&self, dlist: &ListedVolume) -> bool {
        self.gone.contains(dlist.name.as_str())
    }
}

/// Reports a version that is gone.
fn report_gone(
    session: &Session,
    index: &Index,
    dlist: &VolumeName,
    others_work_here: bool,
) -> Result<()> {
    if session.role() != Role::Reading {
        index.note_gone(dlist.as_str())?;
    }
    // Others give up their versions by their own rules, and no other's.
    let makers = Makers::noted(index)?;
    let may_be_theirs = match dlist.time().map(|time| makers.origin(time)) {
        Some(Origin::Own | Origin::Adopted) => false,
        Some(Origin::Others) => true,
        Some(Origin::Unknown) | None => others_work_here,
    };
    if !may_be_theirs {
        index.hold_deletions(true)?;
    }
    session.monitor().problem(Problem {
        subject: dlist.to_string(),
        kind: ProblemKind::VersionGone {
            others_work_here: may_be_theirs,
        },
    });
    Ok(())
}

fn is_readable(session: &Session, dlist: &ListedVolume, spool: &Path) -> bool {
    let read = session.fetch(dlist.name.as_str(), spool).and_then(|path| {
        let mut reader = open_dlist(session, dlist, &path)?;
        let completeness = reader.completeness();
        completeness.map_err(|source| Error::volume(dlist.name.as_str(), source))
    });
    read.is_ok()
}
