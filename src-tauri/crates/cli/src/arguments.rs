//! The command line. `--name=value` and `--name value` both work; a boolean takes a value only after `=`.

mod compacting;
mod destination;
mod inspecting;
mod retention;
mod selecting;
mod signing_in;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use coffer_ipc::job::FilterRule;
use coffer_jobs::values::{parse_boolean, parse_size};

pub(crate) use compacting::{AutoCompacting, Compact};
pub(crate) use destination::Destination;
pub(crate) use inspecting::{Compare, Find, Plain, Purge, PurgeBroken, Purging, Repair, Test};
pub(crate) use retention::Retention;
pub(crate) use selecting::{Selecting, TestFilters};
pub(crate) use signing_in::{Auth, Login};

use crate::exit::Exit;

/// Encrypted, versioned backups on OneDrive, in Duplicati's volume format.
#[derive(Parser)]
#[command(
    name = "coffer",
    disable_version_flag = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Destinations: onedrivev2://<folder>/<subfolder>[?authid=…&drive-id=…], file://<folder>, or a folder.\n\
Secrets may come from the environment: PASSPHRASE, COFFER_AUTHID."
)]
pub(crate) struct Arguments {
    /// Prints the version of the program.
    #[arg(long)]
    version: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Backs files and folders up as a new version.
    Backup(Box<Backup>),
    /// Restores files of a version.
    Restore(Restore),
    /// Lists versions, or the files of one.
    List(List),
    /// Deletes versions.
    Delete(Box<Delete>),
    /// Gives back the space of data that no version needs.
    Compact(Compact),
    /// Reads volumes and tells which are not what they should be.
    #[command(visible_alias = "verify")]
    Test(Test),
    /// Finds files in all versions.
    Find(Find),
    /// Lists what differs between two versions.
    Compare(Compare),
    /// Lists files of which data is missing at the destination.
    ListBrokenFiles(Plain),
    /// Takes files out of versions.
    Purge(Box<Purge>),
    /// Takes files of which data is missing out of versions.
    PurgeBrokenFiles(Box<PurgeBroken>),
    /// Writes index volumes that are missing or damaged anew.
    Repair(Repair),
    /// Reads this computer's index of a backup anew.
    Recreate(Plain),
    /// Tells for each path of the sources whether it is backed up, and which rule decides.
    TestFilters(TestFilters),
    /// Tries a destination and says what it holds.
    TestConnection(TestConnection),
    /// Tells how the backups of the app stand.
    Status(Common),
    /// Signs in to OneDrive; the sign-in is kept in the keychain.
    #[command(subcommand)]
    Auth(Auth),
}

#[derive(Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) destination: Destination,
    /// Files and folders.
    #[arg(required = true)]
    pub(crate) sources: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
    /// Size of a volume (unit mb).
    #[arg(long, default_value = "50mb", value_parser = |text: &str| parse_size(text, "mb"))]
    pub(crate) dblock_size: u64,
    /// Size of a block (unit kb); fixed for the life of a backup. Default: the backup's own, 1mb in a new one.
    #[arg(long, value_parser = |text: &str| parse_size(text, "kb"))]
    pub(crate) blocksize: Option<u64>,
    /// Hash that names blocks; fixed for the life of a backup.
    #[arg(long)]
    pub(crate) block_hash_algorithm: Option<String>,
    /// Hash of whole files; fixed for the life of a backup.
    #[arg(long)]
    pub(crate) file_hash_algorithm: Option<String>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) retention: Retention,
    #[command(flatten)]
    pub(crate) compacting: AutoCompacting,
    /// How blocks are compressed: Deflate, ZStandard or None.
    #[arg(long)]
    pub(crate) zip_compression_method: Option<String>,
    /// How hard, from 0 to 9; without it, as hard as the destination leaves time for.
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=9))]
    pub(crate) zip_compression_level: Option<u32>,
    /// Volumes of each kind that are read again after something was uploaded.
    #[arg(long, default_value_t = 1)]
    pub(crate) backup_test_samples: u64,
    /// The same in percent of the most numerous kind, if that is more.
    #[arg(long, default_value_t = 0.1)]
    pub(crate) backup_test_percentage: f64,
    /// Reads no volumes again.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) no_backend_verification: bool,
    /// A source that is missing or empty is meant to be.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) allow_missing_source: bool,
    /// Begins a new backup although the one that was there is gone.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) allow_new_destination: bool,
    /// Lets retention delete more than half of all versions at once.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) allow_mass_deletion: bool,
    /// Takes over the versions of other computers, so that retention counts them: for a computer that replaces another.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) adopt_versions: bool,
    /// Files that are read in each run because they keep their dates, as a wildcard, [expression] or {group}. Default:
    /// *.hc and *.tc; nothing for none.
    #[arg(long)]
    pub(crate) always_read: Option<Vec<String>>,
    /// Makes a version though nothing changed.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) upload_unchanged_backups: bool,
    /// Volumes that are uploaded side by side.
    #[arg(long)]
    pub(crate) asynchronous_upload_limit: Option<usize>,
}

