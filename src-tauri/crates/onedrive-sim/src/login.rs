//! Microsoft's sign-in: the authorize pages, the token endpoint, device codes and discovery.

pub(crate) mod authorize;
pub(crate) mod device;
pub(crate) mod discovery;
pub(crate) mod token;
