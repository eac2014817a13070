//! No secret stays anywhere but where it belongs.

use std::fs;

use coffer_onedrive_sim::{Action, Fault, Op};
use coffer_testkit::write_files;
use coffer_tests::secrets::{Finding, Search};
use coffer_tests::{Computer, Finished, noise, write_source};

use crate::support::{Bench, URL};

const PASSPHRASE: &str = "canary/pass+phrase \u{2602} & 100% %2F";

fn in_output(search: &Search, run: &Finished) -> Vec<Finding> {
    [
        search.in_bytes("standard output", run.stdout.as_bytes()),
        search.in_bytes("standard error", run.stderr.as_bytes()),
    ]
    .concat()
}

fn in_folders(search: &Search, computer: &Computer) -> Vec<Finding> {
    let folders = computer.own_folders();
    folders
        .iter()
        .flat_map(|folder| search.in_folder(folder))
        .collect()
}

#[test]
fn secrets_from_the_environment_are_in_no_file_no_output_and_no_command_line() {
    let mut bench = Bench::new();
    write_source(&bench.source());
    write_files(&bench.source(), &[("film.mp4", &noise(5_000_000, 9))]);
    let auth_id = bench.microsoft.seed_auth_id("alex");
    bench
        .computer
        .set("COFFER_AUTHID", &auth_id)
        .set("PASSPHRASE", PASSPHRASE);
    let mut own = Search::new();
    own.add("the AuthID", &auth_id)
        .add("the passphrase", PASSPHRASE);
    let source = bench.source();
    let source = source.to_str().unwrap();
    let mut outputs = Vec::new();
    let mut findings = Vec::new();

    // While it works: it hangs in the middle of an upload, then the power fails.
    let stall = Action {
        stall_ms: Some(3_600_000),
        ..Action::default()
    };
    let fault = bench.microsoft.add_fault(Fault::new(Op::Fragment, stall));
    let mut running = bench
        .computer
        .start(["backup", URL, source, "--dblock-size=20mb"]);
    running.wait_for("Looking for changes");
    while bench.microsoft.open_uploads() == 0 {
        std::thread::yield_now();
    }
    #[cfg(target_os = "linux")]
    findings.extend(own.in_command_lines(running.id()));
    findings.extend(in_folders(&own, &bench.computer));
    running.kill();
    assert!(!fault.is_empty());
    bench.microsoft.clear_faults();

    // What works, what fails, and what talks much.
    bench
        .computer
        .set("RUST_LOG", "trace")
        .set("RUST_BACKTRACE", "1");
    outputs.push(bench.backup(&[]).expect(0));
    outputs.push(bench.backup(&[]).expect(1));
    let target = format!(
        "--restore-path={}",
        bench.computer.path("home/restored").display()
    );
    outputs.push(bench.computer.coffer(["restore", URL, &target]).expect(0));
    outputs.push(
        bench
            .computer
            .coffer(["list", URL, "--version=0", "--json"])
            .expect(0),
    );
    outputs.push(bench.computer.coffer(["test-connection", URL]).expect(0));
    let inside = format!("{URL}?authid={}", auth_id.replace(':', "%3a"));
    outputs.push(
        bench
            .computer
            .coffer(["test-connection", &inside, "--drive-id=nowhere"])
            .expect(100),
    );
    let bad = format!("onedrivev2://a..b/../x?authid={auth_id}");
    outputs.push(bench.computer.coffer(["backup", &bad, source]).expect(100));
    outputs.push(bench.computer.coffer(["auth", "login"]).expect(100));
    outputs.push(bench.backup(&["--blocksize=5kb"]).expect(100));
    bench.microsoft.revoke("alex");
    outputs.push(bench.backup(&[]).expect(100));

    // Tokens and upload addresses are known only now.
    let mut search = own;
    let given = bench.microsoft.secrets();
    for name in [
        "an access token",
        "a refresh token",
        "an AuthID",
        "an upload address",
    ] {
        assert!(
            given.iter().any(|(given, _)| given == name),
            "{name} was never given out"
        );
    }
    for (name, secret) in &given {
        search.add(name, secret);
    }
    findings.extend(in_folders(&search, &bench.computer));
    findings.extend(outputs.iter().flat_map(|run| in_output(&search, run)));
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{findings:#?}");

    // The same search finds what is put there on purpose.
    let (_, token) = given
        .iter()
        .find(|(name, _)| name == "an access token")
        .unwrap();
    fs::write(bench.computer.path("cache/note"), format!("Bearer {token}")).unwrap();
    let planted = in_folders(&search, &bench.computer);
    assert_eq!(planted.len(), 1, "{planted:?}");
    assert!(planted[0].place.ends_with("note") && planted[0].secret == "an access token");
}

/// The command line is open to everybody on the computer; who puts a secret there is found by the search.
#[cfg(target_os = "linux")]
#[test]
fn a_secret_on_the_command_line_is_found_there() {
    let bench = Bench::new();
    write_files(&bench.source(), &[("a", b"a")]);
    let mut search = Search::new();
    search.add("the passphrase", PASSPHRASE);
    let stall = Action {
        stall_ms: Some(3_600_000),
        ..Action::default()
    };
    bench.microsoft.add_fault(Fault::new(Op::Children, stall));
    let source = bench.source();
    let mut running = bench.computer.start([
        "backup",
        URL,
        source.to_str().unwrap(),
        "--passphrase",
        PASSPHRASE,
    ]);
    running.wait_for("Connecting");

    let findings = search.in_command_lines(running.id());

    assert_eq!(findings.len(), 1, "{findings:?}");
}