#[derive(Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) destination: Destination,
    /// Paths, names or wildcards; everything when none is given.
    pub(crate) paths: Vec<String>,
    #[command(flatten)]
    pub(crate) common: Common,
    /// Folder to restore into; without it everything goes back where it was.
    #[arg(long)]
    pub(crate) restore_path: Option<PathBuf>,
    /// Number of the version, 0 being the newest.
    #[arg(long, num_args = 0..=1, default_missing_value = OWN_VERSION)]
    version: Option<String>,
    /// Restores owner and mode.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = boolean)]
    pub(crate) restore_permissions: bool,
    /// Replaces files that differ, instead of restoring beside them.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) overwrite: bool,
    /// `--version` as a number.
    #[arg(skip)]
    pub(crate) number: usize,
}

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) destination: Destination,
    /// Part of a path; with it, or with --version, files are listed instead of versions.
    pub(crate) pattern: Option<String>,
    #[command(flatten)]
    pub(crate) common: Common,
    /// Number of the version, 0 being the newest.
    #[arg(long, num_args = 0..=1, default_missing_value = OWN_VERSION)]
    version: Option<String>,
    /// `--version` as a number, when it was given.
    #[arg(skip)]
    pub(crate) number: Option<usize>,
}

#[derive(Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub(crate) destination: Destination,
    #[command(flatten)]
    pub(crate) common: Common,
    /// Numbers of the versions, such as 0,2,5-7; 0 is the newest.
    #[arg(long, num_args = 0..=1, default_missing_value = OWN_VERSION)]
    version: Option<String>,
    #[command(flatten)]
    pub(crate) retention: Retention,
    #[command(flatten)]
    pub(crate) compacting: AutoCompacting,
    /// Size of a volume (unit mb), for what is rewritten.
    #[arg(long, default_value = "50mb", value_parser = |text: &str| parse_size(text, "mb"))]
    pub(crate) dblock_size: u64,
    /// Deletes at once what no version needs then, and not in a run a day from now. For when no other computer backs up
    /// into this folder right now.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) now: bool,
    /// Deletes even the last version.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) allow_full_removal: bool,
    /// Prints the names of the files that would go and deletes nothing.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) dry_run: bool,
    /// `--version` as numbers.
    #[arg(skip)]
    pub(crate) numbers: Vec<usize>,
}

