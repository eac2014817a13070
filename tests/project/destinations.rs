//! The kinds of destinations are distinguished in one file, so that a new kind is added in one file.

use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use syn::{ItemMod, Macro, PatStruct, PatTupleStruct};

use crate::imports::{files_below, is_for_tests};

/// The file that may distinguish them.
const PLACE: &str = "crates/jobs/src/destinations.rs";
/// The enum whose variants are the kinds.
const KINDS: &str = "DestinationSettings";

#[test]
fn one_file_distinguishes_the_kinds_of_destinations() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src-tauri");
    let mut sources = vec![PathBuf::from("src")];
    for name in ["cli", "ipc", "jobs"] {
        sources.push(Path::new("crates").join(name).join("src"));
    }
    let mut found = Vec::new();
    for folder in sources {
        for file in files_below(&root.join(&folder)) {
            let file = folder.join(file);
            let text = fs::read_to_string(root.join(&file)).unwrap();
            let times = distinctions(&text);
            let file = file.display().to_string().replace('\\', "/");
            found.extend((times > 0).then_some((file, times)));
        }
    }

    let files: Vec<_> = found.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(files, [PLACE], "{found:?}");
}

#[test]
fn a_distinction_is_found_in_every_form_and_making_one_is_none() {
    for (code, expected) in [
        (
            "match it { DestinationSettings::Folder { path } => {} _ => {} }",
            1,
        ),
        (
            "let job::DestinationSettings::OneDrive { .. } = it else { return };",
            1,
        ),
        (
            "let is = matches!(it, DestinationSettings::Folder { .. });",
            1,
        ),
        ("let folder = DestinationSettings::Folder { path };", 0),
        ("let known: DestinationSettings = it;", 0),
    ] {
        let text = format!("fn f() {{ {code} }}");

        assert_eq!(distinctions(&text), expected, "{code}");
    }
    assert_eq!(
        distinctions("use x::DestinationSettings::{Folder, OneDrive};"),
        1
    );
    assert_eq!(distinctions("use x::{DestinationSettings, Other};"), 0);
}

/// How often a file distinguishes kinds.
fn distinctions(text: &str) -> usize {
    let mut distinctions = Distinctions(0);
    distinctions.visit_file(&syn::parse_file(text).unwrap());
    distinctions.0
}

struct Distinctions(usize);

impl Distinctions {
    fn look_at(&mut self, path: &syn::Path) {
        let kind = path.segments.iter().rev().nth(1);
        self.0 += usize::from(kind.is_some_and(|segment| segment.ident == KINDS));
    }
}

impl<'ast> Visit<'ast> for Distinctions {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_for_tests(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_pat_struct(&mut self, pattern: &'ast PatStruct) {
        self.look_at(&pattern.path);
        syn::visit::visit_pat_struct(self, pattern);
    }

    fn visit_pat_tuple_struct(&mut self, pattern: &'ast PatTupleStruct) {
        self.look_at(&pattern.path);
        syn::visit::visit_pat_tuple_struct(self, pattern);
    }

    fn visit_macro(&mut self, made: &'ast Macro) {
        let text = made.tokens.to_string().replace(' ', "");
        let names_kind = text.contains(&format!("{KINDS}::"));
        self.0 += usize::from(made.path.is_ident("matches") && names_kind);
    }

    /// With a kind under its own name, nothing above would find it.
    fn visit_use_path(&mut self, path: &'ast syn::UsePath) {
        self.0 += usize::from(path.ident == KINDS);
        syn::visit::visit_use_path(self, path);
    }
}
