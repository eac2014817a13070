use super::super::roots;
use super::super::rules::HardlinkPolicy;
use super::*;

fn tree(paths: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in paths {
        let file = folder.path().join("r").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "x").unwrap();
    }
    folder
}

fn stored(folder: &tempfile::TempDir, options: &SourceOptions) -> Vec<String> {
    let root = folder.path().join("r");
    let start = format!("{}/", root.display());
    let (roots, _) = roots(&[root]);
    Walk::new(roots, &Filters::default(), options)
        .map(|item| match item {
            WalkItem::Entry(found) | WalkItem::DeadLink(found) => {
                found.stored.replacen(&start, "", 1)
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

#[cfg(unix)]
#[test]
fn a_source_that_goes_away_while_it_is_walked_is_noticed() {
    let folder = tree(&["a", "b/c"]);
    let disk = folder.path().join("disk");
    let source = folder.path().join("r");
    fs::rename(&source, &disk).unwrap();
    std::os::unix::fs::symlink(&disk, &source).unwrap();
    let (roots, _) = roots(std::slice::from_ref(&source));
    let (filters, options) = (Filters::default(), SourceOptions::default());
    let mut walk = Walk::new(roots, &filters, &options);
    assert!(walk.next().is_some());
    assert_eq!(walk.left_meanwhile(), None);

    fs::remove_file(&source).unwrap();
    fs::create_dir(&source).unwrap();

    walk.by_ref().for_each(drop);
    assert_eq!(walk.left_meanwhile(), Some(&*source));
}

#[test]
fn a_source_that_was_away_for_a_moment_is_noticed_too() {
    let folder = tree(&["a", "b", "c"]);
    let (source, away) = (folder.path().join("r"), folder.path().join("away"));
    let (roots, _) = roots(std::slice::from_ref(&source));
    let (filters, options) = (Filters::default(), SourceOptions::default());
    let mut walk = Walk::new(roots, &filters, &options);
    assert!(walk.next().is_some());

    fs::rename(&source, &away).unwrap();
    walk.by_ref().for_each(drop);
    fs::rename(&away, &source).unwrap();

    assert_eq!(walk.left_meanwhile(), Some(&*source));
}

#[test]
fn entries_come_in_the_order_of_their_stored_paths() {
    let folder = tree(&["a/x", "a/z/deep", "a.txt", "a b", "ab", "é"]);
    std::os::unix::fs::symlink("a", folder.path().join("r/link")).unwrap();

    let paths = stored(&folder, &SourceOptions::default());

    assert!(paths.is_sorted());
    assert_eq!(paths.len(), 10);
    assert!(paths.contains(&"link/".to_owned()));
}

#[test]
fn links_that_lead_back_are_not_followed_for_ever() {
    let folder = tree(&["a/x", "b/y"]);
    let link = |target, name| {
        std::os::unix::fs::symlink(target, folder.path().join("r").join(name)).unwrap();
    };
    link("../b", "a/to b");
    link("../a", "b/to a");
    link("..", "a/up");
    link("nowhere", "dangling");
    let options = SourceOptions {
        symlinks: SymlinkPolicy::Follow,
        ..SourceOptions::default()
    };

    let paths = stored(&folder, &options);

    let expected = [
        "", "a/", "a/to b/", "a/to b/y", "a/x", "b/", "b/to a/", "b/to a/x", "b/y", "dangling",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn files_with_several_names_are_stored_as_the_policy_says() {
    let folder = tree(&["a/one", "b/other"]);
    fs::hard_link(folder.path().join("r/a/one"), folder.path().join("r/b/two")).unwrap();
    let with = |hardlinks| {
        let options = SourceOptions {
            hardlinks,
            ..SourceOptions::default()
        };
        stored(&folder, &options)
    };

    assert_eq!(
        with(HardlinkPolicy::All),
        ["", "a/", "a/one", "b/", "b/other", "b/two"]
    );
    assert_eq!(
        with(HardlinkPolicy::First),
        ["", "a/", "a/one", "b/", "b/other"]
    );
    // Duplicati leaves out all folders, too.
    assert_eq!(with(HardlinkPolicy::None), ["", "a/", "b/", "b/other"]);
}

#[test]
fn folders_are_empty_when_nothing_in_them_is_stored() {
    let folder = tree(&["a/deep/CACHEDIR.TAG", "b/deep/er/file", "c"]);
    fs::create_dir_all(folder.path().join("r/d/e")).unwrap();
    let options = SourceOptions {
        empty_folders: EmptyFolders::LeaveOut,
        ..SourceOptions::default()
    };

    let paths = stored(&folder, &options);

    assert_eq!(
        paths,
        ["", "b/", "b/deep/", "b/deep/er/", "b/deep/er/file", "c"]
    );
}
