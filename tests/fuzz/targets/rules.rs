//! Filter rules and retention policies.

#![no_main]

use coffer_engine::Retention;
use coffer_engine::filter::{Action, Filters};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (rule, path) = text.split_once('\n').unwrap_or((text, "/a/b"));
    if let Ok(filters) = Filters::new([(Action::Exclude, rule)]) {
        let _ = filters.decide(path);
    }
    let _ = Retention::from_options(None, None, Some(rule));
    let _ = Retention::from_options(None, Some(rule), None);
});
