//! Reasons of `coffer test-filters`, which only the command line shows.

use coffer_engine::filter::Action;
use coffer_engine::source::Reason;

/// Why a path is stored or left out. `rules` are the filters that were applied.
pub fn reason(reason: &Reason, rules: &[(Action, String)]) -> String {
    match reason {
        Reason::Source => "it is a source".to_owned(),
        Reason::Rule(position) => match rules.get(*position) {
            Some((Action::Include, rule)) => format!("--include={rule}"),
            Some((Action::Exclude, rule)) => format!("--exclude={rule}"),
            None => "a filter".to_owned(),
        },
        Reason::NoRule => "no rule matches".to_owned(),
        Reason::Attributes => "--exclude-files-attributes".to_owned(),
        Reason::TooLarge => "--skip-files-larger-than".to_owned(),
        Reason::Marker(name) => format!("--ignore-filenames: it contains {name}"),
        Reason::Mark(name) => format!("its attribute {name} excludes it"),
        Reason::SymlinkPolicy => "--symlink-policy=Ignore".to_owned(),
        Reason::LinkLoop => "the link points to a folder that contains it".to_owned(),
        Reason::HardlinkPolicy => "--hardlink-policy".to_owned(),
        Reason::EmptyFolder => "--exclude-empty-folders".to_owned(),
        Reason::SpecialFile => "a device, pipe or socket".to_owned(),
        Reason::OwnFolder => "Coffer's own folder".to_owned(),
    }
}
