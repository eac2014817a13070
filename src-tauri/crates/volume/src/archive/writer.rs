use std::io::{self, Read, Write};

use super::prepared::{DEFLATED, FinishedStream, PreparedEntry, ZSTANDARD};
use crate::error::{Error, Result};

/// From here on a 32-bit field no longer holds the number and zip64 takes over.
const LIMIT_32: u64 = 0xffff_ffff;
/// From here on a 16-bit count no longer holds the number.
const LIMIT_16: usize = 0xffff;

/// Writes a zip archive front to back: sizes and CRC stand in the local headers, nothing is patched afterwards.
///
/// The `zip` crate takes no entries that were compressed elsewhere; this takes nothing else.
pub(crate) struct ArchiveWriter<W> {
    out: W,
    offset: u64,
    directory: Vec<u8>,
    entries: usize,
}

/// What a header says about an entry.
struct Entry<'a> {
    name: &'a str,
    method: u16,
    crc32: u32,
    plain_len: u64,
    len: u64,
    offset: u64,
}

impl<W: Write> ArchiveWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            offset: 0,
            directory: Vec::new(),
            entries: 0,
        }
    }

    /// Bytes written so far plus the directory that is still to come.
    pub(crate) fn len(&self) -> u64 {
        self.offset + self.directory.len() as u64 + 22
    }

    pub(crate) fn add(&mut self, name: &str, entry: &PreparedEntry) -> Result<()> {
        self.add_header(
            name,
            entry.method,
            entry.crc32,
            entry.plain_len,
            entry.data.len() as u64,
        )?;
        self.out.write_all(&entry.data)?;
        self.offset += entry.data.len() as u64;
        Ok(())
    }

    pub(crate) fn add_stream<S: Read>(
        &mut self,
        name: &str,
        mut stream: FinishedStream<S>,
    ) -> Result<()> {
        self.add_header(name, DEFLATED, stream.crc32, stream.plain_len, stream.len)?;
        let copied = io::copy(&mut (&mut stream.scratch).take(stream.len), &mut self.out)?;
        if copied != stream.len {
            return Err(Error::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        self.offset += copied;
        Ok(())
    }

    fn add_header(
        &mut self,
        name: &str,
        method: u16,
        crc32: u32,
        plain_len: u64,
        len: u64,
    ) -> Result<()> {
        let entry = Entry {
            name,
            method,
            crc32,
            plain_len,
            len,
            offset: self.offset,
        };
        let header = entry.local_header();
        self.out.write_all(&header)?;
        self.offset += header.len() as u64;
        entry.append_directory_record(&mut self.directory);
        self.entries += 1;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<W> {
        self.out.write_all(&self.directory)?;
        let end = end_of_directory(self.entries, self.directory.len() as u64, self.offset);
        self.out.write_all(&end)?;
        Ok(self.out)
    }
}

impl Entry<'_> {
    fn needs_zip64_sizes(&self) -> bool {
        self.len >= LIMIT_32 || self.plain_len >= LIMIT_32
    }

    /// Version needed: 2.0 for deflate, 4.5 for zip64, 6.3 for Zstandard.
    fn version(&self) -> u16 {
        if self.method == ZSTANDARD {
            63
        } else if self.needs_zip64_sizes() || self.offset >= LIMIT_32 {
            45
        } else {
            20
        }
    }

    /// Bit 11 says that the name is UTF-8; our names are ASCII but for copied control files.
    fn flags(&self) -> u16 {
        if self.name.is_ascii() { 0 } else { 0x0800 }
    }

    fn local_header(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.name.len());
        out.extend(b"PK\x03\x04");
        self.append_common(&mut out);
        let zip64 = self.needs_zip64_sizes();
        out.extend((self.name.len() as u16).to_le_bytes());
        out.extend(if zip64 { 20_u16 } else { 0 }.to_le_bytes());
        out.extend(self.name.as_bytes());
        if zip64 {
            out.extend([0x01, 0x00, 16, 0]);
            out.extend(self.plain_len.to_le_bytes());
            out.extend(self.len.to_le_bytes());
        }
        out
    }

    fn append_directory_record(&self, out: &mut Vec<u8>) {
        let mut extra = Vec::new();
        if self.needs_zip64_sizes() {
            extra.extend(self.plain_len.to_le_bytes());
            extra.extend(self.len.to_le_bytes());
        }
        if self.offset >= LIMIT_32 {
            extra.extend(self.offset.to_le_bytes());
        }
        let extra_len = if extra.is_empty() {
            0
        } else {
            extra.len() as u16 + 4
        };

        out.extend(b"PK\x01\x02");
        // Made by Unix, like Duplicati's own writer on Linux.
        out.extend([self.version() as u8, 3]);
        self.append_common(out);
        out.extend((self.name.len() as u16).to_le_bytes());
        out.extend(extra_len.to_le_bytes());
        // Comment, disk, internal attributes; then external attributes: a regular file, rw-r--r--.
        out.extend([0; 6]);
        out.extend((0o100_644_u32 << 16).to_le_bytes());
        out.extend((self.offset.min(LIMIT_32) as u32).to_le_bytes());
        out.extend(self.name.as_bytes());
        if !extra.is_empty() {
            out.extend([0x01, 0x00]);
            out.extend((extra.len() as u16).to_le_bytes());
            out.extend(extra);
        }
    }

    /// The fields that both headers share, from "version needed" to "uncompressed size".
    fn append_common(&self, out: &mut Vec<u8>) {
        out.extend(self.version().to_le_bytes());
        out.extend(self.flags().to_le_bytes());
        out.extend(self.method.to_le_bytes());
        // 1980-01-01 00:00: times of entries mean nothing here and would make output differ from run to run.
        out.extend(0_u16.to_le_bytes());
        out.extend(0x0021_u16.to_le_bytes());
        out.extend(self.crc32.to_le_bytes());
        let (len, plain_len) = if self.needs_zip64_sizes() {
            (LIMIT_32, LIMIT_32)
        } else {
            (self.len, self.plain_len)
        };
        out.extend((len as u32).to_le_bytes());
        out.extend((plain_len as u32).to_le_bytes());
    }
}

