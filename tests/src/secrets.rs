//! A search for secrets in everything a program leaves behind.
//!
//! Each secret is looked for as it is and as UTF-8 or UTF-16 (both orders), in base64 (three alignments, both
//! alphabets), in hexadecimal and as JSON writes it; all of that also inside percent-encoded text of either case, once
//! or twice encoded. That a search would find something is shown by planting a secret on purpose.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Secrets shorter than this would be found by chance.
const SHORTEST: usize = 8;

/// Secrets in all their shapes.
#[derive(Default)]
pub struct Search {
    shapes: Vec<Shape>,
    /// Shapes by their first two bytes, so that one pass looks for all.
    by_start: HashMap<[u8; 2], Vec<usize>>,
}

struct Shape {
    secret: String,
    encoding: &'static str,
    bytes: Vec<u8>,
}

/// A secret where none may be. It does not contain the value, because findings are printed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Name of the secret.
    pub secret: String,
    /// How it is written there.
    pub encoding: &'static str,
    /// Where it is.
    pub place: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) in {}", self.secret, self.encoding, self.place)
    }
}

impl Search {
    /// Searches for nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Searches for this, too.
    ///
    /// # Panics
    /// When it is so short that it would be found by chance.
    pub fn add(&mut self, name: &str, secret: &str) -> &mut Self {
        assert!(secret.len() >= SHORTEST, "{name} is too short");
        for (encoding, bytes) in shapes(secret) {
            let start = [bytes[0], bytes[1]];
            self.by_start
                .entry(start)
                .or_default()
                .push(self.shapes.len());
            self.shapes.push(Shape {
                secret: name.to_owned(),
                encoding,
                bytes,
            });
        }
        self
    }

    /// Looks through bytes; `place` is what findings say.
    pub fn in_bytes(&self, place: &str, bytes: &[u8]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut text = bytes.to_vec();
        // As it is, and with up to two layers of percent-encoding taken off.
        for _ in 0..3 {
            findings.extend(self.shapes_in(&text).into_iter().map(|shape| Finding {
                secret: shape.secret.clone(),
                encoding: shape.encoding,
                place: place.to_owned(),
            }));
            let decoded = percent_decoded(&text);
            if decoded == text {
                break;
            }
            text = decoded;
        }
        findings.sort();
        findings.dedup();
        findings
    }

    /// Shapes that occur in a text, some of them several times.
    fn shapes_in(&self, text: &[u8]) -> Vec<&Shape> {
        let number = |[first, second]: [u8; 2]| usize::from(first) << 8 | usize::from(second);
        let mut starts = vec![false; 1 << 16];
        for start in self.by_start.keys() {
            starts[number(*start)] = true;
        }
        let mut found = Vec::new();
        for at in 1..text.len() {
            let start = [text[at - 1], text[at]];
            if !starts[number(start)] {
                continue;
            }
            let shapes = self.by_start[&start]
                .iter()
                .map(|number| &self.shapes[*number]);
            found.extend(shapes.filter(|shape| text[at - 1..].starts_with(&shape.bytes)));
        }
        found
    }

    /// Looks through names and contents of everything under a folder, or a file. Links are not followed, but looked at.
    ///
    /// # Panics
    /// When something there cannot be read.
    pub fn in_folder(&self, path: &Path) -> Vec<Finding> {
        let place = path.display().to_string();
        let mut findings = self.in_bytes(&format!("the name {place}"), place.as_bytes());
        let kind = fs::symlink_metadata(path)
            .expect("it can be looked at")
            .file_type();
        if kind.is_dir() {
            for entry in fs::read_dir(path).expect("the folder can be listed") {
                findings.extend(self.in_folder(&entry.expect("an entry").path()));
            }
        } else if kind.is_symlink() {
            let target = fs::read_link(path).expect("the link can be read");
            findings.extend(self.in_bytes(&place, target.as_os_str().as_encoded_bytes()));
        } else if kind.is_file() {
            let bytes = fs::read(path).expect("the file can be read");
            findings.extend(self.in_bytes(&place, &bytes));
        }
        findings
    }

    /// Looks through the command lines of a process and all its descendants, as every user of the computer sees them.
    ///
    /// # Panics
    /// When the process is gone.
    #[cfg(target_os = "linux")]
    pub fn in_command_lines(&self, process: u32) -> Vec<Finding> {
        let folder = Path::new("/proc").join(process.to_string());
        let line = fs::read(folder.join("cmdline")).expect("the process runs");
        assert!(!line.is_empty(), "process {process} has ended");
        let mut findings = self.in_bytes(&format!("the command line of process {process}"), &line);
        for task in fs::read_dir(folder.join("task"))
            .expect("the process runs")
            .flatten()
        {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|id| id.parse().ok()) {
                findings.extend(self.in_command_lines(child));
            }
        }
        findings
    }
}

