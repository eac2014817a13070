//! The project's own papers: what its documents say of each other.

mod links;
