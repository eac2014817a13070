//! Every request that the simulator knows.

use std::future::ready;

use serde_json::json;

use super::row::GraphHandler::{Any, Batch, Drive, Item, ItemBody, Site};
use super::row::Handler::{Admin, Body, Form, Head, Query, Tenant};
use super::row::{Area, GraphHandler, Handler, Route};
use crate::authid::refresh;
use crate::faults::Op;
use crate::graph::access::unsupported;
use crate::graph::{children, content, copy, drives, items, sessions};
use crate::login::{authorize, device, discovery, token};
use crate::reply::{empty, json_reply, page, text};
use crate::request::Pairs;
use crate::{admin, authid, download, pages, upload};

/// An asynchronous handler as the table holds it.
macro_rules! later {
    ($handler:path) => {
        |at, call| Box::pin($handler(at, call))
    };
}

/// The routes; the first that takes a request answers it.
#[rustfmt::skip]
pub(super) static ROUTES: &[Route] = &[
    // The admin API.
    api("*", "/_sim/ui", Op::Admin, Head(|_, _| admin::dashboard())),
    api("*", "/_sim/health", Op::Admin, Head(|_, _| json_reply(200, &json!({"ok": true})))),
    api("GET", "/_sim/log", Op::Admin, Admin(admin::log)),
    api("GET", "/_sim/tree", Op::Admin, Admin(admin::tree)),
    api("GET", "/_sim/uploads", Op::Admin, Admin(admin::uploads)),
    api("POST", "/_sim/reset", Op::Admin, Admin(admin::reset)),
    api("GET", "/_sim/faults", Op::Admin, Admin(admin::faults)),
    api("POST", "/_sim/faults", Op::Admin, Admin(admin::add_fault)),
    api("DELETE", "/_sim/faults", Op::Admin, Admin(admin::clear_faults)),
    api("GET", "/_sim/faults/{id}", Op::Admin, Admin(admin::fault)),
    api("DELETE", "/_sim/faults/{id}", Op::Admin, Admin(admin::remove_fault)),
    api("GET", "/_sim/limits", Op::Admin, Admin(admin::limits)),
    api("PUT", "/_sim/limits", Op::Admin, Admin(admin::set_limits)),
    api("DELETE", "/_sim/limits", Op::Admin, Admin(admin::clear_limits)),
    api("POST", "/_sim/clock", Op::Admin, Admin(admin::clock)),
    api("POST|PUT", "/_sim/settings", Op::Admin, Admin(admin::settings)),
    api("POST", "/_sim/accounts/{id}/{what}", Op::Admin, Admin(admin::account)),
    api("POST|PUT", "/_sim/drives/{id}/{what}", Op::Admin, Admin(admin::drive)),
    api("*", "/_sim/*", Op::Admin, Admin(admin::unknown)),

    // The AuthID service.
    api("GET", "/authid", Op::Authid, Query(authid::start)),
    api("GET", "/authid/login", Op::Authid, Query(authid::login)),
    api("GET", "/authid/logged-in", Op::Authid, Query(authid::logged_in)),
    api("GET", "/authid/fetch", Op::FetchAuthid, Query(authid::fetch)),
    api("*", "/authid/fetch", Op::FetchAuthid, NO_AUTHID_PAGE),
    api("GET", "/authid/token-state", Op::Authid, Query(authid::token_state)),
    api("POST", "/authid/refresh", Op::RefreshAuthid, Form(refresh::answer)),
    api("*", "/authid/refresh", Op::RefreshAuthid, REFRESH_WITHOUT_FORM),
    api("GET", "/authid/revoke", Op::Authid, Head(|_, _| page(200, pages::authid_revoke()))),
    api("POST", "/authid/revoked", Op::Authid, Form(|world, _, form| authid::revoked(world, form))),
    api("*", "/authid/privacy-policy", Op::Authid, Head(|_, _| text(200, authid::PRIVACY))),
    api("*", "/authid/privacy-policy.txt", Op::Authid, Head(|_, _| text(200, authid::PRIVACY))),
    api("*", "/authid/isalive", Op::Authid, Head(|_, _| json_reply(200, &json!({"success": true})))),
    api("*", "/authid/*", Op::Authid, NO_AUTHID_PAGE),
    // Duplicati's help text writes the link without a path, and its tests use /refresh at the root.
    api("GET", "/?type", Op::Any, Query(authid::start)),
    api("*", "/?type", Op::Any, NO_AUTHID_PAGE),
    api("POST", "/refresh", Op::RefreshAuthid, Form(refresh::answer)),
    api("*", "/refresh", Op::RefreshAuthid, REFRESH_WITHOUT_FORM),

    // What belongs to no service, and how far a copy is.
    api("HEAD", "/", Op::Any, Head(|_, _| empty(200))),
    api("*", "/", Op::Any, Head(|world, _| page(200, pages::index(&world.urls.api)))),
    api("*", "/favicon.ico", Op::Any, Head(|_, _| empty(404))),
    api("*", "/monitor/*", Op::Any, Head(copy::status)),

    // Sign-in.
    api("GET", "/{tenant}/oauth2/v2.0/authorize", Op::Authorize, Tenant(authorize::start)),
    api("POST", "/{tenant}/oauth2/v2.0/authorize", Op::Authorize, Form(|world, _, form| authorize::choose(world, form))),
    api("POST", "/{tenant}/oauth2/v2.0/consent", Op::Any, Form(|world, _, form| authorize::consent(world, form))),
    api("POST", "/{tenant}/oauth2/v2.0/token", Op::Token, Form(token::answer)),
    api("POST", "/{tenant}/oauth2/v2.0/devicecode", Op::Any, Form(|world, _, form| device::start(world, form))),
    api("GET", "/device", Op::Any, Query(device::form)),
    api("POST", "/device", Op::Any, Form(|world, _, form| device::choose(world, form))),
    api("GET", "/{tenant}/v2.0/.well-known/openid-configuration", Op::Any, OPENID_CONFIGURATION),
    api("GET", "/{tenant}/.well-known/openid-configuration", Op::Any, OPENID_CONFIGURATION),
    api("GET", "/{tenant}/discovery/instance", Op::Any, Tenant(|world, _, tenant| json_reply(200, &discovery::instance(world, tenant)))),
    api("GET", "/{tenant}/discovery/v2.0/keys", Op::Any, Head(|_, _| json_reply(200, &discovery::keys()))),
    api("GET", "/{tenant}/oauth2/v2.0/logout", Op::Any, Head(|_, _| empty(200))),
    api("*", "/*/token", Op::Token, Head(|_, _| empty(404))),
    api("*", "/*/authorize", Op::Authorize, Head(|_, _| empty(404))),
    api("*", "/*", Op::Any, Head(|_, _| empty(404))),

    // Graph: several requests in one; the signed-in person, drives, sites and groups.
    graph("*", "/$batch", Op::Batch, Batch),
    graph("GET", "/me", Op::Drive, Any(drives::me)),
    graph("GET", "/me/drives", Op::Drive, Any(drives::mine)),
    graph("GET", "/me/drive/sharedWithMe", Op::Drive, Any(drives::shared_with_me)),
    graph("GET", "/drives/{drive}", Op::Drive, Drive(drives::drive)),
    graph("GET", "/sites/{site}", Op::Drive, Site(drives::site)),
    graph("GET", "/sites/{site}/drives", Op::Drive, Any(drives::of_site)),
    graph("GET", "/groups", Op::Drive, Any(drives::groups)),
    // Graph: items. A method that an action does not have is still named after the action.
    graph("GET|HEAD", "/items/{item}", Op::ItemGet, Item(items::get)),
    graph("PATCH", "/items/{item}", Op::Patch, ItemBody(later!(items::patch))),
    graph("DELETE", "/items/{item}", Op::Delete, Item(items::delete)),
    graph("PUT", "/items/{item}", Op::Any, ItemBody(later!(sessions::commit))),
    graph("POST", "/items/{item}/permanentDelete", Op::Delete, Item(|at, _| items::permanent_delete(at))),
    graph("*", "/items/{item}/permanentDelete", Op::Delete, NO_ACTION),
    graph("POST", "/items/{item}/copy", Op::Any, ItemBody(later!(copy::copy))),
    graph("GET", "/items/{item}/versions", Op::Any, Item(|at, _| items::versions(at))),
    graph("GET", "/items/{item}/children", Op::Children, Item(children::list)),
    graph("POST", "/items/{item}/children", Op::CreateFolder, ItemBody(later!(children::create))),
    graph("*", "/items/{item}/children", Op::Children, NO_ACTION),
    graph("GET", "/items/{item}/delta*", Op::Delta, Item(children::delta)),
    graph("*", "/items/{item}/delta*", Op::Delta, NO_ACTION),
    graph("GET|HEAD", "/items/{item}/content", Op::ContentGet, Item(content::get)),
    graph("PUT", "/items/{item}/content", Op::ContentPut, ItemBody(later!(content::put))),
    graph("*", "/items/{item}/content", Op::ContentGet, NO_ACTION),
    graph("POST", "/items/{item}/createUploadSession", Op::CreateSession, ItemBody(later!(sessions::create))),
    graph("*", "/items/{item}/createUploadSession", Op::CreateSession, NO_ACTION),
    graph("*", "/items/{item}/*", Op::Any, NO_ACTION),
    // Graph: what names nothing, and changes of what can only be read.
    graph("*", "/", Op::Any, Any(|_| Err(unsupported()))),
    graph("*", "/*", Op::Drive, Any(|_| Err(unsupported()))),

    // The upload and the download origin.
    up("PUT", "/*", Op::Fragment, Body(later!(upload::fragment))),
    up("POST", "/*", Op::Fragment, Body(later!(upload::post))),
    up("GET", "/*", Op::SessionStatus, Body(|world, call| Box::pin(ready(upload::status(world, call))))),
    up("DELETE", "/*", Op::SessionCancel, Body(|world, call| Box::pin(ready(upload::cancel(world, call))))),
    up("*", "/*", Op::SessionStatus, Body(|_, _| Box::pin(ready(Err(upload::not_allowed().into()))))),
    dl("*", "/*", Op::Download, Body(|world, call| Box::pin(async { Ok(download::answer(world, call).await) }))),
];

const NO_AUTHID_PAGE: Handler = Head(|world, _| authid::server_error(world, 404));
const REFRESH_WITHOUT_FORM: Handler =
    Head(|world, call| refresh::answer(world, call, &Pairs::default()));
const OPENID_CONFIGURATION: Handler =
    Tenant(|world, _, tenant| json_reply(200, &discovery::configuration(world, tenant)));
const NO_ACTION: GraphHandler = Item(|_, _| Err(unsupported().into()));

const fn api(methods: &'static str, path: &'static str, op: Op, handler: Handler) -> Route {
    Route::new(Area::Api, methods, path, op, handler)
}

const fn graph(methods: &'static str, path: &'static str, op: Op, handler: GraphHandler) -> Route {
    Route::new(Area::Graph, methods, path, op, Handler::Graph(handler))
}

const fn up(methods: &'static str, path: &'static str, op: Op, handler: Handler) -> Route {
    Route::new(Area::Up, methods, path, op, handler)
}

const fn dl(methods: &'static str, path: &'static str, op: Op, handler: Handler) -> Route {
    Route::new(Area::Dl, methods, path, op, handler)
}
