//! What can be backed up, and how much it is.

use std::path::{Path, PathBuf};

use coffer_engine::source;
use coffer_engine::source::SourceOptions;
use coffer_ipc::command::{SourceCheck, SourceSize};
use coffer_ipc::job::FilterRule;
use tokio_util::sync::CancellationToken;

use super::Coffer;
use crate::options::filters;
use crate::{Result, blocking, local_path, wording};

impl Coffer {
    /// Whether a path can be a source.
    pub async fn check_source(&self, path: &str) -> SourceCheck {
        let given = local_path::expand(Path::new(path.trim()));
        let given = given.to_string_lossy().into_owned();
        let own = self.inner.folders.own();
        blocking(move || {
            let stored = source::stored_path(Path::new(&given)).unwrap_or(given.clone());
            let problem = if given.is_empty() {
                Some("Enter a path.".to_owned())
            } else if !Path::new(&given).is_absolute() {
                Some("Enter an absolute path.".to_owned())
            } else if own
                .iter()
                .any(|folder| Path::new(&stored).starts_with(folder))
            {
                Some("This is Coffer's own folder.".to_owned())
            } else {
                match std::fs::metadata(&stored) {
                    Ok(_) => None,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                        Some("It does not exist.".to_owned())
                    }
                    Err(error) => Some(format!("It cannot be accessed: {error}.")),
                }
            };
            SourceCheck {
                path: stored,
                problem,
            }
        })
        .await
    }

    /// How much of a source would be backed up.
    ///
    /// # Errors
    /// When a rule cannot be read.
    pub async fn measure_source(&self, path: &str, rules: Vec<FilterRule>) -> Result<SourceSize> {
        let filters = filters(&rules)?;
        let sources = [PathBuf::from(path)];
        let options = SourceOptions {
            excluded_folders: self.inner.folders.own(),
            ..SourceOptions::default()
        };
        // Ends the work when nobody waits for it any longer.
        let cancel = CancellationToken::new();
        let _given_up = cancel.clone().drop_guard();
        let measured =
            blocking(move || source::measure(&sources, &filters, &options, &cancel)).await;
        let size = measured.map_err(|error| wording::engine(&error))?;
        Ok(SourceSize {
            files: size.files,
            bytes: size.bytes,
            unreadable: size.unreadable,
        })
    }
}
