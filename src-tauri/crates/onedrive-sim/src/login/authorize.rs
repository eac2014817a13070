//! The authorize address and its two pages: choosing an account and agreeing.

use url::{Host, Url};

use crate::model::account::Account;
use crate::model::token::{Challenge, Code, Flow};
use crate::pages;
use crate::reply::{Reply, page, redirect};
use crate::request::Pairs;
use crate::state::State;
use crate::time::plus;
use crate::tokens::scopes;
use crate::world::World;

/// Seconds a code can be redeemed.
const CODE_LIFE: i64 = 600;
/// Seconds the pages may be open.
const FLOW_LIFE: i64 = 3600;

/// Checks a request and shows the account list, or answers immediately if no interaction is needed.
pub(crate) fn start(world: &World, query: &Pairs, tenant: &str) -> Reply {
    let Some(client) = query.filled("client_id") else {
        return refused(
            "AADSTS900144",
            "The request body must contain the parameter 'client_id'.",
        );
    };
    let redirect_uri = query.get("redirect_uri").unwrap_or_default();
    if !redirect_allowed(world, redirect_uri) {
        let text = format!(
            "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured for the application '{client}'."
        );
        return refused("AADSTS50011", &text);
    }
    let state = &mut world.state();
    let flow = flow_for(state, query, tenant, client);
    if let Some((error, text)) = flaw(&flow, query) {
        return failed(&flow, error, text);
    }
    let auto = query
        .get("sim_auto")
        .map(str::to_owned)
        .or_else(|| state.auto_consent.clone());
    if let Some(account) = auto {
        return accept(state, &flow, &account);
    }
    if query.get("prompt") == Some("none") {
        return failed(
            &flow,
            "interaction_required",
            "AADSTS50058: A silent sign-in request was sent but no user is signed in.",
        );
    }
    first_page(state, flow, query)
}

/// What a request asks for.
fn flow_for(state: &mut State, query: &Pairs, tenant: &str, client: &str) -> Flow {
    Flow {
        csrf: state.random.secret(),
        tenant: tenant.to_owned(),
        client: client.to_owned(),
        redirect_uri: query.get("redirect_uri").unwrap_or_default().to_owned(),
        response_mode: query.get("response_mode").unwrap_or("query").to_owned(),
        scopes: scopes(query.get("scope").unwrap_or_default()),
        state: query.get("state").map(str::to_owned),
        nonce: query.get("nonce").map(str::to_owned),
        challenge: challenge(query),
        started: state.now(),
    }
}

/// Error and description for a request with a valid redirect address.
fn flaw(flow: &Flow, query: &Pairs) -> Option<(&'static str, &'static str)> {
    let kind = query.get("response_type").unwrap_or_default();
    if !kind.split_whitespace().any(|kind| kind == "code") {
        return Some((
            "unsupported_response_type",
            "AADSTS70016: The response type is not supported.",
        ));
    }
    let method = query.get("code_challenge_method");
    if method.is_some_and(|method| !["plain", "S256"].contains(&method)) {
        return Some((
            "invalid_request",
            "AADSTS501491: Invalid code challenge method.",
        ));
    }
    flow.scopes.is_empty().then_some((
        "invalid_request",
        "AADSTS900144: The request must contain the parameter 'scope'.",
    ))
}

/// Remembers the sign-in and shows the account list, or what the hinted account is asked.
fn first_page(state: &mut State, flow: Flow, query: &Pairs) -> Reply {
    let now = state.now();
    state
        .flows
        .retain(|_, flow| plus(flow.started, FLOW_LIFE) > now);
    let id = state.random.secret();
    state.flows.insert(id.clone(), flow.clone());
    let hint = query
        .get("login_hint")
        .filter(|_| query.get("prompt") != Some("select_account"));
    let hinted = state.accounts.values().find(|account| {
        hint.is_some_and(|hint| hint.eq_ignore_ascii_case(&account.email) || hint == account.id)
    });
    match hinted.cloned() {
        Some(account) => consent_page(&id, &flow, &account),
        None => {
            let mut accounts: Vec<&Account> = state.accounts.values().collect();
            accounts.sort_by_key(|account| {
                ["alex", "robin", "nolicense", "blocked"]
                    .iter()
                    .position(|id| *id == account.id)
            });
            page(200, pages::accounts(&flow, &id, &accounts))
        }
    }
}

