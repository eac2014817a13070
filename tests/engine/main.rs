//! Backups in a folder, by the `coffer` command.

mod bad_input;
mod command_line;
mod support;
mod versions;
