//! Every link between documents leads somewhere.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{BrokenLink, Event, LinkType, Options, Parser, Tag, TagEnd};

/// Folders that hold nothing of ours.
pub(crate) const FOREIGN: [&str; 5] = [".git", "dist", "gen", "node_modules", "target"];

/// A Markdown file.
struct Document {
    /// What others link to, by GitHub's rules, which are rustdoc's, too.
    anchors: Vec<String>,
    links: Vec<Link>,
}

struct Link {
    line: usize,
    destination: String,
}

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("tests is a folder of the project")
        .to_owned()
}

/// All documents, by their path from the top.
fn documents() -> BTreeMap<PathBuf, Document> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                if !FOREIGN.iter().any(|foreign| name == *foreign) {
                    walk(&path, found);
                }
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }

    let root = root();
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    let read = |path: PathBuf| {
        let document = Document::parse(&fs::read_to_string(&path).unwrap());
        (path.strip_prefix(&root).unwrap().to_owned(), document)
    };
    paths.into_iter().map(read).collect()
}

impl Document {
    fn parse(text: &str) -> Self {
        let line_of = |range: &Range<usize>| text[..range.start].matches('\n').count() + 1;
        let mut unknown = Vec::new();
        let mut document = Self {
            anchors: Vec::new(),
            links: Vec::new(),
        };
        let mut heading: Option<String> = None;
        let mut seen = HashMap::new();
        // Brackets alone are text; two pairs name a definition that has to be there.
        let broken = |link: BrokenLink<'_>| {
            if link.link_type != LinkType::Shortcut {
                unknown.push(Link {
                    line: line_of(&link.span),
                    destination: format!("[{}]", link.reference),
                });
            }
            None
        };
        let events =
            Parser::new_with_broken_link_callback(text, Options::ENABLE_TABLES, Some(broken));
        for (event, range) in events.into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let title = heading.take().unwrap_or_default();
                    document.anchors.push(anchor(&title, &mut seen));
                }
                Event::Text(part) | Event::Code(part) => {
                    if let Some(title) = &mut heading {
                        title.push_str(&part);
                    }
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push(Link {
                        line: line_of(&range),
                        destination: dest_url.into_string(),
                    });
                }
                _ => {}
            }
        }
        document.links.extend(unknown);
        document
    }
}

/// The anchor of a heading; those that come again are numbered.
fn anchor(title: &str, seen: &mut HashMap<String, u32>) -> String {
    let kept = title
        .to_lowercase()
        .replace(' ', "-")
        .replace(|c: char| !c.is_alphanumeric() && c != '-' && c != '_', "");
    let times = seen.entry(kept.clone()).or_default();
    *times += 1;
    match *times {
        1 => kept,
        more => format!("{kept}-{}", more - 1),
    }
}

/// Why a link of the document at `from` leads nowhere.
fn problem(
    from: &Path,
    destination: &str,
    documents: &BTreeMap<PathBuf, Document>,
) -> Option<&'static str> {
    if destination.starts_with('[') {
        return Some("has no definition");
    }
    let (path, fragment) = destination.split_once('#').unwrap_or((destination, ""));
    if path.contains("://") || path.starts_with("mailto:") {
        return None;
    }
    let target = if path.is_empty() {
        from.to_owned()
    } else {
        normal(&from.with_file_name(path))
    };
    if !root().join(&target).exists() {
        return Some("is not there");
    }
    if fragment.is_empty() {
        return None;
    }
    let known = documents
        .get(&target)
        .is_some_and(|document| document.anchors.iter().any(|anchor| anchor == fragment));
    (!known).then_some("has no such heading")
}

/// The same path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                assert!(normal.pop(), "{} leaves the project", path.display());
            }
            other => normal.push(other),
        }
    }
    normal
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_exist() {
    let documents = documents();
    for wanted in ["README.md", ".github/CONTRIBUTING.md", "tests/bench.md"] {
        assert!(documents.contains_key(Path::new(wanted)), "{wanted}");
    }
    let mut broken = Vec::new();
    for (path, document) in &documents {
        for Link { line, destination } in &document.links {
            if let Some(why) = problem(path, destination, &documents) {
                broken.push(format!("{}:{line}: {destination} {why}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// They are pages of rustdoc, where paths of the source tree lead nowhere.
#[test]
fn documents_of_crates_are_on_their_first_page_and_link_within_themselves() {
    let documents = documents();
    let of_crates: Vec<_> = documents
        .iter()
        .filter(|(path, _)| path.starts_with("src-tauri/crates"))
        .collect();
    assert!(!of_crates.is_empty());
    for (path, document) in of_crates {
        let shown = path.display();
        let krate = path.parent().and_then(Path::parent).unwrap();
        let page = fs::read_to_string(root().join(krate).join("src/lib.rs")).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        let include = format!("#![doc = include_str!(\"../docs/{name}\")]");
        assert!(page.contains(&include), "{shown} is on no page");
        for Link { line, destination } in &document.links {
            let leads = destination.starts_with('#') || destination.contains("://");
            assert!(leads, "{shown}:{line}: {destination}");
        }
    }
}

#[test]
fn anchors_are_those_of_github() {
    let document =
        Document::parse("# A `b_c`, d – e\n\n## 4.11 Throttling\n\n## 4.11 Throttling\n");

    let anchors = ["a-b_c-d--e", "411-throttling", "411-throttling-1"];
    assert_eq!(document.anchors, anchors);
}

#[test]
fn links_of_every_kind_are_found() {
    let text =
        "[a](b.md) ![c](d.png) [e] [f][g] [h][e]\n\n| t |\n|---|\n| [i](j.md#k) |\n\n[e]: l.md\n";
    let document = Document::parse(text);

    let mut found: Vec<_> = document
        .links
        .iter()
        .map(|link| (link.line, link.destination.as_str()))
        .collect();
    found.sort_unstable();
    let wanted = [
        (1, "[g]"),
        (1, "b.md"),
        (1, "d.png"),
        (1, "l.md"),
        (1, "l.md"),
        (5, "j.md#k"),
    ];
    assert_eq!(found, wanted);
}
