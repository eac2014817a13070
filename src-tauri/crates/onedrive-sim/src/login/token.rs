//! The token endpoint.

use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::device;
use crate::authid::registry;
use crate::model::token::{Challenge, Code};
use crate::reply::{Reply, json_reply};
use crate::request::{Call, Pairs, decode};
use crate::state::State;
use crate::tokens::{ACCESS_LIFE, Granted, OAuthError, scopes};
use crate::world::World;

pub(crate) fn answer(world: &World, call: &Call, form: &Pairs) -> Reply {
    let (client, secret) = client_of(call, form);
    let state = &mut world.state();
    let granted =
        check_client(&client, secret.as_deref()).and_then(|()| grant(state, form, &client));
    match granted {
        Ok((granted, nonce)) => json_reply(
            200,
            &granted_json(world, state, &granted, &client, nonce.as_deref()),
        ),
        Err(error) => error.to_reply(state),
    }
}

fn grant(
    state: &mut State,
    form: &Pairs,
    client: &str,
) -> Result<(Granted, Option<String>), OAuthError> {
    let missing = |name: &str| {
        let text = format!("The request body must contain the following parameter: '{name}'.");
        OAuthError::new("invalid_request", 900_144, &text)
    };
    match form
        .get("grant_type")
        .ok_or_else(|| missing("grant_type"))?
    {
        "authorization_code" => {
            let code = form.get("code").ok_or_else(|| missing("code"))?;
            let code = redeem_code(state, code, client, form)?;
            let wanted = scopes(form.get("scope").unwrap_or_default());
            // A code is valid for the granted scopes or a subset.
            let scopes = match wanted.is_empty() {
                true => code.flow.scopes.clone(),
                false => code
                    .flow
                    .scopes
                    .iter()
                    .filter(|scope| wanted.contains(scope))
                    .cloned()
                    .collect(),
            };
            Ok((state.grant(&code.account, client, &scopes), code.flow.nonce))
        }
        "refresh_token" => {
            let token = form
                .get("refresh_token")
                .ok_or_else(|| missing("refresh_token"))?;
            let wanted = form.filled("scope").map(scopes);
            Ok((state.redeem_refresh(token, client, wanted)?, None))
        }
        "urn:ietf:params:oauth:grant-type:device_code" | "device_code" => {
            let code = form.get("device_code").or_else(|| form.get("code"));
            let code = code.ok_or_else(|| missing("device_code"))?;
            Ok((device::redeem(state, code, client)?, None))
        }
        _ => Err(OAuthError::new(
            "unsupported_grant_type",
            70003,
            "The grant type is not supported.",
        )),
    }
}

/// Redeems an authorization code: once, in time, by the app that requested it and with the same parameters.
pub(crate) fn redeem_code(
    state: &mut State,
    code: &str,
    client: &str,
    form: &Pairs,
) -> Result<Code, OAuthError> {
    let refuse = |number, text: &str| OAuthError::new("invalid_grant", number, text);
    let now = state.now();
    let Some(known) = state.codes.get_mut(code) else {
        return Err(refuse(
            9002313,
            "The provided authorization code is not valid.",
        ));
    };
    if known.used {
        return Err(refuse(
            54005,
            "OAuth2 Authorization code was already redeemed.",
        ));
    }
    if known.expires <= now {
        return Err(refuse(
            70008,
            "The provided authorization code has expired.",
        ));
    }
    if known.flow.client != client {
        return Err(refuse(700005, "The code was issued to another client."));
    }
    if form
        .get("redirect_uri")
        .is_some_and(|uri| uri != known.flow.redirect_uri)
    {
        return Err(refuse(
            500_112,
            "The reply address does not match the one of the authorization request.",
        ));
    }
    if let Some(challenge) = &known.flow.challenge {
        match form.get("code_verifier") {
            None => return Err(refuse(50148, "The code_verifier is missing.")),
            Some(verifier) if !proves(challenge, verifier) => {
                return Err(refuse(
                    501_481,
                    "The code_verifier does not match the code_challenge supplied in the authorization request.",
                ));
            }
            Some(_) => {}
        }
    }
    known.used = true;
    Ok(known.clone())
}

