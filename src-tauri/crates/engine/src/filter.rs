//! Filters: ordered include and exclude rules in Duplicati's syntax; the first that matches decides.
//!
//! A rule is a wildcard (`*` any run of characters, separators included, `?` one), a literal path (`@` in front turns
//! wildcards off), a regular expression in brackets, or a group in braces. Paths are matched whole, folders with
//! their separator at the end. Case counts on Linux only.

mod groups;

use regex::{Regex, RegexBuilder};

use crate::error::{Error, Result};
use crate::paths::SEPARATOR;
use crate::reasons::FilterProblem;
use crate::variables::expand;

/// Bytes that a compiled rule may take.
const SIZE_LIMIT: usize = 10 << 20;

const IGNORES_CASE: bool = !cfg!(target_os = "linux");

/// What a rule does with what it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Action {
    Include,
    Exclude,
}

/// Ordered rules.
#[derive(Debug, Default)]
pub struct Filters {
    patterns: Vec<Pattern>,
    texts: Vec<(Action, String)>,
}

#[derive(Debug)]
struct Pattern {
    action: Action,
    /// Position of the rule that it stands for.
    rule: usize,
    /// What every path that matches ends with: most paths do not, and need no look at the expression.
    ending: String,
    matcher: Matcher,
}

/// A regular expression that a rule stands for.
struct Expression {
    regex: String,
    /// See [`Pattern::ending`].
    ending: String,
}

/// Nearly all rules need what [`Regex`] has; look-around and back-references, which .NET knows too, need the other.
#[derive(Debug)]
enum Matcher {
    Linear(Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

impl Matcher {
    fn new(pattern: &str) -> std::result::Result<Self, String> {
        let whole = format!("^(?:{pattern})$");
        let linear = RegexBuilder::new(&whole)
            .case_insensitive(IGNORES_CASE)
            .dot_matches_new_line(true)
            .size_limit(SIZE_LIMIT)
            .build();
        if let Ok(linear) = linear {
            return Ok(Self::Linear(linear));
        }
        fancy_regex::RegexBuilder::new(&whole)
            .case_insensitive(IGNORES_CASE)
            .dot_matches_new_line(true)
            .delegate_size_limit(SIZE_LIMIT)
            .build()
            .map(|regex| Self::Backtracking(Box::new(regex)))
            .map_err(|error| error.to_string())
    }

    fn is_match(&self, path: &str) -> bool {
        match self {
            Self::Linear(regex) => regex.is_match(path),
            // An expression that runs out of its budget on a path does not match it.
            Self::Backtracking(regex) => regex.is_match(path).unwrap_or(false),
        }
    }
}

impl Filters {
    /// Reads rules in their order.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`] naming the rule that cannot be read.
    pub fn new<'a>(rules: impl IntoIterator<Item = (Action, &'a str)>) -> Result<Self> {
        let mut filters = Self::default();
        for (action, text) in rules {
            let rule = filters.texts.len();
            for Expression { regex, ending } in expressions(text)? {
                let matcher = Matcher::new(&regex).map_err(|said| Error::InvalidFilter {
                    rule: text.to_owned(),
                    why: FilterProblem::Expression { said },
                })?;
                filters.patterns.push(Pattern {
                    action,
                    rule,
                    ending: if IGNORES_CASE { String::new() } else { ending },
                    matcher,
                });
            }
            filters.texts.push((action, text.to_owned()));
        }
        Ok(filters)
    }

    /// The rules as they were given.
    pub fn rules(&self) -> &[(Action, String)] {
        &self.texts
    }

    /// Whether what no rule matches is left out, which it is when there are include rules only.
    pub fn leaves_out_the_rest(&self) -> bool {
        let mut actions = self.texts.iter().map(|(action, _)| *action);
        !self.texts.is_empty() && actions.all(|action| action == Action::Include)
    }

    /// What the first rule that matches says, and its position among the rules.
    pub fn decide(&self, path: &str) -> Option<(Action, usize)> {
        self.patterns
            .iter()
            .find(|pattern| path.ends_with(&pattern.ending) && pattern.matcher.is_match(path))
            .map(|pattern| (pattern.action, pattern.rule))
    }
}

