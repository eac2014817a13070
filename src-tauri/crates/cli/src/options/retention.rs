use clap::Args;
use coffer_ipc::CommandError;
use coffer_jobs::options;

/// Which versions are kept; at most one of these.
#[derive(Args)]
#[group(multiple = false)]
pub(crate) struct Retention {
    /// Number of newest versions to keep
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    keep_versions: Option<u32>,
    /// Keep versions up to this age, e.g. 3M (units s, m, h, D, W, M, Y)
    #[arg(long)]
    keep_time: Option<String>,
    /// Thin out older versions: <time frame>:<interval>,…, e.g. 1W:1D,4W:1W,12M:1M
    #[arg(long)]
    retention_policy: Option<String>,
}

impl Retention {
    pub(crate) fn is_given(&self) -> bool {
        self.keep_versions.is_some() || self.keep_time.is_some() || self.retention_policy.is_some()
    }

    pub(crate) fn rule(&self) -> Result<coffer_engine::Retention, CommandError> {
        let (time, policy) = (self.keep_time.as_deref(), self.retention_policy.as_deref());
        options::retention(self.keep_versions, time, policy)
    }
}
