//! Files of a crate do not import each other in a circle: what a file needs is below it.
//!
//! What counts is the file that defines what a path names, regardless of re-exports. Declaring a module and re-exporting
//! a name are not imports, nor is anything that tests use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use syn::{Attribute, Item, ItemMacro, ItemMod, ItemUse, UseTree, Visibility};

#[test]
fn no_files_import_each_other_in_a_circle() {
    for path in crates() {
        let name = path.display();
        let arrows = imports(&path.join("src"));
        assert!(arrows.values().any(|files| !files.is_empty()), "{name}");

        let circles = circles(&arrows);

        assert!(circles.is_empty(), "in the crate {name}: {circles:#?}");
    }
}

#[test]
fn a_circle_is_found_also_through_names_that_are_handed_on() {
    let folder = tempfile::tempdir().unwrap();
    coffer_testkit::write_files(
        folder.path(),
        &[
            (
                "lib.rs",
                b"mod a;\nmod b;\nmod c;\npub use b::B;\n".as_slice(),
            ),
            ("a.rs", b"use crate::B;\npub struct A(B);\n"),
            (
                "b.rs",
                b"mod inner;\npub use inner::B;\npub fn b(_: B) {}\n",
            ),
            ("b/inner.rs", b"pub struct B(Box<super::super::a::A>);\n"),
            ("c.rs", b"use crate::a::A;\npub fn c(_: A) {}\n"),
        ],
    );

    let circles = circles(&imports(folder.path()));

    let files = ["a.rs", "b/inner.rs"].map(PathBuf::from);
    assert_eq!(circles, [BTreeSet::from(files)]);
}

/// Segments of a module, from the root of its crate; the root has none.
type Module = Vec<String>;

/// The files of a crate, by their paths below `src`, and the files that each imports from.
type Imports = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// Reads the crate whose source folder this is.
fn imports(source: &Path) -> Imports {
    let crate_of = Crate::read(source);
    let mut arrows = Imports::new();
    for file in &crate_of.files {
        let mut paths = Paths::of(&file.module);
        paths.visit_file(&file.syntax);
        let targets = paths.found.iter().filter_map(|path| crate_of.file_of(path));
        let others = targets.filter(|target| *target != file.path);
        arrows.insert(file.path.clone(), others.collect());
    }
    arrows
}

/// Files that import each other in a circle: each set of them that can reach one another.
fn circles(arrows: &Imports) -> Vec<BTreeSet<PathBuf>> {
    let reach: BTreeMap<_, _> = arrows
        .keys()
        .map(|file| (file, reached(arrows, file)))
        .collect();
    let mut circles = BTreeSet::new();
    for (file, reached) in &reach {
        let circle: BTreeSet<PathBuf> = reached
            .iter()
            .filter(|other| reach.get(other).is_some_and(|back| back.contains(*file)))
            .cloned()
            .collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

fn reached(arrows: &Imports, start: &Path) -> BTreeSet<PathBuf> {
    let (mut reached, mut waiting) = (BTreeSet::new(), vec![start.to_owned()]);
    while let Some(file) = waiting.pop() {
        for next in arrows.get(&file).into_iter().flatten() {
            if reached.insert(next.clone()) {
                waiting.push(next.clone());
            }
        }
    }
    reached
}

struct SourceFile {
    /// Below the crate's source folder.
    path: PathBuf,
    module: Module,
    syntax: syn::File,
}

/// What is defined where.
struct Crate {
    files: Vec<SourceFile>,
    /// The file of each module, also of those inside a file.
    modules: BTreeMap<Module, PathBuf>,
    /// Names that a module defines.
    names: BTreeMap<Module, BTreeSet<String>>,
    /// The absolute path behind each name that a module uses. `*` stands for every name of a module.
    aliases: BTreeMap<Module, Vec<(String, Module)>>,
}

impl Crate {
    fn read(source: &Path) -> Self {
        let mut this = Self {
            files: Vec::new(),
            modules: BTreeMap::new(),
            names: BTreeMap::new(),
            aliases: BTreeMap::new(),
        };
        for path in files_below(source) {
            let text = fs::read_to_string(source.join(&path)).expect("a source file");
            let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            let module = module_of(&path);
            this.note(&module, &path, &syntax.items);
            let file = SourceFile {
                path,
                module,
                syntax,
            };
            this.files.push(file);
        }
        this
    }

    fn note(&mut self, module: &Module, file: &Path, items: &[Item]) {
        self.modules.insert(module.clone(), file.to_owned());
        self.names.entry(module.clone()).or_default();
        let children = children_of(items);
        for item in items {
            match item {
                Item::Mod(inner) if !is_for_tests(&inner.attrs) => {
                    if let Some((_, items)) = &inner.content {
                        self.note(&child(module, &inner.ident.to_string()), file, items);
                    }
                }
                Item::Use(import) => {
                    let mut found = Vec::new();
                    flatten(&import.tree, &mut Vec::new(), &mut found);
                    let absolute = found.into_iter().filter_map(|(name, path)| {
                        Some((name, absolute(module, &children, &path)?))
                    });
                    let absolute: Vec<_> = absolute.collect();
                    self.aliases
                        .entry(module.clone())
                        .or_default()
                        .extend(absolute);
                }
                item => {
                    let names = self.names.entry(module.clone()).or_default();
                    names.extend(name_of(item));
                }
            }
        }
    }

    /// The file that defines what a path, from the root of the crate, names.
    fn file_of(&self, path: &Module) -> Option<PathBuf> {
        self.defining(path, 0)
            .map(|module| self.modules[&module].clone())
    }

    /// The module that defines what `path` names; its longest part that is known counts.
    fn defining(&self, path: &Module, depth: usize) -> Option<Module> {
        if depth > 16 {
            return None;
        }
        let mut module = Module::new();
        for (position, segment) in path.iter().enumerate() {
            let inner = child(&module, segment);
            if self.modules.contains_key(&inner) {
                module = inner;
                continue;
            }
            if self.names.get(&module)?.contains(segment) {
                return Some(module);
            }
            for (name, target) in self.aliases.get(&module).into_iter().flatten() {
                let rest = &path[position + 1..];
                let target = match name.as_str() {
                    "*" => [&target[..], &path[position..]].concat(),
                    name if name == segment => [&target[..], rest].concat(),
                    _ => continue,
                };
                if let Some(found) = self.defining(&target, depth + 1) {
                    return Some(found);
                }
            }
            return (position > 0 && path.len() == position).then_some(module);
        }
        (!path.is_empty()).then_some(module)
    }
}

/// Collects the paths of a file that lead into its own crate, tests left out.
struct Paths {
    module: Module,
    /// Child modules that are declared here: a path may begin with one.
    children: Vec<String>,
    found: BTreeSet<Module>,
}

impl Paths {
    fn of(module: &Module) -> Self {
        Self {
            module: module.clone(),
            children: Vec::new(),
            found: BTreeSet::new(),
        }
    }

    fn add(&mut self, path: &[String]) {
        self.found
            .extend(absolute(&self.module, &self.children, path));
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_file(&mut self, file: &'ast syn::File) {
        self.children = children_of(&file.items);
        syn::visit::visit_file(self, file);
    }

    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes_of(item)) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, inner: &'ast ItemMod) {
        let outside = self.module.clone();
        self.module.push(inner.ident.to_string());
        syn::visit::visit_item_mod(self, inner);
        self.module = outside;
    }

    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        // Re-exporting a name does not use it.
        if !matches!(import.vis, Visibility::Inherited) {
            return;
        }
        let mut found = Vec::new();
        flatten(&import.tree, &mut Vec::new(), &mut found);
        for (_, path) in found {
            self.add(&path);
        }
    }

    /// The visibility of an item uses nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.add(&segments);
        syn::visit::visit_path(self, path);
    }
}