fn expressions(rule: &str) -> Result<Vec<Expression>> {
    let between = |start, end| {
        rule.strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(end))
    };
    if let Some(expression) = between('[', ']') {
        return Ok(vec![Expression {
            regex: expand(expression, regex::escape).into_owned(),
            ending: String::new(),
        }]);
    }
    if let Some(names) = between('{', '}') {
        let names = names.split([',', ';', ':', '|']).map(str::trim);
        let groups = names.map(|name| {
            groups::wildcards(name).ok_or_else(|| Error::InvalidFilter {
                rule: rule.to_owned(),
                why: FilterProblem::NoSuchGroup {
                    name: name.to_owned(),
                },
            })
        });
        let groups: Vec<_> = groups.collect::<Result<_>>()?;
        return Ok(groups
            .concat()
            .iter()
            .map(|pattern| from_wildcard(pattern))
            .collect());
    }
    if let Some(literal) = rule.strip_prefix('@') {
        let literal = expand(literal, str::to_owned).into_owned();
        return Ok(vec![Expression {
            regex: regex::escape(&literal),
            ending: literal,
        }]);
    }
    if rule.is_empty() {
        return Err(Error::InvalidFilter {
            rule: rule.to_owned(),
            why: FilterProblem::Empty,
        });
    }
    Ok(vec![from_wildcard(&expand(rule, str::to_owned))])
}

fn from_wildcard(pattern: &str) -> Expression {
    let native = if SEPARATOR == '/' {
        pattern.to_owned()
    } else {
        pattern.replace('/', "\\")
    };
    let ending = native.rsplit(['*', '?']).next().unwrap_or_default();
    Expression {
        regex: regex::escape(&native)
            .replace("\\*", ".*")
            .replace("\\?", "."),
        ending: ending.to_owned(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn action(filters: &Filters, path: &str) -> Option<Action> {
        filters.decide(path).map(|(action, _)| action)
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let filters = Filters::new([
            (Action::Include, "*/keep.tmp"),
            (Action::Exclude, "*.tmp"),
            (Action::Exclude, r"[.*/\d+\.log]"),
            (Action::Exclude, "*/cache/"),
            (Action::Exclude, "@/odd[*]name"),
        ])
        .unwrap();

        assert_eq!(filters.decide("/a/keep.tmp"), Some((Action::Include, 0)));
        assert_eq!(filters.decide("/a/b/other.tmp"), Some((Action::Exclude, 1)));
        assert_eq!(filters.decide("/a/42.log"), Some((Action::Exclude, 2)));
        assert_eq!(filters.decide("/a/x42.log"), None);
        assert_eq!(filters.decide("/a/cache/"), Some((Action::Exclude, 3)));
        assert_eq!(filters.decide("/a/cache"), None);
        assert_eq!(filters.decide("/odd[*]name"), Some((Action::Exclude, 4)));
        assert!(!filters.leaves_out_the_rest());
    }

    #[test]
    fn include_rules_alone_leave_the_rest_out() {
        let filters = Filters::new([(Action::Include, "*.jpg")]).unwrap();

        assert_eq!(action(&filters, "/a/b.jpg"), Some(Action::Include));
        assert_eq!(action(&filters, "/a/b.txt"), None);
        assert!(filters.leaves_out_the_rest());
        assert!(!Filters::default().leaves_out_the_rest());
    }

    #[test]
    fn expressions_may_look_around_as_in_dotnet() {
        let filters = Filters::new([(Action::Exclude, r"[.*/(?!keep)[^/]*\.log]")]).unwrap();

        assert_eq!(action(&filters, "/a/drop.log"), Some(Action::Exclude));
        assert_eq!(action(&filters, "/a/keep.log"), None);
    }

    #[test]
    fn variables_stand_for_their_values_also_in_expressions() {
        let here = std::env::var("CARGO_MANIFEST_DIR").unwrap();
        for rule in [
            "%CARGO_MANIFEST_DIR%/a*",
            "$CARGO_MANIFEST_DIR/a?",
            "[${CARGO_MANIFEST_DIR}/a.$]",
            "@%CARGO_MANIFEST_DIR%/ab",
        ] {
            let filters = Filters::new([(Action::Exclude, rule)]).unwrap();
            let path = format!("{here}/ab");
            assert_eq!(action(&filters, &path), Some(Action::Exclude), "{rule}");
            assert_eq!(filters.rules()[0].1, rule, "shown as it was given");
        }
    }

    #[test]
    fn groups_hold_many_wildcards_and_count_as_one_rule() {
        let filters = Filters::new([
            (Action::Exclude, "{SystemFiles,TemporaryFiles}"),
            (Action::Exclude, "*.bak"),
        ])
        .unwrap();

        assert_eq!(filters.decide("/a/b~"), Some((Action::Exclude, 0)));
        assert_eq!(filters.decide("/a/b.bak"), Some((Action::Exclude, 1)));
        assert_eq!(filters.decide("/a/b"), None);
    }

    #[test]
    fn rules_that_cannot_be_read_are_named() {
        for rule in ["[(]", "{NoSuchGroup}", ""] {
            let outcome = Filters::new([(Action::Exclude, rule)]);
            assert!(
                matches!(outcome, Err(Error::InvalidFilter { rule: named, .. }) if named == rule)
            );
        }
    }
}
