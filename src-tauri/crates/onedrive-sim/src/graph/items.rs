//! Reading, changing and deleting one item.

use axum::http::header;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::access::Place;
use super::{folders, show};
use crate::fail::Fail;
use crate::model::drive::DriveKind;
use crate::model::item::Item;
use crate::model::names;
use crate::reply::{GraphError, Reply, empty, json_reply, with};
use crate::request::Call;
use crate::time::iso;

pub(crate) fn get(at: &Place<'_>, call: &Call) -> Result<Reply, Fail> {
    let state = &mut at.world.state();
    let item = folders::resolve(state, at.drive, at.item)?;
    if call
        .header("if-none-match")
        .is_some_and(|tag| item.matches(tag))
    {
        return Ok(empty(304));
    }
    let shown = show::item(at.world, state, &item, &call.query);
    Ok(with(json_reply(200, &shown), header::ETAG, &item.e_tag()))
}

/// Renames, moves or dates an item.
pub(crate) async fn patch(at: &Place<'_>, call: &mut Call) -> Result<Reply, Fail> {
    let Some(body) = call.json().await? else {
        return Err(bad_body().into());
    };
    let state = &mut at.world.state();
    let mut item = folders::resolve(state, at.drive, at.item)?;
    check_match(&item, call)?;
    let tree = folders::tree(state, at.drive)?;
    if item.parent.is_none()
        && (body.get("name").is_some() || body.get("parentReference").is_some())
    {
        return Err(GraphError::invalid("The root cannot be renamed or moved").into());
    }
    if let Some(reference) = body.get("parentReference") {
        let target = new_parent(tree, &item, reference)?;
        item.parent = Some(target);
    }
    if let Some(name) = body.get("name").and_then(Value::as_str) {
        let top = item.parent.as_ref() == Some(&tree.drive.root);
        names::check(name, item.is_folder(), top)?;
        item.name = name.to_owned();
    }
    let taken = item
        .parent
        .as_ref()
        .and_then(|parent| tree.child(parent, &item.name));
    if taken.is_some_and(|other| other.id != item.id) {
        return Err(GraphError::exists().into());
    }
    if let Some(times) = body.get("fileSystemInfo") {
        let (created, modified) = times_of(times)?;
        item.client_created = created.unwrap_or(item.client_created);
        item.client_modified = modified.unwrap_or(item.client_modified);
    }
    item.revision += 1;
    item.modified = state.now();
    let item = state.put_item(item).ok_or_else(GraphError::not_found)?;
    Ok(json_reply(
        200,
        &show::item(at.world, state, &item, &call.query),
    ))
}

pub(crate) fn new_parent(
    tree: &crate::model::tree::Tree,
    item: &Item,
    reference: &Value,
) -> Result<String, GraphError> {
    let elsewhere = reference.get("driveId").and_then(Value::as_str);
    if elsewhere.is_some_and(|drive| !tree.drive.is_called(drive)) {
        return Err(GraphError::new(
            400,
            "notSupported",
            "Items cannot move to another drive",
        ));
    }
    let target = match reference.get("id").and_then(Value::as_str) {
        Some(id) => tree.item(id),
        None => {
            let path = reference
                .get("path")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let below = path.split_once("root:").map_or("", |(_, below)| below);
            tree.walk("root", &super::address::split(below)?)
        }
    };
    let target = target
        .filter(|target| target.is_folder())
        .ok_or_else(GraphError::not_found)?;
    if tree.is_within(&target.id, &item.id) {
        return Err(GraphError::invalid("A folder cannot move into itself"));
    }
    Ok(target.id.clone())
}

/// Moves an item, with everything below it, to the recycle bin.
pub(crate) fn delete(at: &Place<'_>, call: &Call) -> Result<Reply, Fail> {
    let state = &mut at.world.state();
    let item = folders::resolve(state, at.drive, at.item)?;
    check_match(&item, call)?;
    if item.parent.is_none() {
        return Err(GraphError::denied().into());
    }
    let below = folders::tree(state, at.drive)?.subtree(&item.id);
    for id in below.into_iter().rev() {
        let Some(mut item) = folders::tree(state, at.drive)?.item(&id).cloned() else {
            continue;
        };
        item.deleted = true;
        item.revision += 1;
        state.put_item(item);
    }
    Ok(empty(204))
}

/// Removes an item, with everything below it, past the recycle bin.
pub(crate) fn permanent_delete(at: &Place<'_>) -> Result<Reply, Fail> {
    let state = &mut at.world.state();
    if folders::tree(state, at.drive)?.drive.kind == DriveKind::Personal {
        let message = "Permanent delete is not supported on this drive";
        return Err(GraphError::new(400, "notSupported", message).into());
    }
    let item = folders::resolve(state, at.drive, at.item)?;
    if item.parent.is_none() {
        return Err(GraphError::denied().into());
    }
    for id in folders::tree(state, at.drive)?
        .subtree(&item.id)
        .into_iter()
        .rev()
    {
        state.remove_item(at.drive, &id);
    }
    Ok(empty(204))
}

pub(crate) fn versions(at: &Place<'_>) -> Result<Reply, Fail> {
    let state = &mut at.world.state();
    let item = folders::resolve(state, at.drive, at.item)?;
    let older = item
        .versions
        .iter()
        .map(|version| (version.size, version.modified));
    let all: Vec<(u64, Timestamp)> = older.chain([(item.size(), item.modified)]).collect();
    let shown = all
        .iter()
        .enumerate()
        .rev()
        .map(|(number, (size, modified))| {
            json!({
                "id": format!("{}.0", number + 1),
                "size": size,
                "lastModifiedDateTime": iso(*modified),
            })
        });
    Ok(json_reply(
        200,
        &json!({"value": shown.collect::<Vec<_>>()}),
    ))
}

/// Created and modified times of a `fileSystemInfo`.
pub(crate) fn times_of(
    times: &Value,
) -> Result<(Option<Timestamp>, Option<Timestamp>), GraphError> {
    let read = |key: &str| match times.get(key).and_then(Value::as_str) {
        None => Ok(None),
        Some(text) => text
            .parse::<Timestamp>()
            .map(Some)
            .map_err(|_| GraphError::invalid("A time is not in ISO 8601")),
    };
    Ok((read("createdDateTime")?, read("lastModifiedDateTime")?))
}

pub(crate) fn check_match(item: &Item, call: &Call) -> Result<(), GraphError> {
    match call.header("if-match") {
        Some(tag) if !item.matches(tag) => Err(GraphError::precondition()),
        _ => Ok(()),
    }
}

pub(crate) fn bad_body() -> GraphError {
    GraphError::invalid("Unable to read JSON request payload")
}
