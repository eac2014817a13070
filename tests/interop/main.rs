//! Duplicati's backups read by the `coffer` command, and Coffer's backups judged by programs that share no code with it.

mod checker;
mod duplicati;
mod rclone;