fn proves(challenge: &Challenge, verifier: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(allowed) {
        return false;
    }
    match challenge.sha256 {
        true => URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) == challenge.value,
        false => verifier == challenge.value,
    }
}

/// Client id and secret, from the form or from HTTP Basic, which Go's library tries first.
fn client_of(call: &Call, form: &Pairs) -> (String, Option<String>) {
    let basic = call.header("authorization").and_then(|header| {
        let (scheme, value) = header.split_once(' ')?;
        let bytes = scheme
            .eq_ignore_ascii_case("basic")
            .then(|| STANDARD.decode(value.trim()))?;
        let text = String::from_utf8(bytes.ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((decode(id), decode(secret)))
    });
    match basic {
        Some((id, secret)) => (id, Some(secret).filter(|secret| !secret.is_empty())),
        None => (
            form.get("client_id").unwrap_or_default().to_owned(),
            form.filled("client_secret").map(str::to_owned),
        ),
    }
}

fn check_client(client: &str, secret: Option<&str>) -> Result<(), OAuthError> {
    let refuse = |number, text: &str| OAuthError {
        status: 401,
        ..OAuthError::new("invalid_client", number, text)
    };
    if client.is_empty() {
        return Err(OAuthError::new(
            "invalid_request",
            900_144,
            "The request body must contain the following parameter: 'client_id'.",
        ));
    }
    if client == registry::CLIENT_ID {
        return match secret {
            Some(registry::CLIENT_SECRET) => Ok(()),
            Some(_) => Err(refuse(7_000_215, "Invalid client secret provided.")),
            None => Err(refuse(
                7_000_218,
                "The request body must contain 'client_secret'.",
            )),
        };
    }
    // Names that are no GUID stand for apps of others, which may be confidential.
    let registered_public = client.len() == 36 && !CONFIDENTIAL.contains(&client);
    if registered_public && secret.is_some() {
        return Err(refuse(
            700_025,
            "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
        ));
    }
    Ok(())
}

/// Known apps with a secret: rclone's.
const CONFIDENTIAL: [&str; 1] = ["b15665d9-eda6-4092-8539-0eec376afd59"];

fn granted_json(
    world: &World,
    state: &State,
    granted: &Granted,
    client: &str,
    nonce: Option<&str>,
) -> Value {
    let shown: Vec<&str> = granted
        .scopes
        .iter()
        .map(String::as_str)
        .filter(|scope| *scope != "offline_access")
        .collect();
    let mut value = json!({
        "token_type": "Bearer",
        "scope": shown.join(" "),
        "expires_in": ACCESS_LIFE - 1,
        "ext_expires_in": ACCESS_LIFE - 1,
        "access_token": granted.access,
    });
    if let Some(refresh) = &granted.refresh {
        value["refresh_token"] = refresh.clone().into();
    }
    let Some(account) = state.accounts.get(&granted.account) else {
        return value;
    };
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    value["client_info"] = part(&json!({"uid": account.oid, "utid": account.tid})).into();
    if granted
        .scopes
        .iter()
        .any(|scope| scope == "openid" || scope == "profile")
    {
        let now = state.now().as_second();
        let mut claims = json!({
            "aud": client,
            "iss": format!("{}/{}/v2.0", world.urls.api, account.tid),
            "sub": account.oid,
            "oid": account.oid,
            "tid": account.tid,
            "name": account.name,
            "preferred_username": account.email,
            "iat": now,
            "nbf": now,
            "exp": now + ACCESS_LIFE,
            "ver": "2.0",
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        let head = json!({"typ": "JWT", "alg": "RS256", "kid": "sim"});
        value["id_token"] = format!("{}.{}.c2ln", part(&head), part(&claims)).into();
    }
    value
}
