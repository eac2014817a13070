//! Backups in a folder, by the `coffer` command.

#[path = "engine/bad_input.rs"]
mod bad_input;
#[path = "engine/command_line.rs"]
mod command_line;
#[path = "engine/support.rs"]
mod support;
#[path = "engine/versions.rs"]
mod versions;
