//! The engine by its public face: what users do, and what must not happen to them.

mod backups;
mod bad_input;
mod checker;
mod compact;
mod duplicati;
#[cfg(target_os = "linux")]
mod filters;
mod hostile;
mod mending;
mod retention;
mod support;
mod verify;
