//! What options of the destination make it do.

use coffer_onedrive_sim::ROBIN_DRIVE;
use coffer_testkit::write_files;
use coffer_tests::{Computer, Microsoft};

use crate::support::{FOLDER, PASSPHRASE, URL};

#[test]
fn deleted_volumes_skip_the_recycle_bin_only_when_asked() {
    let microsoft = Microsoft::start();
    let mut computer = Computer::new();
    computer
        .connect(&microsoft, "robin")
        .set("PASSPHRASE", PASSPHRASE);
    let source = computer.path("source");
    let run = |content: &[u8], option: &str| {
        write_files(&source, &[("a", content)]);
        let source = source.to_str().unwrap();
        let output = computer
            .coffer(["backup", URL, source, "--keep-versions=1", option])
            .expect(0);
        let log = microsoft.log();
        let deleted = log
            .iter()
            .filter(|entry| entry.path.ends_with("permanentDelete") && entry.status == 204)
            .count();
        (deleted, output)
    };

    run(b"first", "--permanent-delete");
    let (deleted, output) = run(b"second", "--permanent-delete=false");
    assert_eq!(deleted, 0, "{output:?}");
    let (deleted, output) = run(b"third", "--permanent-delete");
    assert!(deleted > 0, "{output:?}");
    let volumes = microsoft.files(ROBIN_DRIVE, FOLDER);
    let lists = volumes.iter().filter(|(name, _)| name.contains(".dlist."));
    assert_eq!(lists.count(), 1);
}
