//! The signed-in person, drives and quota, sites and groups.

use serde_json::{Value, json};

use super::access::{Asker, drive_for};
use super::address::DriveRef;
use super::show;
use crate::model::drive::TEAM_DRIVE;
use crate::model::tree::Tree;
use crate::reply::GraphError;
use crate::request::Pairs;
use crate::state::State;
use crate::world::World;

/// Mail address of the one group there is.
const TEAM_MAIL: &str = "team@contoso.example";
/// Id of that group and of its site.
const TEAM_ID: &str = "6f0d1c52-90f6-4a0b-b5d3-2a1e7c9d8b44";

/// The signed-in person.
pub(crate) fn me(asker: &Asker<'_>) -> Result<Value, GraphError> {
    let state = &asker.world.state();
    let account = state
        .accounts
        .get(&asker.access.account)
        .ok_or_else(GraphError::denied)?;
    Ok(json!({
        "@odata.context": context(asker, "users/$entity"),
        "id": account.oid,
        "displayName": account.name,
        "mail": account.email,
        "userPrincipalName": account.email,
    }))
}

/// One drive.
pub(crate) fn drive(asker: &Asker<'_>, drive: &DriveRef) -> Result<Value, GraphError> {
    let state = &asker.world.state();
    let id = drive_for(state, asker.access, drive, false)?;
    let tree = state.trees.get(&id).ok_or_else(GraphError::not_found)?;
    Ok(drive_json(asker.world, state, tree))
}

/// The drives of the signed-in person.
pub(crate) fn mine(asker: &Asker<'_>) -> Result<Value, GraphError> {
    let state = &asker.world.state();
    let drives = state.trees.iter().filter_map(|(id, tree)| {
        let mine = tree.drive.owner == asker.access.account;
        (mine && drive_for(state, asker.access, &DriveRef::Id(id.clone()), false).is_ok())
            .then(|| drive_json(asker.world, state, tree))
    });
    let drives: Vec<Value> = drives.collect();
    Ok(json!({"@odata.context": context(asker, "drives"), "value": drives}))
}

/// The roots of other people's drives that the signed-in person was let into.
pub(crate) fn shared_with_me(asker: &Asker<'_>) -> Result<Value, GraphError> {
    let state = &asker.world.state();
    let shared = state
        .trees
        .values()
        .filter(|tree| tree.drive.guests.contains(&asker.access.account))
        .filter_map(|tree| {
            let root = tree.item("root")?;
            let mut item = show::item(asker.world, state, root, &Pairs::default());
            item["name"] = tree.drive.name.clone().into();
            item["remoteItem"] = json!({
                "id": root.id,
                "name": tree.drive.name,
                "folder": {"childCount": tree.child_count(&root.id)},
                "parentReference": {
                    "driveId": tree.drive.id,
                    "driveType": tree.drive.kind.name(),
                },
            });
            Some(item)
        });
    let shared: Vec<Value> = shared.collect();
    Ok(json!({"@odata.context": context(asker, "driveItems"), "value": shared}))
}

/// The drives of the one site there is.
pub(crate) fn of_site(asker: &Asker<'_>) -> Result<Value, GraphError> {
    let state = &asker.world.state();
    let team = DriveRef::Id(TEAM_DRIVE.to_owned());
    drive_for(state, asker.access, &team, false)?;
    let drives: Vec<Value> = state
        .trees
        .get(TEAM_DRIVE)
        .map(|tree| drive_json(asker.world, state, tree))
        .into_iter()
        .collect();
    Ok(json!({"@odata.context": context(asker, "drives"), "value": drives}))
}

/// A site by its id or address.
pub(crate) fn site(asker: &Asker<'_>, name: &str) -> Result<Value, GraphError> {
    let known = ["root", TEAM_ID].contains(&name) || name.ends_with(":/sites/team");
    if !known {
        return Err(GraphError::not_found());
    }
    let url = format!("{}/sites/team", asker.world.urls.api);
    Ok(json!({"id": TEAM_ID, "name": "team", "displayName": "Team", "webUrl": url}))
}

/// The groups that a filter lets through.
pub(crate) fn groups(asker: &Asker<'_>) -> Result<Value, GraphError> {
    let asked = asker
        .query
        .odata("filter")
        .unwrap_or(TEAM_MAIL)
        .to_lowercase();
    let mut groups = Vec::new();
    if asked.contains(TEAM_MAIL) {
        groups.push(json!({"id": TEAM_ID, "displayName": "Team", "mail": TEAM_MAIL}));
    }
    Ok(json!({"@odata.context": context(asker, "groups"), "value": groups}))
}

fn context(asker: &Asker<'_>, what: &str) -> String {
    format!("{}/v1.0/$metadata#{what}", asker.world.urls.api)
}

/// A drive with its owner and quota.
fn drive_json(world: &World, state: &State, tree: &Tree) -> Value {
    let drive = &tree.drive;
    let mut shown = json!({
        "@odata.context": format!("{}/v1.0/$metadata#drives/$entity", world.urls.api),
        "id": drive.id,
        "driveType": drive.kind.name(),
        "name": drive.name,
        "webUrl": show::web_url(world, &drive.id, &[]),
    });
    if let Some(owner) = state.accounts.get(&drive.owner) {
        let user = json!({"id": owner.oid, "displayName": owner.name, "email": owner.email});
        shown["owner"] = json!({ "user": user });
    }
    if !drive.hide_quota {
        shown["quota"] = drive.quota(tree.used(), tree.deleted_bytes());
    }
    shown
}