/// The path from the root of the crate; `None` for items of another crate. `children` are the modules that `module`
/// declares.
fn absolute(module: &Module, children: &[String], path: &[String]) -> Option<Module> {
    let first = path.first()?;
    let mut start = match first.as_str() {
        "crate" => Module::new(),
        "self" | "super" => module.clone(),
        _ if path.len() > 1 && children.contains(first) => module.clone(),
        _ => return None,
    };
    let mut rest = path;
    while let Some(first) = rest.first() {
        match first.as_str() {
            "crate" | "self" => {}
            "super" => {
                start.pop();
            }
            _ => break,
        }
        rest = &rest[1..];
    }
    start.extend(rest.iter().cloned());
    Some(start)
}

fn children_of(items: &[Item]) -> Vec<String> {
    let modules = items.iter().filter_map(|item| match item {
        Item::Mod(inner) => Some(inner.ident.to_string()),
        _ => None,
    });
    modules.collect()
}

/// Each name that a `use` brings in, with the path behind it.
fn flatten(tree: &UseTree, before: &mut Vec<String>, found: &mut Vec<(String, Vec<String>)>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            let last = before.last().cloned().unwrap_or_default();
            found.push((last, before.clone()));
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            found.push((name.clone(), child(before, &name)));
        }
        UseTree::Rename(rename) => {
            found.push((
                rename.rename.to_string(),
                child(before, &rename.ident.to_string()),
            ));
        }
        UseTree::Glob(_) => found.push(("*".to_owned(), before.clone())),
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before, found);
            }
        }
    }
}

fn child(module: &[String], name: &str) -> Module {
    let mut child = module.to_vec();
    child.push(name.to_owned());
    child
}

fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(ItemMacro { ident, .. }) => ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether it is there for tests alone.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Meta>()
                .is_ok_and(|meta| names_test(&meta))
    })
}

fn names_test(meta: &syn::Meta) -> bool {
    match meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) if list.path.is_ident("all") => list
            .parse_args_with(
                syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated,
            )
            .is_ok_and(|parts| parts.iter().any(names_test)),
        _ => false,
    }
}

/// The folders of all crates: the app's, and those in it.
pub(crate) fn crates() -> Vec<PathBuf> {
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src-tauri");
    let entries = fs::read_dir(app.join("crates")).expect("the folder of crates");
    let mut crates: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    crates.push(app);
    crates.sort();
    crates
}

/// Source files, those of tests beside them left out.
pub(crate) fn files_below(source: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![source.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a source folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs")
            {
                let below = path
                    .strip_prefix(source)
                    .expect("the file is below the folder");
                files.push(below.to_owned());
            }
        }
    }
    files.retain(|file| !file.iter().any(|part| part == "tests"));
    files.sort();
    files
}

fn module_of(file: &Path) -> Module {
    let mut module: Module = file
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if matches!(
        module.last().map(String::as_str),
        Some("lib" | "main" | "mod")
    ) {
        module.pop();
    }
    module
}
