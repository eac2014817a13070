//! Doing something, or only planning it.

/// Whether an operation changes anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// It does what it says.
    #[default]
    Run,
    /// It only reports what it would do (`--dry-run`).
    Plan,
}
