//! Credentials: AuthIDs of Duplicati's service, and the access tokens they are exchanged for.

mod auth_id;
mod sign_in;
mod tokens;

pub use auth_id::AuthId;
pub use sign_in::{PendingSignIn, SignIn};
pub(crate) use tokens::{Tokens, cause};
