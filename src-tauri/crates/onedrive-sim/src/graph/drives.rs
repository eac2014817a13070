//! The signed-in person, drives and quota, sites and groups.

use serde_json::{Value, json};

use super::access::drive_for;
use super::address::{DriveRef, Target};
use super::show;
use crate::model::drive::TEAM_DRIVE;
use crate::model::token::Access;
use crate::model::tree::Tree;
use crate::reply::GraphError;
use crate::request::Pairs;
use crate::state::State;
use crate::world::World;

/// Mail address of the one group there is.
const TEAM_MAIL: &str = "team@contoso.example";
/// Id of that group and of its site.
const TEAM_ID: &str = "6f0d1c52-90f6-4a0b-b5d3-2a1e7c9d8b44";

pub(crate) fn answer(
    world: &World,
    access: &Access,
    target: &Target,
    query: &Pairs,
) -> Result<Value, GraphError> {
    let state = &world.state();
    let context = |what: &str| format!("{}/v1.0/$metadata#{what}", world.urls.api);
    match target {
        Target::Me => {
            let account = state
                .accounts
                .get(&access.account)
                .ok_or_else(GraphError::denied)?;
            Ok(json!({
                "@odata.context": context("users/$entity"),
                "id": account.oid,
                "displayName": account.name,
                "mail": account.email,
                "userPrincipalName": account.email,
            }))
        }
        Target::Drive(drive) => {
            let id = drive_for(state, access, drive, false)?;
            let tree = state.trees.get(&id).ok_or_else(GraphError::not_found)?;
            Ok(drive_json(world, state, tree))
        }
        Target::MyDrives => {
            let ids: Vec<&String> = state.trees.keys().collect();
            let drives = ids.iter().filter_map(|id| {
                let tree = state.trees.get(*id)?;
                let mine = tree.drive.owner == access.account;
                (mine && drive_for(state, access, &DriveRef::Id((*id).clone()), false).is_ok())
                    .then(|| drive_json(world, state, tree))
            });
            let drives: Vec<Value> = drives.collect();
            Ok(json!({"@odata.context": context("drives"), "value": drives}))
        }
        Target::SharedWithMe => {
            let shared = state
                .trees
                .values()
                .filter(|tree| tree.drive.guests.contains(&access.account))
                .filter_map(|tree| {
                    let root = tree.item("root")?;
                    let mut item = show::item(world, state, root, &Pairs::default());
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
            Ok(json!({"@odata.context": context("driveItems"), "value": shared}))
        }
        Target::SiteDrives => {
            drive_for(state, access, &DriveRef::Id(TEAM_DRIVE.to_owned()), false)?;
            let drives: Vec<Value> = state
                .trees
                .get(TEAM_DRIVE)
                .map(|tree| drive_json(world, state, tree))
                .into_iter()
                .collect();
            Ok(json!({"@odata.context": context("drives"), "value": drives}))
        }
        Target::Site(name) => {
            let known =
                ["root", TEAM_ID].contains(&name.as_str()) || name.ends_with(":/sites/team");
            if !known {
                return Err(GraphError::not_found());
            }
            let url = format!("{}/sites/team", world.urls.api);
            Ok(json!({"id": TEAM_ID, "name": "team", "displayName": "Team", "webUrl": url}))
        }
        Target::Groups => {
            let asked = query.odata("filter").unwrap_or(TEAM_MAIL).to_lowercase();
            let mut groups = Vec::new();
            if asked.contains(TEAM_MAIL) {
                groups.push(json!({"id": TEAM_ID, "displayName": "Team", "mail": TEAM_MAIL}));
            }
            Ok(json!({"@odata.context": context("groups"), "value": groups}))
        }
        Target::Batch | Target::Item(..) => Err(GraphError::not_found()),
    }
}

/// A drive with its owner and quota.
pub(crate) fn drive_json(world: &World, state: &State, tree: &Tree) -> Value {
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
