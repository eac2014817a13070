//! File lists (`dlist`): what existed at one time.
//!
//! `filelist.json` is one array. Duplicati reads its objects by position, so members are written in exactly the
//! order of the private struct `Row`, and nothing may be added. Folders and links come before files.

use std::cell::Cell;
use std::fmt;
use std::io::{Read, Seek, Write};
use std::rc::Rc;

use jiff::Timestamp;
use serde::de::{self, DeserializeSeed, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::archive::{ArchiveWriter, PreparedEntry, PreparedStream, VolumeReader};
use crate::defect::{Defect, EntryPart, Structure};
use crate::dindex::skip_bom;
use crate::encryption::Encryption;
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::maker::Maker;
use crate::manifest::{self, BOM, Format, Manifest, strip_bom, with_bom};
use crate::name::{format_stamp, parse_stamp};
use crate::sink::{Sink, VolumeDigest};
use crate::stream::{Parts, StreamRef};

/// Deflate level of the file list, which is mostly hashes and soon as small as it gets.
const LEVEL: u32 = 6;

/// Bytes of the longest path. Windows has 32,767 units of UTF-16, Linux 4,096 bytes for what is named at once.
const MAX_PATH: usize = 128 * 1024;
/// Most blocklists of a stream: 32 GB with blocks of 1 KiB, 320 TB with 100 KiB.
const MAX_BLOCKLISTS: usize = 1_000_000;
/// Most bytes of an entry: its blocklists, each a hash of at most 88 letters, and a path in escapes.
const MAX_ENTRY: usize = MAX_BLOCKLISTS * 92 + 8 * MAX_PATH;

/// Kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum EntryKind {
    File,
    Folder,
    Symlink,
}

/// Whether a version contains everything that its run was to back up (`IsFullBackup`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// It does.
    Full,
    /// The run was stopped or died before its end.
    Partial,
}

/// Properties of a version as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DlistHead {
    /// When it was written.
    pub created: Timestamp,
    /// See [`Completeness`].
    pub completeness: Completeness,
    /// Who made the version; `None` if unknown.
    pub maker: Option<Maker>,
}

/// One file, folder or link of a version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FilelistEntry {
    /// What it is.
    pub kind: EntryKind,
    /// Absolute path on the computer it came from; folders end with the separator.
    pub path: String,
    /// Content; files only.
    pub content: Option<StreamRef>,
    /// Last change, whole seconds; files only.
    pub time: Option<Timestamp>,
    /// Metadata; old writers left it out.
    pub metadata: Option<StreamRef>,
}

/// An element of the array, members in Duplicati's order.
#[derive(Serialize, Deserialize)]
struct Row<'a> {
    #[serde(rename = "type")]
    kind: std::borrow::Cow<'a, str>,
    #[serde(default)]
    path: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metahash: Option<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metasize: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metablocklists: Option<Vec<Hash>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metablockhash: Option<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocklists: Option<Vec<Hash>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blockhash: Option<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocksize: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Fileset {
    #[serde(rename = "IsFullBackup")]
    is_full_backup: bool,
}

/// Writes a dlist.
pub struct DlistWriter<W: Write, S: Read + Write + Seek> {
    archive: ArchiveWriter<Sink<W>>,
    list: PreparedStream<S>,
    format: Format,
    entries: u64,
    files_began: bool,
}

impl<W: Write, S: Read + Write + Seek> DlistWriter<W, S> {
    /// Writes the first entries. The list itself grows in `scratch` (empty, used from its start) until the end.
    ///
    /// # Errors
    /// [`Error::Io`] when `out` or `scratch` fails.
    pub fn create(
        out: W,
        scratch: S,
        format: &Format,
        encryption: &Encryption,
        head: &DlistHead,
    ) -> Result<Self> {
        let mut archive = ArchiveWriter::new(Sink::new(out, format.file_hash(), encryption)?);
        let manifest = Manifest::new(format, head.created).made_by(head.maker.as_ref());
        archive.add(manifest::ENTRY, &PreparedEntry::stored(manifest.encode()))?;
        let fileset = Fileset {
            is_full_backup: head.completeness == Completeness::Full,
        };
        archive.add("fileset", &PreparedEntry::stored(with_bom(&fileset)))?;
        let mut list = PreparedStream::new(scratch, LEVEL);
        list.write_all(BOM)?;
        list.write_all(b"[")?;
        Ok(Self {
            archive,
            list,
            format: format.clone(),
            entries: 0,
            files_began: false,
        })
    }

