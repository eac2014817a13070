use coffer_ipc::command::BandwidthSettings;
use coffer_onedrive::Bandwidth;

use super::Coffer;
use crate::{Result, wording};

/// Name of the setting that holds [`BandwidthSettings`].
const SETTING: &str = "bandwidth";
/// Lowest limit, bytes per second.
const LOWEST: u64 = 32_000;

impl Coffer {
    /// The bandwidth limits of transfers with OneDrive.
    pub fn bandwidth(&self) -> Result<BandwidthSettings> {
        self.setting(SETTING)
    }

    /// Changes the bandwidth limits, also for transfers in progress.
    ///
    /// # Errors
    /// When a limit is too low to work with; nothing is changed then.
    pub fn set_bandwidth(&self, settings: BandwidthSettings) -> Result<()> {
        let limits = [settings.upload_bytes, settings.download_bytes];
        if limits.into_iter().flatten().any(|limit| limit < LOWEST) {
            return Err(wording::invalid(
                "A limit of less than 32 KB/s is too low to work with.",
                "Enter at least 32 KB/s, or leave the field empty for no limit.",
            ));
        }
        self.set_setting(SETTING, &settings)?;
        apply(settings, &self.inner.bandwidth);
        Ok(())
    }

    /// Applies the stored limits when the app starts.
    pub(super) fn apply_bandwidth(&self) -> Result<()> {
        apply(self.bandwidth()?, &self.inner.bandwidth);
        Ok(())
    }
}

fn apply(settings: BandwidthSettings, bandwidth: &Bandwidth) {
    bandwidth.set(settings.upload_bytes, settings.download_bytes);
}
