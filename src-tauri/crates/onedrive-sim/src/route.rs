//! Which service a request is for.

use axum::http::Method;

use crate::faults::Op;
use crate::reply::{Reply, empty, page};
use crate::request::{Call, Dropped, Origin};
use crate::world::World;
use crate::{admin, authid, download, graph, login, upload};

pub(crate) async fn answer(world: &World, call: &mut Call) -> Result<Reply, Dropped> {
    match call.origin {
        Origin::Up => upload::answer(world, call).await,
        Origin::Dl => download::answer(world, call).await,
        Origin::Api => api(world, call).await,
    }
}

async fn api(world: &World, call: &mut Call) -> Result<Reply, Dropped> {
    let path = call.path.clone();
    if let Some(rest) = after(&path, "/_sim") {
        return admin::answer(world, call, rest).await;
    }
    if let Some(rest) = after(&path, "/authid") {
        return authid::answer(world, call, rest).await;
    }
    if after(&path, graph::copy::MONITOR).is_some() {
        return Ok(graph::copy::status(world, call));
    }
    if let Some(rest) = graph_path(&path) {
        return graph::answer(world, call, rest).await;
    }
    match path.as_str() {
        // Duplicati's help text writes the link without a path, and its tests use /refresh at the root.
        "/" if call.query.get("type").is_some() => authid::answer(world, call, "/").await,
        "/refresh" => authid::answer(world, call, "/refresh").await,
        "/" if call.method == Method::HEAD => Ok(empty(200)),
        "/" => Ok(page(200, crate::pages::index(&world.urls.api))),
        "/favicon.ico" => Ok(empty(404)),
        _ => login::answer(world, call).await,
    }
}

/// What a request asks for; decides which faults can strike it.
pub(crate) fn op(origin: Origin, method: &Method, path: &str) -> Op {
    match origin {
        Origin::Dl => Op::Download,
        Origin::Up => match *method {
            Method::PUT | Method::POST => Op::Fragment,
            Method::DELETE => Op::SessionCancel,
            _ => Op::SessionStatus,
        },
        Origin::Api => api_op(method, path),
    }
}

fn api_op(method: &Method, path: &str) -> Op {
    if after(path, "/_sim").is_some() {
        return Op::Admin;
    }
    if let Some(rest) = after(path, "/authid") {
        return match rest.trim_end_matches('/') {
            "/refresh" => Op::RefreshAuthid,
            "/fetch" => Op::FetchAuthid,
            _ => Op::Authid,
        };
    }
    if let Some(rest) = graph_path(path) {
        return graph::op(method, rest);
    }
    match path {
        "/refresh" => Op::RefreshAuthid,
        _ if path.ends_with("/token") => Op::Token,
        _ if path.ends_with("/authorize") => Op::Authorize,
        _ => Op::Any,
    }
}

/// Whether a path of the API origin belongs to Graph.
pub(crate) fn is_graph(path: &str) -> bool {
    graph_path(path).is_some()
}

/// The part of a Graph path behind the version.
fn graph_path(path: &str) -> Option<&str> {
    ["/v1.0", "/beta", "/_api/v2.0"]
        .iter()
        .find_map(|base| after(path, base))
}

/// What follows `base` when `path` is that or lies below it.
fn after<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(base)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}
