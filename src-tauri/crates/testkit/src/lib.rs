//! Builders and comparisons for tests; never a normal dependency.

mod fixture;
mod tree;

pub use fixture::{copy_of, expected_tree, fixture};
pub use tree::{Node, Tree, snapshot, write_files};
