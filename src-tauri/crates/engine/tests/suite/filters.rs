//! Which files Duplicati selects: its own answers to 71 sets of options.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use coffer_engine::filter::{Action, Filters};
use coffer_engine::source::{EmptyFolders, Reason, SourceOptions, explain};
use coffer_testkit::fixture;
use coffer_volume::metadata::Attributes;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

fn cases() -> Value {
    let text = fs::read_to_string(fixture("duplicati-2.3/filters.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().unwrap().iter();
    items
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

/// The tree of the cases. Its path has no part that their rules could match.
fn build(tree: &Value) -> TempDir {
    let folder = tempfile::Builder::new()
        .prefix("filters")
        .rand_bytes(2)
        .suffix("-tree")
        .tempdir()
        .unwrap();
    for file in tree["files"].as_array().unwrap() {
        let path = folder.path().join(file["path"].as_str().unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![b'x'; file["size"].as_u64().unwrap() as usize]).unwrap();
    }
    for path in texts(&tree["empty_folders"]) {
        fs::create_dir(folder.path().join(path)).unwrap();
    }
    for (path, target) in tree["symlinks"].as_object().unwrap() {
        symlink(target.as_str().unwrap(), folder.path().join(path)).unwrap();
    }
    for path in texts(&tree["read_only"]) {
        let mode = fs::Permissions::from_mode(0o444);
        fs::set_permissions(folder.path().join(path), mode).unwrap();
    }
    folder
}

/// The options by their names, as the command line reads them.
fn read(options: &[String], source: &str) -> (Filters, SourceOptions) {
    let (mut rules, mut limits) = (Vec::new(), SourceOptions::default());
    for option in options {
        let (name, value) = option.split_once('=').unwrap();
        let rule = value.replace("{source}", source);
        match name {
            "--include" => rules.push((Action::Include, rule)),
            "--exclude" => rules.push((Action::Exclude, rule)),
            "--exclude-files-attributes" => {
                limits.excluded_attributes = Attributes::from_names(value).unwrap();
            }
            "--skip-files-larger-than" => {
                let limit = match value {
                    "1KB" => 1024,
                    "40KB" => 40 * 1024,
                    "50000b" => 50_000,
                    other => panic!("{other}"),
                };
                limits.max_file_size = Some(limit);
            }
            "--ignore-filenames" => {
                limits.ignore_names = value.split(':').map(str::to_owned).collect();
            }
            "--symlink-policy" => limits.symlinks = value.parse().unwrap(),
            "--hardlink-policy" => limits.hardlinks = value.parse().unwrap(),
            "--exclude-empty-folders" => limits.empty_folders = EmptyFolders::LeaveOut,
            other => panic!("{other}"),
        }
    }
    let rules = rules.iter().map(|(action, rule)| (*action, rule.as_str()));
    (Filters::new(rules).unwrap(), limits)
}

fn selected(source: &Path, filters: &Filters, limits: &SourceOptions) -> BTreeSet<String> {
    let start = format!("{}/", source.display());
    let mut paths = BTreeSet::new();
    let (sources, cancel) = (vec![source.to_owned()], CancellationToken::new());
    explain(&sources, filters, limits, &(), &cancel, |decision| {
        if decision.is_stored {
            let path = decision.path.strip_prefix(&start).unwrap();
            let path = if path.is_empty() { "./" } else { path };
            assert!(paths.insert(path.to_owned()), "{path} came twice");
        }
        Ok(())
    })
    .unwrap();
    paths
}

/// Where we do better than the program. With `--exclude-empty-folders` it drops links to folders, which are not
/// empty, and keeps some folders of which the filters left nothing.
fn correct(options: &[String], expected: &mut BTreeSet<String>) {
    if options.contains(&"--exclude-empty-folders=true".to_owned()) {
        expected.insert("dirlink/".to_owned());
        if options.contains(&"--exclude=*.txt".to_owned()) {
            assert!(expected.remove("q?/") && expected.remove("cache/keep/"));
        }
    }
}

#[test]
fn the_same_paths_are_selected_as_by_duplicati() {
    let cases = cases();
    let folder = build(&cases["tree"]);
    let source = folder.path().to_str().unwrap();
    let cases = cases["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 71);
    for case in cases {
        let options = texts(&case["options"]);
        let mut expected: BTreeSet<_> = texts(&case["selected"]).into_iter().collect();
        correct(&options, &mut expected);
        let (filters, limits) = read(&options, source);

        let found = selected(folder.path(), &filters, &limits);

        let missing: Vec<_> = expected.difference(&found).collect();
        let surplus: Vec<_> = found.difference(&expected).collect();
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{options:?}: {missing:?} missing, {surplus:?} too many"
        );
    }
}

#[test]
fn each_path_is_reported_with_the_rule_that_decided() {
    let cases = cases();
    let folder = build(&cases["tree"]);
    let options = [
        "--include=*/two.txt",
        "--exclude=*.txt",
        "--ignore-filenames=.nobackup",
        "--skip-files-larger-than=40KB",
    ]
    .map(str::to_owned);
    let (filters, limits) = read(&options, "");
    let mut reasons = std::collections::BTreeMap::new();
    let (sources, cancel) = (vec![folder.path().to_owned()], CancellationToken::new());
    explain(&sources, &filters, &limits, &(), &cancel, |decision| {
        let path = Path::new(&decision.path).strip_prefix(folder.path());
        let path = path.unwrap().to_str().unwrap().to_owned();
        reasons.insert(path, (decision.is_stored, decision.reason));
        Ok(())
    })
    .unwrap();

    assert_eq!(reasons[""], (true, Reason::Source));
    assert_eq!(reasons["cache/two.txt"], (true, Reason::Rule(0)));
    assert_eq!(reasons["a.txt"], (false, Reason::Rule(1)));
    assert_eq!(reasons["notes.md"], (true, Reason::NoRule));
    assert_eq!(reasons["big.bin"], (false, Reason::TooLarge));
    let marker = Reason::Marker(".nobackup".to_owned());
    assert_eq!(reasons["no-backup"], (false, marker));
    assert!(!reasons.contains_key("no-backup/inside.txt"));
}
