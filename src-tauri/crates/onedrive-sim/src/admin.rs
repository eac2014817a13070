//! The admin API under `/_sim/`: faults, limits, accounts, drives, the log, all with the admin bearer.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::authid::registry;
use crate::faults::Fault;
use crate::graph::folders;
use crate::model::token::Revoked;
use crate::pages::DASHBOARD;
use crate::reply::{Reply, json_reply, page, with};
use crate::request::{Call, Dropped};
use crate::state::State;
use crate::time::iso;
use crate::tokens::{ANY_CLIENT, scopes};
use crate::world::World;

/// Answers a request; `rest` is the path below `/_sim`.
pub(crate) async fn answer(world: &World, call: &mut Call, rest: &str) -> Result<Reply, Dropped> {
    if rest == "/ui" {
        return Ok(with(
            page(200, DASHBOARD.to_owned()),
            axum::http::header::REFERRER_POLICY,
            "no-referrer",
        ));
    }
    if rest == "/health" {
        return Ok(json_reply(200, &json!({"ok": true})));
    }
    if call.bearer() != Some(world.admin_token.as_str()) {
        return Ok(error(401, "The admin token is missing or wrong"));
    }
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
    let Some(body) = call.json().await? else {
        return Ok(error(400, "The body is no JSON"));
    };
    let state = &mut world.state();
    let done = match (&call.method, parts.as_slice()) {
        (&Method::GET, ["log"]) => {
            let since = call
                .query
                .get("since")
                .and_then(|seq| seq.parse().ok())
                .unwrap_or(0);
            Ok(json!({"entries": state.log.since(since)}))
        }
        (&Method::GET, ["tree"]) => Ok(tree(state)),
        (&Method::GET, ["uploads"]) => Ok(uploads(state)),
        (&Method::POST, ["reset"]) => {
            state.reset();
            Ok(ok())
        }
        (&Method::GET, ["faults"]) => Ok(json!({"faults": state.faults.all()})),
        (&Method::POST, ["faults"]) => add_fault(state, body),
        (&Method::DELETE, ["faults"]) => {
            state.faults.clear();
            Ok(ok())
        }
        (&Method::DELETE, ["faults", id]) => match state.faults.remove(id) {
            true => Ok(ok()),
            false => Err((404, "There is no such fault")),
        },
        (&Method::GET, ["faults", id]) => {
            let fault = state.faults.all().into_iter().find(|fault| fault.id == *id);
            fault
                .map(|fault| json!(fault))
                .ok_or((404, "There is no such fault"))
        }
        (&Method::GET, ["limits"]) => Ok(state.limits.report(state.now())),
        (&Method::PUT, ["limits"]) => set_limits(state, body),
        (&Method::DELETE, ["limits"]) => {
            state.limits.clear();
            Ok(ok())
        }
        (&Method::POST, ["clock"]) => match body.get("advance_seconds").and_then(Value::as_u64) {
            Some(seconds) => {
                state.clock.advance(Duration::from_secs(seconds));
                Ok(json!({"now": iso(state.now())}))
            }
            None => Err((400, "advance_seconds is missing")),
        },
        (&Method::POST | &Method::PUT, ["settings"]) => settings(state, &body),
        (&Method::POST, ["accounts", id, what]) => account(state, id, what, &body),
        (&Method::PUT | &Method::POST, ["drives", id, what]) => drive(state, id, what, &body),
        _ => Err((404, "The admin API has no such request")),
    };
    Ok(match done {
        Ok(value) => json_reply(200, &value),
        Err((status, message)) => error(status, message),
    })
}

