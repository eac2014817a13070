//! Microsoft's sign-in: the authorize pages, the token endpoint, device codes and discovery.

use axum::http::Method;

use crate::reply::{Reply, empty, json_reply};
use crate::request::{Call, Dropped};
use crate::world::World;

mod authorize;
mod device;
mod discovery;
mod token;
pub(crate) use token::redeem_code;

/// Answers everything under `/{tenant}/`.
pub(crate) async fn answer(world: &World, call: &mut Call) -> Result<Reply, Dropped> {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    Ok(match (&call.method, parts.as_slice()) {
        (&Method::GET, [tenant, "oauth2", "v2.0", "authorize"]) => {
            authorize::start(world, call, tenant)
        }
        (&Method::POST, [_, "oauth2", "v2.0", "authorize"]) => {
            let form = call.form().await?;
            authorize::choose(world, &form)
        }
        (&Method::POST, [_, "oauth2", "v2.0", "consent"]) => {
            let form = call.form().await?;
            authorize::consent(world, &form)
        }
        (&Method::POST, [_, "oauth2", "v2.0", "token"]) => token::answer(world, call).await?,
        (&Method::POST, [_, "oauth2", "v2.0", "devicecode"]) => device::start(world, call).await?,
        (&Method::GET, ["device"]) => device::form(world, call),
        (&Method::POST, ["device"]) => {
            let form = call.form().await?;
            device::choose(world, &form)
        }
        (&Method::GET, [tenant, "v2.0", ".well-known", "openid-configuration"])
        | (&Method::GET, [tenant, ".well-known", "openid-configuration"]) => {
            json_reply(200, &discovery::configuration(world, tenant))
        }
        (&Method::GET, [tenant, "discovery", "instance"]) => {
            json_reply(200, &discovery::instance(world, tenant))
        }
        (&Method::GET, [_, "discovery", "v2.0", "keys"]) => json_reply(200, &discovery::keys()),
        (&Method::GET, [_, "oauth2", "v2.0", "logout"]) => empty(200),
        _ => empty(404),
    })
}
