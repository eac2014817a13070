use std::path::Path;
use std::process::Command;

use coffer_testkit::fixture;

/// Lets the checker, which shares no code with us, look at an unencrypted destination. Without Python nothing is
/// looked at.
pub(crate) fn assert_clean(folder: &Path) {
    let script = fixture("vectors/check_destination.py");
    let Ok(output) = Command::new("python3").arg(script).arg(folder).output() else {
        return;
    };
    let reported = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{reported}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
