//! Discovery documents with the sign-in addresses.

use serde_json::{Value, json};

use crate::world::World;

pub(crate) fn configuration(world: &World, tenant: &str) -> Value {
    let base = format!("{}/{tenant}", world.urls.api);
    json!({
        "issuer": format!("{base}/v2.0"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "userinfo_endpoint": format!("{}/v1.0/me", world.urls.api),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "msgraph_host": world.urls.api.split("//").nth(1),
    })
}

pub(crate) fn instance(world: &World, tenant: &str) -> Value {
    let host = world.urls.api.split("//").nth(1).unwrap_or_default();
    json!({
        "tenant_discovery_endpoint":
            format!("{}/{tenant}/v2.0/.well-known/openid-configuration", world.urls.api),
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    })
}

/// No keys: id tokens are not signed.
pub(crate) fn keys() -> Value {
    json!({"keys": []})
}
