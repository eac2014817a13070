//! Giving out, checking and ending tokens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::model::account::Account;
use crate::model::token::{Access, Refresh, Revoked};
use crate::reply::{GraphError, Reply, json_reply};
use crate::state::State;
use crate::time::{iso, plus};

/// Seconds an access token works.
pub(crate) const ACCESS_LIFE: i64 = 3600;
/// Seconds a refresh token works, counted from its issue.
const REFRESH_LIFE: i64 = 90 * 24 * 3600;
/// Random parts of 43 characters in a refresh token.
const REFRESH_PARTS: usize = 42;

/// The answer to a granted token request, before it is written as JSON.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) access: String,
    pub(crate) refresh: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) account: String,
}

/// An error of the token endpoint; `number` is the AADSTS number.
#[derive(Debug)]
pub(crate) struct OAuthError {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) number: u32,
    pub(crate) text: String,
    pub(crate) suberror: Option<&'static str>,
}

impl OAuthError {
    pub(crate) fn new(error: &'static str, number: u32, text: &str) -> Self {
        Self {
            status: 400,
            error,
            number,
            text: text.to_owned(),
            suberror: None,
        }
    }

    pub(crate) fn to_json(&self, trace: &str, date: &str) -> Value {
        let mut value = json!({
            "error": self.error,
            "error_description": format!(
                "AADSTS{}: {}\r\nTrace ID: {trace}\r\nCorrelation ID: {trace}\r\nTimestamp: {date}",
                self.number, self.text
            ),
            "error_codes": [self.number],
            "timestamp": date,
            "trace_id": trace,
            "correlation_id": trace,
        });
        if let Some(suberror) = self.suberror {
            value["suberror"] = suberror.into();
        }
        value
    }

    pub(crate) fn to_reply(&self, state: &mut State) -> Reply {
        let trace = state.random.guid();
        json_reply(self.status, &self.to_json(&trace, &iso(state.now())))
    }
}

impl State {
    /// New tokens for `account`; a refresh token only when `offline_access` is among the scopes.
    pub(crate) fn grant(&mut self, account: &str, client: &str, scopes: &[String]) -> Granted {
        let access = self.grant_access(account, scopes);
        let offline = scopes.iter().any(|scope| scope == "offline_access");
        let refresh = offline.then(|| self.grant_refresh(account, client, scopes));
        Granted {
            access,
            refresh,
            scopes: scopes.to_vec(),
            account: account.to_owned(),
        }
    }

