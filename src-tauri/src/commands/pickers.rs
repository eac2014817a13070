use std::path::PathBuf;

use coffer_ipc::sheet::SheetOf;
use tauri_plugin_dialog::{DialogExt as _, FilePath};
use tokio::sync::oneshot;

use super::Shell;
use super::glue::Reply;
use crate::startup;

impl Shell {
    pub(super) async fn pick_folders(&self) -> Vec<String> {
        let (answer, picked) = oneshot::channel();
        self.0
            .dialog()
            .file()
            .set_title("Choose folders to back up")
            .set_directory(home())
            .pick_folders(|folders| {
                // If the window was closed in the meantime, no answer is needed.
                let _ = answer.send(folders);
            });
        let folders = picked.await.ok().flatten().unwrap_or_default();
        folders.into_iter().filter_map(text).collect()
    }

    pub(super) async fn pick_folder(&self, title: &str) -> Option<String> {
        let (answer, picked) = oneshot::channel();
        self.0
            .dialog()
            .file()
            .set_title(title)
            .set_directory(home())
            .pick_folder(|folder| {
                let _ = answer.send(folder);
            });
        picked.await.ok().flatten().and_then(text)
    }

    pub(super) async fn save_recovery_sheet(&self, of: &SheetOf) -> Reply<Option<String>> {
        let coffer = startup::backend(&self.0).await?;
        let sheet = coffer.recovery_sheet_text(of).await?;
        let (answer, picked) = oneshot::channel();
        let name = format!(
            "Coffer recovery sheet - {}.txt",
            file_name(&coffer.sheet_name(of)?)
        );
        self.0
            .dialog()
            .file()
            .set_title("Save the recovery sheet")
            .set_directory(dirs::document_dir().unwrap_or_else(home))
            .set_file_name(name)
            .save_file(|file| {
                let _ = answer.send(file);
            });
        let Some(path) = picked
            .await
            .ok()
            .flatten()
            .and_then(|file| file.into_path().ok())
        else {
            return Ok(None);
        };
        coffer_jobs::save_private_file(path.clone(), sheet).await?;
        Ok(Some(path.display().to_string()))
    }
}

fn home() -> PathBuf {
    dirs::home_dir().unwrap_or_default()
}

fn text(path: FilePath) -> Option<String> {
    path.into_path()
        .ok()
        .map(PathBuf::into_os_string)?
        .into_string()
        .ok()
}

/// A job's name without characters that file names cannot contain.
fn file_name(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_alphanumeric() || " -_".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect()
}
