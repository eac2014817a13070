//! What is wrong with filters and values of options, as parts of other messages.

use coffer_engine::{FilterProblem, OptionProblem};

pub(super) fn filter_problem(problem: &FilterProblem) -> String {
    match problem {
        FilterProblem::Empty => "it is empty".to_owned(),
        FilterProblem::NoSuchGroup { name } => format!("there is no group {name:?}"),
        FilterProblem::Expression { said } => said.clone(),
    }
}

pub(super) fn option_problem(problem: OptionProblem) -> &'static str {
    match problem {
        OptionProblem::NotASpan => {
            "a time span is numbers with the units s, m, h, D, W, M and Y, such as 1M15D"
        }
        OptionProblem::SpanTooLong => "it is too long",
        OptionProblem::SpanNotPositive => "it must be longer than nothing",
        OptionProblem::NotAPolicy => "a part of it is <time frame>:<interval>",
        OptionProblem::NegativeSpan => "a time span in it is negative",
        OptionProblem::IntervalTooLong => "an interval must be shorter than its time frame",
        OptionProblem::NotASymlinkPolicy => "it is Store, Follow or Ignore",
        OptionProblem::NotAHardlinkPolicy => "it is All, First or None",
    }
}
