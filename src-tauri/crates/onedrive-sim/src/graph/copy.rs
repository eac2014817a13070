//! Copying a file inside a drive, and the address that reports its progress.
//!
//! The real service copies in the background; here the copy is there when the answer leaves, and the address says so.
//! Source: Microsoft Graph, "driveItem: copy" and "Working with long running actions".

use axum::http::header;
use serde_json::{Value, json};

use super::access::Place;
use super::{children, folders, items};
use crate::fail::{Fail, disk};
use crate::model::item::Content;
use crate::model::names;
use crate::model::upload::Conflict;
use crate::reply::{GraphError, Reply, empty, json_reply, with};
use crate::request::{Call, encode};
use crate::world::World;

/// Path of the addresses that [`status`] answers; the real ones need no token either.
const MONITOR: &str = "/monitor";

/// Copies a file to the folder and name that the body asks for; folders are not supported.
pub(crate) async fn copy(at: &Place<'_>, call: &mut Call) -> Result<Reply, Fail> {
    let Some(body) = call.json().await? else {
        return Err(GraphError::invalid("The body is no JSON").into());
    };
    let state = &mut at.world.state();
    let source = folders::resolve(state, at.drive, at.item)?;
    let Some(content) = source.content.clone() else {
        let message = "The simulator copies files only";
        return Err(GraphError::new(400, "notSupported", message).into());
    };
    let tree = folders::tree(state, at.drive)?;
    let parent = match body.get("parentReference") {
        Some(reference) => items::new_parent(tree, &source, reference)?,
        None => source.parent.clone().unwrap_or_default(),
    };
    let name = body.get("name").and_then(Value::as_str);
    let name = name.unwrap_or(&source.name).to_owned();
    names::check(&name, false, tree.drive.root == parent)?;

    let conflict = children::conflict(&Value::Null, &call.query)?;
    let blob = state.random.hex();
    std::fs::copy(state.blob(&content.blob), state.blob(&blob)).map_err(disk)?;
    let to = folders::Placement {
        drive: at.drive,
        parent: &parent,
        name: &name,
        conflict: conflict.unwrap_or(Conflict::Fail),
        client_created: Some(source.client_created),
        client_modified: Some(source.client_modified),
    };
    let copied = Content {
        blob: blob.clone(),
        ..content
    };
    let (item, _) = folders::place(state, &to, copied).inspect_err(|_| {
        let _ = std::fs::remove_file(state.blob(&blob));
    })?;
    let monitor = format!("{}{MONITOR}/{}", at.world.urls.api, encode(&item.id));
    Ok(with(empty(202), header::LOCATION, &monitor))
}

/// How far the copy with this id is.
pub(crate) fn status(world: &World, call: &Call) -> Reply {
    let id = call.segments().pop().unwrap_or_default();
    let state = world.state();
    match state.trees.values().any(|tree| tree.item(&id).is_some()) {
        true => json_reply(
            200,
            &json!({"percentageComplete": 100.0, "resourceId": id, "status": "completed"}),
        ),
        false => GraphError::not_found().into_reply(&call.request_id, call.client_request_id(), ""),
    }
}
