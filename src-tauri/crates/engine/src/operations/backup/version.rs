//! The end of a run: the dlist, which makes the version.

use std::sync::Mutex;
use std::{fs, thread};

use coffer_database::{EntryRow, Index};
use coffer_volume::dlist::{Completeness, DlistHead, DlistWriter, EntryKind, FilelistEntry};
use coffer_volume::{VolumeDigest, VolumeName};
use jiff::{SignedDuration, Timestamp};

use crate::crash;
use crate::error::{Error, Result};
use crate::monitor::{Problem, ProblemKind};
use crate::operations::backup::options::BackupStats;
use crate::operations::backup::rows::{self, RowSender};
use crate::repository::makers::Makers;
use crate::repository::newest::StagedAs;
use crate::repository::rows::{kind_number, kind_of, stream_ref};
use crate::repository::session::Session;
use crate::repository::spool::Spool;
use crate::repository::upload::{Checkpoints, put_new};
use crate::threads::{join, lock, spawn};

/// A dlist at the destination that is not reported yet.
pub(super) struct UploadedDlist {
    pub(super) name: VolumeName,
}

/// Seconds by which a version may move on because others have its time.
const MOST_MOVES: u32 = 3600;

/// Writes the dlist of the staged version and uploads it, a second later or more when another computer has its time. `made`
/// is filled when it is there.
pub(super) fn upload_dlist(
    session: &Session,
    index: &Index,
    spool: &mut Spool,
    stats: &mut BackupStats,
    checkpoints: &Checkpoints,
    made: &Mutex<Option<BackupStats>>,
) -> Result<UploadedDlist> {
    for _ in 0..MOST_MOVES {
        let name = VolumeName::new_dlist(spool.prefix(), spool.time(), spool.encryption());
        let VolumeDigest { size, hash } = write_dlist(session, index, spool, &name)?;
        StagedAs::new(&name, &hash).note(index)?;
        let path = spool.folder().join(name.as_str());
        session.monitor().queued(size);
        // A dlist that is cut off is never gone on with; its checkpoint lets the next run give it up.
        let is_ours = put_new(session, name.as_str(), &path, index, checkpoints)?;
        stats.uploaded_volumes += 1;
        stats.uploaded_bytes += size;
        if is_ours {
            stats.version = Some(spool.time());
            *lock(made) = Some(stats.clone());
        }
        crash::point(&path, "the version arrived");
        index.remove_checkpoint(name.as_str())?;
        if is_ours {
            index.know_dlist(name.as_str(), size)?;
            Makers::noted(index)?.add_own(spool.time())?;
        }
        fs::remove_file(&path).map_err(|source| Error::io("delete", &path, source))?;
        crash::point(&path, "the version is out of the spool");
        if is_ours {
            return Ok(UploadedDlist { name });
        }
        let next = spool.time().checked_add(SignedDuration::from_secs(1));
        spool.set_time(next.map_err(|_| Error::NoFreeTime { time: spool.time() })?);
    }
    Err(Error::NoFreeTime { time: spool.time() })
}

/// Makes the version the newest in the index.
pub(super) fn commit(index: &Index, spool: &Spool) -> Result<()> {
    index.commit_staged(spool.time().as_second())?;
    crash::point(spool.folder(), "the version is in the index");
    index.set_completeness(spool.time().as_second(), true)?;
    Ok(())
}

/// Nothing changed that a version would show: what this computer found out belongs to the version that is there.
pub(super) fn keep_local_state(index: &Index) -> Result<()> {
    Ok(index.merge_staged()?)
}

fn write_dlist(
    session: &Session,
    index: &Index,
    spool: &Spool,
    name: &VolumeName,
) -> Result<VolumeDigest> {
    let scratch = tempfile::tempfile_in(spool.folder())
        .map_err(|source| Error::io("create a file in", spool.folder(), source))?;
    let failed = |source| spool.volume_failed(name, source);
    let head = DlistHead {
        created: spool.time(),
        completeness: Completeness::Full,
        maker: session.store().maker(),
    };
    let mut writer = DlistWriter::create(
        spool.create(name)?,
        scratch,
        spool.format(),
        spool.encryption(),
        &head,
    )
    .map_err(failed)?;
    let reader = index.handle().open()?;
    thread::scope(|scope| {
        let (sender, rows) = rows::channel();
        let reading = spawn(scope, "staged", move || {
            read_staged_version(&reader, sender)
        })?;
        for row in rows.into_iter().flatten() {
            session.check_cancelled()?;
            match entry(&row, spool).and_then(|entry| writer.add(&entry)) {
                // One file that could not be read back must not cost all others.
                Err(coffer_volume::Error::Malformed { why, .. }) => {
                    session.monitor().problem(Problem {
                        subject: row.path,
                        kind: ProblemKind::TooLargeForFormat(why),
                    });
                }
                other => other.map_err(failed)?,
            }
        }
        Ok::<_, Error>(join(reading)?)
    })?;
    let (out, digest) = writer.finish().map_err(failed)?;
    spool.close(out, name)?;
    Ok(digest)
}

/// Sends the staged version's entries in the order of a dlist, until all are sent or the receiver is gone.
fn read_staged_version(index: &Index, mut rows: RowSender) -> coffer_database::Result<()> {
    for kinds in [
        &[EntryKind::Folder, EntryKind::Symlink][..],
        &[EntryKind::File],
    ] {
        let numbers: Vec<u8> = kinds.iter().map(|kind| kind_number(*kind)).collect();
        index.for_each_staged_version(&numbers, |row| rows.send(row))?;
    }
    rows.finish();
    Ok(())
}

fn entry(row: &EntryRow, spool: &Spool) -> coffer_volume::Result<FilelistEntry> {
    let content = row
        .content
        .as_ref()
        .map(|row| stream_ref(row, spool.format()))
        .transpose()?;
    Ok(FilelistEntry {
        kind: kind_of(row.kind),
        path: row.path.clone(),
        content,
        time: row.time.and_then(|time| Timestamp::from_second(time).ok()),
        metadata: Some(stream_ref(&row.metadata, spool.format())?),
    })
}
