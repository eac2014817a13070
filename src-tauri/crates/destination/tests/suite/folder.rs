use coffer_destination::{Destination as _, Error, FolderDestination, conformance_tests};
use tokio_util::sync::CancellationToken;

async fn fresh() -> (FolderDestination, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (FolderDestination::new(folder.path().join("a/b")), folder)
}

conformance_tests!(fresh);

#[tokio::test]
async fn a_file_in_the_folders_place_is_named() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("taken");
    std::fs::write(&path, "").unwrap();
    let destination = FolderDestination::new(&path);

    let outcome = destination.create_folder(&CancellationToken::new()).await;

    assert!(matches!(&outcome, Err(Error::Refused { name, .. }) if name.ends_with("taken")));
}

#[tokio::test]
async fn a_folder_is_made_within_what_is_there_and_not_in_the_place_of_a_disk_that_went() {
    let root = tempfile::tempdir().unwrap();
    let disk = root.path().join("disk");
    let cancel = CancellationToken::new();
    let destination = FolderDestination::new(disk.join("a/b")).within(&disk);

    let away = destination.create_folder(&cancel).await;

    assert!(matches!(away, Err(Error::FolderMissing { .. })), "{away:?}");
    assert!(!disk.exists());
    std::fs::create_dir(&disk).unwrap();
    destination.create_folder(&cancel).await.unwrap();
    destination.create_folder(&cancel).await.unwrap();
    assert!(disk.join("a/b").is_dir());
}
