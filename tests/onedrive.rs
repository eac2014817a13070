//! Backups on OneDrive, by the `coffer` command against the simulator.

#[path = "onedrive/addresses.rs"]
mod addresses;
#[path = "onedrive/bad_input.rs"]
mod bad_input;
#[path = "onedrive/main_job.rs"]
mod main_job;
#[path = "onedrive/options.rs"]
mod options;
#[path = "onedrive/secrets.rs"]
mod secrets;
#[cfg(unix)]
#[path = "onedrive/stopped.rs"]
mod stopped;
#[path = "onedrive/support.rs"]
mod support;
