//! Duplicati's AuthID service: signs in at Microsoft with its own client secret and gives out AuthIDs.
//!
//! A v1 AuthID names an entry kept here; a v2 AuthID carries the refresh token itself. Two servers exist in the
//! world, and their errors differ: see [`AuthIdDialect`](crate::AuthIdDialect).

use serde_json::json;

use crate::login::token::redeem_code;
use crate::model::token::{AuthIdLogin, Fetch};
use crate::options::AuthIdDialect;
use crate::pages;
use crate::reply::{Reply, json_reply, page, redirect, reply, text};
use crate::request::{Pairs, encode};
use crate::time::plus;
use crate::tokens::scopes;
use crate::world::World;

pub(crate) mod refresh;
pub(crate) mod registry;

use registry::{CLIENT_ID, SERVICES, scopes_of, store};

/// The privacy policy.
pub(crate) const PRIVACY: &str = "This simulator keeps what you enter on this computer only.";
/// Seconds a fetch token lives before the sign-in ends.
const FETCH_LIFE: i64 = 300;
/// Seconds an AuthID can be fetched.
const AUTHID_LIFE: i64 = 30;

/// The first page. Loading it is what creates the fetch token.
pub(crate) fn start(world: &World, query: &Pairs) -> Reply {
    let state = &mut world.state();
    let now = state.now();
    state.fetches.retain(|_, fetch| fetch.expires > now);
    let token = query.get("token").filter(|token| token.len() > 8);
    if let Some(token) = token {
        let expires = plus(now, FETCH_LIFE);
        let fresh = Fetch {
            expires,
            authid: None,
            fetched: false,
        };
        state.fetches.entry(token.to_owned()).or_insert(fresh);
    }
    let wanted = query.filled("type").or_else(|| query.filled("redirect"));
    let version = query.filled("tokenversion").unwrap_or("1");
    let services: Vec<_> = SERVICES
        .iter()
        .filter(|(id, ..)| wanted.is_none_or(|wanted| wanted == *id))
        .map(|(id, name, _)| {
            let token = encode(token.unwrap_or_default());
            let link = format!(
                "{}/authid/login?id={id}&token={token}&tokenversion={}",
                world.urls.api,
                encode(version)
            );
            (*id, *name, link)
        })
        .collect();
    let forward = query.filled("redirect").is_some() && !services.is_empty();
    page(200, pages::authid_start(&services, forward))
}

/// Sends the browser on to Microsoft.
pub(crate) fn login(world: &World, query: &Pairs) -> Reply {
    let service = query.get("id").unwrap_or_default();
    let Some(scope) = scopes_of(service) else {
        return server_error(world, 500);
    };
    let state = &mut world.state();
    let life = if world.options.authid_dialect == AuthIdDialect::Gae {
        300
    } else {
        600
    };
    let login = AuthIdLogin {
        service: service.to_owned(),
        fetch: query.filled("token").map(str::to_owned),
        version: if query.get("tokenversion") == Some("2") {
            2
        } else {
            1
        },
        expires: plus(state.now(), life),
    };
    let id = state.random.secret();
    state.authid_logins.insert(id.clone(), login);
    let fields = [
        ("client_id", CLIENT_ID),
        ("response_type", "code"),
        ("scope", scope),
        ("state", &id),
        (
            "redirect_uri",
            &format!("{}/authid/logged-in", world.urls.api),
        ),
    ];
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    redirect(&format!(
        "{}/common/oauth2/v2.0/authorize?{query}",
        world.urls.api
    ))
}

/// Microsoft sent the browser back with a code.
pub(crate) fn logged_in(world: &World, query: &Pairs) -> Reply {
    const FAILED: &str = "Server error, close window and try again";
    let failure = || match world.options.authid_dialect {
        AuthIdDialect::Gae => page(200, pages::authid_done(FAILED, None)),
        AuthIdDialect::Dotnet => text(500, "An error occurred"),
    };
    let state = &mut world.state();
    let now = state.now();
    let login = query
        .get("state")
        .and_then(|id| state.authid_logins.remove(id));
    let (Some(login), Some(code)) = (login, query.get("code")) else {
        return failure();
    };
    if login.expires <= now {
        return failure();
    }
    let Ok(code) = redeem_code(state, code, CLIENT_ID, &Pairs::default()) else {
        return failure();
    };
    let scopes = scopes_of(&login.service).map(scopes).unwrap_or_default();
    let refresh = state.grant_refresh(&code.account, CLIENT_ID, &scopes);
    let authid = match login.version {
        2 => format!("v2:{}:{refresh}", login.service),
        _ => store(state, &login.service, refresh),
    };
    if let Some(token) = &login.fetch {
        let expires = plus(now, AUTHID_LIFE);
        let ready = Fetch {
            expires,
            authid: Some(authid.clone()),
            fetched: false,
        };
        state.fetches.insert(token.clone(), ready);
    }
    page(200, pages::authid_done(&authid, login.fetch.as_deref()))
}

pub(crate) fn fetch(world: &World, query: &Pairs) -> Reply {
    let state = &mut world.state();
    let now = state.now();
    state.fetches.retain(|_, fetch| fetch.expires > now);
    let answer = match query.filled("token") {
        None => json!({"error": "Missing token"}),
        Some(token) => match state.fetches.get_mut(token) {
            None => json!({"error": "No such entry"}),
            Some(Fetch { authid: None, .. }) => json!({"wait": "Not ready"}),
            Some(Fetch {
                authid: Some(authid),
                fetched,
                ..
            }) => {
                *fetched = true;
                json!({ "authid": authid })
            }
        },
    };
    jsonp(world, query, &answer)
}

pub(crate) fn token_state(world: &World, query: &Pairs) -> Reply {
    let state = world.state();
    let fetched = query
        .get("token")
        .and_then(|token| state.fetches.get(token))
        .is_some_and(|fetch| fetch.fetched);
    jsonp(world, query, &json!({"success": fetched}))
}

/// The self-hosted server wraps its answer in a call when asked to.
fn jsonp(world: &World, query: &Pairs, answer: &serde_json::Value) -> Reply {
    let callback = query.filled("callback").or_else(|| query.filled("jsonp"));
    let safe = |name: &&str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.$".contains(&byte))
    };
    match callback.filter(safe) {
        Some(callback) if world.options.authid_dialect == AuthIdDialect::Dotnet => reply(
            200,
            "application/javascript",
            format!("{callback}({answer})"),
        ),
        _ => json_reply(200, answer),
    }
}

pub(crate) fn revoked(world: &World, form: &Pairs) -> Reply {
    let given = form.get("authid").unwrap_or_default().trim();
    let (key, password) = given.split_once(':').unwrap_or((given, ""));
    let state = &mut world.state();
    let message = if key == "v2" {
        "Error: The token must be revoked from the service provider. You can de-authorize the application on the provider's website."
    } else if state
        .authids
        .get(key)
        .is_some_and(|entry| entry.password == password)
    {
        state.authids.remove(key);
        state.journal.remove("authid", key);
        "Token revoked"
    } else {
        "Error: No such user"
    };
    page(200, pages::authid(&format!("<h1>{message}</h1>")))
}

pub(crate) fn server_error(world: &World, status: u16) -> Reply {
    match world.options.authid_dialect {
        AuthIdDialect::Gae => json_reply(status, &json!({"error": "Server error"})),
        AuthIdDialect::Dotnet => text(status, "An error occurred"),
    }
}
