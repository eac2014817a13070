use coffer_engine::FolderContent;
use coffer_ipc::command::DestinationContent;
use tokio_util::sync::CancellationToken;

use crate::shapes::version_shapes;
use crate::target::Target;
use crate::{Result, blocking, wording};

/// Lists what the destination folder contains.
pub async fn content(target: &Target, cancel: &CancellationToken) -> Result<DestinationContent> {
    let (store, token) = (target.store.clone(), cancel.clone());
    let found = blocking(move || coffer_engine::content(&store, &token)).await;
    Ok(match found.map_err(|error| wording::engine(&error))? {
        FolderContent::Missing => DestinationContent::New,
        FolderContent::Empty => DestinationContent::Empty,
        FolderContent::Other(_) => DestinationContent::OtherFiles,
        FolderContent::Backup {
            versions,
            encrypted,
        } => DestinationContent::Backup {
            versions: version_shapes(&versions),
            encrypted,
        },
    })
}
