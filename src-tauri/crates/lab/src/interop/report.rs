//! The tables of clients and checks.

use std::fmt::Write as _;

use super::client::{Check, Outcome, TABLES};

/// What is known of one client.
pub(super) struct Row {
    /// Name and version.
    pub(super) name: String,
    /// How it was led to the simulator.
    pub(super) way: &'static str,
    pub(super) outcomes: Vec<(Check, Outcome)>,
}

impl Row {
    fn outcome(&self, check: Check) -> Option<&Outcome> {
        let found = self.outcomes.iter().find(|(of, _)| *of == check);
        found.map(|(_, outcome)| outcome)
    }
}

/// All tables in Markdown, then what was skipped or failed and why.
pub(super) fn tables(rows: &[Row]) -> String {
    let mut text = String::new();
    for (title, columns) in TABLES {
        let _ = write!(text, "\n## {title}\n\n| client | way in |");
        for (_, name) in columns {
            let _ = write!(text, " {name} |");
        }
        let _ = writeln!(text, "\n|---|---|{}", ":-:|".repeat(columns.len()));
        let asked = |row: &&Row| {
            columns
                .iter()
                .any(|(check, _)| row.outcome(*check).is_some())
        };
        for row in rows.iter().filter(asked) {
            let _ = write!(text, "| {} | {} |", row.name, row.way);
            for (check, _) in columns {
                let _ = write!(text, " {} |", cell(row.outcome(*check)));
            }
            text.push('\n');
        }
    }
    let reasons: Vec<String> = rows.iter().flat_map(reasons).collect();
    if !reasons.is_empty() {
        let _ = writeln!(text, "\n## Skipped or failed\n\n{}", reasons.join("\n"));
    }
    text
}

/// How many checks failed.
pub(super) fn failures(rows: &[Row]) -> usize {
    let outcomes = rows.iter().flat_map(|row| &row.outcomes);
    let failed = outcomes.filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
    failed.count()
}

fn cell(outcome: Option<&Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Passed(_)) => "yes",
        Some(Outcome::Failed(_)) => "**failed**",
        Some(Outcome::Skipped(_)) => "skipped",
        None => "–",
    }
}

/// One line for each reason of a client, with the columns that it is about.
fn reasons(row: &Row) -> Vec<String> {
    let mut reported: Vec<(&str, Vec<&str>)> = Vec::new();
    for (check, outcome) in &row.outcomes {
        let (Outcome::Failed(reason) | Outcome::Skipped(reason)) = outcome else {
            continue;
        };
        let column = column(*check);
        match reported.iter_mut().find(|(known, _)| known == reason) {
            Some((_, columns)) => columns.push(column),
            None => reported.push((reason, vec![column])),
        }
    }
    let line = |(reason, columns): (&str, Vec<&str>)| {
        format!("- {} ({}): {reason}", row.name, columns.join("; "))
    };
    reported.into_iter().map(line).collect()
}

/// What a check is called.
pub(super) fn column(check: Check) -> &'static str {
    let columns = TABLES.iter().flat_map(|(_, columns)| *columns);
    let mut named = columns.filter(|(of, _)| *of == check);
    named.next().map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_table_tells_what_passed_what_was_not_asked_and_why_something_failed() {
        let passed = Outcome::Passed(Duration::ZERO);
        let failed = |text: &str| Outcome::Failed(text.to_owned());
        let rows = [Row {
            name: "some client 1.0".to_owned(),
            way: "TLS",
            outcomes: vec![
                (Check::List, passed),
                (Check::Download, failed("too short")),
                (Check::Upload, failed("too short")),
            ],
        }];

        let text = tables(&rows);

        let line = "| some client 1.0 | TLS | yes | – | **failed** | – | **failed** |";
        assert!(text.contains(line), "{text}");
        let reason = "- some client 1.0 (downloads; uploads, Coffer restores): too short";
        assert!(text.contains(reason), "{text}");
        assert_eq!(text.matches("some client").count(), 2, "{text}");
        assert_eq!(failures(&rows), 2);
    }
}
