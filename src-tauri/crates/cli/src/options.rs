//! Options that several commands share. Each stands once; a command takes from here what it has.

pub(crate) mod common;
pub(crate) mod compacting;
pub(crate) mod destination;
pub(crate) mod flag;
pub(crate) mod retention;
pub(crate) mod rules;
pub(crate) mod selecting;
pub(crate) mod versions;
