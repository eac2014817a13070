use coffer_ipc::job::{HealthLevel, JobCard};
use coffer_jobs::{AppLock, Folders};

use crate::exit::Exit;
use crate::opening::open_coffer;
use crate::options::common::Common;
use crate::output::{self, fail, print_json};

/// Shows the status of the app's jobs, as in its window. The exit code reflects the worst of them.
pub(super) fn run(common: Common) -> Exit {
    let folders = Folders::standard();
    let cards = if !folders.database().exists() {
        Ok(Vec::new())
    } else if AppLock::is_taken(&folders) {
        open_coffer().and_then(|coffer| coffer.job_cards())
    } else {
        open_coffer().and_then(|coffer| coffer.job_cards_without_app())
    };
    let cards = match cards {
        Ok(cards) => cards,
        Err(error) => return fail(error, common),
    };
    if common.json.is_set() {
        print_json(&cards);
    } else {
        for card in &cards {
            output::print(format_args!("{}", line(card)));
        }
    }
    let worst = cards.iter().map(|card| card.health.level).max();
    match worst {
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