/// Every way in which a secret may be written down.
fn shapes(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf16: Vec<u16> = secret.encode_utf16().collect();
    let mut shapes = vec![
        ("as it is", secret.as_bytes().to_vec()),
        (
            "UTF-16, low byte first",
            utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        ),
        (
            "UTF-16, high byte first",
            utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        ),
        ("hexadecimal", hex(secret, false)),
        ("hexadecimal", hex(secret, true)),
    ];
    for escaped in json(secret) {
        shapes.push(("JSON", escaped));
    }
    for start in 0..3 {
        for alphabet in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let mut text = vec![0; start];
            text.extend(secret.as_bytes());
            let encoded = alphabet.encode(&text).into_bytes();
            // Characters at either end contain bits of the text before and after.
            let first = [0, 2, 3][start];
            let whole = text.len() * 8 / 6;
            shapes.push(("base64", encoded[first..whole].to_vec()));
        }
    }
    shapes
}

fn hex(secret: &str, upper: bool) -> Vec<u8> {
    let digits = secret.bytes().map(|byte| {
        if upper {
            format!("{byte:02X}")
        } else {
            format!("{byte:02x}")
        }
    });
    digits.collect::<String>().into_bytes()
}

/// Inside a JSON string: as it must be, with everything outside ASCII escaped, and with `/` escaped as well.
fn json(secret: &str) -> Vec<Vec<u8>> {
    let quoted = serde_json::Value::from(secret).to_string();
    let plain = quoted[1..quoted.len() - 1].to_owned();
    let ascii = |text: &str, upper: bool| {
        let mut escaped = String::new();
        let mut units = [0; 2];
        for c in text.chars() {
            if c.is_ascii() {
                escaped.push(c);
                continue;
            }
            for unit in c.encode_utf16(&mut units) {
                let unit = if upper {
                    format!("\\u{unit:04X}")
                } else {
                    format!("\\u{unit:04x}")
                };
                escaped.push_str(&unit);
            }
        }
        escaped
    };
    let texts = [plain.clone(), ascii(&plain, true), ascii(&plain, false)];
    let slashed = texts.iter().map(|text| text.replace('/', "\\/"));
    let mut all: Vec<String> = texts.iter().cloned().chain(slashed).collect();
    all.retain(|text| text != secret);
    all.sort();
    all.dedup();
    all.into_iter().map(String::into_bytes).collect()
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let pair = (text[at] == b'%')
            .then(|| Some(digit(at + 1)? * 16 + digit(at + 2)?))
            .flatten();
        match pair {
            Some(byte) => {
                decoded.push(byte as u8);
                at += 3;
            }
            None => {
                decoded.push(text[at]);
                at += 1;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "\u{3b2}eta:pa/ss\"w%rd+tail!";

    fn search() -> Search {
        let mut search = Search::new();
        search.add("canary", SECRET);
        search
    }

    fn is_found(text: &[u8]) -> bool {
        let around = [b"before ".as_slice(), text, b" behind"].concat();
        !search().in_bytes("here", &around).is_empty()
    }

    #[test]
    fn a_secret_is_found_in_every_encoding() {
        let upper: String = SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let reserved = SECRET
            .replace('%', "%25")
            .replace(':', "%3A")
            .replace('/', "%2F");
        let utf16: Vec<u8> = SECRET.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(is_found(SECRET.as_bytes()));
        assert!(is_found(upper.as_bytes()));
        assert!(is_found(upper.to_lowercase().as_bytes()));
        assert!(is_found(reserved.as_bytes()));
        assert!(is_found(reserved.replace('%', "%25").as_bytes()));
        assert!(is_found(&utf16));
        assert!(is_found(
            serde_json::Value::from(SECRET).to_string().as_bytes()
        ));
        for before in ["", "x", "xy", "xyz"] {
            for behind in ["", "x", "xy"] {
                let text = format!("{before}{SECRET}{behind}");
                assert!(is_found(STANDARD_NO_PAD.encode(&text).as_bytes()), "{text}");
                assert!(is_found(URL_SAFE_NO_PAD.encode(&text).as_bytes()), "{text}");
            }
        }
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        assert!(!is_found(b"%zz%4 %"));
        assert!(!is_found(&SECRET.as_bytes()[1..]));
    }

    #[test]
    fn names_and_links_are_looked_at_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut search = Search::new();
        search.add("canary", "chirping-canary");
        fs::write(folder.path().join("chirping-canary.txt"), "").expect("a file");
        fs::create_dir(folder.path().join("deep")).expect("a folder");
        fs::write(folder.path().join("deep/file"), "a chirping-canary!").expect("a file");

        let found = search.in_folder(folder.path());

        assert_eq!(found.len(), 2, "{found:?}");
    }
}
