//! rclone, a third-party client, works against the simulator unchanged.
//!
//! Needs rclone 1.75 or later; the variable `COFFER_RCLONE` names the program.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use coffer_onedrive_sim::{
    ALEX_DRIVE, Action, DropPoint, Fault, Op, Options, ROBIN_DRIVE, SHARED_DRIVE, Simulator,
    TEAM_DRIVE, UploadAuth,
};

/// Bytes of a file that takes several fragments.
const BIG: usize = 12 * 1024 * 1024 + 7;

/// rclone with its own configuration and a folder to copy.
struct Rclone {
    sim: Simulator,
    folder: tempfile::TempDir,
}

impl Rclone {
    async fn start(account: &str, drive: &str, kind: &str) -> Self {
        // rclone still sends its token with the status request of an upload session.
        let options = Options {
            upload_auth: UploadAuth::Lenient,
            ..Options::default()
        };
        let sim = Simulator::start(options)
            .await
            .expect("the simulator should start");
        let folder = tempfile::tempdir().expect("a folder");
        let scope = "Files.Read Files.ReadWrite Files.Read.All Files.ReadWrite.All offline_access";
        let refresh = sim.seed_refresh_token(account, scope);
        let api = sim.api_url();
        let config = format!(
            "[sim]\ntype = onedrive\nregion = global\ntenant_url = {api}/_api\n\
             auth_url = {api}/common/oauth2/v2.0/authorize\n\
             token_url = {api}/common/oauth2/v2.0/token\nclient_id = sim-client\n\
             drive_id = {drive}\ndrive_type = {kind}\n\
             token = {{\"access_token\":\"expired\",\"token_type\":\"Bearer\",\
             \"refresh_token\":\"{refresh}\",\"expiry\":\"2020-01-01T00:00:00Z\"}}\n"
        );
        std::fs::write(folder.path().join("rclone.conf"), config).expect("a configuration");
        let up = folder.path().join("up/My folder");
        std::fs::create_dir_all(&up).expect("a folder");
        let big: Vec<u8> = (0..BIG as u32).map(|i| (i % 251) as u8).collect();
        std::fs::write(up.join("big.bin"), big).expect("a file");
        std::fs::write(up.join("small file #1.txt"), "small").expect("a file");
        std::fs::write(up.join("empty"), "").expect("a file");
        Self { sim, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs rclone and returns what it printed.
    async fn run(&self, arguments: &[&str]) -> String {
        let mut command = tokio::process::Command::new(program());
        command
            .arg("--config")
            .arg(self.path("rclone.conf"))
            .args([
                "--onedrive-chunk-size",
                "5M",
                "--retries",
                "1",
                "--low-level-retries",
                "10",
            ])
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = command.output().await.expect("rclone should start");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rclone {arguments:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    async fn round_trip(&self) {
        let (up, down) = (self.path("up"), self.path("down"));
        let (up, down) = (text(&up), text(&down));
        self.run(&["copy", up, "sim:backup"]).await;
        self.run(&["check", up, "sim:backup"]).await;
        self.run(&["copy", "sim:backup", down]).await;
        self.run(&["check", up, down]).await;
    }
}

fn program() -> PathBuf {
    let program = std::env::var_os("COFFER_RCLONE");
    program
        .map(PathBuf::from)
        .expect("COFFER_RCLONE should hold the path of an rclone program")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of plain characters")
}

#[tokio::test]
async fn files_make_the_round_trip_on_every_kind_of_drive() {
    for (account, drive, kind) in [
        ("alex", ALEX_DRIVE, "personal"),
        ("robin", ROBIN_DRIVE, "business"),
        ("robin", TEAM_DRIVE, "documentLibrary"),
        ("alex", SHARED_DRIVE, "business"),
    ] {
        let rclone = Rclone::start(account, drive, kind).await;

        rclone.round_trip().await;

        let names: Vec<String> = rclone
            .sim
            .tree(drive)
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        assert!(
            names.contains(&"/backup/My folder/small file #1.txt".to_owned()),
            "{names:?}"
        );
        assert_eq!(rclone.sim.open_uploads(), 0);
    }
}

#[tokio::test]
async fn listing_moving_and_deleting_agree_with_the_drive() {
    let rclone = Rclone::start("robin", ROBIN_DRIVE, "business").await;
    rclone.round_trip().await;

    let listed = rclone
        .run(&["lsf", "-R", "--files-only", "sim:backup"])
        .await;
    assert_eq!(listed.lines().count(), 3);
    rclone
        .run(&["moveto", "sim:backup/My folder/empty", "sim:backup/moved"])
        .await;
    assert_eq!(
        rclone.sim.file_bytes(ROBIN_DRIVE, "/backup/moved"),
        Some(Vec::new())
    );
    rclone.run(&["about", "sim:"]).await;
    rclone.run(&["purge", "sim:backup"]).await;
    assert!(rclone.sim.tree(ROBIN_DRIVE).is_empty());
}

#[tokio::test]
async fn rclone_recovers_from_what_the_service_does_to_uploads() {
    let faults = [
        Action::throttle(429, 1),
        Action {
            body: Some(coffer_onedrive_sim::BodyShape::Html),
            ..Action::status(503)
        },
        Action {
            store_then_status: Some(500),
            ..Action::default()
        },
        Action {
            store_half_then_status: Some(503),
            ..Action::default()
        },
        Action {
            at: Some(100_000),
            ..Action::drop_at(DropPoint::MidBody)
        },
    ];
    for action in faults {
        let rclone = Rclone::start("robin", ROBIN_DRIVE, "business").await;
        let name = format!("{action:?}");
        // The fragment in the middle: rclone gives a file up when its last one was stored and denied.
        let mut fault = Fault::new(Op::Fragment, action);
        fault.matching.after_bytes = 1;
        rclone.sim.add_fault(fault);

        rclone.round_trip().await;

        let struck = rclone
            .sim
            .log()
            .iter()
            .filter(|entry| entry.faulted)
            .count();
        assert_eq!(struck, 1, "{name}");
    }
}
