//! Microsoft Graph, as far as files need it.

use axum::http::Method;

use crate::faults::Op;
use crate::model::token::Access;
use crate::model::tree::Tree;
use crate::reply::{GraphError, Reply, json_reply};
use crate::request::{Call, Dropped};
use crate::state::State;
use crate::time::iso;
use crate::world::World;

use address::{DriveRef, ItemRef, Target};

pub(crate) mod address;
mod batch;
mod children;
mod content;
pub(crate) mod copy;
pub(crate) use content::disk;
mod drives;
mod filter;
pub(crate) mod folders;
mod items;
mod sessions;
pub(crate) mod show;

/// Why a handler gave no answer of its own.
#[derive(Debug)]
pub(crate) enum Fail {
    Graph(GraphError),
    Dropped,
}

impl From<GraphError> for Fail {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<Dropped> for Fail {
    fn from(Dropped: Dropped) -> Self {
        Self::Dropped
    }
}

/// Answers a request; `rest` is the path behind the version.
pub(crate) async fn answer(world: &World, call: &mut Call, rest: &str) -> Result<Reply, Dropped> {
    match route(world, call, rest).await {
        Ok(reply) => Ok(reply),
        Err(Fail::Dropped) => Err(Dropped),
        Err(Fail::Graph(error)) => {
            // Read what was sent, so that the client gets the answer and not a broken connection.
            while call.next().await?.is_some() {}
            let date = iso(world.now());
            Ok(error.into_reply(&call.request_id, call.client_request_id(), &date))
        }
    }
}

async fn route(world: &World, call: &mut Call, rest: &str) -> Result<Reply, Fail> {
    let access = world.state().check_access(call.bearer(), &world.urls.api)?;
    match address::parse(rest)? {
        Target::Batch => Box::pin(batch::answer(world, call)).await,
        Target::Item(drive, item, action) => {
            let drive = drive_for(&world.state(), &access, &drive, call.method != Method::GET)?;
            let at = Place {
                world,
                access: &access,
                drive: &drive,
                item: &item,
            };
            on_item(&at, call, &action).await
        }
        target if call.method == Method::GET => Ok(json_reply(
            200,
            &drives::answer(world, &access, &target, &call.query)?,
        )),
        _ => Err(unsupported().into()),
    }
}

/// Where a request points, its drive already checked.
pub(crate) struct Place<'a> {
    pub(crate) world: &'a World,
    pub(crate) access: &'a Access,
    pub(crate) drive: &'a str,
    pub(crate) item: &'a ItemRef,
}

async fn on_item(at: &Place<'_>, call: &mut Call, action: &str) -> Result<Reply, Fail> {
    match (&call.method, action) {
        (&Method::GET | &Method::HEAD, "") => items::get(at, call),
        (&Method::PATCH, "") => items::patch(at, call).await,
        (&Method::DELETE, "") => items::delete(at, call),
        (&Method::PUT, "") => sessions::commit(at, call).await,
        (&Method::POST, "permanentDelete") => items::permanent_delete(at),
        (&Method::POST, "copy") => copy::copy(at, call).await,
        (&Method::GET, "versions") => items::versions(at),
        (&Method::GET, "children") => children::list(at, call),
        (&Method::POST, "children") => children::create(at, call).await,
        (&Method::GET, action) if action.starts_with("delta") => children::delta(at, call, action),
        (&Method::GET | &Method::HEAD, "content") => content::get(at, call),
        (&Method::PUT, "content") => content::put(at, call).await,
        (&Method::POST, "createUploadSession") => sessions::create(at, call).await,
        _ => Err(unsupported().into()),
    }
}

/// What a Graph request asks for.
pub(crate) fn op(method: &Method, rest: &str) -> Op {
    match address::parse(rest) {
        Ok(Target::Batch) => Op::Batch,
        Ok(Target::Item(_, _, action)) => match (method, action.as_str()) {
            (&Method::GET | &Method::HEAD, "") => Op::ItemGet,
            (&Method::PATCH, "") => Op::Patch,
            (&Method::DELETE, "") | (_, "permanentDelete") => Op::Delete,
            (&Method::POST, "children") => Op::CreateFolder,
            (_, "children") => Op::Children,
            (&Method::PUT, "content") => Op::ContentPut,
            (_, "content") => Op::ContentGet,
            (_, "createUploadSession") => Op::CreateSession,
            (_, action) if action.starts_with("delta") => Op::Delta,
            _ => Op::Any,
        },
        Ok(_) => Op::Drive,
        Err(_) => Op::Any,
    }
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
    // Foreign drives do not even exist for those who may not see them.
    match related || default {
        true => Err(GraphError::denied()),
        false => Err(GraphError::not_found()),
    }
}

fn unsupported() -> GraphError {
    GraphError::new(400, "notSupported", "The simulator has no such request")
}
