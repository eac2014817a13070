//! A file fits a head, a function a screen.

use std::fs;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned as _;
use syn::visit::Visit;
use syn::{Block, FnArg, ImplItemFn, ItemFn, ItemMod, Signature};

use crate::imports::{files_below, is_for_tests};

/// Lines of a file at most.
const MAX_FILE: usize = 600;
/// Lines of a function at most, unless it is a table.
const MAX_FUNCTION: usize = 60;
/// Parameters of a function at most, besides `self`.
const MAX_PARAMETERS: usize = 6;

/// Crates that are the product, or play its other side.
const CRATES: [&str; 10] = [
    "cli",
    "database",
    "destination",
    "engine",
    "ipc",
    "jobs",
    "onedrive",
    "onedrive-sim",
    "testkit",
    "volume",
];

/// Functions that are one `match`, a line or two for each case.
const TABLES: [&str; 4] = [
    "jobs/src/wording/destination.rs: destination_words",
    "jobs/src/wording.rs: onedrive",
    "jobs/src/wording/engine.rs: engine",
    "jobs/src/wording/problems.rs: text",
];

/// Everything that an index volume holds is given at once.
const WIDE: [&str; 1] = ["volume/src/dindex.rs: write"];

#[test]
fn files_and_functions_stay_small() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let crates = project.join("src-tauri/crates");
    let mut found = too_large(&project.join("src-tauri"), "src");
    for name in CRATES {
        found.extend(too_large(&crates, &format!("{name}/src")));
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// What is too large in a folder of sources, a line each.
fn too_large(root: &Path, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for path in files_below(&root.join(folder)) {
        let file = PathBuf::from(folder).join(path);
        let text = fs::read_to_string(root.join(&file)).unwrap();
        let file = file.display().to_string().replace('\\', "/");
        let lines = text.lines().count();
        if lines > MAX_FILE {
            found.push(format!("{file} has {lines} lines"));
        }
        let mut functions = Functions {
            file,
            found: &mut found,
        };
        functions.visit_file(&syn::parse_file(&text).unwrap());
    }
    found
}

struct Functions<'f> {
    file: String,
    found: &'f mut Vec<String>,
}

impl Functions<'_> {
    fn look_at(&mut self, signature: &Signature, block: &Block) {
        let name = format!("{}: {}", self.file, signature.ident);
        let inputs = signature.inputs.iter();
        let parameters = inputs.filter(|input| matches!(input, FnArg::Typed(_)));
        let parameters = parameters.count();
        if parameters > MAX_PARAMETERS && !WIDE.contains(&name.as_str()) {
            self.found
                .push(format!("{name} has {parameters} parameters"));
        }
        let lines = block.span().end().line + 1 - signature.span().start().line;
        if lines > MAX_FUNCTION && !TABLES.contains(&name.as_str()) {
            self.found.push(format!("{name} has {lines} lines"));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_for_tests(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.look_at(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.look_at(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }
}
