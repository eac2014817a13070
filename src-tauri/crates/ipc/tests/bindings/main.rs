//! The committed TypeScript matches the Rust types.

mod client;
mod shapes;

use std::collections::BTreeMap;
use std::path::Path;

use ts_rs::Config;

/// Fails when commands, events or types changed and the TypeScript was not committed with them.
///
/// With `COFFER_UPDATE_BINDINGS`, it writes the TypeScript instead.
#[test]
fn bindings_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../ui/src/bindings");
    let expected = expected();
    if std::env::var_os("COFFER_UPDATE_BINDINGS").is_some() {
        update(&folder, &expected);
    }

    let committed = committed(&folder);

    let names = expected.keys().chain(committed.keys());
    let mut stale: Vec<_> = names
        .filter(|name| expected.get(*name) != committed.get(*name))
        .collect();
    stale.dedup();
    assert!(
        stale.is_empty(),
        "run `COFFER_UPDATE_BINDINGS=1 cargo test -p coffer-ipc` and commit ui/src/bindings: {stale:?}"
    );
}

/// All files, by their names.
fn expected() -> BTreeMap<String, String> {
    let config = Config::from_env();
    let commands = client::commands(&config);
    let mut files = shapes::of_commands_and_events(&config);
    files.insert("commands.ts".to_owned(), client::source(&commands));
    files
}

fn committed(folder: &Path) -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder).expect("the bindings folder can be read");
    files
        .map(|file| {
            let file = file.expect("the bindings folder can be read");
            let name = file.file_name().into_string().expect("a name is Unicode");
            let text = std::fs::read_to_string(file.path()).expect("the file can be read");
            (name, text)
        })
        .collect()
}

fn update(folder: &Path, expected: &BTreeMap<String, String>) {
    for name in committed(folder).keys() {
        if !expected.contains_key(name) {
            std::fs::remove_file(folder.join(name)).expect("the file can be removed");
        }
    }
    for (name, text) in expected {
        std::fs::write(folder.join(name), text).expect("the file can be written");
    }
}
