//! The download origin: pre-authenticated addresses that serve a file's bytes without a token.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, header};
use futures::stream;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

use crate::faults::{Action, DropPoint};
use crate::model::item::Item;
use crate::options::UploadAuth;
use crate::reply::{GraphError, Reply, empty, reply, with};
use crate::request::{Call, encode};
use crate::state::State;
use crate::time::{iso, plus};
use crate::world::World;

/// Seconds a download address works.
const ADDRESS_LIFE: i64 = 3600;
/// Bytes read from disk at once.
const PIECE: u64 = 64 * 1024;

/// The address that serves `item` for the next hour.
pub(crate) fn address(world: &World, state: &State, item: &Item) -> String {
    let until = plus(state.now(), ADDRESS_LIFE).as_second();
    let sign = signature(state, &item.drive, &item.id, until);
    let (drive, id, name) = (encode(&item.drive), encode(&item.id), encode(&item.name));
    format!(
        "{}/dl/{drive}/{id}/{name}?tempauth={until}.{sign}",
        world.urls.dl
    )
}

fn signature(state: &State, drive: &str, item: &str, until: i64) -> String {
    let text = format!("{}\n{drive}\n{item}\n{until}", state.secret);
    hex::encode(&Sha256::digest(text.as_bytes())[..16])
}

pub(crate) async fn answer(world: &World, call: &mut Call) -> Reply {
    let served = serve(world, call).await;
    served.unwrap_or_else(|error| {
        let date = iso(world.now());
        error.into_reply(&call.request_id, call.client_request_id(), &date)
    })
}

async fn serve(world: &World, call: &mut Call) -> Result<Reply, GraphError> {
    if call.method != Method::GET && call.method != Method::HEAD {
        return Err(GraphError::new(405, "invalidRequest", "Method not allowed"));
    }
    if call.has_auth() && world.options.upload_auth == UploadAuth::Strict {
        let message = "The download address takes no Authorization header";
        return Err(GraphError::new(401, "unauthenticated", message));
    }
    let (item, path) = {
        let state = world.state();
        let item = check(&state, call)?;
        let content = item.content.as_ref().ok_or_else(GraphError::not_found)?;
        let path = state.blob(&content.blob);
        (item, path)
    };
    if call
        .header("if-none-match")
        .is_some_and(|tag| item.matches(tag))
    {
        return Ok(empty(304));
    }
    let size = item.size();
    let range = call.header("range");
    let range = range.and_then(|range| parse_range(range, size));
    let (first, end) = match range {
        Some((first, end)) if first < end => (first, end),
        Some(_) => return Ok(unsatisfiable(call, size)),
        None => (0, size),
    };
    let file = open(&path, first).await;
    let file = file.map_err(|_| GraphError::not_found())?;
    let length = call
        .fault
        .truncate_download
        .map_or(end - first, |cut| cut.min(end - first));
    let body = match call.method {
        Method::HEAD => Body::empty(),
        _ => body(file, first, length, call.fault.clone()),
    };
    let mut served = reply(
        if range.is_some() { 206 } else { 200 },
        "application/octet-stream",
        body,
    );
    served
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length.into());
    served = with(served, header::ACCEPT_RANGES, "bytes");
    served = with(served, header::ETAG, &item.e_tag());
    if range.is_some() {
        let range = format!("bytes {first}-{}/{size}", end - 1);
        served = with(served, header::CONTENT_RANGE, &range);
    }
    Ok(served)
}

fn unsatisfiable(call: &Call, size: u64) -> Reply {
    let refused = GraphError::new(416, "invalidRange", "The range is not satisfiable");
    let refused = refused.into_reply(&call.request_id, call.client_request_id(), "");
    with(refused, header::CONTENT_RANGE, &format!("bytes */{size}"))
}

