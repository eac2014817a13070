//! Finds the route of a request and lets its handler answer.

use axum::http::Method;
use serde_json::json;

use crate::admin;
use crate::fail::{Fail, settle};
use crate::faults::Op;
use crate::graph::access::{Asker, Place, drive_for, unsupported};
use crate::graph::address::{self, Target};
use crate::graph::batch;
use crate::reply::{GraphError, Reply, json_reply};
use crate::request::{Call, Dropped, Origin, Pairs, segments};
use crate::world::World;

use row::{Area, GraphHandler, Handler, Route};

mod row;
mod table;

/// The route of a request, and what its path says.
#[derive(Debug)]
pub(crate) struct Found {
    route: &'static Route,
    /// The segments in the place of each `{…}` of the route's path.
    parts: Vec<String>,
    /// What the path names at Graph.
    target: Option<Result<Target, GraphError>>,
}

impl Found {
    /// What the request asks for; decides which faults can strike it.
    pub(crate) fn op(&self) -> Op {
        self.route.op
    }

    /// Whether the request counts against the limits of its account.
    pub(crate) fn is_limited(&self) -> bool {
        matches!(self.route.area, Area::Graph | Area::Up)
    }
}

/// The route for a request. `path` is as sent, without doubled slashes.
pub(crate) fn find(origin: Origin, method: &Method, path: &str, query: &Pairs) -> Found {
    let target = match origin {
        Origin::Api => graph_path(path).map(address::parse),
        Origin::Up | Origin::Dl => None,
    };
    let (area, segments) = match (origin, &target) {
        (Origin::Up, _) => (Area::Up, segments(path)),
        (Origin::Dl, _) => (Area::Dl, segments(path)),
        (Origin::Api, None) => (Area::Api, segments(path)),
        (Origin::Api, Some(Ok(target))) => (Area::Graph, target.segments()),
        (Origin::Api, Some(Err(_))) => (Area::Graph, Vec::new()),
    };
    let mut routes = table::ROUTES.iter().filter(|route| route.area == area);
    let found = routes.find_map(|route| {
        let parts = route.takes(method, &segments, query)?;
        Some((route, parts))
    });
    let (route, parts) = found.expect("each area should have a last route that takes everything");
    Found {
        route,
        parts,
        target,
    }
}

/// The part of a Graph path behind the version.
fn graph_path(path: &str) -> Option<&str> {
    ["/v1.0", "/beta", "/_api/v2.0"].iter().find_map(|base| {
        let rest = path.strip_prefix(base)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    })
}

/// Lets the handler that was found answer.
pub(crate) async fn answer(world: &World, call: &mut Call, found: Found) -> Result<Reply, Dropped> {
    let Found {
        route,
        parts,
        target,
    } = found;
    match &route.handler {
        Handler::Head(answer) => Ok(answer(world, call)),
        Handler::Query(answer) => Ok(answer(world, &call.query)),
        Handler::Tenant(answer) => {
            let tenant = parts.first().map_or("", String::as_str);
            Ok(answer(world, &call.query, tenant))
        }
        Handler::Form(answer) => {
            let form = call.form().await?;
            Ok(answer(world, call, &form))
        }
        Handler::Body(answer) => {
            let said = answer(world, call).await;
            settle(world, call, said).await
        }
        Handler::Admin(control) => admin::answer(world, call, *control, &parts).await,
        Handler::Graph(handler) => {
            let target = target.unwrap_or_else(|| Err(unsupported()));
            let said = graph(world, call, handler, target).await;
            settle(world, call, said).await
        }
    }
}

