//! Entry points for hostile data, one function per source, for fuzz targets only. None may panic.

pub use crate::client::graph_answer;
pub use crate::oauth::fuzzing::{browser_request, sign_in_answer};
