use std::time::Duration;

use coffer_destination::{Error as DestinationError, LONGEST_WAIT, Result, TransferMonitor};

use super::gate::Gate;

/// All rests of one file for a service that limits requests.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// Most refusals of one file: each costs the bytes that were sent for nothing.
const MOST: u32 = 20;

/// How often and how long one file has rested because the service asked for it.
#[derive(Debug, Default)]
pub(super) struct Rests {
    waited: Duration,
    count: u32,
}

impl Rests {
    /// The service refused a request of this file with `error` for now; the gate holds the next one back. All such rests
    /// have an end.
    pub(super) fn one_more(
        &mut self,
        error: DestinationError,
        gate: &Gate,
        monitor: &dyn TransferMonitor,
    ) -> Result<()> {
        let wait = gate.remaining();
        self.waited += wait;
        self.count += 1;
        if self.waited > PATIENCE || self.count > MOST || wait > LONGEST_WAIT {
            return Err(error);
        }
        monitor.asked_to_wait(wait, "OneDrive asked to slow down");
        Ok(())
    }
}