    /// Adds an entry; folders and links first, then files.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the entry breaks that order, misses what its kind needs, or is one that
    /// [`DlistReader`] would refuse. Nothing of it is written then, and others may follow.
    pub fn add(&mut self, entry: &FilelistEntry) -> Result<()> {
        let is_file = entry.kind == EntryKind::File;
        if self.files_began && !is_file {
            return Err(Error::malformed(Structure::FileList, Defect::OutOfOrder));
        }
        check_entry(entry, &self.format)?;
        let row = self.row(entry)?;
        self.files_began |= is_file;
        let mut json = Vec::with_capacity(512);
        if self.entries > 0 {
            json.push(b',');
        }
        self.entries += 1;
        serde_json::to_writer(&mut json, &row).map_err(std::io::Error::from)?;
        // At once, because deflating many small pieces takes longer.
        self.list.write_all(&json)?;
        Ok(())
    }

    fn row<'a>(&self, entry: &'a FilelistEntry) -> Result<Row<'a>> {
        let incomplete = |what| Error::malformed(Structure::FileList, Defect::EntryWithout(what));
        let metadata = entry
            .metadata
            .as_ref()
            .ok_or_else(|| incomplete(EntryPart::Metadata))?;
        let same_algorithms = self.format.block_hash() == self.format.file_hash();
        let mut row = Row {
            kind: match entry.kind {
                EntryKind::File => "File",
                EntryKind::Folder => "Folder",
                EntryKind::Symlink => "Symlink",
            }
            .into(),
            path: entry.path.as_str().into(),
            hash: None,
            size: None,
            time: None,
            metahash: Some(metadata.hash),
            metasize: Some(metadata.size),
            metablocklists: None,
            metablockhash: None,
            blocklists: None,
            blockhash: None,
            blocksize: None,
        };
        match &metadata.parts {
            Parts::Empty => return Err(incomplete(EntryPart::MetadataBytes)),
            Parts::Block(block) => {
                // For files Duplicati leaves it out where readers can derive it.
                let derivable = entry.kind == EntryKind::File && same_algorithms;
                row.metablockhash = (!derivable).then_some(*block);
            }
            Parts::Blocklists(lists) => row.metablocklists = Some(lists.clone()),
        }
        if entry.kind == EntryKind::File {
            let content = entry
                .content
                .as_ref()
                .ok_or_else(|| incomplete(EntryPart::Content))?;
            row.hash = Some(content.hash);
            row.size = Some(content.size);
            row.time = Some(format_stamp(
                entry.time.ok_or_else(|| incomplete(EntryPart::Time))?,
            ));
            match &content.parts {
                Parts::Empty => {}
                Parts::Block(block) if !same_algorithms => {
                    row.blockhash = Some(*block);
                    row.blocksize = Some(content.size);
                }
                Parts::Block(_) => {}
                Parts::Blocklists(lists) => row.blocklists = Some(lists.clone()),
            }
        }
        Ok(row)
    }

    /// Ends the list and returns the sink with the length and hash of the whole volume.
    ///
    /// # Errors
    /// [`Error::Io`] when the sink or the scratch fails.
    pub fn finish(mut self) -> Result<(W, VolumeDigest)> {
        self.list.write_all(b"]")?;
        let list = self.list.finish()?;
        self.archive.add_stream("filelist.json", list)?;
        self.archive.finish()?.finish()
    }
}

/// Reads a dlist.
pub struct DlistReader {
    volume: VolumeReader,
    format: Format,
}

impl DlistReader {
    /// # Errors
    /// [`Error::Unsupported`] when the manifest's settings are outside the format.
    pub fn new(volume: VolumeReader) -> Result<Self> {
        let format = volume.format()?;
        Ok(Self { volume, format })
    }

    /// The settings of the backup, as this version states them.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// Who made the version, when it says so.
    pub fn maker(&self) -> Option<Maker> {
        self.volume.maker()
    }

