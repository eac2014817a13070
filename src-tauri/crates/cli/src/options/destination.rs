use std::collections::BTreeMap;

use clap::Args;
use coffer_jobs::DEFAULT_PREFIX;
use coffer_jobs::values::{parse_boolean, parse_size};

use super::flag::Flag;

/// A destination and the credentials that open it.
#[derive(Args)]
pub(crate) struct Destination {
    /// Address or folder of the backup
    pub(crate) url: String,
    /// Passphrase of the backup; preferably set PASSPHRASE in the environment, or type it at the prompt
    #[arg(long, hide_env_values = true, env = "PASSPHRASE")]
    pub(crate) passphrase: Option<String>,
    /// The backup is not encrypted
    #[arg(long)]
    pub(crate) no_encryption: Flag,
    /// AuthID for OneDrive; preferably use `coffer auth login`, or set COFFER_AUTHID in the environment
    #[arg(long, hide_env_values = true, env = "COFFER_AUTHID")]
    authid: Option<String>,
    /// Stored sign-in to use if there are several: its name or ID, as shown by `coffer auth list`
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// Drive to use instead of the account's own
    #[arg(long)]
    drive_id: Option<String>,
    /// ID of the site of a sharepoint:// address
    #[arg(long)]
    site_id: Option<String>,
    /// Email address of the group of a msgroup:// address
    #[arg(long)]
    group_email: Option<String>,
    /// ID of the group of a msgroup:// address
    #[arg(long)]
    group_id: Option<String>,
    /// AuthID service to use
    #[arg(long)]
    oauth_url: Option<String>,
    /// Prefix of all volume names
    #[arg(long, default_value = DEFAULT_PREFIX)]
    prefix: String,
    /// Program that decrypts volumes encrypted with GnuPG. Default: gpg
    #[arg(long)]
    gpg_program_path: Option<String>,
    /// Number of retries of a failed transfer
    #[arg(long)]
    number_of_retries: Option<u32>,
    /// Bytes per upload fragment
    #[arg(long)]
    fragment_size: Option<u64>,
    /// Maximum attempts per fragment. Default: 8
    #[arg(long)]
    fragment_retry_count: Option<u32>,
    /// Milliseconds before a fragment is retried; doubles each time. Default: 1000
    #[arg(long)]
    fragment_retry_delay: Option<u64>,
    /// Bypass the recycle bin when deleting, if the drive supports it
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    permanent_delete: Option<bool>,
    /// Maximum upload rate to OneDrive per second (unit kb), at least 32kb; 0 for no limit
    #[arg(long, value_parser = |text: &str| parse_size(text, "kb"))]
    throttle_upload: Option<u64>,
    /// Maximum download rate from OneDrive per second (unit kb), at least 32kb; 0 for no limit
    #[arg(long, value_parser = |text: &str| parse_size(text, "kb"))]
    throttle_download: Option<u64>,
}

impl Destination {
    /// The given options by Duplicati's names, for the address.
    pub(crate) fn options(&self) -> BTreeMap<String, String> {
        let given = [
            ("authid", self.authid.clone()),
            ("drive-id", self.drive_id.clone()),
            ("site-id", self.site_id.clone()),
            ("group-email", self.group_email.clone()),
            ("group-id", self.group_id.clone()),
            ("oauth-url", self.oauth_url.clone()),
            ("prefix", Some(self.prefix.clone())),
            ("gpg-program-path", self.gpg_program_path.clone()),
            (
                "number-of-retries",
                self.number_of_retries.map(|count| count.to_string()),
            ),
            (
                "fragment-size",
                self.fragment_size.map(|size| size.to_string()),
            ),
            (
                "fragment-retry-count",
                self.fragment_retry_count.map(|count| count.to_string()),
            ),
            (
                "fragment-retry-delay",
                self.fragment_retry_delay.map(|delay| delay.to_string()),
            ),
            (
                "permanent-delete",
                self.permanent_delete.map(|wanted| wanted.to_string()),
            ),
            (
                "throttle-upload",
                self.throttle_upload.map(|bytes| format!("{bytes}b")),
            ),
            (
                "throttle-download",
                self.throttle_download.map(|bytes| format!("{bytes}b")),
            ),
        ];
        given
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}

/// A boolean that the address may also have; the option takes precedence.
#[expect(
    clippy::unnecessary_wraps,
    reason = "clap's value parsers return results"
)]
fn boolean(text: &str) -> Result<bool, String> {
    Ok(parse_boolean(text))
}
