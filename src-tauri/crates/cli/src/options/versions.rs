//! `--version`. Without a value, it requests the program's own version in every command.

use clap::{ArgMatches, Args};

/// Value of `--version` when none is given. An empty value is an error.
const OWN_VERSION: &str = "of the program";

/// One version.
#[derive(Args)]
pub(crate) struct OneVersion {
    /// Number of the version; 0 is the newest
    #[arg(long, num_args = 0..=1, default_missing_value = OWN_VERSION, value_parser = one)]
    pub(crate) version: Option<usize>,
}

/// Some versions.
#[derive(Args)]
pub(crate) struct Versions {
    /// Numbers of the versions, e.g. 0,2,5-7; 0 is the newest
    #[arg(long, num_args = 0..=1, default_missing_value = OWN_VERSION, value_parser = some)]
    version: Option<Numbers>,
}

impl Versions {
    pub(crate) fn numbers(self) -> Vec<usize> {
        self.version.map_or_else(Vec::new, |numbers| numbers.0)
    }

    pub(crate) fn is_given(&self) -> bool {
        self.version.is_some()
    }
}

#[derive(Clone)]
struct Numbers(Vec<usize>);

/// Whether the program's own version is requested.
pub(crate) fn asks_for_own(matches: &ArgMatches) -> bool {
    let Some((_, of_command)) = matches.subcommand() else {
        return false;
    };
    let given = of_command.try_get_raw("version").ok().flatten();
    given.is_some_and(|mut values| values.any(|value| value == OWN_VERSION))
}

fn one(text: &str) -> Result<usize, String> {
    if text == OWN_VERSION {
        // The number is never used: see `asks_for_own`.
        return Ok(0);
    }
    number(text)
}

/// `0,2,5-7`
fn some(text: &str) -> Result<Numbers, String> {
    let mut all = Vec::new();
    if text == OWN_VERSION {
        return Ok(Numbers(all));
    }
    for part in text.split(',') {
        match part.split_once('-') {
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if last < first || last - first > 100_000 {
                    return Err(format!("{part:?} is not a range of versions"));
                }
                all.extend(first..=last);
            }
            None => all.push(number(part)?),
        }
    }
    Ok(Numbers(all))
}

fn number(text: &str) -> Result<usize, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("{text:?} is not a version number; 0 is the newest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_placeholder_for_no_value_is_not_a_number_within_a_list() {
        for text in ["of the program,1", "1,of the program", "of the program-1"] {
            assert!(some(text).is_err(), "{text}");
        }
    }

    #[test]
    fn versions_are_numbers_lists_and_ranges() {
        assert_eq!(some("0,2,5-7").unwrap().0, [0, 2, 5, 6, 7]);
        assert!(some("7-5").is_err());
        assert!(some("").is_err());
        assert_eq!(one(" 3 "), Ok(3));
    }
}