    /// Whether the version is complete; one without the statement is.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the statement cannot be read.
    pub fn completeness(&mut self) -> Result<Completeness> {
        let Some(index) = self.volume.find("fileset") else {
            return Ok(Completeness::Full);
        };
        let bytes = self.volume.read_index(index, 64 * 1024)?;
        let fileset: Fileset = serde_json::from_slice(strip_bom(&bytes))
            .map_err(|error| Error::undecodable(Structure::FileList, &error))?;
        Ok(if fileset.is_full_backup {
            Completeness::Full
        } else {
            Completeness::Partial
        })
    }

    /// Calls `sink` with each entry, in the order of the list. Entries of unknown kinds are passed over.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the list is not what the format says, and whatever `sink` returns.
    pub fn read_entries<E: From<Error>>(
        &mut self,
        mut sink: impl FnMut(FilelistEntry) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let missing = || Error::MissingEntry {
            name: "filelist.json".to_owned(),
        };
        let index = self.volume.find("filelist.json").ok_or_else(missing)?;
        let format = self.format.clone();
        let taken = Rc::new(Cell::new(0));
        let text = skip_bom(BoundedEntries {
            text: self.volume.entry(index)?,
            taken: Rc::clone(&taken),
        })?;
        let mut failure = None;
        let mut json = serde_json::Deserializer::from_reader(text);
        let seed = ListSeed {
            row: &mut |row| {
                taken.set(0);
                let outcome = match decode_row(row, &format) {
                    Ok(Some(entry)) => sink(entry),
                    Ok(None) => Ok(()),
                    Err(error) => Err(error.into()),
                };
                outcome.map_err(|error| failure = Some(error)).is_ok()
            },
        };
        let parsed = seed.deserialize(&mut json).and_then(|()| json.end());
        if let Some(error) = failure {
            return Err(error);
        }
        parsed.map_err(|error| Error::undecodable(Structure::FileList, &error))?;
        Ok(())
    }
}

fn decode_row(row: Row<'_>, format: &Format) -> Result<Option<FilelistEntry>> {
    let kind = match row.kind.to_ascii_lowercase().as_str() {
        "file" | "alternatestream" => EntryKind::File,
        "folder" => EntryKind::Folder,
        "symlink" => EntryKind::Symlink,
        _ => return Ok(None),
    };
    let metadata = match (row.metahash, row.metasize) {
        (Some(hash), Some(size)) => Some(decode_stream(
            hash,
            size,
            row.metablocklists,
            row.metablockhash,
        )),
        _ => None,
    };
    let (mut content, mut time) = (None, None);
    if kind == EntryKind::File {
        let (Some(hash), Some(size)) = (row.hash, row.size) else {
            return Err(Error::malformed(
                Structure::FileList,
                Defect::FileWithoutContent,
            ));
        };
        content = Some(decode_stream(hash, size, row.blocklists, row.blockhash));
        time = row.time.as_deref().and_then(parse_stamp);
    }
    let entry = FilelistEntry {
        kind,
        path: row.path.into_owned(),
        content,
        time,
        metadata,
    };
    check_entry(&entry, format)?;
    Ok(Some(entry))
}

/// Requirements of both the writer and the reader, so that nothing is written that cannot be read back.
fn check_entry(entry: &FilelistEntry, format: &Format) -> Result<()> {
    if entry.path.len() > MAX_PATH {
        let why = Defect::PathTooLong(entry.path.len());
        return Err(Error::malformed(Structure::FileList, why));
    }
    for stream in entry.content.iter().chain(&entry.metadata) {
        stream.check(format)?;
        if let Parts::Blocklists(lists) = &stream.parts
            && lists.len() > MAX_BLOCKLISTS
        {
            let why = Defect::TooManyBlocklists(lists.len());
            return Err(Error::malformed(Structure::FileList, why));
        }
    }
    Ok(())
}

/// Ends the text at an entry that is larger than allowed, before it is kept in memory.
struct BoundedEntries<R> {
    text: R,
    /// Bytes since an entry ended, as far as the text is read ahead.
    taken: Rc<Cell<usize>>,
}

