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
