use coffer_ipc::job::{HealthLevel, JobCard};
use coffer_jobs::{AppLock, Folders};

use crate::exit::Exit;
use crate::opening::open_coffer;
use crate::options::common::Common;
use crate::output::{self, fail, print_json};

/// Shows the status of the app's jobs, as in its window. The exit code reflects the worst of them.
pub(super) fn run(common: Common) -> Exit {
    let folders = Folders::standard();
    let read = if folders.database().exists() {
        open_coffer().and_then(|coffer| {
            let cards = if AppLock::is_taken(&folders) {
                coffer.job_cards()?
            } else {
                coffer.job_cards_without_app()?
            };
            Ok((cards, coffer.unreadable()?))
        })
    } else {
        Ok((Vec::new(), Vec::new()))
    };
    let (cards, unreadable) = match read {
        Ok(read) => read,
        Err(error) => return fail(error, common),
    };
    if common.json.is_set() {
        print_json(&cards);
    } else {
        for card in &cards {
            output::print(format_args!("{}", line(card)));
        }
    }
    let mut unreadable = unreadable.iter().filter(|entry| entry.is_job).peekable();
    let is_unreadable = unreadable.peek().is_some();
    for entry in unreadable {
        // Not among the lines, or in the JSON: there is nothing to show but that.
        output::print_error_line(format_args!(
            "The backup {:?} is saved here and cannot be read, so it does not run.",
            entry.name
        ));
    }
    let worst = cards.iter().map(|card| card.health.level).max();
    match worst {
        _ if is_unreadable => Exit::Failed,
        Some(HealthLevel::Bad) => Exit::Failed,
        Some(HealthLevel::Warning) => Exit::Warnings,
        _ => Exit::Success,
    }
}

/// Name, level, last good backup and problem, separated by tabs.
fn line(card: &JobCard) -> String {
    let health = &card.health;
    let level = match health.level {
        HealthLevel::Good => "good",
        HealthLevel::New => "new",
        HealthLevel::Waiting => "waiting",
        HealthLevel::Running => "running",
        HealthLevel::Warning => "warning",
        HealthLevel::Bad => "bad",
    };
    let last_good = health.last_good.as_deref().unwrap_or("-");
    let problem = health.problem.as_ref().map_or("", |error| &error.message);
    format!("{}\t{level}\t{last_good}\t{problem}", card.definition.name)
}
