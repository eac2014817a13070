//! What can be done with a backup, one verb a file.

pub(crate) mod backup;
pub(crate) mod compact;
pub(crate) mod compare;
pub(crate) mod content;
pub(crate) mod delete;
pub(crate) mod find;
pub(crate) mod list;
pub(crate) mod list_broken_files;
pub(crate) mod prove;
pub(crate) mod purge;
pub(crate) mod recreate;
pub(crate) mod repair;
pub(crate) mod restore;
pub(crate) mod verify;
