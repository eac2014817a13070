//! When and how to compact.

use coffer_database::VolumeUsage;
use coffer_volume::archive::CompressionMethod;
use jiff::Timestamp;

use crate::mode::Mode;
use crate::repository::upload::Checkpoints;

/// When compacting is worth the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactThresholds {
    /// Percent of waste from which a volume, and the whole, is worth it (`--threshold`).
    pub percent: u64,
    /// Volumes of at most so many bytes are small (`--small-file-size`); `None` is a fifth of the volume size.
    pub small_file_size: Option<u64>,
    /// More small volumes than this are merged (`--small-file-max-count`).
    pub small_file_max_count: u64,
}

impl Default for CompactThresholds {
    fn default() -> Self {
        Self {
            percent: 25,
            small_file_size: None,
            small_file_max_count: 20,
        }
    }
}

/// When unneeded volumes are deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Disposal {
    /// By a run that finds it unneeded still, at least a day after it was found first.
    #[default]
    AfterADay,
    /// At once (`--now`): no other computer backs up into this folder right now.
    Now,
}

/// When and how to compact.
#[derive(Clone)]
pub struct CompactOptions {
    /// See [`CompactThresholds`].
    pub thresholds: CompactThresholds,
    /// Bytes of a volume (`--dblock-size`).
    pub volume_size: u64,
    /// How what is written is compressed.
    pub compression_method: CompressionMethod,
    /// 0 to 9.
    pub compression_level: u32,
    /// Volumes uploaded at the same time.
    pub parallel_uploads: usize,
    /// Remembers uploads that were cut off.
    pub checkpoints: Checkpoints,
    /// What new volumes state as their time.
    pub now: Timestamp,
    /// See [`Disposal`].
    pub disposal: Disposal,
    /// See [`Mode`].
    pub mode: Mode,
}

impl CompactOptions {
    /// Duplicati's defaults for volumes of `volume_size` bytes.
    pub fn new(volume_size: u64, now: Timestamp) -> Self {
        Self {
            thresholds: CompactThresholds::default(),
            volume_size,
            compression_method: CompressionMethod::default(),
            compression_level: 6,
            parallel_uploads: 4,
            checkpoints: Checkpoints::None,
            now,
            disposal: Disposal::AfterADay,
            mode: Mode::Run,
        }
    }

    pub(crate) fn is_small(&self, size: u64) -> bool {
        let limit = self.thresholds.small_file_size;
        size <= limit.unwrap_or(self.volume_size / 5)
    }

    /// Whether volumes of these sizes are worth merging, whatever is in them.
    pub(crate) fn are_too_small(&self, sizes: impl Iterator<Item = u64>) -> bool {
        let (mut count, mut total) = (0, 0_u64);
        for size in sizes.filter(|size| self.is_small(*size)) {
            count += 1;
            total = total.saturating_add(size);
        }
        // One alone would be rewritten and be as small.
        count > 1 && (total > self.volume_size || count > self.thresholds.small_file_max_count)
    }
}

impl CompactOptions {
    pub(super) fn is_wasted(&self, volume: &VolumeUsage) -> bool {
        let all = volume.used_bytes + volume.unused_bytes;
        let percent = self.thresholds.percent;
        volume.unused_bytes > 0
            && (is_at_least(volume.unused_bytes, percent, all)
                || is_at_least(volume.unused_bytes, percent, self.volume_size))
    }

    pub(super) fn is_worth_it(&self, candidates: &[VolumeUsage], all_bytes: u64) -> bool {
        let wasted = || candidates.iter().filter(|volume| self.is_wasted(volume));
        let waste = wasted().map(|volume| volume.unused_bytes).sum();
        let has_waste =
            wasted().count() >= 2 && is_at_least(waste, self.thresholds.percent, all_bytes);
        has_waste || self.are_too_small(candidates.iter().map(|volume| volume.size))
    }
}

/// Whether `part` is at least so many percent of `whole`.
fn is_at_least(part: u64, percent: u64, whole: u64) -> bool {
    u128::from(part) * 100 >= u128::from(percent) * u128::from(whole)
}
