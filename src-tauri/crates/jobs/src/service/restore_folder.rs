//! The folders that restores write to, and showing them.

use std::path::{Path, PathBuf};

use coffer_ipc::ErrorCode;
use coffer_ipc::job::DestinationSettings;
use coffer_ipc::run::RunSummary;

use super::Coffer;
use crate::{Result, blocking, local_path, opening, wording};

impl Coffer {
    /// Shows the target folder of an ended restore in the system's file manager. It shows no other folders.
    ///
    /// # Errors
    /// When there is no such restore, or its folder is gone.
    pub async fn open_restored(&self, run_id: &str) -> Result<()> {
        let folder = self.restored_folder(run_id)?;
        blocking(move || open_folder(&folder)).await
    }

    fn restored_folder(&self, run_id: &str) -> Result<PathBuf> {
        let missing = || wording::not_found("This restore");
        let row = self.database(|database| database.run(run_id))?;
        let row = row.ok_or_else(missing)?;
        let summary: RunSummary = serde_json::from_str(&row.body).map_err(|_| missing())?;
        let folder = summary.restored.and_then(|restored| restored.folder);
        Ok(shown(&PathBuf::from(folder.ok_or_else(missing)?)).to_owned())
    }

    /// Suggests a target folder for a backup that belongs to no job here.
    pub(super) fn new_folder_for(
        &self,
        destination: &DestinationSettings,
        prefix: &str,
    ) -> Result<Option<String>> {
        let places = self.places()?;
        let is_known = self.job_cards()?.into_iter().any(|card| {
            let own = &card.definition;
            places.are_same(&own.destination, destination)
                && (prefix.is_empty() || own.options.prefix == prefix)
        });
        if is_known {
            return Ok(None);
        }
        let date = self.now().to_zoned(self.inner.clock.zone()).date();
        let folder = local_path::new_folder(date);
        Ok(folder.and_then(|folder| folder.into_os_string().into_string().ok()))
    }
}

/// Extensions of folders that macOS treats as one object, and starts or installs when they are opened.
const BUNDLES: [&str; 9] = [
    "app", "pkg", "mpkg", "prefpane", "saver", "workflow", "action", "bundle", "plugin",
];

/// The folder that is shown: never one that is a program or inside one, because its name may come from someone else's
/// backup.
fn shown(folder: &Path) -> &Path {
    let is_bundle = |part: &Path| {
        let extension = part.extension().map(|text| text.to_ascii_lowercase());
        extension.is_some_and(|text| BUNDLES.iter().any(|bundle| text == *bundle))
    };
    let outermost = folder.ancestors().filter(|part| is_bundle(part)).last();
    outermost.and_then(Path::parent).unwrap_or(folder)
}

fn open_folder(folder: &Path) -> Result<()> {
    if !folder.is_dir() {
        return Err(wording::error(
            ErrorCode::NotFound,
            format!("{} no longer exists.", folder.display()),
            "It was moved or deleted after the restore.",
        ));
    }
    opening::open(folder).map_err(|error| {
        tracing::warn!(kind = %error.kind(), "no file manager could be opened");
        wording::error(
            ErrorCode::Failed,
            format!("{} could not be opened.", folder.display()),
            "Open it in your file manager.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_not_opened_but_shown() {
        for (folder, opened) in [
            ("/home/first.last/a.b", "/home/first.last/a.b"),
            ("/x/Tool.app", "/x"),
            ("/x/Tool.APP/Contents/Other.app/y", "/x"),
        ] {
            assert_eq!(shown(Path::new(folder)), Path::new(opened));
        }
    }
}
