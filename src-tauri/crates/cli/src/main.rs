//! `coffer`: backups from a terminal, a script or a timer.
//!
//! Options have Duplicati's names. Results go to standard output, everything else to standard error. Exit codes are
//! Duplicati's: 0 done, 1 a backup had nothing to do, 2 done with warnings, 3 damage was found, 50 stopped half way, 100 failed, 200 the
//! command line is wrong.

mod arguments;
mod commands;
mod exit;
mod output;
mod size;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match arguments::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(exit) => return exit.into(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(commands::run(arguments)).into(),
        Err(error) => {
            eprintln!("Coffer could not start: {error}");
            exit::Exit::Failed.into()
        }
    }
}
