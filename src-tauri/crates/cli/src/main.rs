//! `coffer`: backups from a terminal, a script or a timer.
//!
//! Options have Duplicati's names. Results go to standard output, everything else to standard error. Exit codes are
//! Duplicati's: 0 done, 1 nothing changed, 2 done with warnings, 3 damage was found, 50 stopped, 100 failed, 200 invalid
//! command line.

/// Like the standard macro, but does not panic when the pipe is closed: a backup must not end because `head` exited.
macro_rules! println {
    ($($words:tt)*) => { $crate::output::print(format_args!($($words)*)) };
}

/// Like [`println`], for standard error.
macro_rules! eprintln {
    ($($words:tt)*) => { $crate::output::print_error_line(format_args!($($words)*)) };
}

mod commands;
mod exit;
mod opening;
mod options;
mod output;
mod parsing;
mod stopping;

use std::process::ExitCode;

fn main() -> ExitCode {
    coffer_jobs::forbid_core_dumps();
    let command = match parsing::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(exit) => return exit.into(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(commands::run(command));
            output::check(exit).into()
        }
        Err(error) => {
            eprintln!("Coffer could not start: {error}");
            exit::Exit::Failed.into()
        }
    }
}
