use clap::Args;
use coffer_jobs::maintenance::RetentionSettings;

/// Which versions are kept; one of them at most.
#[derive(Args)]
#[group(multiple = false)]
pub(crate) struct Retention {
    /// Keeps the newest versions, this many.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    keep_versions: Option<u32>,
    /// Keeps versions that are not older than this, e.g. 3M (units s, m, h, D, W, M, Y).
    #[arg(long)]
    keep_time: Option<String>,
    /// Keeps fewer versions the older they are: <time frame>:<interval>,…, e.g. 1W:1D,4W:1W,12M:1M.
    #[arg(long)]
    retention_policy: Option<String>,
}

impl Retention {
    pub(super) fn is_given(&self) -> bool {
        self.keep_versions.is_some() || self.keep_time.is_some() || self.retention_policy.is_some()
    }

    pub(crate) fn settings(&self) -> RetentionSettings {
        RetentionSettings {
            keep_versions: self.keep_versions,
            keep_time: self.keep_time.clone(),
            retention_policy: self.retention_policy.clone(),
        }
    }
}
