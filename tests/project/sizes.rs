//! A file fits a head, a function a screen.

use std::fs;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned as _;
use syn::visit::Visit;
use syn::{Block, FnArg, ImplItemFn, ItemFn, ItemMod, Signature};

use crate::imports::{crates, files_below, is_for_tests};
use crate::links::FOREIGN;

/// Lines of a file at most.
const MAX_FILE: usize = 600;
/// Lines of a function at most, unless it is a table.
const MAX_FUNCTION: usize = 60;
/// Parameters of a function at most, besides `self`.
const MAX_PARAMETERS: usize = 6;

/// Functions that are one `match`, a line or two for each case.
const TABLES: [&str; 4] = [
    "jobs/src/wording/destination.rs: destination_words",
    "jobs/src/wording.rs: onedrive",
    "jobs/src/wording/engine.rs: engine",
    "jobs/src/wording/problems.rs: text",
];

/// Everything that an index volume holds is given at once.
const WIDE: [&str; 1] = ["volume/src/dindex.rs: write"];

/// Folders with everything that people write.
const WRITTEN: [&str; 3] = ["src-tauri", "tests", "ui/src"];
/// Endings of files with code.
const CODE: [&str; 6] = ["cjs", "css", "py", "rs", "svelte", "ts"];

#[test]
fn files_stay_small() {
    let project = project();
    let mut files = Vec::new();
    for folder in WRITTEN {
        add_code_below(&project.join(folder), &mut files);
    }
    assert!(files.len() > 500, "{}", files.len());

    let long = files.iter().filter_map(|file| {
        let lines = fs::read_to_string(file).unwrap().lines().count();
        (lines > MAX_FILE).then(|| format!("{} has {lines} lines", file.display()))
    });
    let long: Vec<_> = long.collect();

    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn functions_stay_small() {
    let crates = crates();
    let folders = crates
        .iter()
        .flat_map(|path| [path.join("src"), path.join("examples")]);

    let found = folders.filter(|folder| folder.is_dir());
    let found: Vec<_> = found.flat_map(|folder| large_functions(&folder)).collect();

    assert!(found.is_empty(), "{found:#?}");
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn add_code_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_foreign = FOREIGN.iter().any(|foreign| path.ends_with(foreign));
        if path.is_dir() && !is_foreign {
            add_code_below(&path, found);
        } else if is_code(&path) {
            found.push(path);
        }
    }
}

fn is_code(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| CODE.iter().any(|code| end == *code))
}

/// Functions in a folder of sources that are too long or take too much, a line each.
fn large_functions(folder: &Path) -> Vec<String> {
    let top = project().join("src-tauri/crates");
    let name = folder.strip_prefix(top).unwrap_or(Path::new("src"));
    let mut found = Vec::new();
    for path in files_below(folder) {
        let text = fs::read_to_string(folder.join(&path)).unwrap();
        let file = name.join(path).display().to_string().replace('\\', "/");
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