#[derive(Args)]
pub(crate) struct TestConnection {
    #[command(flatten)]
    pub(crate) destination: Destination,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// How results are shown.
#[derive(Args, Clone, Copy)]
pub(crate) struct Common {
    /// Prints the result as JSON on standard output.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) json: bool,
    /// Plain lines instead of a progress bar.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) no_progress: bool,
}

/// What `--version` without a value stands for; with an empty one it is a mistake.
const OWN_VERSION: &str = "of the program";

/// Reads the command line; help, the version and mistakes are printed here.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, Exit> {
    let matches = Arguments::command().try_get_matches_from(lower_names(arguments));
    let parsed = matches.and_then(|matches| {
        let parsed = Arguments::from_arg_matches(&matches)?;
        Ok((matches, parsed))
    });
    let (matches, mut parsed) = parsed.map_err(|error| {
        // Nothing can be done about a closed terminal.
        let _ = error.print();
        if error.use_stderr() {
            Exit::BadCommandLine
        } else {
            Exit::Success
        }
    })?;
    let bad = |message: String| {
        eprintln!("error: {message}");
        Exit::BadCommandLine
    };
    let version = match &mut parsed.command {
        None => None,
        Some(Command::Backup(backup)) => {
            if let Some(of_command) = matches.subcommand_matches("backup") {
                backup.selecting.read_order(of_command);
            }
            None
        }
        Some(Command::TestFilters(test)) => {
            if let Some(of_command) = matches.subcommand_matches("test-filters") {
                test.selecting.read_order(of_command);
            }
            None
        }
        Some(Command::Restore(restore)) => {
            if let Some(text) = restore
                .version
                .as_deref()
                .filter(|text| *text != OWN_VERSION)
            {
                restore.number = number(text).map_err(bad)?;
            }
            restore.version.as_deref()
        }
        Some(Command::List(list)) => {
            if let Some(text) = list.version.as_deref().filter(|text| *text != OWN_VERSION) {
                list.number = Some(number(text).map_err(bad)?);
            }
            list.version.as_deref()
        }
        Some(Command::Delete(delete)) => {
            if let Some(text) = delete
                .version
                .as_deref()
                .filter(|text| *text != OWN_VERSION)
            {
                delete.numbers = numbers(text).map_err(bad)?;
            }
            let is_question = delete.version.as_deref() == Some(OWN_VERSION);
            if delete.numbers.is_empty() != delete.retention.is_given() && !is_question {
                return Err(bad(
                    "name what to delete: --version, --keep-versions, --keep-time or --retention-policy"
                        .to_owned(),
                ));
            }
            delete.version.as_deref()
        }
        Some(Command::Find(find)) => find.versions.read().map_err(bad)?.then_some(OWN_VERSION),
        Some(Command::Purge(purge)) => {
            let is_question = purge.purging.versions.read().map_err(bad)?;
            if let Some(of_command) = matches.subcommand_matches("purge")
                && !is_question
            {
                purge.read_rules(of_command).map_err(bad)?;
            }
            is_question.then_some(OWN_VERSION)
        }
        Some(Command::PurgeBrokenFiles(purge)) => {
            let is_question = purge.purging.versions.read().map_err(bad)?;
            is_question.then_some(OWN_VERSION)
        }
        Some(
            Command::Compact(_)
            | Command::Test(_)
            | Command::Compare(_)
            | Command::ListBrokenFiles(_)
            | Command::Repair(_)
            | Command::Recreate(_)
            | Command::TestConnection(_)
            | Command::Status(_)
            | Command::Auth(_),
        ) => None,
    };
    // Alone, without a value, it asks for the program's own.
    if parsed.version || version == Some(OWN_VERSION) {
        println!("coffer {}", env!("CARGO_PKG_VERSION"));
        return Err(Exit::Success);
    }
    Ok(parsed)
}

/// Option names count without their case, as in Duplicati.
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

