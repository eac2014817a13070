//! Rules that delete wait for some runs when it looks as if much was taken out of a backup at once.

use coffer_database::Index;

use crate::error::Result;
use crate::monitor::ProblemKind;
use crate::repository::local_facts::SOURCES_LEFT;

/// Runs that have to pass with the same sources.
const RUNS: u32 = 2;

/// Marks in the index that the wait began because the index had lost what it knew.
const FORGOTTEN: &str = "forgotten";

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    SourcesLeft,
    NothingRemembered,
}

impl Hold {
    pub(super) fn begin(self, index: &Index) -> Result<Self> {
        self.note(index, RUNS)?;
        Ok(self)
    }

    /// A run passes. Returns what is still waited for.
    pub(super) fn pass(index: &Index) -> Result<Option<Self>> {
        let noted = index.meta(SOURCES_LEFT)?.unwrap_or_default();
        let (runs, why) = noted.split_once(' ').unwrap_or((&noted, ""));
        let Some(left) = runs
            .parse::<u32>()
            .ok()
            .and_then(|runs| runs.checked_sub(1))
        else {
            return Ok(None);
        };
        let hold = if why == FORGOTTEN {
            Self::NothingRemembered
        } else {
            Self::SourcesLeft
        };
        hold.note(index, left)?;
        Ok((left > 0).then_some(hold))
    }

    pub(super) fn problem(self) -> ProblemKind {
        match self {
            Self::SourcesLeft => ProblemKind::SourcesLeft,
            Self::NothingRemembered => ProblemKind::NothingRemembered,
        }
    }

    fn note(self, index: &Index, runs: u32) -> Result<()> {
        let noted = match self {
            Self::SourcesLeft => runs.to_string(),
            Self::NothingRemembered => format!("{runs} {FORGOTTEN}"),
        };
        Ok(index.set_meta(SOURCES_LEFT, &noted)?)
    }
}
