//! Cases that every destination must pass.
//!
//! [`conformance_tests!`](crate::conformance_tests) makes a test of each; the factory gives a fresh destination whose
//! folder does not exist yet, and whatever must live as long as it.

use std::future::Future;

use tokio_util::sync::CancellationToken;

use crate::{Destination, Error, NoCheckpoints, Silent, UploadFile};

/// Declares one `#[tokio::test]` per case. `$factory` is an async function that returns
/// `(impl Destination, impl Sized)`.
#[macro_export]
macro_rules! conformance_tests {
    ($factory:path) => {
        $crate::conformance_tests!($factory,
            folder_is_missing_until_it_is_created,
            what_was_put_comes_back,
            an_empty_file_is_a_file,
            putting_again_replaces,
            what_is_put_as_new_never_replaces,
            missing_files_are_not_found,
            deleted_files_are_gone_from_the_listing,
            ranges_end_where_the_file_ends,
            names_that_leave_the_folder_are_refused,
            a_cancelled_upload_leaves_nothing,
            a_file_that_changed_its_length_is_not_stored,
            many_files_at_the_same_time_arrive,
        );
    };
    ($factory:path, $($case:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::conformance::$case($factory).await;
            }
        )*
    };
}

/// A volume-like name.
const NAME: &str = "duplicati-b0123456789abcdef0123456789abcdef.dblock.zip.aes";

/// One destination under test and the temp folder for local files.
struct Bench<D, G> {
    destination: D,
    folder: tempfile::TempDir,
    cancel: CancellationToken,
    _guard: G,
}

impl<D: Destination, G> Bench<D, G> {
    async fn new<F: Future<Output = (D, G)>>(factory: impl FnOnce() -> F) -> Self {
        let bench = Self::without_folder(factory).await;
        bench
            .destination
            .create_folder(&bench.cancel)
            .await
            .expect("the folder can be created");
        bench
    }

    async fn without_folder<F: Future<Output = (D, G)>>(factory: impl FnOnce() -> F) -> Self {
        let (destination, guard) = factory().await;
        let folder = tempfile::tempdir().expect("a temp folder");
        Self {
            destination,
            folder,
            cancel: CancellationToken::new(),
            _guard: guard,
        }
    }

    fn file(&self, name: &str, data: &[u8]) -> UploadFile {
        let path = self.folder.path().join(name);
        std::fs::write(&path, data).expect("the temp folder can be written");
        UploadFile::new(path).expect("the file was just written")
    }

    /// What is stored must stay when the local file is deleted.
    async fn put(&self, name: &str, data: &[u8]) -> Result<(), Error> {
        let file = self.file("upload", data);
        let stored = self
            .destination
            .put(name, &file, &NoCheckpoints, &Silent, &self.cancel)
            .await;
        std::fs::remove_file(file.path()).expect("the file is not in use");
        stored
    }

    async fn get(&self, name: &str) -> Result<Vec<u8>, Error> {
        let target = self.folder.path().join("download");
        let len = self
            .destination
            .get(name, &target, &Silent, &self.cancel)
            .await?;
        let data = std::fs::read(target).expect("the download was written");
        assert_eq!(len, data.len() as u64);
        Ok(data)
    }

    async fn names(&self) -> Vec<String> {
        let files = self
            .destination
            .list(&self.cancel)
            .await
            .expect("the folder can be listed");
        let mut names: Vec<_> = files.into_iter().map(|file| file.name).collect();
        names.sort();
        names
    }
}

/// Bytes that do not look right by chance after compression or rounding.
fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i % 251) as u8 ^ (i / 65_536) as u8)
        .collect()
}

