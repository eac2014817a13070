//! Where hostile data comes in, one function per side it comes from, for fuzz targets only. None may panic.

pub use crate::client::graph_answer;
pub use crate::oauth::fuzzing::{browser_request, sign_in_answer};
