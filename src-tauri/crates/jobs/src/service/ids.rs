//! Ids of jobs and runs, which must not be mixed up. Outside this crate they are strings.

use std::fmt;
use std::ops::Deref;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(super) struct $name(String);

        impl $name {
            /// Creates a new unique id.
            pub(super) fn new() -> Self {
                Self(uuid::Uuid::new_v4().simple().to_string())
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

id! {
    /// Identifies a job.
    JobId
}
id! {
    /// Identifies a run.
    RunId
}

impl JobId {
    /// The job that a request names; `None` for an empty string.
    pub(super) fn named(id: &str) -> Option<Self> {
        (!id.is_empty()).then(|| id.into())
    }
}
