use regex::Regex;

/// Which entries of a version are meant.
#[derive(Debug, Clone)]
pub struct Selection(Vec<Wish>);

#[derive(Debug, Clone)]
struct Wish {
    /// As it was asked for.
    text: String,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    All,
    /// This path, and everything in it.
    Path(String),
    /// A name anywhere, and everything in it.
    Name(String),
    Pattern(Regex),
}

impl Selection {
    /// Everything.
    pub fn all() -> Self {
        Self(vec![Wish::new("*", Rule::All)])
    }

    /// Stored paths, literally; a folder stands for all in it.
    pub fn paths(paths: impl IntoIterator<Item = String>) -> Self {
        Self(
            paths
                .into_iter()
                .map(|path| Wish::new(&path.clone(), Rule::Path(path)))
                .collect(),
        )
    }

    /// Arguments of a command line: paths, bare names that may be anywhere, and wildcards over whole paths. None at
    /// all means everything.
    pub fn arguments(arguments: &[String]) -> Self {
        if arguments.is_empty() {
            return Self::all();
        }
        Self(
            arguments
                .iter()
                .map(|argument| Wish::new(argument, rule(argument)))
                .collect(),
        )
    }

    /// Whether an entry is meant.
    pub fn contains(&self, path: &str) -> bool {
        self.0.iter().any(|asked| asked.rule.contains(path))
    }

    /// Starts to look for what of it is not there.
    pub(super) fn missing(&self) -> Missing<'_> {
        Missing(self.0.iter().collect())
    }

    /// The folder that a selected path was in, whose name is not restored with it; `None` when the rule does not say.
    pub(super) fn parent_of<'p>(&self, path: &'p str) -> Option<&'p str> {
        self.0.iter().find_map(|asked| match &asked.rule {
            Rule::Path(selected) if is_inside(path, selected) => {
                let selected = selected.trim_end_matches(['/', '\\']);
                let end = selected.rfind(['/', '\\'])? + 1;
                path.get(..end)
            }
            _ => None,
        })
    }
}

impl Wish {
    fn new(text: &str, rule: Rule) -> Self {
        Self {
            text: text.to_owned(),
            rule,
        }
    }
}

impl Rule {
    fn contains(&self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Path(selected) => is_inside(path, selected),
            Self::Name(name) => path.split(['/', '\\']).any(|part| part == name),
            Self::Pattern(pattern) => pattern.is_match(path),
        }
    }
}

/// What was asked for and not seen yet.
pub(super) struct Missing<'s>(Vec<&'s Wish>);

impl<'s> Missing<'s> {
    /// An entry that is meant is there.
    pub(super) fn see(&mut self, path: &str) {
        self.0.retain(|asked| !asked.rule.contains(path));
    }

    /// What was not there, as it was asked for.
    pub(super) fn left(self) -> impl Iterator<Item = &'s str> {
        self.0.into_iter().map(|asked| asked.text.as_str())
    }
}

fn rule(argument: &str) -> Rule {
    if argument == "*" {
        return Rule::All;
    }
    if argument.contains(['*', '?']) {
        let pattern = regex::escape(argument)
            .replace("\\*", ".*")
            .replace("\\?", ".");
        if let Ok(pattern) = Regex::new(&format!("(?s)^{pattern}$")) {
            return Rule::Pattern(pattern);
        }
    }
    if argument.contains(['/', '\\']) {
        return Rule::Path(argument.to_owned());
    }
    Rule::Name(argument.to_owned())
}

fn is_inside(path: &str, selected: &str) -> bool {
    let Some(rest) = path.strip_prefix(selected) else {
        return false;
    };
    rest.is_empty() || selected.ends_with(['/', '\\']) || rest.starts_with(['/', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(arguments: &[&str]) -> Selection {
        Selection::arguments(
            &arguments
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn paths_names_and_wildcards_select() {
        assert!(arguments(&[]).contains("/a/b"));
        assert!(arguments(&["/a"]).contains("/a/"));
        assert!(arguments(&["/a"]).contains("/a/b"));
        assert!(!arguments(&["/a"]).contains("/ab"));
        assert!(arguments(&["b"]).contains("/a/b/c"));
        assert!(!arguments(&["b"]).contains("/a/bc"));
        assert!(arguments(&["*.txt"]).contains("/a/b.txt"));
        assert!(arguments(&["C:\\a"]).contains("C:\\a\\b"));
    }

    #[test]
    fn exact_paths_take_wildcards_literally() {
        let selection = Selection::paths(["/a/[x]*.txt".to_owned()]);

        assert!(selection.contains("/a/[x]*.txt"));
        assert!(!selection.contains("/a/[x]y.txt"));
    }
}
