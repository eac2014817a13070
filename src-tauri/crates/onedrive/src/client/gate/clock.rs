//! The clock on the wall, which goes on while no process runs. Waits of this process go by tokio's, which never jumps.

use crate::oauth::Now;

/// Milliseconds since 1970, as the computer's clock has it now; may go back.
#[derive(Clone)]
pub(crate) struct WallClock(Now);

impl From<Now> for WallClock {
    fn from(now: Now) -> Self {
        Self(now)
    }
}

impl WallClock {
    pub(super) fn now(&self) -> u64 {
        // Before 1970 no clock is right.
        u64::try_from((self.0)().as_millisecond()).unwrap_or(0)
    }
}
