//! The wall clock, which advances while no process runs. Waits of this process use tokio's clock, which never jumps.

use crate::oauth::Now;

/// Milliseconds since 1970 by the computer's clock, which may be set back.
#[derive(Clone)]
pub(crate) struct WallClock(Now);

impl From<Now> for WallClock {
    fn from(now: Now) -> Self {
        Self(now)
    }
}

impl WallClock {
    pub(super) fn now(&self) -> u64 {
        // Clocks before 1970 are wrong anyway.
        u64::try_from((self.0)().as_millisecond()).unwrap_or(0)
    }
}
