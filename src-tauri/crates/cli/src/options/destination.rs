use std::collections::BTreeMap;

use clap::Args;
use coffer_jobs::values::{parse_boolean, parse_size};

use super::flag::Flag;

/// A destination and what opens it.
#[derive(Args)]
pub(crate) struct Destination {
    /// Where the volumes are, or are to be
    pub(crate) url: String,
    /// Passphrase of the backup; better given as PASSPHRASE in the environment, or at the prompt
    #[arg(long, hide_env_values = true, env = "PASSPHRASE")]
    pub(crate) passphrase: Option<String>,
    /// The backup is not encrypted
    #[arg(long)]
    pub(crate) no_encryption: Flag,
    /// AuthID for OneDrive; better kept by `coffer auth login`, or given as COFFER_AUTHID in the environment
    #[arg(long, hide_env_values = true, env = "COFFER_AUTHID")]
    authid: Option<String>,
    /// The kept sign-in to use when there are several: its name or id, as `coffer auth list` shows them
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// Another drive than the account's own
    #[arg(long)]
    drive_id: Option<String>,
    /// Site of a sharepoint:// address
    #[arg(long)]
    site_id: Option<String>,
    /// Group of a msgroup:// address, by its mail address
    #[arg(long)]
    group_email: Option<String>,
    /// Group of a msgroup:// address, by its id
    #[arg(long)]
    group_id: Option<String>,
    /// AuthID service to use
    #[arg(long)]
    oauth_url: Option<String>,
    /// What volume names start with
    #[arg(long, default_value = "duplicati")]
    prefix: String,
    /// Program that opens volumes encrypted with GnuPG. Default: gpg
    #[arg(long)]
    gpg_program_path: Option<String>,
    /// Repetitions of a failed transfer
    #[arg(long)]
    number_of_retries: Option<u32>,
    /// Bytes per upload fragment
    #[arg(long)]
    fragment_size: Option<u64>,
    /// Tries of a fragment that fails. Default: 8
    #[arg(long)]
    fragment_retry_count: Option<u32>,
    /// Milliseconds before a fragment is tried again; doubles each time. Default: 1000
    #[arg(long)]
    fragment_retry_delay: Option<u64>,
    /// Delete past the recycle bin, where the drive can do that
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    permanent_delete: Option<bool>,
    /// Most bytes a second that are sent to OneDrive (unit kb), at least 32kb; 0 is no limit
    #[arg(long, value_parser = |text: &str| parse_size(text, "kb"))]
    throttle_upload: Option<u64>,
    /// Most bytes a second that are received from OneDrive (unit kb), at least 32kb; 0 is no limit
    #[arg(long, value_parser = |text: &str| parse_size(text, "kb"))]
    throttle_download: Option<u64>,
}

impl Destination {
    /// Options by Duplicati's names, for the address
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

/// One that the address may have, too, and that wins when it is given.
#[expect(clippy::unnecessary_wraps, reason = "the parser of values may fail")]
fn boolean(text: &str) -> Result<bool, String> {
    Ok(parse_boolean(text))
}
