use coffer_destination::{
    Destination as _, Error, FolderDestination, NoCheckpoints, Silent, UploadFile,
    conformance_tests,
};
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

/// A folder with a volume in it, and the path to which it is moved when its disk is unplugged.
async fn plugged_in() -> (FolderDestination, tempfile::TempDir) {
    let temp = tempfile::tempdir().unwrap();
    std::fs::create_dir(temp.path().join("disk")).unwrap();
    std::fs::write(temp.path().join("new"), "content").unwrap();
    let destination = FolderDestination::new(temp.path().join("disk"));
    put(&destination, &temp, "first").await.unwrap();
    (destination, temp)
}

async fn put(
    destination: &FolderDestination,
    temp: &tempfile::TempDir,
    name: &str,
) -> Result<(), Error> {
    let file = UploadFile::new(temp.path().join("new")).unwrap();
    let cancel = CancellationToken::new();
    destination
        .put(name, &file, &NoCheckpoints, &Silent, &cancel)
        .await
}

#[tokio::test]
async fn nothing_is_written_or_reported_gone_where_a_disk_was() {
    let cancel = CancellationToken::new();
    for leaves_mount_point in [true, false] {
        let (destination, temp) = plugged_in().await;
        let (disk, away) = (temp.path().join("disk"), temp.path().join("away"));
        std::fs::rename(&disk, &away).unwrap();
        if leaves_mount_point {
            std::fs::create_dir(&disk).unwrap();
        }

        let outcomes = [
            put(&destination, &temp, "second").await,
            destination.list(&cancel).await.map(drop),
            destination.delete("first", &cancel).await,
            destination
                .get_range("first", 0..1, &cancel)
                .await
                .map(drop),
        ];

        for outcome in outcomes {
            assert!(
                matches!(outcome, Err(Error::FolderLost { .. })),
                "{outcome:?}"
            );
        }
        if leaves_mount_point {
            // Succeeds only when it is empty.
            std::fs::remove_dir(&disk).unwrap();
        }
        std::fs::rename(&away, &disk).unwrap();
        put(&destination, &temp, "second").await.unwrap();
        assert_eq!(destination.list(&cancel).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_reconnected_share_is_the_same_folder() {
    let (destination, temp) = plugged_in().await;
    let disk = temp.path().join("disk");
    std::fs::rename(&disk, temp.path().join("away")).unwrap();
    std::fs::create_dir(&disk).unwrap();
    std::fs::write(disk.join("first"), "content").unwrap();

    put(&destination, &temp, "second").await.unwrap();
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
