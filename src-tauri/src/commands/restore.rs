use coffer_ipc::restore::{BackupRef, EntryPage, OpenBackup, OpenedPlace, RestoreRequest};
use coffer_jobs::Coffer;
use tauri::State;

use super::Reply;

#[tauri::command]
pub(crate) async fn open_backup(
    coffer: State<'_, Coffer>,
    backup: BackupRef,
    question: Option<String>,
) -> Reply<OpenBackup> {
    let work = coffer.open_backup(backup);
    coffer.answer(question.as_deref(), work).await
}

#[tauri::command]
pub(crate) async fn opened_places(coffer: State<'_, Coffer>) -> Reply<Vec<OpenedPlace>> {
    coffer.opened_places()
}

#[tauri::command]
pub(crate) async fn forget_opened_place(coffer: State<'_, Coffer>, id: String) -> Reply<()> {
    coffer.forget_opened_place(&id)
}

#[tauri::command]
pub(crate) fn give_up(coffer: State<'_, Coffer>, question: String) {
    coffer.give_up(&question);
}

#[tauri::command]
pub(crate) async fn list_entries(
    coffer: State<'_, Coffer>,
    handle: String,
    version: u32,
    folder: String,
    offset: u32,
    limit: u32,
) -> Reply<EntryPage> {
    coffer
        .list_entries(&handle, version, folder, offset, limit)
        .await
}

#[tauri::command]
pub(crate) async fn search_entries(
    coffer: State<'_, Coffer>,
    handle: String,
    version: u32,
    text: String,
    offset: u32,
    limit: u32,
) -> Reply<EntryPage> {
    coffer
        .search_entries(&handle, version, text, offset, limit)
        .await
}

#[tauri::command]
pub(crate) async fn start_restore(
    coffer: State<'_, Coffer>,
    request: RestoreRequest,
) -> Reply<String> {
    coffer.start_restore(request)
}

#[tauri::command]
pub(crate) async fn close_backup(coffer: State<'_, Coffer>, handle: String) -> Reply<()> {
    coffer.close_backup(&handle);
    Ok(())
}

#[tauri::command]
pub(crate) async fn open_restored(coffer: State<'_, Coffer>, run_id: String) -> Reply<()> {
    coffer.open_restored(&run_id).await
}
