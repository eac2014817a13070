//! The HTML pages people see.

use crate::authid::registry::CLIENT_ID;
use crate::model::account::Account;
use crate::model::token::Flow;
use crate::reply::escape;

/// Styles of every page.
const STYLE: &str = include_str!("pages/style.css");
/// The dashboard; it reads the admin API with the token in its address.
pub(crate) const DASHBOARD: &str = include_str!("pages/dashboard.html");

/// The account list.
pub(crate) fn accounts(flow: &Flow, id: &str, accounts: &[&Account]) -> String {
    let mut buttons = String::new();
    for account in accounts {
        let initial: String = account.name.chars().take(1).collect();
        buttons.push_str(&format!(
            "<button class=\"account\" id=\"acct-{id}\" name=\"account\" value=\"{id}\">\
             <span class=\"face\" aria-hidden=\"true\">{initial}</span>\
             <span><b>{name}</b><small>{email}</small><small>{note}</small></span></button>",
            id = escape(&account.id),
            initial = escape(&initial),
            name = escape(&account.name),
            email = escape(&account.email),
            note = escape(&account.note),
        ));
    }
    let hidden = hidden(flow, id);
    let body = format!(
        "<h1>Pick an account</h1><p>to continue to <b>{}</b></p>\
         <form method=\"post\" action=\"/{}/oauth2/v2.0/authorize\">{hidden}{buttons}</form>",
        escape(app_name(&flow.client)),
        escape(&crate::request::encode(&flow.tenant)),
    );
    signin("Sign in", &body)
}

/// The list of permissions that an app requests, with its two buttons.
pub(crate) fn consent(flow: &Flow, id: &str, account: &Account) -> String {
    let mut rights = String::new();
    for scope in &flow.scopes {
        let (title, detail) = right(scope);
        let (title, detail) = (escape(title), escape(detail));
        let line = match title.is_empty() {
            true => format!("<li><b>{}</b></li>", escape(scope)),
            false => format!("<li><b>{title}</b><small>{detail}</small></li>"),
        };
        rights.push_str(&line);
    }
    let body = format!(
        "<p class=\"who\">{email}</p><h1>Let this app access your info?</h1>\
         <p><b>{app}</b> needs your permission to:</p><ul class=\"rights\">{rights}</ul>\
         <p class=\"small\">Accepting means that you allow this app to use your data until you withdraw it.</p>\
         <form method=\"post\" action=\"/{tenant}/oauth2/v2.0/consent\">{hidden}\
         <input type=\"hidden\" name=\"account\" value=\"{account}\">\
         <div class=\"actions\"><button id=\"consent-cancel\" name=\"decision\" value=\"cancel\">Cancel</button>\
         <button class=\"primary\" id=\"consent-accept\" name=\"decision\" value=\"accept\">Accept</button></div></form>",
        email = escape(&account.email),
        app = escape(app_name(&flow.client)),
        tenant = escape(&crate::request::encode(&flow.tenant)),
        hidden = hidden(flow, id),
        account = escape(&account.id),
    );
    signin("Permissions requested", &body)
}

/// A page on which nothing can be done.
pub(crate) fn error(number: &str, text: &str) -> String {
    let body = format!(
        "<h1>Sorry, but we're having trouble signing you in.</h1><p class=\"error\">{}: {}</p>",
        escape(number),
        escape(text)
    );
    signin("Sign in", &body)
}

/// A short message.
pub(crate) fn note(title: &str, text: &str) -> String {
    signin(
        title,
        &format!("<h1>{}</h1><p>{}</p>", escape(title), escape(text)),
    )
}

/// The form for a device code.
pub(crate) fn device<'a>(code: &str, accounts: impl Iterator<Item = &'a Account>) -> String {
    let mut buttons = String::new();
    for account in accounts {
        buttons.push_str(&format!(
            "<button class=\"account\" id=\"acct-{id}\" name=\"account\" value=\"{id}\"><span><b>{name}</b></span></button>",
            id = escape(&account.id),
            name = escape(&account.name)
        ));
    }
    let body = format!(
        "<h1>Enter code</h1><form method=\"post\" action=\"/device\">\
         <label>Code <input id=\"user-code\" name=\"user_code\" value=\"{}\" autocomplete=\"off\"></label>\
         {buttons}<button name=\"account\" value=\"decline\">Decline</button></form>",
        escape(code)
    );
    signin("Device sign-in", &body)
}

