//! `/refresh`: exchanges an AuthID for an access token.

use axum::http::HeaderName;
use jiff::Timestamp;
use serde_json::json;

use crate::options::AuthIdDialect;
use crate::reply::{Reply, json_reply, text, with};
use crate::request::{Call, Pairs};
use crate::state::State;
use crate::time::{iso, plus, seconds_until};
use crate::tokens::{ACCESS_LIFE, OAuthError};
use crate::world::World;

use super::registry::{CLIENT_ID, scopes_of};

/// Seconds before its end from which a cached token is no longer given out.
const CACHE_MARGIN: i64 = 30;
/// Seconds before the token's end at which the cache entry ends.
const CACHE_END: i64 = 10;

/// Why there is no token.
struct Refusal {
    status: u16,
    reason: String,
    /// The body when it differs from the reason.
    body: Option<String>,
}

impl Refusal {
    fn new(status: u16, reason: &str) -> Self {
        Self {
            status,
            reason: reason.to_owned(),
            body: None,
        }
    }
}

pub(crate) fn answer(world: &World, call: &Call, form: &Pairs) -> Reply {
    let given = call
        .header("x-authid")
        .or_else(|| call.query.filled("authid"))
        .or_else(|| form.filled("authid"))
        .map(str::trim)
        .filter(|authid| !authid.is_empty());
    let state = &mut world.state();
    match given
        .ok_or_else(|| Refusal::new(400, "No authid in query"))
        .and_then(|authid| token(world, state, authid))
    {
        Ok(reply) => reply,
        Err(refusal) => refused(world, &refusal),
    }
}

fn refused(world: &World, refusal: &Refusal) -> Reply {
    let body = refusal.body.as_deref().unwrap_or(&refusal.reason);
    let reason = |reply| with(reply, HeaderName::from_static("x-reason"), &refusal.reason);
    match world.options.authid_dialect {
        AuthIdDialect::Gae => reason(json_reply(refusal.status, &json!({ "error": body }))),
        // The self-hosted server keeps the provider's words to itself.
        AuthIdDialect::Dotnet if refusal.status == 500 => text(500, "An error occurred"),
        AuthIdDialect::Dotnet => reason(text(refusal.status, body)),
    }
}

fn token(world: &World, state: &mut State, authid: &str) -> Result<Reply, Refusal> {
    let dialect = world.options.authid_dialect;
    let invalid = || Refusal::new(400, "Invalid authid in query");
    let (key, password) = authid.split_once(':').ok_or_else(invalid)?;
    let (service, refresh) = match key {
        "" => return Err(invalid()),
        "v2" => {
            let (service, refresh) = password.split_once(':').ok_or_else(invalid)?;
            scopes_of(service).ok_or_else(invalid)?;
            (service.to_owned(), refresh.to_owned())
        }
        key => {
            let Some(entry) = state.authids.get(key) else {
                return Err(match dialect {
                    AuthIdDialect::Gae => Refusal::new(404, "No such key"),
                    AuthIdDialect::Dotnet => Refusal::new(401, "Invalid key or password"),
                });
            };
            if entry.password != password {
                return Err(match dialect {
                    AuthIdDialect::Gae => Refusal::new(400, "Invalid authid password"),
                    AuthIdDialect::Dotnet => Refusal::new(401, "Invalid key or password"),
                });
            }
            (entry.service.clone(), entry.refresh.clone())
        }
    };

    let now = state.now();
    count(world, state, authid, now)?;
    if let Some((token, expires)) = cached(state, authid, now) {
        let left = seconds_until(expires, now);
        return Ok(json_reply(
            200,
            &json!({"access_token": token, "expires": left, "type": service}),
        ));
    }

    let granted = state
        .redeem_refresh(&refresh, CLIENT_ID, None)
        .map_err(|error| provider(state, &service, &error))?;
    let rotated = granted.refresh.filter(|_| key != "v2");
    if let (Some(rotated), Some(entry)) = (rotated, state.authids.get_mut(key)) {
        entry.refresh = rotated;
        state.journal.put("authid", key, entry);
    }
    let expires = plus(now, ACCESS_LIFE - CACHE_END);
    let cache = state.authid_cache.entry(authid.to_owned()).or_default();
    cache.token = Some((granted.access.clone(), expires));
    let mut answer = json!({
        "access_token": granted.access,
        "expires": if dialect == AuthIdDialect::Gae { ACCESS_LIFE - 1 } else { ACCESS_LIFE - CACHE_END },
        "type": service,
    });
    if dialect == AuthIdDialect::Gae && key != "v2" {
        // The hosted server answers with the token from before this refresh.
        answer["v2_authid"] = format!("v2:{service}:{refresh}").into();
    }
    Ok(json_reply(200, &answer))
}

/// Counts a call against the hourly limit.
fn count(world: &World, state: &mut State, authid: &str, now: Timestamp) -> Result<(), Refusal> {
    let limit = world.options.authid_hourly_limit as usize;
    let cache = state.authid_cache.entry(authid.to_owned()).or_default();
    cache.calls.retain(|at| seconds_until(now, *at) < 3600);
    if limit > 0 && cache.calls.len() >= limit {
        return Err(Refusal::new(
            503,
            "Too many requests for this key, wait 60 minutes",
        ));
    }
    if limit > 0 {
        cache.calls.push(now);
    }
    Ok(())
}

fn cached(state: &State, authid: &str, now: Timestamp) -> Option<(String, Timestamp)> {
    let (token, expires) = state.authid_cache.get(authid)?.token.clone()?;
    (seconds_until(expires, now) > CACHE_MARGIN).then_some((token, expires))
}

fn provider(state: &mut State, service: &str, error: &OAuthError) -> Refusal {
    let trace = state.random.guid();
    let words = error.to_json(&trace, &iso(state.now())).to_string();
    Refusal {
        status: 500,
        reason: format!("Authentication provider for {service} gave error: {words}"),
        body: Some(format!("Request error: {words} (code: {})", error.status)),
    }
}
