//! rclone, an independent client, sees what Coffer uploaded to OneDrive.

use std::fs;
use std::process::Command;

use coffer_onedrive_sim::ROBIN_DRIVE;
use coffer_testkit::write_files;
use coffer_tests::{Computer, Microsoft, noise, tools, volumes, write_source};

#[test]
fn rclone_lists_checks_and_downloads_what_was_uploaded() {
    let microsoft = Microsoft::start();
    let mut computer = Computer::new();
    computer
        .connect(&microsoft, "robin")
        .set("PASSPHRASE", "correct horse battery");
    let source = computer.path("source");
    write_source(&source);
    // Volumes of several fragments, and small ones.
    write_files(&source, &[("film.mp4", &noise(6_000_000, 9))]);
    let source = source.to_str().unwrap();
    let backup = [
        "backup",
        "onedrivev2://Backups/My PC",
        source,
        "--dblock-size=6mb",
    ];
    computer.coffer(backup).expect(0);
    let uploaded = computer.path("uploaded");
    microsoft.copy_files(ROBIN_DRIVE, "/Backups/My PC", &uploaded);
    let names = volumes(&uploaded);
    assert!(names.len() >= 5, "{names:?}");

    let scope = "Files.Read Files.ReadWrite Files.Read.All Files.ReadWrite.All offline_access";
    let (api, refresh) = (
        microsoft.api_url(),
        microsoft.seed_refresh_token("robin", scope),
    );
    let config = format!(
        "[sim]\ntype = onedrive\nregion = global\ntenant_url = {api}/_api\n\
         auth_url = {api}/common/oauth2/v2.0/authorize\ntoken_url = {api}/common/oauth2/v2.0/token\n\
         client_id = sim-client\ndrive_id = {ROBIN_DRIVE}\ndrive_type = business\n\
         token = {{\"access_token\":\"expired\",\"token_type\":\"Bearer\",\"refresh_token\":\"{refresh}\",\
         \"expiry\":\"2020-01-01T00:00:00Z\"}}\n"
    );
    fs::write(computer.path("rclone.conf"), config).unwrap();
    let rclone = |arguments: &[&str]| {
        let mut command = Command::new(tools::rclone());
        computer.prepare(&mut command);
        command
            .arg("--config")
            .arg(computer.path("rclone.conf"))
            .args(["--retries", "1"])
            .args(arguments);
        let output = command.output().expect("rclone starts");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "rclone {arguments:?}: {errors}");
        (String::from_utf8(output.stdout).unwrap(), errors)
    };
    let remote = "sim:Backups/My PC";
    let (here, downloaded) = (uploaded.to_str().unwrap(), computer.path("downloaded"));

    let (listed, _) = rclone(&["lsf", remote]);
    let (_, checked) = rclone(&["check", here, remote]);
    rclone(&["check", "--download", here, remote]);
    rclone(&["copy", remote, downloaded.to_str().unwrap()]);

    let mut listed: Vec<&str> = listed.lines().collect();
    listed.sort_unstable();
    assert_eq!(listed, names);
    assert!(
        checked.contains(&format!("{} matching files", names.len())),
        "{checked}"
    );
    assert_eq!(volumes(&downloaded), names);
    for name in names {
        let same =
            fs::read(downloaded.join(&name)).unwrap() == fs::read(uploaded.join(&name)).unwrap();
        assert!(same, "{name}");
    }
    // What came through rclone is a backup like any other.
    let url = format!("file://{}", downloaded.display());
    let target = format!("--restore-path={}", computer.path("restored").display());
    computer.coffer(["restore", &url, &target]).expect(0);
}