async fn graph(
    world: &World,
    call: &mut Call,
    handler: &GraphHandler,
    target: Result<Target, GraphError>,
) -> Result<Reply, Fail> {
    let access = world.state().check_access(call.bearer(), &world.urls.api)?;
    let shown = match (target?, handler) {
        (Target::Item(drive, item, action), handler) => {
            let drive = drive_for(&world.state(), &access, &drive, call.method != Method::GET)?;
            let at = Place {
                world,
                access: &access,
                drive: &drive,
                item: &item,
                action: &action,
            };
            return match handler {
                GraphHandler::Item(answer) => answer(&at, call),
                GraphHandler::ItemBody(answer) => answer(&at, call).await,
                _ => Err(unsupported().into()),
            };
        }
        (_, GraphHandler::Batch) => return Box::pin(batch(world, call)).await,
        (target, handler) => {
            let asker = Asker {
                world,
                access: &access,
                query: &call.query,
            };
            match (handler, target) {
                (GraphHandler::Any(answer), _) => answer(&asker),
                (GraphHandler::Drive(answer), Target::Drive(drive)) => answer(&asker, &drive),
                (GraphHandler::Site(answer), Target::Site(site)) => answer(&asker, &site),
                _ => Err(unsupported()),
            }
        }
    };
    Ok(json_reply(200, &shown?))
}

/// Answers each request of a batch.
async fn batch(world: &World, call: &mut Call) -> Result<Reply, Fail> {
    let mut responses = Vec::new();
    for request in batch::requests(call).await? {
        let mut inner = batch::inner(call, &request)?;
        let found = find(inner.origin, &inner.method, &inner.path, &inner.query);
        inner.op = found.op();
        let reply = answer(world, &mut inner, found).await?;
        responses.push(batch::shown(&request, reply).await);
    }
    Ok(json_reply(200, &json!({ "responses": responses })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(origin: Origin, method: &str, address: &str) -> Found {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let method = method.parse().expect("a method");
        find(origin, &method, path, &Pairs::parse(query.as_bytes()))
    }

    #[test]
    fn no_route_hides_a_later_one() {
        for route in table::ROUTES {
            let (origin, base) = match route.area {
                Area::Api => (Origin::Api, ""),
                Area::Graph => (Origin::Api, "/v1.0"),
                Area::Up => (Origin::Up, ""),
                Area::Dl => (Origin::Dl, ""),
            };
            let (method, path) = route.sample();
            // An item alone is not an address at Graph.
            let path = path.replace("/items", "/me/drive/items");

            let found = found(origin, &method, &format!("{base}{path}"));

            assert!(std::ptr::eq(found.route, route), "{route:?}: {found:?}");
        }
    }

    #[test]
    fn a_request_is_named_after_its_route() {
        let op = |method, address| found(Origin::Api, method, address).op();

        assert_eq!(op("GET", "/me/drive/root"), Op::Any);
        assert_eq!(op("GET", "/v1.0/me/drive/root"), Op::ItemGet);
        assert_eq!(
            op("GET", "/beta/users/u/drive/root:/a/children"),
            Op::ItemGet
        );
        assert_eq!(
            op("GET", "/beta/users/u/drive/root:/a:/children"),
            Op::Children
        );
        assert_eq!(
            op("PUT", "/_api/v2.0/drive/items/1:/a:/content"),
            Op::ContentPut
        );
        assert_eq!(op("GET", "/v1.0/me/drive/root/delta(token='1')"), Op::Delta);
        assert_eq!(op("DELETE", "/v1.0/me/drive/root/children/a"), Op::Any);
        assert_eq!(op("POST", "/v1.0/me"), Op::Drive);
        assert_eq!(op("GET", "/v1.0/nothing"), Op::Any);
        assert_eq!(op("POST", "/common/oauth2/v2.0/token"), Op::Token);
        assert_eq!(op("GET", "/common/oauth2/v2.0/token"), Op::Token);
        assert_eq!(op("GET", "/_sim"), Op::Admin);
        assert_eq!(op("GET", "/_simple"), Op::Any);
        assert_eq!(op("POST", "/authid/fetch/"), Op::FetchAuthid);
    }

    #[test]
    fn names_in_a_path_are_decoded() {
        let found = found(Origin::Api, "POST", "/_sim/accounts/al%65x/rotate");

        assert_eq!(found.parts, ["alex", "rotate"]);
    }
}
