//! Logs: one file per day in the log folder, kept for 30 days. They contain no secrets, because secrets have no
//! `Display`.

use std::path::Path;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{Builder, Rotation};
use tracing_subscriber::EnvFilter;

/// Number of days that logs are kept.
const KEPT: usize = 30;

/// Creates a folder that only its owner can access.
///
/// # Errors
/// Those of the file system; "permission denied" for a folder of another user.
pub fn create_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
        builder.mode(0o700).create(folder)?;
        if is_foreign(folder)? {
            return Err(std::io::ErrorKind::PermissionDenied.into());
        }
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
    }
    #[cfg(not(unix))]
    builder.create(folder)
}

/// Whether a folder belongs to another user, or is a link that another user created, wherever it leads. Windows
/// profiles are private already.
pub(crate) fn is_foreign(folder: &Path) -> std::io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let owner = nix::unistd::geteuid().as_raw();
        let named = std::fs::symlink_metadata(folder)?;
        Ok(named.uid() != owner || std::fs::metadata(folder)?.uid() != owner)
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        Ok(false)
    }
}

/// Starts logging into `folder`; lines are written until the guard is dropped. `None` when the folder cannot be used,
/// which must not prevent backups.
pub fn start(folder: &Path) -> Option<WorkerGuard> {
    create_private_folder(folder).ok()?;
    let files = Builder::new()
        .rotation(Rotation::DAILY)
        .filename_prefix("coffer")
        .filename_suffix("log")
        .max_log_files(KEPT)
        .build(folder)
        .ok()?;
    let (writer, guard) = tracing_appender::non_blocking(files);
    let filter = EnvFilter::try_from_env("COFFER_LOG").unwrap_or_else(|_| {
        EnvFilter::new(
            "warn,coffer_engine=info,coffer_jobs=info,coffer_onedrive=info,coffer_app=info",
        )
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false)
        .try_init()
        .ok()?;
    log_panics();
    Some(guard)
}

/// Logs panics, too: an app without a console shows them nowhere else.
fn log_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let place = panic.location().map(ToString::to_string);
        tracing::error!(
            place = place.unwrap_or_default(),
            "panic: {}",
            text.unwrap_or_default()
        );
        before(panic);
    }));
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};
    use std::path::PathBuf;

    use nix::unistd::geteuid;

    use super::*;

    /// User ID of `nobody`.
    const NOBODY: u32 = 65_534;

    /// Folders of another user. Root can create some; other users have the one that belongs to root.
    fn foreign(top: &Path) -> Vec<PathBuf> {
        if !geteuid().is_root() {
            return vec!["/".into()];
        }
        let (theirs, ours, link) = (top.join("theirs"), top.join("ours"), top.join("link"));
        std::fs::create_dir(&theirs).unwrap();
        std::fs::create_dir(&ours).unwrap();
        symlink(&ours, &link).unwrap();
        lchown(&theirs, Some(NOBODY), None).unwrap();
        lchown(&link, Some(NOBODY), None).unwrap();
        vec![theirs, link]
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused_and_left_as_it_is() {
        let top = tempfile::tempdir().unwrap();
        for folder in foreign(top.path()) {
            let mode = || std::fs::metadata(&folder).unwrap().permissions().mode();
            let before = mode();

            let refused = create_private_folder(&folder).unwrap_err();
            let logging = start(&folder);

            assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
            assert!(logging.is_none());
            assert_eq!(mode(), before, "{}", folder.display());
        }
    }

    #[test]
    fn other_users_cannot_read_our_folder_even_if_it_was_open_before() {
        let top = tempfile::tempdir().unwrap();
        let (new, open) = (top.path().join("new/logs"), top.path().join("open"));
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();

        for folder in [&new, &open] {
            create_private_folder(folder).unwrap();

            let mode = std::fs::metadata(folder).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
        }
    }
}
