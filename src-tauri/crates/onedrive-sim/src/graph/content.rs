//! A file's bytes: where to read them, and storing small ones in one request.

use axum::http::header;
use tokio::io::AsyncWriteExt;

use super::access::Place;
use super::folders::{self, Placement};
use super::{children, items, show};
use crate::download;
use crate::fail::{Fail, disk};
use crate::hashes::Hashes;
use crate::model::item::{Content, Item};
use crate::model::upload::Conflict;
use crate::reply::{GraphError, Reply, empty, json_reply, redirect, with};
use crate::request::Call;
use crate::state::State;

/// Bytes a file may have to be sent in one request.
const LARGEST_PUT: u64 = 250 * 1024 * 1024;

/// Points to the download origin.
pub(crate) fn get(at: &Place<'_>, call: &Call) -> Result<Reply, Fail> {
    let state = &mut at.world.state();
    let item = folders::resolve(state, at.drive, at.item)?;
    if item.is_folder() {
        return Err(GraphError::invalid("You cannot get content for a folder").into());
    }
    if call
        .header("if-none-match")
        .is_some_and(|tag| item.matches(tag))
    {
        return Ok(empty(304));
    }
    let address = download::address(at.world, state, &item);
    Ok(with(redirect(&address), header::ETAG, &item.e_tag()))
}

pub(crate) async fn put(at: &Place<'_>, call: &mut Call) -> Result<Reply, Fail> {
    if call.header("content-range").is_some() {
        return Err(GraphError::invalid("Content-Range is not supported here").into());
    }
    let conflict = children::conflict(&serde_json::Value::Null, &call.query)?;
    let target = target(at, call)?;
    let announced = call
        .header("content-length")
        .and_then(|length| length.parse().ok());
    if announced.is_some_and(|length: u64| length > LARGEST_PUT) {
        return Err(too_large().into());
    }
    if announced.is_some_and(|length: u64| {
        !folders::tree(&at.world.state(), at.drive)
            .is_ok_and(|tree| tree.fits(length.saturating_sub(target.freed)))
    }) {
        return Err(GraphError::full().into());
    }
    let content = store(at, call).await?;
    let blob = content.blob.clone();

    let state = &mut at.world.state();
    let to = Placement {
        drive: at.drive,
        parent: &target.parent,
        name: &target.name,
        conflict: conflict.unwrap_or(Conflict::Replace),
        client_created: None,
        client_modified: None,
    };
    let placed = still_matches(state, at, call).and_then(|()| folders::place(state, &to, content));
    let (item, created) = placed.inspect_err(|_| {
        let _ = std::fs::remove_file(state.blob(&blob));
    })?;
    let status = if created { 201 } else { 200 };
    Ok(json_reply(
        status,
        &show::item(at.world, state, &item, &call.query),
    ))
}

/// Target of an upload.
struct Destination {
    parent: String,
    name: String,
    /// Bytes of the file it replaces.
    freed: u64,
}

fn target(at: &Place<'_>, call: &Call) -> Result<Destination, GraphError> {
    let state = &mut at.world.state();
    if at.item.path.is_empty() {
        let item = folders::resolve(state, at.drive, at.item)?;
        items::check_match(&item, call)?;
        if item.is_folder() {
            return Err(GraphError::invalid("File name not provided in url"));
        }
        let parent = item.parent.clone().unwrap_or_default();
        return Ok(Destination {
            parent,
            freed: item.size(),
            name: item.name,
        });
    }
    let (parent, name) = folders::resolve_new(state, at.drive, at.item)?;
    let present = folders::tree(state, at.drive)?.child(&parent, &name);
    if let Some(item) = present {
        items::check_match(item, call)?;
    }
    let freed = present.map_or(0, Item::size);
    Ok(Destination {
        parent,
        name,
        freed,
    })
}

/// `If-Match` again, after the body went by.
fn still_matches(state: &mut State, at: &Place<'_>, call: &Call) -> Result<(), GraphError> {
    match folders::resolve(state, at.drive, at.item) {
        Ok(item) => items::check_match(&item, call),
        Err(_) if call.header("if-match").is_some() => Err(GraphError::precondition()),
        Err(_) => Ok(()),
    }
}

/// Writes the request's body to a new blob while it arrives.
async fn store(at: &Place<'_>, call: &mut Call) -> Result<Content, Fail> {
    let (blob, path) = {
        let state = &mut at.world.state();
        let blob = state.random.hex();
        let path = state.blob(&blob);
        (blob, path)
    };
    let written = write(&path, call).await;
    match written {
        Ok(hashes) => Ok(hashes.finish(blob)),
        Err(fail) => {
            let _ = tokio::fs::remove_file(&path).await;
            Err(fail)
        }
    }
}

async fn write(path: &std::path::Path, call: &mut Call) -> Result<Hashes, Fail> {
    let mut hashes = Hashes::default();
    let mut file = tokio::fs::File::create(path).await.map_err(disk)?;
    while let Some(bytes) = call.next().await? {
        if call.body_bytes > LARGEST_PUT {
            return Err(too_large().into());
        }
        hashes.update(&bytes);
        file.write_all(&bytes).await.map_err(disk)?;
    }
    file.flush().await.map_err(disk)?;
    Ok(hashes)
}

fn too_large() -> GraphError {
    GraphError::new(
        413,
        "invalidRequest",
        "The file is too large for a simple upload",
    )
    .inner("maxFileSizeExceeded")
}
