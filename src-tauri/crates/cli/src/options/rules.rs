//! Include and exclude rules, which apply in the order in which they were given.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use coffer_ipc::job::FilterRule;

/// What of the sources is backed up.
pub(crate) struct Filters(pub(crate) Vec<FilterRule>);

/// What is removed from versions.
pub(crate) struct PurgeRules(pub(crate) Vec<FilterRule>);

fn rule(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value)
        .action(ArgAction::Append)
        .help(help)
}

fn in_order(matches: &ArgMatches) -> Vec<FilterRule> {
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

macro_rules! ordered {
    ($rules:ident, $exclude:literal, $include:literal, $also:expr) => {
        impl Args for $rules {
            fn augment_args(command: Command) -> Command {
                let also: fn(Arg) -> Arg = $also;
                command
                    .arg(also(rule("exclude", "EXCLUDE", $exclude)))
                    .arg(also(rule("include", "INCLUDE", $include)))
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }

        impl FromArgMatches for $rules {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
                Ok(Self(in_order(matches)))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
                self.0 = in_order(matches);
                Ok(())
            }
        }
    };
}

ordered!(
    Filters,
    "Leave out what matches; the first matching rule wins",
    "Keep what matches; the first matching rule wins",
    |argument| argument
);
ordered!(
    PurgeRules,
    "Keep what matches; the first matching rule wins",
    "Remove what matches; the first matching rule wins",
    |argument| argument.conflicts_with("paths")
);