    pub(crate) fn grant_access(&mut self, account: &str, scopes: &[String]) -> String {
        let expires = plus(self.now(), ACCESS_LIFE);
        let personal = self
            .accounts
            .get(account)
            .is_none_or(|account| account.personal);
        let token = if personal {
            format!("EwB{}{}", self.random.secret(), self.random.secret())
        } else {
            let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"RS256"}"#);
            format!("{head}.{}.{}", self.random.secret(), self.random.secret())
        };
        let access = Access {
            account: account.to_owned(),
            scopes: scopes.to_vec(),
            expires,
            killed: false,
        };
        self.journal.put("access", &token, &access);
        self.access.insert(token.clone(), access);
        token
    }

    pub(crate) fn grant_refresh(
        &mut self,
        account: &str,
        client: &str,
        scopes: &[String],
    ) -> String {
        // As long as Microsoft's, which do not fit into every keychain's entry.
        let long: String = (0..REFRESH_PARTS).map(|_| self.random.secret()).collect();
        let token = format!("M.C5_SIM.0.U.-{long}!{}*", self.random.secret());
        let refresh = Refresh {
            account: account.to_owned(),
            client: client.to_owned(),
            scopes: scopes.to_vec(),
            expires: plus(self.now(), REFRESH_LIFE),
            revoked: None,
        };
        self.journal.put("refresh", &token, &refresh);
        self.refresh.insert(token.clone(), refresh);
        token
    }

    /// What the token endpoint does for `grant_type=refresh_token`.
    pub(crate) fn redeem_refresh(
        &mut self,
        token: &str,
        client: &str,
        scopes: Option<Vec<String>>,
    ) -> Result<Granted, OAuthError> {
        let known = self.usable_refresh(token, client)?;
        let rotate = self.check_account(&known.account)?.rotate;
        let scopes = scopes
            .filter(|scopes| !scopes.is_empty())
            .unwrap_or_else(|| known.scopes.clone());
        if scopes
            .iter()
            .any(|scope| !known.scopes.contains(scope) && is_resource(scope))
        {
            return Err(OAuthError::new(
                "invalid_grant",
                65001,
                "The user has not consented to use the application with these scopes.",
            ));
        }
        let access = self.grant_access(&known.account, &scopes);
        let refresh = rotate.then(|| self.grant_refresh(&known.account, client, &known.scopes));
        Ok(Granted {
            access,
            refresh,
            scopes,
            account: known.account,
        })
    }

    /// A refresh token that was given to this client and has not ended.
    fn usable_refresh(&self, token: &str, client: &str) -> Result<Refresh, OAuthError> {
        let grant = |number, text: &str| OAuthError::new("invalid_grant", number, text);
        let Some(known) = self.refresh.get(token).cloned() else {
            return Err(grant(
                70000,
                "The provided value for the input parameter 'refresh_token' is not valid.",
            ));
        };
        if known.client != client && known.client != ANY_CLIENT {
            return Err(grant(
                700007,
                "The refresh token was issued to another client.",
            ));
        }
        match known.revoked {
            Some(Revoked::ByUser) => {
                return Err(grant(
                    70000,
                    "The user or an administrator has revoked the grant.",
                ));
            }
            Some(Revoked::PasswordChanged) => {
                return Err(grant(
                    50173,
                    "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
                ));
            }
            None => {}
        }
        if known.expires <= self.now() {
            return Err(grant(
                70008,
                "The refresh token has expired due to inactivity.",
            ));
        }
        Ok(known)
    }

    /// The account, unless it must not get tokens.
    pub(crate) fn check_account(&self, id: &str) -> Result<&Account, OAuthError> {
        let Some(account) = self.accounts.get(id) else {
            return Err(OAuthError::new(
                "invalid_grant",
                50034,
                "The user account does not exist.",
            ));
        };
        if account.disabled {
            return Err(OAuthError::new(
                "invalid_grant",
                50057,
                "The user account is disabled.",
            ));
        }
        if account.blocked {
            return Err(OAuthError::new(
                "invalid_grant",
                53003,
                "Access has been blocked by Conditional Access policies.",
            ));
        }
        if account.require_mfa {
            let mut error = OAuthError::new(
                "invalid_grant",
                50076,
                "Due to a configuration change made by your administrator you must use multi-factor authentication.",
            );
            error.suberror = Some("basic_action");
            return Err(error);
        }
        Ok(account)
    }

    /// The account of an access token.
    pub(crate) fn check_access(
        &self,
        token: Option<&str>,
        login: &str,
    ) -> Result<Access, GraphError> {
        let challenge = |detail: &str| {
            format!(
                "Bearer realm=\"\", authorization_uri=\"{login}/common/oauth2/authorize\", {detail}"
            )
        };
        let refuse = |code: &str, message: &str, detail: &str| {
            GraphError::new(401, code, message).challenge(challenge(detail))
        };
        let Some(token) = token else {
            return Err(refuse(
                "InvalidAuthenticationToken",
                "Access token is empty.",
                "error=\"invalid_token\"",
            ));
        };
        let Some(access) = self.access.get(token).filter(|access| !access.killed) else {
            return Err(refuse(
                "InvalidAuthenticationToken",
                "IDX14100: JWT is not well formed.",
                "error=\"invalid_token\"",
            ));
        };
        let usable = self
            .accounts
            .get(&access.account)
            .is_some_and(|account| !account.disabled);
        if access.expires <= self.now() || !usable {
            return Err(refuse(
                "InvalidAuthenticationToken",
                "Lifetime validation failed, the token is expired.",
                "error=\"invalid_token\", error_description=\"expired_token\"",
            )
            .inner("expiredToken"));
        }
        Ok(access.clone())
    }

    /// Ends every refresh and access token of an account.
    pub(crate) fn revoke(&mut self, account: &str, why: Revoked) {
        for (token, refresh) in &mut self.refresh {
            if refresh.account == account {
                refresh.revoked = Some(why);
                self.journal.put("refresh", token, refresh);
            }
        }
        self.end_access(account, true);
        self.authid_cache.clear();
    }

    /// Lets every refresh token of an account run out.
    pub(crate) fn expire_refresh(&mut self, account: &str) {
        let now = self.now();
        for (token, refresh) in &mut self.refresh {
            if refresh.account == account {
                refresh.expires = now;
                self.journal.put("refresh", token, refresh);
            }
        }
    }

    /// Lets every access token of an account run out, the AuthID service's cached ones too.
    pub(crate) fn expire_access(&mut self, account: &str) {
        self.end_access(account, false);
        self.authid_cache.clear();
    }

    /// Makes every access token of an account invalid while the AuthID service still hands out its cached ones.
    pub(crate) fn kill_access(&mut self, account: &str) {
        self.end_access(account, true);
    }

    fn end_access(&mut self, account: &str, kill: bool) {
        let now = self.now();
        for (token, access) in &mut self.access {
            if access.account == account {
                access.killed |= kill;
                access.expires = access.expires.min(now);
                self.journal.put("access", token, access);
            }
        }
    }
}

/// Client id of seeded refresh tokens, which every client may use.
pub(crate) const ANY_CLIENT: &str = "*";

/// Short names of the scopes in a request, `offline_access` and the OpenID ones included.
pub(crate) fn scopes(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|scope| {
            scope
                .strip_prefix("https://graph.microsoft.com/")
                .unwrap_or(scope)
                .to_owned()
        })
        .collect()
}

fn is_resource(scope: &str) -> bool {
    ![
        "offline_access",
        "openid",
        "profile",
        "email",
        ".default",
        "User.Read",
    ]
    .contains(&scope)
}
