//! The upload origin: fragments, status and end of upload sessions.

use serde_json::{Value, json};
use tokio::io::{AsyncSeekExt, AsyncWriteExt, SeekFrom};

use crate::fail::{Fail, disk};
use crate::graph::folders::{self, Placement};
use crate::graph::show;
use crate::hashes::Hashes;
use crate::model::item::Item;
use crate::model::upload::Upload;
use crate::options::UploadAuth;
use crate::reply::{GraphError, Reply, empty, json_reply};
use crate::request::{Call, Pairs};
use crate::state::State;
use crate::time::{iso, plus};
use crate::world::World;

/// Every fragment but the last is a multiple of this many bytes.
const FRAGMENT_UNIT: u64 = 320 * 1024;
/// A fragment is smaller than this many bytes.
const FRAGMENT_LIMIT: u64 = 60 * 1024 * 1024;
/// Seconds a session lives on after it was touched.
pub(crate) const SESSION_LIFE: i64 = 24 * 3600;

/// The id of the session an upload address is for.
pub(crate) fn session_id(call: &Call) -> Option<String> {
    match call.query.get("guid") {
        Some(guid) => Some(guid.trim_matches('\'').to_owned()),
        None => call.segments().get(2).cloned(),
    }
}

/// The session a request is for, its address and headers checked.
fn session(world: &World, call: &Call) -> Result<Upload, GraphError> {
    if call.has_auth() && world.options.upload_auth == UploadAuth::Strict {
        return Err(GraphError::new(
            401,
            "unauthenticated",
            "The upload address takes no Authorization header",
        ));
    }
    let gone = || {
        GraphError::new(404, "itemNotFound", "The upload session was not found")
            .inner("uploadSessionNotFound")
    };
    let state = &mut world.state();
    let id = session_id(call).ok_or_else(gone)?;
    let upload = state.uploads.get(&id).cloned().ok_or_else(gone)?;
    if call.fault.expire_session {
        let ended = Upload {
            expired: true,
            ..upload.clone()
        };
        state.put_upload(ended);
    }
    if upload.expired || call.fault.expire_session || upload.expires <= state.now() {
        return Err(gone());
    }
    // `'` and `%27` are the same character to every server; nothing else may be re-encoded.
    let sent = format!("{}?{}", call.path, call.raw_query).replace("%27", "'");
    if sent != upload.address {
        return Err(GraphError::new(
            401,
            "unauthenticated",
            "The upload address is not valid",
        ));
    }
    Ok(upload)
}

/// Takes a fragment in.
pub(crate) async fn fragment(world: &World, call: &mut Call) -> Result<Reply, Fail> {
    session(world, call)?;
    let range = call.header("content-range").and_then(ContentRange::parse);
    let Some(range) = range else {
        return Err(
            GraphError::invalid("The Content-Range header is missing or malformed.").into(),
        );
    };
    if range.length() >= FRAGMENT_LIMIT {
        let message = "Maximum request length exceeded";
        return Err(GraphError::new(413, "invalidRequest", message)
            .inner("maxFragmentLengthExceeded")
            .into());
    }
    // The fragment counts only when all of it arrived.
    let Some(bytes) = call.read(range.length() as usize).await? else {
        return Err(length_mismatch().into());
    };
    if bytes.len() as u64 != range.length() {
        return Err(length_mismatch().into());
    }
    let _one_at_a_time = world.fragments.lock().await;
    // Another request may have moved the session on while this one's bytes arrived.
    let mut upload = session(world, call)?;
    check(world, &upload, &range)?;

    let half = call.fault.store_half_then_status.is_some();
    let kept = match half {
        true => range.length() / 2 / FRAGMENT_UNIT * FRAGMENT_UNIT,
        false => range.length(),
    };
    let path = part(&world.state(), &upload);
    append(&path, range.first, &bytes[..kept as usize])
        .await
        .map_err(disk)?;
    upload.total = Some(range.total);
    upload.received = range.first + kept;
    let last = upload.received == range.total;
    upload.misaligned |= !last && !range.length().is_multiple_of(FRAGMENT_UNIT);

    upload.expires = plus(world.now(), SESSION_LIFE);
    if !last || upload.defer_commit {
        world.state().put_upload(upload.clone());
        return Ok(json_reply(202, &progress(call, &upload)));
    }
    // The last fragment counts only together with its file: a client that disconnects before sends it again.
    complete(world, &upload, &call.query).await
}

fn check(world: &World, upload: &Upload, range: &ContentRange) -> Result<(), GraphError> {
    if upload.total.is_some_and(|total| total != range.total) {
        return Err(GraphError::invalid(
            "The total size differs from the earlier fragments",
        ));
    }
    if range.first != upload.received {
        let inner = if range.first < upload.received {
            "fragmentOverlap"
        } else {
            "fragmentOutOfOrder"
        };
        let message = "The uploaded fragment has already been received or is out of order";
        return Err(GraphError::new(416, "invalidRange", message).inner(inner));
    }
    let last = range.last + 1 == range.total;
    if last && upload.misaligned {
        // The service notices wrong sizes only when it puts the file together.
        return Err(GraphError::invalid(
            "Fragments must be a multiple of 320 KiB",
        ));
    }
    let state = world.state();
    let fits = folders::tree(&state, &upload.drive)?.fits(upload.received + range.length());
    if !fits {
        return Err(GraphError::full());
    }
    Ok(())
}

