//! Signing in on another device by typing a short code.

use serde_json::json;

use crate::model::token::{Device, DeviceAnswer};
use crate::pages;
use crate::reply::{Reply, json_reply, page};
use crate::request::Pairs;
use crate::state::State;
use crate::time::plus;
use crate::tokens::{Granted, OAuthError, scopes};
use crate::world::World;

/// Seconds a device code works.
const LIFE: i64 = 900;

pub(crate) fn start(world: &World, form: &Pairs) -> Reply {
    let state = &mut world.state();
    let Some(client) = form.filled("client_id") else {
        let error = OAuthError::new(
            "invalid_request",
            900_144,
            "The request body must contain the following parameter: 'client_id'.",
        );
        return error.to_reply(state);
    };
    let code = state.random.secret();
    let user_code = state.random.pick(b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 9);
    let device = Device {
        user_code: user_code.clone(),
        client: client.to_owned(),
        scopes: scopes(form.get("scope").unwrap_or_default()),
        expires: plus(state.now(), LIFE),
        answer: DeviceAnswer::Pending,
    };
    state.devices.insert(code.clone(), device);
    let address = format!("{}/device", world.urls.api);
    json_reply(
        200,
        &json!({
            "device_code": code,
            "user_code": user_code,
            "verification_uri": address,
            "expires_in": LIFE,
            "interval": world.options.device_interval.unwrap_or(5),
            "message": format!("To sign in, use a web browser to open the page {address} and enter the code {user_code} to authenticate."),
        }),
    )
}

pub(crate) fn form(world: &World, query: &Pairs) -> Reply {
    let state = world.state();
    page(
        200,
        pages::device(
            query.get("code").unwrap_or_default(),
            state.accounts.values(),
        ),
    )
}

/// A code and an account were sent, or a refusal.
pub(crate) fn choose(world: &World, form: &Pairs) -> Reply {
    let state = &mut world.state();
    let typed = form
        .get("user_code")
        .unwrap_or_default()
        .trim()
        .to_uppercase();
    let account = form.get("account").unwrap_or_default();
    let now = state.now();
    let known = state
        .accounts
        .get(account)
        .is_some_and(|account| !account.blocked);
    let device = state.devices.values_mut().find(|device| {
        device.user_code == typed && device.expires > now && device.answer == DeviceAnswer::Pending
    });
    let Some(device) = device else {
        return page(
            400,
            pages::error(
                "AADSTS70019",
                "That code didn't work. Check the code and try again.",
            ),
        );
    };
    if account == "decline" {
        device.answer = DeviceAnswer::Declined;
        return page(
            200,
            pages::note(
                "Declined",
                "The device was not signed in. You can close this page.",
            ),
        );
    }
    if !known {
        return page(
            403,
            pages::error(
                "AADSTS53003",
                "Access has been blocked by Conditional Access policies.",
            ),
        );
    }
    device.answer = DeviceAnswer::Accepted(account.to_owned());
    page(
        200,
        pages::note(
            "You are signed in",
            "You have signed in on your device. You can close this page.",
        ),
    )
}

/// What the token endpoint does for a device code.
pub(crate) fn redeem(state: &mut State, code: &str, client: &str) -> Result<Granted, OAuthError> {
    let now = state.now();
    let Some(device) = state
        .devices
        .get(code)
        .filter(|device| device.client == client)
        .cloned()
    else {
        return Err(OAuthError::new(
            "bad_verification_code",
            70020,
            "The provided device code is not valid.",
        ));
    };
    if device.expires <= now {
        return Err(OAuthError::new(
            "expired_token",
            70019,
            "The device code has expired.",
        ));
    }
    match device.answer {
        DeviceAnswer::Pending => Err(OAuthError::new(
            "authorization_pending",
            70016,
            "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
        )),
        DeviceAnswer::Declined => Err(OAuthError::new(
            "authorization_declined",
            70018,
            "The user declined the sign-in.",
        )),
        DeviceAnswer::Accepted(account) => {
            state.devices.remove(code);
            state.check_account(&account)?;
            Ok(state.grant(&account, client, &device.scopes))
        }
    }
}