/// Posts the result of a sign-in to an app that requested `form_post`.
pub(crate) fn form_post(action: &str, fields: &[(&str, &str)]) -> String {
    let inputs: String = fields
        .iter()
        .map(|(name, value)| {
            format!(
                "<input type=\"hidden\" name=\"{}\" value=\"{}\">",
                escape(name),
                escape(value)
            )
        })
        .collect();
    format!(
        "<!doctype html><html><head><title>Working...</title></head>\
         <body><form method=\"post\" action=\"{}\">{inputs}<button>Continue</button></form>\
         <script>document.forms[0].submit()</script></body></html>",
        escape(action)
    )
}

/// The AuthID service's first page.
pub(crate) fn authid_start(services: &[(&str, &str, String)], forward: bool) -> String {
    let links: String = services
        .iter()
        .enumerate()
        .map(|(number, (id, name, link))| {
            let button = match number {
                0 => "authid-login".to_owned(),
                _ => format!("authid-login-{}", escape(id)),
            };
            let (name, link) = (escape(name), escape(link));
            format!("<p><a class=\"button primary\" id=\"{button}\" href=\"{link}\">{name} login</a></p>")
        })
        .collect();
    let script = match forward {
        true => "<script>location.replace(document.getElementById('authid-login').href)</script>",
        false => "",
    };
    authid(&format!(
        "<h1>Get an AuthID</h1><p>Choose the service whose files the app may use. You sign in at the service itself; \
         what you get is an AuthID that stands for the sign-in.</p>{links}{script}"
    ))
}

/// The page that shows a new AuthID, or the text of a failure in its place.
pub(crate) fn authid_done(authid_text: &str, fetch: Option<&str>) -> String {
    let shown = escape(authid_text);
    let post = match fetch {
        Some(_) => {
            "<script>if(window.opener)window.opener.postMessage('authid:'+document.getElementById('authid').value,'*')</script>"
        }
        None => "",
    };
    authid(&format!(
        "<h1>Here is your AuthID</h1><p>The app has it already when it opened this page; you can close the window. \
         Otherwise copy it:</p><input id=\"authid\" readonly value=\"{shown}\">{post}"
    ))
}

pub(crate) fn authid_revoke() -> String {
    authid(
        "<h1>Revoke an AuthID</h1><form method=\"post\" action=\"/authid/revoked\">\
         <input name=\"authid\"><button class=\"primary\">Revoke</button></form>",
    )
}

pub(crate) fn authid(body: &str) -> String {
    shell("AuthID service", "Simulated AuthID service", body)
}

/// What the API origin shows to a person.
pub(crate) fn index(api: &str) -> String {
    let api = escape(api);
    shell(
        "OneDrive simulator",
        "Simulated Microsoft services",
        &format!(
            "<h1>OneDrive simulator</h1><p>Graph: <code>{api}/v1.0</code><br>AuthID service: \
             <code>{api}/authid/refresh</code></p><p><a class=\"button\" href=\"/_sim/ui\">Dashboard</a></p>"
        ),
    )
}

fn signin(title: &str, body: &str) -> String {
    shell(title, "Simulated Microsoft sign-in", body)
}

fn shell(title: &str, badge: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title} - {badge}</title><style>{STYLE}</style></head>\
         <body><main><p class=\"badge\">{badge}</p>{body}\
         <footer>Runs on this computer only. No Microsoft account is involved.</footer></main></body></html>",
        title = escape(title),
        badge = escape(badge),
    )
}

fn hidden(flow: &Flow, id: &str) -> String {
    format!(
        "<input type=\"hidden\" name=\"flow\" value=\"{}\"><input type=\"hidden\" name=\"csrf\" value=\"{}\">",
        escape(id),
        escape(&flow.csrf)
    )
}

fn app_name(client: &str) -> &str {
    match client {
        CLIENT_ID => "Duplicati OAuth handler",
        other => other,
    }
}

fn right(scope: &str) -> (&'static str, &'static str) {
    match scope {
        "Files.Read" => ("Read your files", "The app can read your OneDrive files."),
        "Files.ReadWrite" => (
            "Have full access to your files",
            "The app can read, create, update and delete your OneDrive files.",
        ),
        "Files.ReadWrite.All" => (
            "Have full access to all files you have access to",
            "The app can read, create, update and delete your files and those shared with you.",
        ),
        "Group.Read.All" => ("Read all groups", "The app can see the groups you are in."),
        "User.Read" => (
            "View your basic profile",
            "The app can see your name and e-mail address.",
        ),
        "offline_access" => (
            "Maintain access to data you have given it access to",
            "The app keeps working while you are not using it.",
        ),
        "openid" => ("Sign you in", "The app knows who you are."),
        "profile" => ("View your profile", "The app can see your name."),
        _ => ("", ""),
    }
}
