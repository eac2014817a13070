//! The admin API under `/_sim/`: faults, limits, accounts, drives, the log, all with the admin bearer.

use std::time::Duration;

use serde_json::{Value, json};

use crate::authid::registry;
use crate::faults::Fault;
use crate::graph::folders;
use crate::model::token::Revoked;
use crate::pages::DASHBOARD;
use crate::reply::{Reply, json_reply, page, with};
use crate::request::{Call, Dropped, Pairs};
use crate::state::State;
use crate::time::iso;
use crate::tokens::{ANY_CLIENT, scopes};
use crate::world::World;

/// Parameters of a control.
pub(crate) struct Order<'a> {
    query: &'a Pairs,
    /// The segments in the place of each `{…}` of its route's path.
    parts: &'a [String],
    /// `Value::Null` when there is none.
    body: Value,
}

impl Order<'_> {
    fn part(&self, number: usize) -> &str {
        self.parts.get(number).map_or("", String::as_str)
    }
}

/// A request of the admin API, once its token is checked.
pub(crate) type Control = fn(&mut State, &Order<'_>) -> Done;

type Done = Result<Value, (u16, &'static str)>;

/// Answers a request that needs the admin token.
pub(crate) async fn answer(
    world: &World,
    call: &mut Call,
    control: Control,
    parts: &[String],
) -> Result<Reply, Dropped> {
    if call.bearer() != Some(world.admin_token.as_str()) {
        return Ok(error(401, "The admin token is missing or wrong"));
    }
    let Some(body) = call.json().await? else {
        return Ok(error(400, "The body is no JSON"));
    };
    let order = Order {
        query: &call.query,
        parts,
        body,
    };
    Ok(match control(&mut world.state(), &order) {
        Ok(value) => json_reply(200, &value),
        Err((status, message)) => error(status, message),
    })
}

pub(crate) fn dashboard() -> Reply {
    with(
        page(200, DASHBOARD.to_owned()),
        axum::http::header::REFERRER_POLICY,
        "no-referrer",
    )
}

pub(crate) fn log(state: &mut State, order: &Order<'_>) -> Done {
    let since = order.query.get("since");
    let since = since.and_then(|seq| seq.parse().ok()).unwrap_or(0);
    Ok(json!({"entries": state.log.since(since)}))
}

pub(crate) fn reset(state: &mut State, _: &Order<'_>) -> Done {
    state.reset();
    Ok(ok())
}

pub(crate) fn faults(state: &mut State, _: &Order<'_>) -> Done {
    Ok(json!({"faults": state.faults.all()}))
}

pub(crate) fn fault(state: &mut State, order: &Order<'_>) -> Done {
    let mut faults = state.faults.all().into_iter();
    let fault = faults.find(|fault| fault.id == order.part(0));
    fault
        .map(|fault| json!(fault))
        .ok_or((404, "There is no such fault"))
}

pub(crate) fn clear_faults(state: &mut State, _: &Order<'_>) -> Done {
    state.faults.clear();
    Ok(ok())
}

pub(crate) fn remove_fault(state: &mut State, order: &Order<'_>) -> Done {
    match state.faults.remove(order.part(0)) {
        true => Ok(ok()),
        false => Err((404, "There is no such fault")),
    }
}

pub(crate) fn limits(state: &mut State, _: &Order<'_>) -> Done {
    Ok(state.limits.report(state.now()))
}

pub(crate) fn clear_limits(state: &mut State, _: &Order<'_>) -> Done {
    state.limits.clear();
    Ok(ok())
}

pub(crate) fn clock(state: &mut State, order: &Order<'_>) -> Done {
    let seconds = order.body.get("advance_seconds").and_then(Value::as_u64);
    let seconds = seconds.ok_or((400, "advance_seconds is missing"))?;
    state.clock.advance(Duration::from_secs(seconds));
    Ok(json!({"now": iso(state.now())}))
}

pub(crate) fn unknown(_: &mut State, _: &Order<'_>) -> Done {
    Err((404, "The admin API has no such request"))
}

pub(crate) fn add_fault(state: &mut State, order: &Order<'_>) -> Done {
    let fault: Fault = serde_json::from_value(order.body.clone())
        .map_err(|_| (400, "The fault is not understood"))?;
    let id = state
        .faults
        .add(fault)
        .map_err(|_| (400, "path_regex is not valid"))?;
    Ok(json!({ "id": id }))
}

pub(crate) fn set_limits(state: &mut State, order: &Order<'_>) -> Done {
    let wrong = (400, "The limits are not understood");
    let limits = serde_json::from_value(order.body.clone()).map_err(|_| wrong)?;
    let now = state.now();
    state.limits.set(limits, now).ok_or(wrong)?;
    Ok(state.limits.report(now))
}

pub(crate) fn settings(state: &mut State, order: &Order<'_>) -> Done {
    let body = &order.body;
    if let Some(auto) = body.get("auto_consent") {
        state.auto_consent = auto.as_str().map(str::to_owned);
    }
    if let Some(empty) = body.get("empty_pages").and_then(Value::as_bool) {
        state.empty_pages = empty;
    }
    Ok(ok())
}

pub(crate) fn account(state: &mut State, order: &Order<'_>) -> Done {
    let (id, what, body) = (order.part(0), order.part(1), &order.body);
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

pub(crate) fn drive(state: &mut State, order: &Order<'_>) -> Done {
    let (id, what, body) = (order.part(0), order.part(1), &order.body);
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

pub(crate) fn tree(state: &mut State, _: &Order<'_>) -> Done {
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
    Ok(json!({"drives": drives.collect::<Vec<_>>()}))
}

pub(crate) fn uploads(state: &mut State, _: &Order<'_>) -> Done {
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
    Ok(json!({"uploads": uploads.collect::<Vec<_>>()}))
}

fn ok() -> Value {
    json!({"ok": true})
}

fn error(status: u16, message: &str) -> Reply {
    json_reply(status, &json!({ "error": message }))
}
