//! What the AuthID service knows: its client at Microsoft, the services it signs in to, and the AuthIDs it keeps.

use crate::model::token::AuthId;
use crate::state::State;

/// Client id of the service at Microsoft.
pub(crate) const CLIENT_ID: &str = "a1d0c0de-0000-4000-8000-5e7f1ce00001";
/// Client secret of the service at Microsoft.
pub(crate) const CLIENT_SECRET: &str = "simulated-client-secret";

/// Services with their names and scopes.
pub(crate) const SERVICES: [(&str, &str, &str); 3] = [
    (
        "onedrivev2",
        "Microsoft OneDrive",
        "offline_access Files.ReadWrite",
    ),
    (
        "sharepoint",
        "Microsoft SharePoint",
        "offline_access Files.ReadWrite.All",
    ),
    (
        "msgroup",
        "Microsoft Group",
        "offline_access Files.ReadWrite.All Group.Read.All",
    ),
];

/// The scopes a service asks Microsoft for.
pub(crate) fn scopes_of(service: &str) -> Option<&'static str> {
    SERVICES
        .iter()
        .find(|(id, ..)| *id == service)
        .map(|(_, _, scopes)| *scopes)
}

/// Stores a refresh token and returns its AuthID.
pub(crate) fn store(state: &mut State, service: &str, refresh: String) -> String {
    const CLASSES: [&[u8]; 4] = [
        b"abcdefghijklmnopqrstuvwxyz",
        b"0123456789",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        b"!-_.",
    ];
    let key = state.random.hex();
    let password: String = (0..21)
        .map(|place| state.random.pick(CLASSES[place % CLASSES.len()], 1))
        .collect();
    let entry = AuthId {
        password: password.clone(),
        service: service.to_owned(),
        refresh,
    };
    state.journal.put("authid", &key, &entry);
    state.authids.insert(key.clone(), entry);
    format!("{key}:{password}")
}
