//! Microsoft Graph, as far as files need it.

use axum::http::Method;

use serde_json::json;

use crate::fail::{Fail, settle};
use crate::faults::Op;
use crate::reply::{GraphError, Reply, json_reply};
use crate::request::{Call, Dropped};
use crate::world::World;

use access::{Place, drive_for};
use address::Target;

mod access;
pub(crate) mod address;
mod batch;
mod children;
mod content;
pub(crate) mod copy;
mod drives;
mod filter;
pub(crate) mod folders;
mod items;
mod sessions;
pub(crate) mod show;

/// Answers a request; `rest` is the path behind the version.
pub(crate) async fn answer(world: &World, call: &mut Call, rest: &str) -> Result<Reply, Dropped> {
    let said = route(world, call, rest).await;
    settle(world, call, said).await
}

async fn route(world: &World, call: &mut Call, rest: &str) -> Result<Reply, Fail> {
    let access = world.state().check_access(call.bearer(), &world.urls.api)?;
    match address::parse(rest)? {
        Target::Batch => Box::pin(batch(world, call)).await,
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

/// Answers each request of a batch.
async fn batch(world: &World, call: &mut Call) -> Result<Reply, Fail> {
    let mut responses = Vec::new();
    for request in batch::requests(call).await? {
        let mut inner = batch::inner(call, &request)?;
        let rest = inner.path.trim_start_matches("/v1.0").to_owned();
        let reply = answer(world, &mut inner, &rest).await?;
        responses.push(batch::shown(&request, reply).await);
    }
    Ok(json_reply(200, &json!({ "responses": responses })))
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

fn unsupported() -> GraphError {
    GraphError::new(400, "notSupported", "The simulator has no such request")
}
