//! Core dumps: a crash must not write passphrases and sign-ins to a disk.
//!
//! Windows writes none by itself: its reports of crashes leave the heap out, where the secrets are, unless an
//! administrator has asked for whole dumps.

/// Lets the system write no memory of this process, and of those that it starts, to a file when they crash. Where that
/// cannot be had it is logged, and keeps nobody from backing up.
pub fn forbid_core_dumps() {
    #[cfg(unix)]
    if let Err(error) = limit() {
        tracing::warn!(%error, "a crash may write a core dump");
    }
}

/// Bytes of a core dump at most. Linux hands dumps to a program whatever the limit says, unless it is just this; a file
/// needs more.
#[cfg(target_os = "linux")]
const MOST: nix::sys::resource::rlim_t = 1;
/// Bytes of a core dump at most.
#[cfg(all(unix, not(target_os = "linux")))]
const MOST: nix::sys::resource::rlim_t = 0;

#[cfg(unix)]
fn limit() -> nix::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    // Nobody may raise what is lower already.
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE)?;
    let most = MOST.min(hard);
    setrlimit(Resource::RLIMIT_CORE, most, most)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use super::*;

    /// Set for the child that crashes.
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
