use std::any::TypeId;
use std::convert::Infallible;
use std::str::FromStr;

use clap::{Arg, Command};
use coffer_jobs::values::parse_boolean;

/// A boolean as in Duplicati: `--name`, `--name=true`, `--name=off`. A value must follow `=`. Options of this type
/// behave so once [`with_flags`] has configured their command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flag(bool);

impl Flag {
    pub(crate) const SET: Self = Self(true);

    pub(crate) fn is_set(self) -> bool {
        self.0
    }
}

impl FromStr for Flag {
    type Err = Infallible;

    /// Never fails: any text is a boolean.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(parse_boolean(text)))
    }
}

/// Lets the flags of a command and its subcommands be given without a value. The default is off unless they set one.
pub(crate) fn with_flags(command: Command) -> Command {
    command.mut_args(as_flag).mut_subcommands(with_flags)
}

fn as_flag(argument: Arg) -> Arg {
    if argument.get_value_parser().type_id() != TypeId::of::<Flag>() {
        return argument;
    }
    let has_default = !argument.get_default_values().is_empty();
    let flag = argument
        .required(false)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true");
    if has_default {
        flag
    } else {
        flag.default_value("false")
    }
}
