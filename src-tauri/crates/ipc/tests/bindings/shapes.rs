//! All types of the interface, found from the commands and events that use them.

use std::collections::{BTreeMap, BTreeSet};

use coffer_ipc::event::Event;
use coffer_ipc::shapes::*;
use ts_rs::{Config, TS, TypeVisitor};

/// In JSON, a secret is a string.
type SecretString = String;

/// The TypeScript of every type, by the name of its file.
pub(crate) fn of_commands_and_events(config: &Config) -> BTreeMap<String, String> {
    let mut all = All {
        config,
        files: BTreeMap::new(),
    };
    macro_rules! visit {
        ($($group:ident {$(
            $(#[$doc:meta])*
            $name:ident($($argument:ident: $type:ty),* $(; $question:ident)?) -> $reply:ty;
        )*})*) => {
            $($(
                $(all.visit::<$type>();)*
                all.visit::<$reply>();
            )*)*
        };
    }
    coffer_ipc::for_each_command!(visit);
    all.visit::<CommandError>();
    all.visit::<Event>();
    all.files
}

struct All<'a> {
    config: &'a Config,
    files: BTreeMap<String, String>,
}

impl TypeVisitor for All<'_> {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if T::output_path().is_some() {
            let file = format!("{}.ts", T::ident(self.config));
            let text = T::export_to_string(self.config).expect("the type can be exported");
            if self.files.insert(file, text).is_some() {
                return;
            }
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

/// Collects the names that a type uses.
pub(crate) struct Names<'a> {
    pub(crate) config: &'a Config,
    pub(crate) found: BTreeSet<String>,
}

impl TypeVisitor for Names<'_> {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if T::output_path().is_some() {
            self.found.insert(T::ident(self.config));
        }
        T::visit_generics(self);
    }
}