/// Include and exclude rules in the order in which they were given.
fn rules_in_order(matches: &ArgMatches) -> Vec<FilterRule> {
    let of = |name: &str, include: bool| {
        let indices = matches.indices_of(name).into_iter().flatten();
        let values = matches.get_many::<String>(name).into_iter().flatten();
        let rules = indices.zip(values.cloned());
        rules
            .map(|(index, expression)| {
                let rule = FilterRule {
                    include,
                    expression,
                };
                (index, rule)
            })
            .collect::<Vec<_>>()
    };
    let mut rules = [of("include", true), of("exclude", false)].concat();
    rules.sort_by_key(|(index, _)| *index);
    rules.into_iter().map(|(_, rule)| rule).collect()
}

/// Any text is one.
#[expect(clippy::unnecessary_wraps, reason = "the parser of values may fail")]
fn boolean(text: &str) -> Result<bool, String> {
    Ok(parse_boolean(text))
}

fn number(text: &str) -> Result<usize, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("{text:?} is no version; 0 is the newest"))
}

/// `0,2,5-7`
fn numbers(text: &str) -> Result<Vec<usize>, String> {
    let mut all = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if last < first || last - first > 100_000 {
                    return Err(format!("{part:?} is no range of versions"));
                }
                all.extend(first..=last);
            }
            None => all.push(number(part)?),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Result<Arguments, Exit> {
        parse(
            std::iter::once("coffer")
                .chain(line.iter().copied())
                .map(OsString::from),
        )
    }

    #[test]
    fn values_come_after_an_equals_sign_or_a_space() {
        for line in [
            &[
                "backup",
                "file:///b",
                "/s",
                "--dblock-size=10mb",
                "--Prefix=x",
            ][..],
            &[
                "backup",
                "file:///b",
                "/s",
                "--dblock-size",
                "10mb",
                "--prefix",
                "x",
            ],
            &[
                "backup",
                "--dblock-size",
                "10mb",
                "file:///b",
                "--prefix=x",
                "/s",
            ],
        ] {
            let Ok(Arguments {
                command: Some(Command::Backup(backup)),
                ..
            }) = parsed(line)
            else {
                panic!("{line:?}")
            };
            assert_eq!(backup.dblock_size, 10 << 20);
            assert_eq!(backup.destination.options()["prefix"], "x");
            assert_eq!(backup.sources, [PathBuf::from("/s")]);
        }
    }

    #[test]
    fn a_boolean_takes_a_value_only_after_an_equals_sign() {
        let Ok(Arguments {
            command: Some(Command::Restore(restore)),
            ..
        }) = parsed(&[
            "restore",
            "file:///b",
            "--overwrite",
            "false",
            "--restore-permissions=no",
        ])
        else {
            panic!()
        };
        assert!(restore.overwrite);
        assert!(!restore.restore_permissions);
        assert_eq!(restore.paths, ["false"]);
    }

    #[test]
    fn rules_keep_the_order_of_the_command_line() {
        let Ok(Arguments {
            command: Some(Command::Backup(backup)),
            ..
        }) = parsed(&[
            "backup",
            "file:///b",
            "/s",
            "--exclude=a",
            "--include=b",
            "--exclude=c",
        ])
        else {
            panic!()
        };
        let rules: Vec<_> = backup
            .selecting
            .filters
            .iter()
            .map(|rule| (rule.include, rule.expression.as_str()))
            .collect();
        assert_eq!(rules, [(false, "a"), (true, "b"), (false, "c")]);
    }

    #[test]
    fn versions_are_numbers_lists_and_ranges() {
        assert_eq!(numbers("0,2,5-7"), Ok(vec![0, 2, 5, 6, 7]));
        assert!(numbers("7-5").is_err());
        assert!(matches!(
            parsed(&["restore", "file:///b", "--version"]),
            Err(Exit::Success)
        ));
        assert!(matches!(
            parsed(&["restore", "file:///b", "--version=x"]),
            Err(Exit::BadCommandLine)
        ));
        assert!(matches!(
            parsed(&["delete", "file:///b"]),
            Err(Exit::BadCommandLine)
        ));
        assert!(matches!(parsed(&["nonsense"]), Err(Exit::BadCommandLine)));
    }
}