/// An empty POST creates the file of a business session with a deferred commit.
pub(crate) async fn post(world: &World, call: &mut Call) -> Result<Reply, Fail> {
    while call.next().await?.is_some() {}
    let upload = session(world, call)?;
    if upload.total != Some(upload.received) {
        return Err(GraphError::invalid("The upload session is not complete").into());
    }
    complete(world, &upload, &call.query).await
}

async fn complete(world: &World, upload: &Upload, query: &Pairs) -> Result<Reply, Fail> {
    let hashes = hashes(world, upload).await?;
    let state = &mut world.state();
    let to = Placement {
        drive: &upload.drive,
        parent: &upload.parent,
        name: &upload.name,
        conflict: upload.conflict,
        client_created: upload.client_created,
        client_modified: upload.client_modified,
    };
    let (item, created) = finish(state, upload, hashes, &to)?;
    let status = if created { 201 } else { 200 };
    Ok(json_reply(status, &show::item(world, state, &item, query)))
}

/// The hashes of a complete session's bytes, taken where they hold up no other request.
pub(crate) async fn hashes(world: &World, upload: &Upload) -> Result<Hashes, Fail> {
    let (path, length) = (part(&world.state(), upload), upload.received);
    let taken = tokio::task::spawn_blocking(move || Hashes::of_file(&path, length)).await;
    taken
        .unwrap_or_else(|stopped| Err(stopped.into()))
        .map_err(disk)
}

/// Turns a complete session into a file. The session is over even when the name is taken.
pub(crate) fn finish(
    state: &mut State,
    upload: &Upload,
    hashes: Hashes,
    to: &Placement<'_>,
) -> Result<(Item, bool), GraphError> {
    let blob = state.random.hex();
    let content = hashes.finish(blob.clone());
    let moved = std::fs::rename(part(state, upload), state.blob(&blob));
    moved.map_err(|error| GraphError::new(500, "generalException", &error.to_string()))?;
    state.remove_upload(&upload.id);
    folders::place(state, to, content).inspect_err(|_| {
        let _ = std::fs::remove_file(state.blob(&blob));
    })
}

pub(crate) fn status(world: &World, call: &Call) -> Result<Reply, Fail> {
    let upload = session(world, call)?;
    Ok(json_reply(200, &progress(call, &upload)))
}

pub(crate) fn cancel(world: &World, call: &Call) -> Result<Reply, Fail> {
    let upload = session(world, call)?;
    let state = &mut world.state();
    state.remove_upload(&upload.id);
    let _ = std::fs::remove_file(part(state, &upload));
    Ok(empty(204))
}

fn progress(call: &Call, upload: &Upload) -> Value {
    let ranges = match &call.fault.bad_ranges {
        Some(ranges) => ranges.clone(),
        None if upload.total == Some(upload.received) => Vec::new(),
        None => vec![format!("{}-", upload.received)],
    };
    json!({"expirationDateTime": iso(upload.expires), "nextExpectedRanges": ranges})
}

/// Writes at `offset`; what a lost request may have left behind it is overwritten.
async fn append(path: &std::path::Path, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let mut file = options.open(path).await?;
    file.set_len(offset).await?;
    file.seek(SeekFrom::Start(offset)).await?;
    file.write_all(bytes).await?;
    file.flush().await
}

fn part(state: &State, upload: &Upload) -> std::path::PathBuf {
    state.folder.join("uploads").join(&upload.id)
}

pub(crate) fn not_allowed() -> GraphError {
    GraphError::new(405, "invalidRequest", "Method not allowed")
}

fn length_mismatch() -> GraphError {
    GraphError::invalid("The body's length differs from the Content-Range header")
        .inner("fragmentLengthMismatch")
}

/// `bytes first-last/total`
#[derive(Debug, PartialEq, Eq)]
struct ContentRange {
    first: u64,
    last: u64,
    total: u64,
}

impl ContentRange {
    fn parse(header: &str) -> Option<Self> {
        let (range, total) = header
            .trim()
            .strip_prefix("bytes")?
            .trim()
            .split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let range = Self {
            first: number(first)?,
            last: number(last)?,
            total: number(total)?,
        };
        (range.first <= range.last && range.last < range.total).then_some(range)
    }

    fn length(&self) -> u64 {
        self.last - self.first + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ranges_inside_the_file_are_read() {
        let read = ContentRange::parse("bytes 0-9/10");

        assert_eq!(
            read,
            Some(ContentRange {
                first: 0,
                last: 9,
                total: 10
            })
        );
        for broken in [
            "",
            "bytes */10",
            "bytes 0-10/10",
            "bytes 5-4/10",
            "bytes 0--1/0",
            "0-9/10",
        ] {
            assert_eq!(ContentRange::parse(broken), None, "{broken}");
        }
    }
}
