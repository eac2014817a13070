//! Duplicati's backups read by the `coffer` command, and Coffer's backups judged by programs that share no code with it.

#[path = "interop/checker.rs"]
mod checker;
#[path = "interop/duplicati.rs"]
mod duplicati;
#[path = "interop/rclone.rs"]
mod rclone;
