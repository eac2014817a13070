//! After a version was made: what retention gives up, space, and samples of what was uploaded.

use std::collections::HashSet;
use std::path::Path;

use coffer_database::Index;
use jiff::Timestamp;

use crate::error::Result;
use crate::monitor::{Problem, ProblemKind};
use crate::operations::backup::hold::Hold;
use crate::operations::backup::options::BackupStats;
use crate::operations::backup::overview::Overview;
use crate::operations::backup::pace::PATIENT_LEVEL;
use crate::operations::backup::run::{NewVersion, Run};
use crate::operations::compact::options::CompactOptions;
use crate::operations::compact::{GRACE, compact_afterwards};
use crate::operations::delete::{RetentionRun, apply_retention, note_rule_of_waiting_run};
use crate::operations::verify::stats::VerifyStats;
use crate::operations::verify::{Lists, Samples, VerifyOptions, verify_samples};
use crate::repository::contents::Contents;
use crate::repository::deletion::with_dindexes;
use crate::repository::dlist::read_version;
use crate::repository::listing::Listing;
use crate::repository::source_list::SourceList;
use crate::repository::spool::Spool;
use crate::repository::volumes::ListedVolume;
use crate::source::Root;
use crate::threads::lock;

/// The versions that are there, and room to read one.
struct Before<'a> {
    listed: &'a Listing,
    spool: &'a Path,
}

impl Before<'_> {
    /// Whether there is a version but the one that was made now.
    fn is_there(&self, stats: &BackupStats) -> bool {
        let times = self.listed.dlists.iter().map(|dlist| dlist.name.time());
        times.into_iter().any(|time| time != stats.version)
    }

    fn made_now(&self, stats: &BackupStats) -> Option<&ListedVolume> {
        let mut dlists = self.listed.dlists.iter().rev();
        dlists.find(|dlist| stats.version.is_some() && dlist.name.time() == stats.version)
    }
}