fn check(state: &State, call: &Call) -> Result<Item, GraphError> {
    let segments = call.segments();
    let [_, drive, id, ..] = segments.as_slice() else {
        return Err(GraphError::not_found());
    };
    let given = call.query.get("tempauth").unwrap_or_default();
    let (until, sign) = given.split_once('.').unwrap_or_default();
    let until: i64 = until.parse().unwrap_or(0);
    if until <= state.now().as_second() || sign != signature(state, drive, id, until) {
        return Err(GraphError::denied());
    }
    let tree = state.trees.get(drive).ok_or_else(GraphError::not_found)?;
    tree.item(id).cloned().ok_or_else(GraphError::not_found)
}

/// Start and end of `bytes=a-b`; `None` for anything but a single byte range, which is then ignored.
fn parse_range(range: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = range.trim().strip_prefix("bytes=")?.split_once('-')?;
    match (first.trim(), last.trim()) {
        ("", last) => Some((size.saturating_sub(last.parse().ok()?), size)),
        (first, "") => Some((first.parse().ok()?, size)),
        (first, last) => {
            let last: u64 = last.parse().ok()?;
            Some((first.parse().ok()?, last.saturating_add(1).min(size)))
        }
    }
}

async fn open(path: &std::path::Path, first: u64) -> io::Result<File> {
    let mut file = File::open(path).await?;
    file.seek(SeekFrom::Start(first)).await?;
    Ok(file)
}

/// Streams the file from `at` on and applies the fault.
fn body(file: File, at: u64, length: u64, fault: Action) -> Body {
    struct Reading {
        file: File,
        at: u64,
        left: u64,
        sent: u64,
        stalled: bool,
        fault: Action,
    }
    let reading = Reading {
        file,
        at,
        left: length,
        sent: 0,
        stalled: false,
        fault,
    };
    Body::from_stream(stream::try_unfold(reading, |mut reading| async move {
        let fault = &reading.fault;
        let mark = fault.at.unwrap_or((reading.sent + reading.left) / 2);
        let drops = fault.drop == Some(DropPoint::MidResponse);
        if drops && reading.sent >= mark {
            // The pause lets the connection send what it has before it is closed.
            tokio::task::yield_now().await;
            return Err(io::Error::other("a fault ended the connection"));
        }
        if let Some(ms) = fault
            .stall_ms
            .filter(|_| fault.at.is_some_and(|at| reading.sent >= at) && !reading.stalled)
        {
            reading.stalled = true;
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        if reading.left == 0 {
            return Ok(None);
        }
        let mut want = reading.left.min(PIECE);
        if drops || (fault.at.is_some() && !reading.stalled) {
            want = want.min(mark.saturating_sub(reading.sent).max(1));
        }
        let mut bytes = vec![0; want as usize];
        reading.file.read_exact(&mut bytes).await?;
        if let Some(corrupt) = fault.corrupt_byte
            && let Some(index) = corrupt.checked_sub(reading.at)
            && let Some(byte) = bytes.get_mut(index as usize)
        {
            *byte ^= 0xff;
        }
        if let Some(speed) = fault.bandwidth_bps.filter(|speed| *speed > 0) {
            tokio::time::sleep(Duration::from_millis(want * 1000 / speed)).await;
        }
        reading.at += want;
        reading.left -= want;
        reading.sent += want;
        Ok(Some((Bytes::from(bytes), reading)))
    }))
}

#[cfg(test)]
mod tests {
    use super::parse_range;

    #[test]
    fn ranges_are_read_with_open_ends() {
        assert_eq!(parse_range("bytes=2-4", 10), Some((2, 5)));
        assert_eq!(parse_range("bytes=2-", 10), Some((2, 10)));
        assert_eq!(parse_range("bytes=-3", 10), Some((7, 10)));
        assert_eq!(parse_range("bytes=5-99", 10), Some((5, 10)));
        assert_eq!(parse_range("lines=1-2", 10), None);
        assert_eq!(parse_range("bytes=1-2,4-5", 10), None);
    }
}
