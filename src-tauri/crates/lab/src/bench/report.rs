//! The table.

use std::fmt::Write as _;

use super::process::Measured;
use super::programs::Program;

const MIB: f64 = 1_048_576.0;

/// What is done with a source, in this order.
pub(super) const STEPS: [&str; 4] = ["first backup", "unchanged", "1 % changed", "restore"];

/// What a program needed for one source: all runs of each of [`STEPS`], and bytes stored after the first backup.
pub(super) struct Results {
    pub(super) program: Program,
    pub(super) steps: [Vec<Measured>; 4],
    pub(super) stored: u64,
}

impl Results {
    /// The run that was disturbed least, with the highest peak of all.
    fn best(&self, step: usize) -> Option<Measured> {
        let runs = &self.steps[step];
        let best = runs.iter().min_by_key(|run| run.wall)?;
        let peak = runs.iter().map(|run| run.peak).max().unwrap_or(0);
        Some(Measured { peak, ..*best })
    }
}

/// The rows of one source in Markdown.
pub(super) fn table(title: &str, results: &[Results]) -> String {
    let mut text = format!("\n## {title}\n\n| |");
    let _ = writeln!(text, "{} fastest peer |", names(results));
    let _ = writeln!(text, "|---|{}", "---:|".repeat(results.len() + 1));
    for (step, name) in STEPS.iter().enumerate() {
        row(&mut text, &format!("{name}, s"), results, |one| {
            Some(one.best(step)?.wall.as_secs_f64())
        });
        row(&mut text, &format!("{name}, CPU s"), results, |one| {
            Some(one.best(step)?.cpu)
        });
    }
    row(&mut text, "stored, MiB", results, |one| {
        Some(one.stored as f64 / MIB)
    });
    row(&mut text, "peak memory, MiB", results, |one| {
        let peaks = (0..STEPS.len()).filter_map(|step| Some(one.best(step)?.peak));
        peaks.max().map(|peak| peak as f64 / MIB)
    });
    text
}

fn names(results: &[Results]) -> String {
    results
        .iter()
        .map(|one| format!(" {} |", one.program.name()))
        .collect()
}

/// One line; last comes Coffer's figure as a part of the best peer's.
fn row(
    text: &mut String,
    name: &str,
    results: &[Results],
    value: impl Fn(&Results) -> Option<f64>,
) {
    let _ = write!(text, "| {name} |");
    let (mut own, mut best) = (None, f64::INFINITY);
    for one in results {
        let Some(value) = value(one) else {
            text.push_str(" – |");
            continue;
        };
        let digits = if value < 100.0 { 2 } else { 0 };
        let _ = write!(text, " {value:.digits$} |");
        if one.program == Program::Coffer {
            own = Some(value);
        } else {
            best = best.min(value);
        }
    }
    let _ = match own {
        Some(own) if best.is_finite() && best > 0.0 => writeln!(text, " {:.2}× |", own / best),
        _ => writeln!(text, " – |"),
    };
}