impl Run<'_> {
    /// Deletes versions that are not kept, gives space back, and looks into samples of what was uploaded.
    pub(super) fn look_after(
        &self,
        spool: &Spool,
        roots: &[Root],
        made: NewVersion,
    ) -> Result<BackupStats> {
        let NewVersion {
            mut stats,
            overview,
            mut listed,
        } = made;
        let options = &self.options;
        let index = lock(&self.index);
        let repository = self.repository(&index, spool);
        let now = options.now;
        let before = Before {
            listed: &listed,
            spool: spool.folder(),
        };
        let may_delete = self.may_delete(&index, roots, &overview, &before, &mut stats)?;
        if let Some(dlist) = before.made_now(&stats) {
            let (all, full) = (SourceList::of(roots), SourceList::of(roots));
            let full = full.with_content_in(&index)?;
            Contents { all, full }.note(&index, dlist)?;
        }
        if may_delete {
            let retention = RetentionRun {
                retention: &options.retention,
                newest: stats.version,
                now,
                allow_mass_deletion: options.allow_mass_deletion,
            };
            let gone = apply_retention(repository, &listed, &retention)?;
            listed.remove_versions(&gone);
            stats.deleted_versions = gone.len() as u64;
        } else {
            note_rule_of_waiting_run(&index, &options.retention)?;
        }
        if let Some(compact) = self.compact_options(spool).filter(|_| may_delete) {
            let is_due = stats.deleted_versions > 0
                || has_small_volumes(&listed, &stats, &compact)
                || has_waste(&index, &listed, now)?;
            if is_due {
                stats.compacted = compact_afterwards(repository, &mut listed, &[], &compact)?;
            }
        }
        let samples = sample_count(&listed, options.test_samples, options.test_percentage);
        if stats.uploaded_volumes > 0 && samples > 0 {
            let samples = Samples::Count(samples);
            let how = VerifyOptions { samples, now };
            let mut verified = VerifyStats::default();
            verify_samples(repository, &listed, &how, Lists::Read, &mut verified)?;
            stats.faulty_volumes = verified.faults.len() as u64;
        }
        stats.versions = listed.dlists.len() as u64;
        stats.stored_bytes = listed.size();
        Ok(stats)
    }

    /// Whether rules may delete something after this run. They wait while a source is away or was emptied, when filters
    /// leave nothing, and for a while after sources left the list: what looks deleted then may be all that there is.
    fn may_delete(
        &self,
        index: &Index,
        roots: &[Root],
        overview: &Overview,
        before: &Before,
        stats: &mut BackupStats,
    ) -> Result<bool> {
        // Runs of this computer are compared, because others may back up other sources into the same folder.
        let sources = SourceList::of(roots);
        let begins = match SourceList::of_run_before(index)? {
            Some(before) => sources.lacks_some_of(&before).then_some(Hold::SourcesLeft),
            None if overview.sources_left || self.left_before(before, &sources, stats)? => {
                Some(Hold::SourcesLeft)
            }
            // What is gone since an older version may be on a disk that is unplugged, and looks the same as a deletion.
            None => before.is_there(stats).then_some(Hold::NothingRemembered),
        };
        let waits_for = match begins {
            Some(hold) => Some(hold.begin(index)?),
            None => Hold::pass(index)?,
        };
        sources.note_run(index)?;
        let nothing_chosen = overview.files == 0
            && !overview.keeps
            && (overview.left_out > 0 || overview.files_are_gone);
        let notes = [
            nothing_chosen.then_some(ProblemKind::NothingChosen {
                is_meant: self.options.allow_missing_source,
            }),
            waits_for
                .filter(|_| !self.options.retention.keeps_all())
                .map(Hold::problem),
        ];
        for kind in notes.into_iter().flatten() {
            let subject = self.session.label();
            self.session.monitor().problem(Problem { subject, kind });
        }
        // What the new version lacks, an older one may have.
        Ok(stats.kept_sources == 0
            && stats.incomplete_files == 0
            && !nothing_chosen
            && !overview.was_emptied
            && waits_for.is_none()
            && !index.holds_deletions()?)
    }

    /// Whether the version before the one compared with has files outside of these sources: they left in the run before,
    /// and the index that had noted it is lost.
    fn left_before(
        &self,
        before: &Before,
        sources: &SourceList,
        stats: &BackupStats,
    ) -> Result<bool> {
        let session = self.session;
        let is_older = |dlist: &&ListedVolume| dlist.name.time() != stats.version;
        let Some(dlist) = before.listed.dlists.iter().rev().filter(is_older).nth(1) else {
            return Ok(false);
        };
        let mut left = false;
        let read = read_version(session, dlist, before.spool, |entry| {
            left |= !sources.has(&entry.path);
            Ok(())
        });
        match read {
            Ok(()) => Ok(left),
            Err(error) => {
                session.report_unusable(dlist.name.as_str(), error)?;
                Ok(true)
            }
        }
    }

    fn compact_options(&self, spool: &Spool) -> Option<CompactOptions> {
        let options = &self.options;
        options.compact.map(|thresholds| CompactOptions {
            thresholds,
            compression_method: options.compression_method,
            compression_level: options.compression_level.unwrap_or(PATIENT_LEVEL),
            parallel_uploads: options.parallel_uploads,
            checkpoints: options.checkpoints.clone(),
            ..CompactOptions::new(options.volume_size, spool.time())
        })
    }
}

fn sample_count(listed: &Listing, samples: u64, percentage: f64) -> u64 {
    let kinds = [&listed.dblocks, &listed.dindexes, &listed.dlists];
    let largest = kinds.map(Vec::len).into_iter().max().unwrap_or(0);
    samples.max((largest as f64 * percentage / 100.0).ceil() as u64 * u64::from(samples > 0))
}

/// Whether unneeded volumes may have reached their time, or were left by a run that was killed.
fn has_waste(index: &Index, listed: &Listing, now: Timestamp) -> Result<bool> {
    let noted = index.waste()?;
    let listed: HashSet<&str> = listed
        .volumes()
        .map(|volume| volume.name.as_str())
        .collect();
    let is_due = |since: i64| now.as_second().saturating_sub(since) >= GRACE;
    let is_noted = noted
        .iter()
        .any(|(name, since)| is_due(*since) && listed.contains(name.as_str()));
    let mut useless = with_dindexes(index, &HashSet::new())?;
    useless.retain(|row| !noted.contains_key(&row.name));
    Ok(is_noted || !useless.is_empty())
}

/// Whether this run added to many small volumes, so that they are worth merging.
fn has_small_volumes(listed: &Listing, stats: &BackupStats, compact: &CompactOptions) -> bool {
    stats.uploaded_volumes > 1
        && compact.are_too_small(listed.dblocks.iter().map(|volume| volume.size))
}
