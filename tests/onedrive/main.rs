//! Backups on OneDrive, by the `coffer` command against the simulator.

mod addresses;
mod bad_input;
mod main_job;
mod options;
mod secrets;
#[cfg(unix)]
mod stopped;
mod support;
