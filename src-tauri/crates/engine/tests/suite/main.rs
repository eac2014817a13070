//! The engine by its public face: what users do, and what must not happen to them.

mod backups;
mod bad_input;
mod checker;
mod compact;
mod computers;
mod damage;
mod destinations;
mod disks;
mod duplicati;
mod faulty;
#[cfg(target_os = "linux")]
mod filters;
#[cfg(unix)]
mod hard_links;
mod holds;
mod hooked;
mod hostile;
mod interrupted;
mod nothing_is_lost;
mod progress;
mod proofs;
mod repairing;
mod restore_results;
#[cfg(unix)]
mod restoring;
mod retention;
mod sequences;
mod sources;
mod support;
mod unreadable;
mod verify;