type Done = Result<Value, (u16, &'static str)>;

fn add_fault(state: &mut State, body: Value) -> Done {
    let fault: Fault =
        serde_json::from_value(body).map_err(|_| (400, "The fault is not understood"))?;
    let id = state
        .faults
        .add(fault)
        .map_err(|_| (400, "path_regex is not valid"))?;
    Ok(json!({ "id": id }))
}

fn set_limits(state: &mut State, body: Value) -> Done {
    let wrong = (400, "The limits are not understood");
    let limits = serde_json::from_value(body).map_err(|_| wrong)?;
    let now = state.now();
    state.limits.set(limits, now).ok_or(wrong)?;
    Ok(state.limits.report(now))
}

fn settings(state: &mut State, body: &Value) -> Done {
    if let Some(auto) = body.get("auto_consent") {
        state.auto_consent = auto.as_str().map(str::to_owned);
    }
    if let Some(empty) = body.get("empty_pages").and_then(Value::as_bool) {
        state.empty_pages = empty;
    }
    Ok(ok())
}

fn account(state: &mut State, id: &str, what: &str, body: &Value) -> Done {
    let mut account = state
        .accounts
        .get(id)
        .cloned()
        .ok_or((404, "There is no such account"))?;
    let on = body
        .get("on")
        .or_else(|| body.get("value"))
        .and_then(Value::as_bool)
        .unwrap_or(true);
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    match what {
        "revoke" => state.revoke(id, Revoked::ByUser),
        "password-changed" => state.revoke(id, Revoked::PasswordChanged),
        "expire-access" => state.expire_access(id),
        "kill-access" => state.kill_access(id),
        "expire-refresh" => state.expire_refresh(id),
        "rotate" => {
            account.rotate = on;
            state.put_account(account);
        }
        "require-mfa" => {
            account.require_mfa = on;
            state.put_account(account);
        }
        "disable" => {
            account.disabled = on;
            state.put_account(account);
        }
        "authid" => {
            let service = text("service").unwrap_or("onedrivev2");
            let wanted = registry::scopes_of(service).ok_or((400, "There is no such service"))?;
            let refresh = state.grant_refresh(id, registry::CLIENT_ID, &scopes(wanted));
            return Ok(json!({"authid": registry::store(state, service, refresh)}));
        }
        "refresh-token" => {
            let wanted = text("scope").unwrap_or("Files.ReadWrite.All offline_access User.Read");
            return Ok(
                json!({"refresh_token": state.grant_refresh(id, ANY_CLIENT, &scopes(wanted))}),
            );
        }
        "access-token" => {
            let wanted = text("scope").unwrap_or("Files.ReadWrite.All User.Read");
            return Ok(json!({"access_token": state.grant_access(id, &scopes(wanted))}));
        }
        _ => return Err((404, "There is no such control")),
    }
    Ok(ok())
}

fn drive(state: &mut State, id: &str, what: &str, body: &Value) -> Done {
    let number = |key: &str| body.get(key).and_then(Value::as_u64);
    let on = body.get("on").and_then(Value::as_bool).unwrap_or(true);
    let missing = (404, "There is no such drive");
    let changed = match what {
        "quota" => {
            let hide = body.get("hidden").and_then(Value::as_bool);
            state.change_drive(id, |drive| {
                drive.total = number("total").unwrap_or(drive.total);
                drive.hide_quota = hide.unwrap_or(drive.hide_quota);
            })
        }
        "fill" => {
            let tree = state.tree(id).ok_or(missing)?;
            // Without a number nothing is left.
            let rest = tree
                .drive
                .total
                .saturating_sub(tree.used() - tree.drive.fill);
            let fill = number("bytes").unwrap_or(rest);
            state.change_drive(id, |drive| drive.fill = fill)
        }
        "readonly" => state.change_drive(id, |drive| drive.readonly = on),
        "empty-bin" => {
            let tree = state.tree(id).ok_or(missing)?;
            let drive = tree.drive.id.clone();
            let gone: Vec<String> = tree
                .all()
                .filter(|item| item.deleted)
                .map(|item| item.id.clone())
                .collect();
            for item in gone {
                state.remove_item(&drive, &item);
            }
            true
        }
        _ => return Err((404, "There is no such control")),
    };
    if changed { Ok(ok()) } else { Err(missing) }
}

fn tree(state: &State) -> Value {
    let drives = state.trees.values().map(|tree| {
        let items = folders::tree_list(tree);
        let items = items
            .iter()
            .map(|(path, size)| json!({"path": path, "size": size}));
        json!({
            "id": tree.drive.id,
            "name": tree.drive.name,
            "owner": tree.drive.owner,
            "driveType": tree.drive.kind.name(),
            "used": tree.used(),
            "total": tree.drive.total,
            "items": items.collect::<Vec<_>>(),
        })
    });
    json!({"drives": drives.collect::<Vec<_>>()})
}

fn uploads(state: &State) -> Value {
    let uploads = state.uploads.values().map(|upload| {
        json!({
            "id": upload.id,
            "account": upload.account,
            "drive": upload.drive,
            "name": upload.name,
            "received": upload.received,
            "total": upload.total,
            "expires": iso(upload.expires),
        })
    });
    json!({"uploads": uploads.collect::<Vec<_>>()})
}

fn ok() -> Value {
    json!({"ok": true})
}

fn error(status: u16, message: &str) -> Reply {
    json_reply(status, &json!({ "error": message }))
}
