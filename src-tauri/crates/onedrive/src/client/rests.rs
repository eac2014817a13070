use std::time::Duration;

use coffer_destination::{Error as DestinationError, LONGEST_WAIT, Result, TransferMonitor};

use super::gate::Gate;

/// Maximum total wait of one file for a service that limits requests.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// Maximum refusals of one file: each wastes the bytes that were sent.
const MAX_REFUSALS: u32 = 20;

/// How often and how long one file has waited because the service asked for it.
#[derive(Debug, Default)]
pub(super) struct Rests {
    waited: Duration,
    count: u32,
}

impl Rests {
    /// Records that the service refused a request of this file with `error`; the gate delays the next one. The total
    /// wait is limited.
    pub(super) fn one_more(
        &mut self,
        error: DestinationError,
        gate: &Gate,
        monitor: &dyn TransferMonitor,
    ) -> Result<()> {
        let wait = gate.remaining();
        self.waited += wait;
        self.count += 1;
        if self.waited > PATIENCE || self.count > MAX_REFUSALS || wait > LONGEST_WAIT {
            return Err(error);
        }
        monitor.asked_to_wait(wait, "OneDrive is limiting requests");
        Ok(())
    }
}