macro_rules! case {
    ($(#[$doc:meta])* $name:ident, $bench:ident => $body:block) => {
        $(#[$doc])*
        pub async fn $name<D: Destination, G, F: Future<Output = (D, G)>>(
            factory: impl FnOnce() -> F,
        ) {
            let $bench = Bench::new(factory).await;
            $body
        }
    };
}

/// A listing says that the folder is missing, and `create_folder` may be called twice.
pub async fn folder_is_missing_until_it_is_created<D, G, F>(factory: impl FnOnce() -> F)
where
    D: Destination,
    F: Future<Output = (D, G)>,
{
    let bench = Bench::without_folder(factory).await;
    let cancel = &bench.cancel;

    let before = bench.destination.list(cancel).await;
    bench
        .destination
        .create_folder(cancel)
        .await
        .expect("the folder can be created");
    bench
        .destination
        .create_folder(cancel)
        .await
        .expect("creating it again does nothing");

    // A store without folders (memory) cannot lack one.
    assert!(
        matches!(before, Err(Error::FolderMissing { .. })) || bench.destination.label() == "memory"
    );
    assert!(bench.names().await.is_empty());
}

case! {
    /// Content, length and listing agree, also above the size that some stores treat differently.
    what_was_put_comes_back, bench => {
        for len in [1, 327_680, 5 * 1024 * 1024 + 1] {
            let data = pattern(len);
            bench.put(NAME, &data).await.expect("the file can be stored");
            assert!(bench.get(NAME).await.expect("it is there") == data, "{len} bytes differ");
            let files = bench.destination.list(&bench.cancel).await.expect("it can be listed");
            assert_eq!(files.len(), 1);
            assert_eq!((files[0].name.as_str(), files[0].size), (NAME, len as u64));
        }
    }
}

case! {
    /// Empty files are files, too.
    an_empty_file_is_a_file, bench => {
        bench.put(NAME, b"").await.expect("an empty file can be stored");

        assert!(bench.get(NAME).await.expect("it is there").is_empty());
        assert_eq!(bench.names().await, [NAME]);
    }
}

case! {
    /// The second file is the one that stays, also when it is shorter.
    putting_again_replaces, bench => {
        bench.put(NAME, &pattern(5_000_000)).await.expect("stored");
        bench.put(NAME, b"short").await.expect("replaced");

        assert_eq!(bench.get(NAME).await.expect("it is there"), b"short");
        assert_eq!(bench.names().await, [NAME]);
    }
}

case! {
    /// The first of two files of one name stays.
    what_is_put_as_new_never_replaces, bench => {
        for first in [pattern(1000), pattern(5_000_000)] {
            let (first, second) = (bench.file("first", &first), bench.file("second", b"second"));
            let put = |file| {
                bench.destination.put_new(NAME, file, &NoCheckpoints, &Silent, &bench.cancel)
            };

            put(&first).await.expect("nothing has the name");
            let refused = put(&second).await;

            assert!(matches!(refused, Err(Error::AlreadyExists { .. })), "{refused:?}");
            let expected = std::fs::read(first.path()).expect("the temp folder can be read");
            assert!(bench.get(NAME).await.expect("it is there") == expected);
            bench.destination.settle(&bench.cancel).await.expect("it stays");
            bench.destination.delete(NAME, &bench.cancel).await.expect("deleted");
        }
    }
}

case! {
    /// Reading and deleting a missing file reports it.
    missing_files_are_not_found, bench => {
        let got = bench.get(NAME).await;
        let range = bench.destination.get_range(NAME, 0..10, &bench.cancel).await;
        let deleted = bench.destination.delete(NAME, &bench.cancel).await;

        assert!(matches!(got, Err(Error::NotFound { .. })), "{got:?}");
        assert!(matches!(range, Err(Error::NotFound { .. })), "{range:?}");
        assert!(matches!(deleted, Err(Error::NotFound { .. })), "{deleted:?}");
    }
}

case! {
    /// Only the deleted file is removed.
    deleted_files_are_gone_from_the_listing, bench => {
        bench.put(NAME, b"one").await.expect("stored");
        bench.put("duplicati-verification.json", b"two").await.expect("stored");

        bench.destination.delete(NAME, &bench.cancel).await.expect("deleted");

        assert_eq!(bench.names().await, ["duplicati-verification.json"]);
    }
}

case! {
    /// A range in the middle, one across the end, and one past it.
    ranges_end_where_the_file_ends, bench => {
        let data = pattern(10_000);
        bench.put(NAME, &data).await.expect("stored");
        let range = |range| bench.destination.get_range(NAME, range, &bench.cancel);

        assert_eq!(range(100..200).await.expect("inside"), &data[100..200]);
        assert_eq!(range(9_990..10_100).await.expect("across the end"), &data[9_990..]);
        assert_eq!(range(20_000..20_010).await.expect("behind the end"), b"");
    }
}

case! {
    /// No name addresses anything but a file in the folder.
    names_that_leave_the_folder_are_refused, bench => {
        for name in ["", "..", ".", "a/b", "../a", "a\\b", "c:a"] {
            let put = bench.put(name, b"x").await;
            let got = bench.get(name).await;
            assert!(matches!(put, Err(Error::InvalidName { .. })), "{name:?}: {put:?}");
            assert!(matches!(got, Err(Error::InvalidName { .. })), "{name:?}: {got:?}");
        }
        assert!(bench.names().await.is_empty());
    }
}

case! {
    /// Nothing with the name appears.
    a_cancelled_upload_leaves_nothing, bench => {
        let file = bench.file("upload", &pattern(6_000_000));
        let cancel = CancellationToken::new();
        cancel.cancel();

        let put = bench.destination.put(NAME, &file, &NoCheckpoints, &Silent, &cancel).await;

        assert!(matches!(put, Err(Error::Cancelled)), "{put:?}");
        assert!(bench.names().await.is_empty());
    }
}

case! {
    /// A file that grew after its length was read is refused, not stored in part.
    a_file_that_changed_its_length_is_not_stored, bench => {
        let file = bench.file("upload", b"short");
        bench.file("upload", b"longer than before");

        let put = bench.destination.put(NAME, &file, &NoCheckpoints, &Silent, &bench.cancel).await;

        assert!(put.is_err());
        assert!(bench.names().await.is_empty());
    }
}

case! {
    /// Parallel uploads do not interfere with each other.
    many_files_at_the_same_time_arrive, bench => {
        let names: Vec<_> = (0..8).map(|i| format!("duplicati-b{i:032x}.dblock.zip")).collect();
        let files: Vec<_> =
            names.iter().map(|name| bench.file(name, &pattern(name.len() * 1000))).collect();
        let put = |i: usize| {
            bench.destination.put(&names[i], &files[i], &NoCheckpoints, &Silent, &bench.cancel)
        };

        let done = tokio::join!(put(0), put(1), put(2), put(3), put(4), put(5), put(6), put(7));

        for outcome in [done.0, done.1, done.2, done.3, done.4, done.5, done.6, done.7] {
            outcome.expect("each is stored");
        }
        assert_eq!(bench.names().await, names);
    }
}
