//! How hard blocks are compressed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Compression level while nothing waits for the network.
const HASTY_LEVEL: u32 = 1;

/// Compression level while volumes wait for the network, and where nothing waits at all.
pub(super) const PATIENT_LEVEL: u32 = 6;

/// How hard blocks are compressed, which depends on who waits for whom.
pub(super) struct Pace {
    fixed: Option<u32>,
    /// Volumes that are full and have not arrived.
    under_way: AtomicUsize,
    is_patient: AtomicBool,
}

impl Pace {
    pub(super) fn new(fixed: Option<u32>) -> Self {
        Self {
            fixed,
            under_way: AtomicUsize::new(0),
            is_patient: AtomicBool::new(false),
        }
    }

    pub(super) fn level(&self) -> u32 {
        self.fixed
            .unwrap_or(if self.is_patient.load(Ordering::Relaxed) {
                PATIENT_LEVEL
            } else {
                HASTY_LEVEL
            })
    }

    /// A volume is full. When the two before it are still under way, the network is what the run waits for.
    pub(super) fn filled(&self) {
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed);
        self.is_patient.store(under_way > 1, Ordering::Relaxed);
    }

    pub(super) fn arrived(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_compressed_hard_while_volumes_wait_for_the_network() {
        let pace = Pace::new(None);
        assert_eq!(pace.level(), HASTY_LEVEL);
        pace.filled();
        pace.filled();
        assert_eq!(pace.level(), HASTY_LEVEL, "one on its way says nothing");
        pace.filled();
        assert_eq!(pace.level(), PATIENT_LEVEL);
        pace.arrived();
        pace.arrived();
        pace.filled();
        assert_eq!(pace.level(), HASTY_LEVEL, "the network is fast again");
        let fixed = Pace::new(Some(3));
        (0..4).for_each(|_| fixed.filled());
        assert_eq!(fixed.level(), 3);
    }
}