fn end_of_directory(entries: usize, len: u64, offset: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(98);
    if entries >= LIMIT_16 || len >= LIMIT_32 || offset >= LIMIT_32 {
        out.extend(b"PK\x06\x06");
        out.extend(44_u64.to_le_bytes());
        out.extend([45, 3, 45, 0]);
        out.extend([0; 8]);
        out.extend((entries as u64).to_le_bytes());
        out.extend((entries as u64).to_le_bytes());
        out.extend(len.to_le_bytes());
        out.extend(offset.to_le_bytes());
        out.extend(b"PK\x06\x07");
        out.extend([0; 4]);
        out.extend((offset + len).to_le_bytes());
        out.extend(1_u32.to_le_bytes());
    }
    let count = entries.min(LIMIT_16) as u16;
    out.extend(b"PK\x05\x06");
    out.extend([0; 4]);
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((len.min(LIMIT_32) as u32).to_le_bytes());
    out.extend((offset.min(LIMIT_32) as u32).to_le_bytes());
    out.extend([0, 0]);
    out
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::{BlockCompressor, Hint, PreparedStream};
    use super::*;

    #[test]
    fn what_was_added_comes_back() {
        let mut archive = ArchiveWriter::new(Vec::new());
        let mut compressor = BlockCompressor::new(6);
        let text = b"compressible ".repeat(100);
        archive
            .add("a", &compressor.prepare(text.clone(), Hint::Compress))
            .unwrap();
        archive
            .add("ü", &PreparedEntry::stored(vec![7; 3]))
            .unwrap();
        let mut stream = PreparedStream::new(Cursor::new(Vec::new()), 6);
        stream.write_all(&text).unwrap();
        archive.add_stream("s", stream.finish().unwrap()).unwrap();
        let predicted = archive.len();

        let bytes = archive.finish().unwrap();

        assert_eq!(bytes.len() as u64, predicted);
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        for (name, expected) in [("a", &text[..]), ("ü", &[7; 3]), ("s", &text)] {
            let mut back = Vec::new();
            zip.by_name(name).unwrap().read_to_end(&mut back).unwrap();
            assert_eq!(back, expected, "{name}");
        }
    }

    #[test]
    fn more_entries_than_a_16_bit_count_holds_need_zip64() {
        let mut archive = ArchiveWriter::new(Vec::new());
        for i in 0..70_000 {
            archive
                .add(&format!("{i:06}"), &PreparedEntry::stored(vec![1]))
                .unwrap();
        }

        let bytes = archive.finish().unwrap();

        let zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert_eq!(zip.len(), 70_000);
    }
}
