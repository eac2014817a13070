//! What the simulated service knows: accounts, tokens, drives and the items in them.

pub(crate) mod account;
pub(crate) mod drive;
pub(crate) mod item;
pub(crate) mod names;
pub(crate) mod token;
pub(crate) mod tree;
pub(crate) mod upload;
