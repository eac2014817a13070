//! Runs that are stopped: nothing is lost, and the next one resumes.

use coffer_onedrive_sim::{ALEX_DRIVE, Action, Fault, Op};
use coffer_testkit::{snapshot, write_files};
use coffer_tests::{Running, assert_same_tree, noise};

use crate::support::{Bench, URL};

/// Bytes of the source.
const TOTAL: u64 = 7_000_000;

/// A backup whose first volumes have arrived, and which waits for ever for one of the others.
fn hanging() -> (Bench, Running) {
    let bench = Bench::new();
    write_files(
        &bench.source(),
        &[("big", &noise(TOTAL as usize, 1)), ("last", b"last")],
    );
    let stall = Action {
        stall_ms: Some(3_600_000),
        ..Action::default()
    };
    // The pairs are uploaded side by side; everything from the fifth file on hangs.
    for nth in 5..20 {
        bench
            .microsoft
            .add_fault(Fault::new(Op::ContentPut, stall.clone()).nth(nth));
    }
    let source = bench.source();
    let running =
        bench
            .computer
            .start(["backup", URL, source.to_str().unwrap(), "--dblock-size=1mb"]);
    while bench.volumes(ALEX_DRIVE).len() < 4 {
        std::thread::yield_now();
    }
    (bench, running)
}

/// The next run sends what is missing, and nothing again.
#[track_caller]
fn resumes(bench: &Bench) {
    bench.microsoft.clear_faults();
    let before = bench.microsoft.files(ALEX_DRIVE, crate::support::FOLDER);
    let arrived: u64 = before.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let seen = bench.microsoft.log().last().unwrap().seq;
    assert!(!before.iter().any(|(name, _)| name.contains(".dlist.")));

    bench.backup(&["--dblock-size=1mb"]).expect(0);

    let after = bench.microsoft.files(ALEX_DRIVE, crate::support::FOLDER);
    assert!(before.iter().all(|file| after.contains(file)));
    let sent: u64 = bench
        .microsoft
        .log_since(seen)
        .iter()
        .map(|entry| entry.bytes)
        .sum();
    assert!(
        sent < TOTAL - arrived + 100_000,
        "{sent} bytes after {arrived}"
    );
    assert_same_tree(
        &bench.restored(0, &[]),
        &snapshot(&bench.source()),
        "afterwards",
    );
    let versions = bench
        .computer
        .coffer(["list", URL, "--json"])
        .expect(0)
        .json();
    assert_eq!(versions.as_array().unwrap().len(), 1);
}

#[test]
fn ctrl_c_and_a_service_manager_stop_a_backup_cleanly_and_the_next_run_resumes() {
    for stop in [Running::interrupt, Running::terminate] {
        let (bench, mut running) = hanging();

        stop(&mut running);

        let run = running.finish().expect(50);
        assert_eq!(run.stdout, "");
        let run = run.reports(&["Stopping", "Stopped.", "next run resumes"]);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        resumes(&bench);
    }
}

#[test]
fn a_power_cut_costs_no_version_and_the_next_run_resumes() {
    let (bench, running) = hanging();

    running.kill();

    resumes(&bench);
}

#[test]
fn ctrl_c_while_connecting_or_restoring_is_a_stop_and_no_failure() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("big", &noise(3_000_000, 1))]);
    bench.backup(&[]).expect(0);
    let target = bench.computer.path("restored");
    let path = format!("--restore-path={}", target.display());
    let source = bench.source();
    let stall = Action {
        stall_ms: Some(3_600_000),
        ..Action::default()
    };
    for (op, arguments) in [
        (
            Op::Children,
            vec!["backup", URL, source.to_str().unwrap(), "--json"],
        ),
        (Op::Download, vec!["restore", URL, &path, "--json"]),
    ] {
        bench.microsoft.clear_faults();
        bench
            .microsoft
            .add_fault(Fault::new(op, stall.clone()).times(0));
        let mut running = bench.computer.start(arguments);
        running.wait_for("Connecting").interrupt();

        let run = running.finish().expect(50);

        assert_eq!(run.json()["result"], "stopped");
    }
    // Files appear whole or not at all.
    assert!(!target.join("big").exists());
}

#[test]
fn a_wait_that_onedrive_asked_for_is_reported_and_holds_for_the_next_run() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("small", b"small")]);
    bench.backup(&[]).expect(0);
    bench
        .microsoft
        .add_fault(Fault::new(Op::Drive, Action::throttle(429, 3000)));
    let refused = ["list", URL, "--number-of-retries=0"];
    bench.computer.coffer(refused).expect(100);
    let seen = bench.microsoft.log().last().unwrap().seq;

    let mut running = bench.computer.start(["list", URL]);
    running
        .wait_for("OneDrive is limiting requests")
        .interrupt();

    running.finish().expect(50);
    let asked = bench.microsoft.log_since(seen);
    assert!(asked.iter().all(|entry| entry.op == Op::RefreshAuthid));
}
