//! Core dumps: a crash must not write passphrases and sign-ins to a disk.
//!
//! Windows does not write them by default: its crash reports leave out the heap, where the secrets are, unless an
//! administrator has configured full dumps.

/// Prevents the system from writing memory of this process and its children to a file when they crash. A failure is
/// logged and does not prevent backups.
pub fn forbid_core_dumps() {
    #[cfg(unix)]
    if let Err(error) = limit() {
        tracing::warn!(%error, "a crash may write a core dump");
    }
}

/// Maximum size of a core dump in bytes. Linux pipes dumps to a program regardless of the limit, unless it is exactly
/// this; a file needs more.
#[cfg(target_os = "linux")]
const MOST: nix::sys::resource::rlim_t = 1;
/// Maximum size of a core dump in bytes.
#[cfg(all(unix, not(target_os = "linux")))]
const MOST: nix::sys::resource::rlim_t = 0;

#[cfg(unix)]
fn limit() -> nix::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    // A hard limit cannot be raised.
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE)?;
    let most = MOST.min(hard);
    setrlimit(Resource::RLIMIT_CORE, most, most)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use super::*;

    /// Environment variable of the child that crashes.
    const CRASH: &str = "COFFER_TEST_CRASH";

    #[test]
    fn a_crash_leaves_no_core_dump() {
        if std::env::var_os(CRASH).is_some() {
            forbid_core_dumps();
            std::process::abort();
        }
        let folder = tempfile::tempdir().unwrap();
        let test = "core_dumps::tests::a_crash_leaves_no_core_dump";
        let this = std::env::current_exe().unwrap();

        let crashed = Command::new("sh")
            .args(["-c", "ulimit -S -c $(ulimit -H -c); exec \"$@\"", "sh"])
            .arg(this)
            .args(["--exact", test])
            .env(CRASH, "1")
            .current_dir(folder.path())
            .output()
            .unwrap();

        assert!(crashed.status.signal().is_some(), "{crashed:?}");
        assert!(!crashed.status.core_dumped());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
