//! Microsoft Graph, as far as files need it.

pub(crate) mod access;
pub(crate) mod address;
pub(crate) mod batch;
pub(crate) mod children;
pub(crate) mod content;
pub(crate) mod copy;
pub(crate) mod drives;
mod filter;
pub(crate) mod folders;
pub(crate) mod items;
pub(crate) mod sessions;
pub(crate) mod show;
