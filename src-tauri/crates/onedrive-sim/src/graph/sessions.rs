//! Starting upload sessions.

use serde_json::{Value, json};

use super::access::Place;
use super::folders::{self, Placement};
use super::items::{bad_body, times_of};
use super::{children, show};
use crate::fail::Fail;
use crate::model::drive::DriveKind;
use crate::model::item::Item;
use crate::model::names::fold;
use crate::model::upload::{Conflict, Upload};
use crate::reply::{GraphError, Reply, json_reply};
use crate::request::Call;
use crate::state::State;
use crate::time::{iso, plus};
use crate::upload::{self, SESSION_LIFE};

pub(crate) async fn create(at: &Place<'_>, call: &mut Call) -> Result<Reply, Fail> {
    if call.header("content-length").is_none() && call.header("transfer-encoding").is_none() {
        return Err(GraphError::new(411, "lengthRequired", "Content-Length is missing").into());
    }
    let Some(body) = call.json().await? else {
        return Err(bad_body().into());
    };
    let item = body.get("item").unwrap_or(&body);
    // Microsoft documents `fail` for sessions, unlike for plain uploads.
    let conflict = children::conflict(&body, &call.query)?.unwrap_or(Conflict::Fail);
    let (created, modified) = times_of(item.get("fileSystemInfo").unwrap_or(&Value::Null))?;

    let state = &mut at.world.state();
    let (parent, name) = destination(state, at, item)?;
    check(state, at, &parent, &name, item)?;
    let now = state.now();
    let (id, address) = new_address(state, at)?;
    let upload = Upload {
        id,
        account: at.access.account.clone(),
        drive: at.drive.to_owned(),
        parent,
        name,
        conflict,
        address,
        expires: plus(now, SESSION_LIFE),
        total: None,
        received: 0,
        misaligned: false,
        client_created: created,
        client_modified: modified,
        expired: false,
        defer_commit: body
            .get("deferCommit")
            .and_then(Value::as_bool)
            .unwrap_or(false),
    };
    let shown = json!({
        "@odata.context": format!("{}/v1.0/$metadata#microsoft.graph.uploadSession", at.world.urls.api),
        "uploadUrl": format!("{}{}", at.world.urls.up, upload.address),
        "expirationDateTime": iso(upload.expires),
        "nextExpectedRanges": ["0-"],
    });
    state.put_upload(upload);
    Ok(json_reply(200, &shown))
}

/// Folder and name of the new file.
fn destination(
    state: &mut State,
    at: &Place<'_>,
    body: &Value,
) -> Result<(String, String), GraphError> {
    let (parent, name) = if at.item.path.is_empty() {
        let item = folders::resolve(state, at.drive, at.item)?;
        if item.is_folder() {
            return Err(GraphError::invalid("File name not provided in url"));
        }
        (item.parent.unwrap_or_default(), item.name)
    } else {
        folders::resolve_new(state, at.drive, at.item)?
    };
    let given = body.get("name").and_then(Value::as_str);
    if given.is_some_and(|given| fold(given) != fold(&name)) {
        return Err(GraphError::invalid(
            "The name in the body differs from the one in the url",
        ));
    }
    Ok((parent, name))
}

/// Whether there is room for the file, and nothing in its way.
fn check(
    state: &State,
    at: &Place<'_>,
    parent: &str,
    name: &str,
    body: &Value,
) -> Result<(), GraphError> {
    let tree = folders::tree(state, at.drive)?;
    let business = tree.drive.kind != DriveKind::Personal;
    let size = body.get("fileSize").and_then(Value::as_u64);
    if !business && size.is_some_and(|size| !tree.fits(size)) {
        return Err(GraphError::full());
    }
    if tree.child(parent, name).is_some_and(Item::is_folder) {
        return Err(GraphError::exists());
    }
    let now = state.now();
    let rival = state.uploads.values().any(|upload| {
        upload.drive == at.drive
            && upload.parent == parent
            && fold(&upload.name) == fold(name)
            && upload.received > 0
            && upload.expires > now
            && !upload.expired
    });
    if business && rival {
        let message = "The file is currently being uploaded";
        return Err(GraphError::new(409, "nameAlreadyExists", message));
    }
    Ok(())
}

/// Id of a new session, and its address as drives of this kind have it.
fn new_address(state: &mut State, at: &Place<'_>) -> Result<(String, String), GraphError> {
    let kind = folders::tree(state, at.drive)?.drive.kind;
    let id = state.random.guid();
    // Characters whose spelling a client must not touch: the address is compared byte for byte.
    let secret = format!(
        "v1.{}%2B{}%2F..~",
        state.random.secret(),
        state.random.hex()
    );
    let address = match kind {
        DriveKind::Personal => format!("/rup/{}/{id}?tempauth={secret}", at.drive),
        _ => format!(
            "/personal/_layouts/15/uploadSession?guid='{id}'&overwrite=True&rename=False&dc=0&tempauth={secret}"
        ),
    };
    Ok((id, address))
}

/// Creates the file of a finished session with a deferred commit (`@microsoft.graph.sourceUrl`).
pub(crate) async fn commit(at: &Place<'_>, call: &mut Call) -> Result<Reply, Fail> {
    let Some(body) = call.json().await? else {
        return Err(bad_body().into());
    };
    let source = body
        .get("@microsoft.graph.sourceUrl")
        .and_then(Value::as_str);
    let source = source.and_then(|source| source.strip_prefix(&at.world.urls.up));
    let upload = {
        let state = at.world.state();
        let upload = state
            .uploads
            .values()
            .find(|upload| Some(upload.address.as_str()) == source);
        upload.cloned().ok_or_else(GraphError::not_found)?
    };
    if upload.total != Some(upload.received) {
        return Err(GraphError::invalid("The upload session is not complete").into());
    }
    let hashes = upload::hashes(at.world, &upload).await?;
    let state = &mut at.world.state();
    let (parent, name) = folders::resolve_new(state, at.drive, at.item)?;
    let to = Placement {
        drive: at.drive,
        parent: &parent,
        name: &name,
        conflict: upload.conflict,
        client_created: upload.client_created,
        client_modified: upload.client_modified,
    };
    let (item, created) = upload::finish(state, &upload, hashes, &to)?;
    let status = if created { 201 } else { 200 };
    Ok(json_reply(
        status,
        &show::item(at.world, state, &item, &call.query),
    ))
}
