//! Reading the command line. `--name=value` and `--name value` both work; a boolean takes a value only after `=`.

use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};

use crate::commands::Command;
use crate::exit::Exit;
use crate::options::flag::with_flags;
use crate::options::versions::asks_for_own;

/// Encrypted, versioned backups on OneDrive, in Duplicati's volume format
#[derive(Parser)]
#[command(
    name = "coffer",
    disable_version_flag = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Destinations: onedrivev2://<folder>/<subfolder>[?authid=…&drive-id=…], file://<folder>, or a folder.\n\
Secrets can be passed in the environment: PASSPHRASE, COFFER_AUTHID."
)]
struct Arguments {
    /// Print the program's version
    #[arg(long)]
    version: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Reads the command line; prints help, the version and usage errors.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Exit> {
    let program = with_flags(Arguments::command());
    let matches = program.try_get_matches_from(lower_names(arguments));
    let parsed = matches.and_then(|matches| {
        let is_own = asks_for_own(&matches);
        Arguments::from_arg_matches(&matches).map(|parsed| (is_own, parsed))
    });
    let (is_own, parsed) = parsed.map_err(|error| {
        // A closed terminal cannot be helped.
        let _ = error.print();
        if error.use_stderr() {
            Exit::BadCommandLine
        } else {
            Exit::Success
        }
    })?;
    if parsed.version || is_own {
        println!("coffer {}", env!("CARGO_PKG_VERSION"));
        return Err(Exit::Success);
    }
    parsed.command.ok_or(Exit::BadCommandLine)
}

/// Option names are case-insensitive, as in Duplicati.
fn lower_names(arguments: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let mut ended = false;
    arguments.into_iter().map(move |argument| {
        ended |= argument == "--";
        match argument.to_str() {
            Some(text) if text.starts_with("--") && !ended => match text.split_once('=') {
                Some((name, value)) => format!("{}={value}", name.to_ascii_lowercase()).into(),
                None => text.to_ascii_lowercase().into(),
            },
            _ => argument,
        }
    })
}

/// A command line in a test.
#[cfg(test)]
pub(crate) fn parsed(line: &[&str]) -> Result<Command, Exit> {
    let program = std::iter::once("coffer");
    parse(program.chain(line.iter().copied()).map(OsString::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the help of every command with `tests/help.txt`; `COFFER_UPDATE_MESSAGES` writes the file instead.
    #[test]
    fn the_file_has_all_help() {
        let mut program = with_flags(Arguments::command());
        program.build();
        let mut now = String::new();
        add_help(&mut program, &mut now);
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help.txt");
        if std::env::var_os("COFFER_UPDATE_MESSAGES").is_some() {
            std::fs::write(&file, &now).unwrap();
        }

        let committed = std::fs::read_to_string(&file).unwrap();

        assert_eq!(committed.replace('\r', ""), now);
    }

    /// Checks that one-line help has no period, and adds it to `text`.
    fn add_help(command: &mut clap::Command, text: &mut String) {
        let arguments = command.get_arguments().filter_map(clap::Arg::get_help);
        for help in arguments.chain(command.get_about()) {
            assert!(!help.to_string().ends_with('.'), "{help}");
        }
        for line in command.render_help().to_string().lines() {
            *text += line.trim_end();
            *text += "\n";
        }
        text.push('\n');
        let commands = command.get_subcommands_mut();
        for command in commands.filter(|command| command.get_name() != "help") {
            add_help(command, text);
        }
    }

    #[test]
    fn the_programs_version_can_be_requested_anywhere() {
        for line in [
            &["--version"][..],
            &["restore", "file:///b", "--version"],
            &["delete", "file:///b", "--version", "--json"],
        ] {
            assert!(matches!(parsed(line), Err(Exit::Success)), "{line:?}");
        }
        for line in [
            &["restore", "file:///b", "--version=x"][..],
            &["restore", "file:///b", "--version="],
            &["nonsense"],
        ] {
            assert!(
                matches!(parsed(line), Err(Exit::BadCommandLine)),
                "{line:?}"
            );
        }
    }
}
