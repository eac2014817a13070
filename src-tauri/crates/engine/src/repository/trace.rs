//! What the log says of an operation: its phases, and each volume that is stored, read or deleted.
//!
//! Names of volumes and numbers only: paths of the backed up files belong into the report, which its owner can delete.

use std::sync::Mutex;

use tracing::{Span, info, info_span};

use crate::monitor::Phase;
use crate::threads::lock;

/// The spans of one operation. Volumes are stored on threads that know nothing of the operation's own, so it is handed
/// to them.
pub(crate) struct Trace {
    operation: Span,
    phase: Mutex<Span>,
}

impl Trace {
    /// Below the span that the caller of the operation is in.
    pub(crate) fn new() -> Self {
        let operation = Span::current();
        Self {
            phase: Mutex::new(operation.clone()),
            operation,
        }
    }

    pub(crate) fn phase(&self, phase: Phase) {
        let span = info_span!(parent: &self.operation, "phase", name = ?phase);
        info!(parent: &span, "started");
        *lock(&self.phase) = span;
    }

    /// The span of one volume, in the phase that the operation is in.
    pub(crate) fn volume(&self, name: &str) -> Span {
        let phase = lock(&self.phase).clone();
        info_span!(parent: &phase, "volume", name)
    }
}
