//! Converts options as users write them and as jobs store them for the engine.

use std::path::PathBuf;

use coffer_engine::filter::{Action, Filters};
use coffer_engine::{BackupOptions, Retention};
use coffer_ipc::job::{FilterRule, JobDefinition, Retention as JobRetention};
use coffer_volume::archive::CompressionMethod;
use jiff::Timestamp;

use crate::{Result, wording};

/// Builds filters from rules, of which the first that matches decides.
///
/// # Errors
/// [`coffer_ipc::ErrorCode::InvalidInput`] naming the rule that cannot be read, as in all functions here.
pub fn filters(rules: &[FilterRule]) -> Result<Filters> {
    let rules = rules.iter().map(|rule| {
        let action = if rule.include {
            Action::Include
        } else {
            Action::Exclude
        };
        (action, rule.expression.as_str())
    });
    Filters::new(rules).map_err(|error| wording::engine(&error))
}

/// Files that are read in each run (`--always-read`).
///
/// # Errors
/// As [`filters`].
pub fn always_read(rules: &[String]) -> Result<Filters> {
    let rules = rules.iter().filter(|rule| !rule.is_empty());
    let rules = rules.map(|rule| (Action::Include, rule.as_str()));
    Filters::new(rules).map_err(|error| wording::engine(&error))
}

/// Which versions are kept; at most one of the options may be given.
///
/// # Errors
/// As [`filters`].
pub fn retention(
    keep_versions: Option<u32>,
    keep_time: Option<&str>,
    retention_policy: Option<&str>,
) -> Result<Retention> {
    Retention::from_options(keep_versions, keep_time, retention_policy)
        .map_err(|error| wording::engine(&error))
}

pub(crate) fn retention_of_job(kept: &JobRetention) -> Result<Retention> {
    match kept {
        JobRetention::All => Ok(Retention::KeepAll),
        JobRetention::Versions { count } => retention(Some(*count), None, None),
        JobRetention::Time { span } => retention(None, Some(span), None),
        JobRetention::Policy { policy } => retention(None, None, Some(policy)),
    }
}

/// How blocks are compressed (`--zip-compression-method`).
///
/// # Errors
/// As [`filters`].
pub fn compression_method(name: &str) -> Result<CompressionMethod> {
    name.parse().map_err(|_| {
        wording::invalid(
            format!("The compression method {name:?} is not supported."),
            "Use Deflate, ZStandard or None.",
        )
    })
}

/// The engine's options for the backup of a job.
pub(crate) fn of_job(job: &JobDefinition, now: Timestamp) -> Result<BackupOptions> {
    let sources = job.sources.iter().map(PathBuf::from).collect();
    Ok(BackupOptions {
        filters: filters(&job.filters)?,
        volume_size: job.options.volume_bytes,
        new_block_size: Some(job.options.block_bytes),
        always_read: always_read(&job.options.always_read)?,
        retention: retention_of_job(&job.options.retention)?,
        ..BackupOptions::new(sources, now)
    })
}
