use coffer_ipc::command::{DestinationCheck, SaveJob, SourceCheck};
use coffer_ipc::job::{DestinationSettings, JobCard};
use coffer_ipc::run::{Permission, RunReport, RunSummary};
use coffer_jobs::Coffer;
use tauri::State;

use super::Reply;

#[tauri::command]
pub(crate) async fn create_job(coffer: State<'_, Coffer>, request: SaveJob) -> Reply<JobCard> {
    coffer.create_job(request).await
}

#[tauri::command]
pub(crate) async fn update_job(
    coffer: State<'_, Coffer>,
    job_id: String,
    request: SaveJob,
) -> Reply<JobCard> {
    coffer.update_job(&job_id, request).await
}

#[tauri::command]
pub(crate) async fn delete_job(
    coffer: State<'_, Coffer>,
    job_id: String,
    forget_secrets: bool,
) -> Reply<()> {
    coffer.delete_job(&job_id, forget_secrets).await
}

#[tauri::command]
pub(crate) async fn start_backup(coffer: State<'_, Coffer>, job_id: String) -> Reply<String> {
    coffer.start_backup(&job_id)
}

#[tauri::command]
pub(crate) async fn start_backup_with(
    coffer: State<'_, Coffer>,
    job_id: String,
    permission: Permission,
) -> Reply<String> {
    coffer.start_backup_with(&job_id, permission)
}

#[tauri::command]
pub(crate) async fn stop_run(coffer: State<'_, Coffer>, run_id: String) -> Reply<()> {
    coffer.stop_run(&run_id)
}

#[tauri::command]
pub(crate) async fn run_history(
    coffer: State<'_, Coffer>,
    job_id: String,
    offset: u32,
    limit: u32,
) -> Reply<Vec<RunSummary>> {
    coffer.run_history(&job_id, offset, limit)
}

#[tauri::command]
pub(crate) async fn run_report(
    coffer: State<'_, Coffer>,
    run_id: String,
    offset: u32,
    limit: u32,
) -> Reply<RunReport> {
    coffer.run_report(&run_id, offset, limit)
}

#[tauri::command]
pub(crate) async fn check_destination(
    coffer: State<'_, Coffer>,
    destination: DestinationSettings,
    prefix: String,
    question: Option<String>,
) -> Reply<DestinationCheck> {
    let work = coffer.check_destination(&destination, &prefix);
    coffer.answer(question.as_deref(), work).await
}

#[tauri::command]
pub(crate) async fn check_source(coffer: State<'_, Coffer>, path: String) -> Reply<SourceCheck> {
    Ok(coffer.check_source(&path).await)
}
