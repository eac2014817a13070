//! Filters: ordered include and exclude rules in Duplicati's syntax; the first that matches decides.
//!
//! A rule is a wildcard (`*` any run of characters, separators included, `?` one), a literal path (`@` in front turns
//! wildcards off), a regular expression in brackets, or a group in braces. Paths are matched whole, folders with
//! their separator at the end. Case counts on Linux only.

mod groups;

use regex::{Regex, RegexBuilder};

use crate::error::{Error, Result};
use crate::source::SEPARATOR;

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
    rules: Vec<(Action, Regex)>,
}

impl Filters {
    /// Reads rules in their order.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`] naming the rule that cannot be read.
    pub fn new<'a>(rules: impl IntoIterator<Item = (Action, &'a str)>) -> Result<Self> {
        let mut filters = Self::default();
        for (action, rule) in rules {
            for pattern in patterns(rule)? {
                let compiled = RegexBuilder::new(&format!("^(?:{pattern})$"))
                    .case_insensitive(!cfg!(target_os = "linux"))
                    .dot_matches_new_line(true)
                    .size_limit(10 << 20)
                    .build();
                let compiled = compiled.map_err(|error| Error::InvalidFilter {
                    rule: rule.to_owned(),
                    why: error.to_string(),
                })?;
                filters.rules.push((action, compiled));
            }
        }
        Ok(filters)
    }

    /// Whether a file, link or folder gets an entry.
    pub fn includes(&self, path: &str) -> bool {
        match self.decide(path) {
            Some(action) => action == Action::Include,
            // With include rules only, what none of them matches is left out.
            None => self.stores_roots(),
        }
    }

    /// Whether a folder is looked into. Only an exclude rule keeps one closed.
    pub fn enters(&self, folder: &str) -> bool {
        self.decide(folder) != Some(Action::Exclude)
    }

    /// Whether roots get an entry of their own though no rule matches them.
    pub fn stores_roots(&self) -> bool {
        self.rules.is_empty()
            || self
                .rules
                .iter()
                .any(|(action, _)| *action == Action::Exclude)
    }

    fn decide(&self, path: &str) -> Option<Action> {
        self.rules
            .iter()
            .find(|(_, rule)| rule.is_match(path))
            .map(|(action, _)| *action)
    }
}

/// The regular expressions that a rule stands for.
fn patterns(rule: &str) -> Result<Vec<String>> {
    let between = |start, end| {
        rule.strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(end))
    };
    if let Some(expression) = between('[', ']') {
        return Ok(vec![expression.to_owned()]);
    }
    if let Some(names) = between('{', '}') {
        let names = names.split([',', ';', ':', '|']).map(str::trim);
        let groups = names.map(|name| {
            groups::wildcards(name).ok_or_else(|| Error::InvalidFilter {
                rule: rule.to_owned(),
                why: format!("there is no group {name:?}"),
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
        return Ok(vec![regex::escape(literal)]);
    }
    if rule.is_empty() {
        let why = "it is empty".to_owned();
        return Err(Error::InvalidFilter {
            rule: rule.to_owned(),
            why,
        });
    }
    Ok(vec![from_wildcard(rule)])
}

fn from_wildcard(pattern: &str) -> String {
    let native = if SEPARATOR == '/' {
        pattern.to_owned()
    } else {
        pattern.replace('/', "\\")
    };
    regex::escape(&native)
        .replace("\\*", ".*")
        .replace("\\?", ".")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

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

        assert!(filters.includes("/a/keep.tmp"));
        assert!(!filters.includes("/a/b/other.tmp"));
        assert!(!filters.includes("/a/42.log"));
        assert!(filters.includes("/a/x42.log"));
        assert!(!filters.enters("/a/cache/"));
        assert!(filters.includes("/a/cache"));
        assert!(!filters.includes("/odd[*]name"));
        assert!(filters.includes("/anything"));
    }

    #[test]
    fn include_rules_alone_leave_the_rest_out_but_enter_folders() {
        let filters = Filters::new([(Action::Include, "*.jpg")]).unwrap();

        assert!(filters.includes("/a/b.jpg"));
        assert!(!filters.includes("/a/b.txt"));
        assert!(filters.enters("/a/"));
        assert!(!filters.stores_roots());
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
