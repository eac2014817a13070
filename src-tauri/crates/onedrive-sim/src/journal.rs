//! Keeps the state on disk: a file of lines, one record a line, the last line about an id wins.
//!
//! A line is appended for every change, so a killed simulator loses nothing it had answered. At each start the lines
//! are folded into a new file that replaces the old one in one step. A torn last line is ignored.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Journal {
    file: Option<(PathBuf, File)>,
}

/// What a journal held when it was opened, by kind and id.
#[derive(Debug, Default)]
pub(crate) struct Records(BTreeMap<(String, String), Value>);

#[derive(Serialize, Deserialize)]
struct Line {
    kind: String,
    id: String,
    value: Option<Value>,
}

impl Journal {
    /// A journal that forgets everything.
    pub(crate) fn memory() -> Self {
        Self { file: None }
    }

    pub(crate) fn open(path: &Path) -> io::Result<(Self, Records)> {
        let records = read(path)?;
        let folded = path.with_extension("new");
        let mut writer = io::BufWriter::new(File::create(&folded)?);
        for ((kind, id), value) in &records.0 {
            let line = Line {
                kind: kind.clone(),
                id: id.clone(),
                value: Some(value.clone()),
            };
            writeln!(writer, "{}", serde_json::to_string(&line)?)?;
        }
        writer
            .into_inner()
            .map_err(|error| error.into_error())?
            .sync_all()?;
        fs::rename(&folded, path)?;
        let file = OpenOptions::new().append(true).open(path)?;
        Ok((
            Self {
                file: Some((path.to_owned(), file)),
            },
            records,
        ))
    }

    pub(crate) fn put<T: Serialize>(&mut self, kind: &str, id: &str, value: &T) {
        let value = serde_json::to_value(value).unwrap_or_default();
        self.append(Line {
            kind: kind.to_owned(),
            id: id.to_owned(),
            value: Some(value),
        });
    }

    pub(crate) fn remove(&mut self, kind: &str, id: &str) {
        self.append(Line {
            kind: kind.to_owned(),
            id: id.to_owned(),
            value: None,
        });
    }

    /// Forgets every record.
    pub(crate) fn clear(&mut self) {
        if let Some((path, _)) = &self.file {
            // Through a separate handle: on Windows, one for appending cannot truncate.
            report(
                OpenOptions::new()
                    .write(true)
                    .truncate(true)
                    .open(path)
                    .map(|_| ()),
            );
        }
    }

    fn append(&mut self, line: Line) {
        let Some((_, file)) = &mut self.file else {
            return;
        };
        let Ok(mut text) = serde_json::to_string(&line) else {
            return;
        };
        text.push('\n');
        report(file.write_all(text.as_bytes()));
    }
}

impl Records {
    /// Everything of one kind; records this version cannot read are left out.
    pub(crate) fn all<T: DeserializeOwned>(&self, kind: &str) -> Vec<(String, T)> {
        self.0
            .iter()
            .filter(|((of, _), _)| of == kind)
            .filter_map(|((_, id), value)| {
                Some((id.clone(), serde_json::from_value(value.clone()).ok()?))
            })
            .collect()
    }
}

fn read(path: &Path) -> io::Result<Records> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Records::default()),
        Err(error) => return Err(error),
    };
    let mut records = Records::default();
    for line in BufReader::new(file).lines() {
        let Ok(line) = serde_json::from_str::<Line>(&line?) else {
            continue;
        };
        match line.value {
            Some(value) => records.0.insert((line.kind, line.id), value),
            None => records.0.remove(&(line.kind, line.id)),
        };
    }
    Ok(records)
}

fn report(result: io::Result<()>) {
    if let Err(error) = result {
        eprintln!("onedrive-sim: could not keep the state: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_about_an_id_wins_and_a_torn_one_is_ignored() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("journal");
        let (mut journal, _) = Journal::open(&path).expect("a new journal");
        journal.put("item", "a", &1);
        journal.put("item", "a", &2);
        journal.put("item", "b", &3);
        journal.remove("item", "b");
        journal
            .file
            .as_mut()
            .expect("a file")
            .1
            .write_all(b"{\"kind\":\"it")
            .expect("a torn line");

        let (_, records) = Journal::open(&path).expect("the same journal");

        assert_eq!(records.all::<i32>("item"), [("a".to_owned(), 2)]);
    }
}
