//! What a request may reach: its drive, as far as its token allows.

use super::address::{DriveRef, ItemRef};
use crate::model::token::Access;
use crate::model::tree::Tree;
use crate::reply::GraphError;
use crate::request::Pairs;
use crate::state::State;
use crate::world::World;

/// Where a request points, its drive already checked.
pub(crate) struct Place<'a> {
    pub(crate) world: &'a World,
    pub(crate) access: &'a Access,
    pub(crate) drive: &'a str,
    pub(crate) item: &'a ItemRef,
    /// What to do with the item; empty for the item itself.
    pub(crate) action: &'a str,
}

/// The caller of a request that is not about an item.
pub(crate) struct Asker<'a> {
    pub(crate) world: &'a World,
    pub(crate) access: &'a Access,
    pub(crate) query: &'a Pairs,
}

/// The id of the drive a request means, when its token may do that there.
pub(crate) fn drive_for(
    state: &State,
    access: &Access,
    drive: &DriveRef,
    write: bool,
) -> Result<String, GraphError> {
    let tree = match drive {
        DriveRef::Mine => {
            let account = state
                .accounts
                .get(&access.account)
                .ok_or_else(GraphError::denied)?;
            let Some(own) = &account.drive else {
                let message = "Tenant does not have a SPO license.";
                return Err(GraphError::new(400, "BadRequest", message));
            };
            state.tree(own)
        }
        DriveRef::Id(id) => state.tree(id),
    };
    let tree = tree.ok_or_else(|| {
        GraphError::new(
            404,
            "itemNotFound",
            "The requested drive could not be found.",
        )
    })?;
    check_scope(state, access, tree, write)?;
    if write && tree.drive.readonly {
        return Err(GraphError::denied().inner("accessRestricted"));
    }
    Ok(tree.drive.id.clone())
}

fn check_scope(state: &State, access: &Access, tree: &Tree, write: bool) -> Result<(), GraphError> {
    let has = |names: &[&str]| {
        access
            .scopes
            .iter()
            .any(|scope| names.contains(&scope.as_str()))
    };
    let everything = has(&["Files.ReadWrite.All", "Sites.ReadWrite.All"])
        || (!write && has(&["Files.Read.All", "Sites.Read.All"]));
    let own = has(&["Files.ReadWrite"]) || (!write && has(&["Files.Read"]));
    let default = state
        .accounts
        .get(&access.account)
        .is_some_and(|account| account.drive.as_ref() == Some(&tree.drive.id));
    let related = tree.drive.owner == access.account || tree.drive.guests.contains(&access.account);
    if (default && (own || everything)) || (related && everything) {
        return Ok(());
    }
    // Foreign drives do not exist for callers without access.
    match related || default {
        true => Err(GraphError::denied()),
        false => Err(GraphError::not_found()),
    }
}

pub(crate) fn unsupported() -> GraphError {
    GraphError::new(400, "notSupported", "The simulator has no such request")
}
