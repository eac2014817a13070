//! `coffer`: backups from a terminal, a script or a timer.
//!
//! Options have Duplicati's names. Results go to standard output, everything else to standard error. Exit codes are
//! Duplicati's: 0 done, 1 a backup had nothing to do, 2 done with warnings, 3 damage was found, 50 stopped half way, 100 failed, 200 the
//! command line is wrong.

/// As the standard one, but goes on when nobody takes the line: a backup must not end because `head` has seen enough.
macro_rules! println {
    ($($words:tt)*) => { $crate::output::print(format_args!($($words)*)) };
}

/// As [`println`], for standard error.
macro_rules! eprintln {
    ($($words:tt)*) => { $crate::output::tell(format_args!($($words)*)) };
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
