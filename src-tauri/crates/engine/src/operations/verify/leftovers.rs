//! What a run that was cut off left: volumes that miss their counterpart and that no version needs.

use std::collections::{HashMap, HashSet};

use crate::error::Result;
use crate::monitor::{FaultKind, Problem, ProblemKind};
use crate::operations::verify::stats::{VerifyStats, note};
use crate::reasons::Incomplete;
use crate::repository::deletion::with_dindexes;
use crate::repository::dindexes::lacking_dindexes;
use crate::repository::listing::Listing;
use crate::repository::needs::needed_volumes;
use crate::repository::open::Repository;
use crate::repository::sync::is_all_there;
use crate::repository::volumes::ListedVolume;

/// Reports data volumes that no index volume describes. Where a version needs one, its index volume was there and is lost;
/// else it never came.
pub(super) fn report_not_described(
    repository: Repository<'_>,
    listed: &Listing,
    stats: &mut VerifyStats,
) -> Result<()> {
    let Repository { session, index, .. } = repository;
    let lacking = lacking_dindexes(index, listed)?;
    if lacking.is_empty() {
        return Ok(());
    }
    let rows = index.volumes()?.into_iter();
    let ids: HashMap<String, i64> = rows.map(|row| (row.name, row.id)).collect();
    let readable = lacking
        .iter()
        .filter_map(|dblock| ids.get(dblock.name.as_str()));
    let readable: Vec<i64> = readable.copied().collect();
    let needed = needed_volumes(repository, listed, &readable)?;
    for dblock in lacking {
        let name = dblock.name.to_string();
        if ids.get(&name).is_some_and(|id| !needed.contains(id)) {
            session.monitor().problem(Problem {
                subject: name,
                kind: ProblemKind::NotDescribed,
            });
        } else {
            let kind = FaultKind::Incomplete(Incomplete::NotDescribed);
            note(session, stats, name, kind);
        }
    }
    Ok(())
}

/// Takes index volumes that describe nothing which is there, or which a version needs, out of what is looked into, and reports
/// them.
pub(super) fn leave_out_leftovers(repository: Repository<'_>, listed: &mut Listing) -> Result<()> {
    let Repository { session, index, .. } = repository;
    let rows = with_dindexes(index, &HashSet::new())?;
    let left: HashSet<String> = rows.into_iter().map(|row| row.name).collect();
    let is_left = |volume: &ListedVolume| left.contains(volume.name.as_str());
    if left.is_empty() || !is_all_there(repository, listed)? {
        return Ok(());
    }
    for volume in listed.dindexes.extract_if(.., |volume| is_left(volume)) {
        session.monitor().problem(Problem {
            subject: volume.name.to_string(),
            kind: ProblemKind::LeftOver,
        });
    }
    Ok(())
}