impl<R: Read> Read for BoundedEntries<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let taken = self.taken.get();
        if taken > MAX_ENTRY {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "an entry is too large",
            ));
        }
        let count = self.text.read(out)?;
        self.taken.set(taken + count);
        Ok(count)
    }
}

fn decode_stream(
    hash: Hash,
    size: u64,
    blocklists: Option<Vec<Hash>>,
    block: Option<Hash>,
) -> StreamRef {
    let parts = match blocklists {
        _ if size == 0 => Parts::Empty,
        Some(lists) if !lists.is_empty() => Parts::Blocklists(lists),
        // With equal algorithms the stream's hash is its only block's.
        _ => Parts::Block(block.unwrap_or(hash)),
    };
    StreamRef { hash, size, parts }
}

struct ListSeed<'a> {
    /// Returns false to stop.
    row: &'a mut dyn FnMut(Row<'static>) -> bool,
}

impl<'de> DeserializeSeed<'de> for ListSeed<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, json: D) -> std::result::Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of files")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<(), A::Error> {
        while let Some(row) = seq.next_element::<Row<'static>>()? {
            if !(self.row)(row) {
                return Err(de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use super::*;
    use crate::name::VolumeName;

    fn format() -> Format {
        Format::new(1024, "SHA256", "SHA256").unwrap()
    }

    fn stream(size: u64, parts: Parts) -> StreamRef {
        let hash = format().file_hash().digest(b"");
        StreamRef { hash, size, parts }
    }

    fn entry(path: &str, size: u64, parts: Parts) -> FilelistEntry {
        FilelistEntry {
            kind: EntryKind::File,
            path: path.to_owned(),
            content: Some(stream(size, parts)),
            time: Some(Timestamp::UNIX_EPOCH),
            metadata: Some(stream(5, Parts::Block(format().block_hash().digest(b"m")))),
        }
    }

    fn writer() -> DlistWriter<Vec<u8>, Cursor<Vec<u8>>> {
        DlistWriter::create(
            Vec::new(),
            Cursor::default(),
            &format(),
            &Encryption::None,
            &DlistHead {
                created: Timestamp::UNIX_EPOCH,
                completeness: Completeness::Full,
                maker: None,
            },
        )
        .unwrap()
    }

    fn read(volume: Vec<u8>) -> Result<Vec<String>> {
        let name = VolumeName::parse("duplicati-20260101T000000Z.dlist.zip").unwrap();
        let volume = VolumeReader::open(Cursor::new(volume), &name, None)?;
        let mut paths = Vec::new();
        DlistReader::new(volume)?.read_entries(|entry| {
            paths.push(entry.path);
            Ok::<_, Error>(())
        })?;
        Ok(paths)
    }

    #[test]
    fn what_could_not_be_read_back_is_refused_and_the_rest_is_whole() {
        let hash = format().block_hash().digest(b"b");
        let mut writer = writer();

        writer.add(&entry("/a", 3, Parts::Block(hash))).unwrap();
        for unreadable in [
            entry("/one block of two", 1025, Parts::Block(hash)),
            entry("/too few lists", 33 * 1024, Parts::Blocklists(vec![hash])),
            entry(&"/x".repeat(MAX_PATH), 3, Parts::Block(hash)),
        ] {
            assert!(matches!(
                writer.add(&unreadable),
                Err(Error::Malformed { .. })
            ));
        }
        writer.add(&entry("/b", 3, Parts::Block(hash))).unwrap();

        assert_eq!(read(writer.finish().unwrap().0).unwrap(), ["/a", "/b"]);
    }

    #[test]
    fn an_entry_without_end_is_not_kept_in_memory() {
        let mut writer = writer();
        writer
            .list
            .write_all(br#"{"type":"File","path":""#)
            .unwrap();
        let zeros = vec![b'0'; 1 << 20];
        for _ in 0..2 * MAX_ENTRY / zeros.len() {
            writer.list.write_all(&zeros).unwrap();
        }
        writer.list.write_all(br#""}"#).unwrap();

        let refused = read(writer.finish().unwrap().0);

        assert!(
            matches!(refused, Err(Error::Malformed { why, .. }) if format!("{why:?}").contains("too large"))
        );
    }
}
