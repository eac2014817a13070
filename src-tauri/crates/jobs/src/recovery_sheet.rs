use coffer_ipc::job::{DestinationSettings, JobDefinition};
use jiff::Zoned;

/// The text of a recovery sheet: all that is needed to restore on a new computer, the passphrase included.
pub(crate) fn text(job: &JobDefinition, passphrase: &str, account: &str, made: &Zoned) -> String {
    let place = match &job.destination {
        DestinationSettings::OneDrive {
            drive_id, folder, ..
        } => {
            let drive = if drive_id.is_empty() {
                String::new()
            } else {
                format!("Drive id:     {drive_id}\n")
            };
            format!("Account:      {account}\n{drive}OneDrive folder: {folder}")
        }
        DestinationSettings::Folder { path } => format!("Folder:       {path}"),
    };
    format!(
        "COFFER RECOVERY SHEET\n\
         Made on {made}\n\n\
         Keep this in a safe place that is not on the computer that is backed up.\n\
         Whoever has it and the account can read the backup. Without the passphrase nobody can.\n\n\
         Backup:       {name}\n\
         {place}\n\
         File prefix:  {prefix}\n\
         Passphrase:   {passphrase}\n\n\
         To restore on a new computer: install Coffer, choose \"I already have a backup\", sign in with the account,\n\
         choose the folder, and type the passphrase. Duplicati opens the backup with the same passphrase.\n",
        made = made.strftime("%Y-%m-%d %H:%M"),
        name = job.name,
        prefix = job.options.prefix,
    )
}