/// An account was clicked.
pub(crate) fn choose(world: &World, form: &Pairs) -> Reply {
    let state = &mut world.state();
    let Some((id, flow)) = flow_of(state, form) else {
        return stale();
    };
    let Some(account) = form.get("account").and_then(|id| state.accounts.get(id)) else {
        return refused("AADSTS50034", "The user account does not exist.");
    };
    if account.blocked {
        return page(
            403,
            pages::error(
                "AADSTS53003",
                "Your sign-in was successful but does not meet the criteria to access this resource. Access has been blocked by Conditional Access policies.",
            ),
        );
    }
    if account.disabled {
        return page(
            403,
            pages::error(
                "AADSTS50057",
                "Your account has been locked. Contact your support person.",
            ),
        );
    }
    consent_page(&id, &flow, account)
}

/// Accept or Cancel was clicked.
pub(crate) fn consent(world: &World, form: &Pairs) -> Reply {
    let state = &mut world.state();
    let Some((id, flow)) = flow_of(state, form) else {
        return stale();
    };
    state.flows.remove(&id);
    if form.get("decision") != Some("accept") {
        return failed(
            &flow,
            "access_denied",
            "AADSTS65004: User declined to consent to access the app.",
        );
    }
    accept(state, &flow, form.get("account").unwrap_or_default())
}

fn accept(state: &mut State, flow: &Flow, account: &str) -> Reply {
    if let Err(error) = state.check_account(account) {
        let text = format!("AADSTS{}: {}", error.number, error.text);
        return failed(flow, "access_denied", &text);
    }
    let code = format!("M.C5_SIM.2.U.{}", state.random.secret());
    let expires = plus(state.now(), CODE_LIFE);
    let given = Code {
        flow: flow.clone(),
        account: account.to_owned(),
        expires,
        used: false,
    };
    state.codes.insert(code.clone(), given);
    back(flow, &[("code", &code)])
}

fn consent_page(id: &str, flow: &Flow, account: &Account) -> Reply {
    page(200, pages::consent(flow, id, account))
}

/// The sign-in a form belongs to, when its hidden fields fit together.
fn flow_of(state: &State, form: &Pairs) -> Option<(String, Flow)> {
    let id = form.get("flow")?;
    let flow = state.flows.get(id)?;
    let fresh = plus(flow.started, FLOW_LIFE) > state.now();
    (fresh && form.get("csrf") == Some(&flow.csrf)).then(|| (id.to_owned(), flow.clone()))
}

fn challenge(query: &Pairs) -> Option<Challenge> {
    let value = query.filled("code_challenge")?.to_owned();
    Some(Challenge {
        value,
        sha256: query.get("code_challenge_method") == Some("S256"),
    })
}

/// Loopback addresses match with any port, their path has to be the registered one (none); others match exactly.
fn redirect_allowed(world: &World, uri: &str) -> bool {
    let own = format!("{}/authid/logged-in", world.urls.api);
    if uri == own
        || world
            .options
            .redirect_uris
            .iter()
            .any(|allowed| allowed == uri)
    {
        return true;
    }
    let Ok(parsed) = Url::parse(uri) else {
        return false;
    };
    let loopback = match parsed.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        _ => false,
    };
    parsed.scheme() == "http"
        && loopback
        && parsed.path() == "/"
        && parsed.query().is_none()
        && parsed.fragment().is_none()
}

fn failed(flow: &Flow, error: &str, text: &str) -> Reply {
    back(flow, &[("error", error), ("error_description", text)])
}

/// Sends the browser back to the app.
fn back(flow: &Flow, fields: &[(&str, &str)]) -> Reply {
    let mut fields: Vec<(&str, &str)> = fields.to_vec();
    if let Some(state) = &flow.state {
        fields.push(("state", state));
    }
    if flow.response_mode == "form_post" {
        return page(200, pages::form_post(&flow.redirect_uri, &fields));
    }
    let encoded = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let mark = match flow.response_mode.as_str() {
        "fragment" => '#',
        _ if flow.redirect_uri.contains('?') => '&',
        _ => '?',
    };
    // The registered address has no path and comes back with a slash.
    let bare = flow.redirect_uri.matches('/').count() == 2;
    let slash = if bare { "/" } else { "" };
    redirect(&format!("{}{slash}{mark}{encoded}", flow.redirect_uri))
}

fn refused(number: &str, text: &str) -> Reply {
    page(400, pages::error(number, text))
}

fn stale() -> Reply {
    page(
        400,
        pages::error(
            "AADSTS165000",
            "The sign-in page is too old. Go back to the app and try again.",
        ),
    )
}
