//! The two tar containers of the 2.3 line: a ustar archive in one zstd or gzip stream.
//!
//! Such a stream can only be read from its start. Reading entries in the order in which they lie is therefore one pass;
//! going back starts over. The index that the writer appends as `.eof-header` does not help a reader that has to
//! decompress all the same; its content is ignored.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::read::MultiGzDecoder;

use super::read_seek::ReadSeek;
use crate::defect::{Defect, Structure};
use crate::error::{Error, Result};

/// Bytes of a tar header, and what content is padded to.
const BLOCK: u64 = 512;
/// Name of the member that is no entry.
const TRAILER: &str = ".eof-header";
/// Fewest compressed bytes that a real entry costs: its name alone is a hash, which does not compress.
const MIN_ENTRY_COST: u64 = 8;

type Input = BufReader<Box<dyn ReadSeek>>;

/// How the stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TarCompression {
    Zstd,
    Gzip,
}

enum Stream {
    Zstd(Box<zstd::stream::read::Decoder<'static, Input>>),
    Gzip(Box<MultiGzDecoder<Input>>),
}

/// An entry and the position of its content in the uncompressed archive.
struct Member {
    name: String,
    start: u64,
    len: u64,
}

pub(super) struct TarArchive {
    compression: TarCompression,
    members: Vec<Member>,
    by_name: HashMap<String, usize>,
    /// Taken while it is being rewound.
    stream: Option<Stream>,
    position: u64,
}

impl TarArchive {
    /// Reads through the whole archive to learn its entries.
    pub(super) fn open(mut input: Box<dyn ReadSeek>, compression: TarCompression) -> Result<Self> {
        let compressed_len = input.seek(SeekFrom::End(0))?;
        let stream = Stream::start(input, compression)?;
        let mut archive = Self {
            compression,
            members: Vec::new(),
            by_name: HashMap::new(),
            stream: Some(stream),
            position: 0,
        };
        let most = compressed_len / MIN_ENTRY_COST + 16;
        while let Some(member) = archive.next_member()? {
            let end = member.start + member.len.next_multiple_of(BLOCK);
            let is_last = member.name == TRAILER;
            if !is_last {
                let number = archive.members.len();
                archive.by_name.insert(member.name.clone(), number);
                archive.members.push(member);
            }
            if archive.members.len() as u64 > most {
                return Err(malformed(Defect::TooManyEntries));
            }
            if is_last {
                break;
            }
            archive.skip_to(end)?;
        }
        Ok(archive)
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn name(&self, index: usize) -> Option<&str> {
        Some(&self.members.get(index)?.name)
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Opens an entry for streaming, and says how long it is.
    pub(super) fn entry(&mut self, index: usize) -> Result<(impl Read + '_, u64)> {
        let missing = || Error::MissingEntry {
            name: format!("number {index}"),
        };
        let member = self.members.get(index).ok_or_else(missing)?;
        let (start, len) = (member.start, member.len);
        if self.position > start {
            self.rewind()?;
        }
        self.skip_to(start)?;
        Ok((
            Content {
                archive: self,
                left: len,
            },
            len,
        ))
    }

    fn rewind(&mut self) -> Result<()> {
        let stream = self.stream.take();
        let mut input = stream.map(Stream::into_input).ok_or_else(broken)?;
        input.seek(SeekFrom::Start(0))?;
        self.stream = Some(Stream::start(input, self.compression)?);
        self.position = 0;
        Ok(())
    }

    fn skip_to(&mut self, position: u64) -> Result<()> {
        let wanted = position.saturating_sub(self.position);
        let skipped = io::copy(&mut (&mut *self).take(wanted), &mut io::sink()).map_err(damaged)?;
        if skipped != wanted {
            return Err(malformed(Defect::CutShort));
        }
        Ok(())
    }

    /// Reads the next header; `None` at the end of the archive.
    fn next_member(&mut self) -> Result<Option<Member>> {
        let mut header = [0; BLOCK as usize];
        let mut filled = 0;
        while filled < header.len() {
            match self.read(&mut header[filled..]).map_err(damaged)? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(malformed(Defect::HeaderCutShort)),
                count => filled += count,
            }
        }
        if header.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let name = header[..100].split(|byte| *byte == 0).next();
        let name = name
            .and_then(|name| std::str::from_utf8(name).ok())
            .filter(|name| !name.is_empty())
            .ok_or_else(|| malformed(Defect::NamelessHeader))?;
        // Regular files only; their type is '0', or nothing in the oldest archives.
        if !matches!(header[156], b'0' | 0) {
            return Err(malformed(Defect::NotAFile));
        }
        let len = octal(&header[124..136]).ok_or_else(|| malformed(Defect::HeaderWithoutLength))?;
        Ok(Some(Member {
            name: name.replace('\\', "/"),
            start: self.position,
            len,
        }))
    }
}

impl Read for TarArchive {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.stream {
            Some(Stream::Zstd(stream)) => stream.read(buffer)?,
            Some(Stream::Gzip(stream)) => stream.read(buffer)?,
            None => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        self.position += count as u64;
        Ok(count)
    }
}

impl Stream {
    fn start(mut input: Box<dyn ReadSeek>, compression: TarCompression) -> Result<Self> {
        input.seek(SeekFrom::Start(0))?;
        let input = BufReader::with_capacity(64 * 1024, input);
        Ok(match compression {
            // The decoder's own limit of 128 MiB for its window bounds its memory.
            TarCompression::Zstd => Self::Zstd(Box::new(
                zstd::stream::read::Decoder::with_buffer(input).map_err(damaged)?,
            )),
            TarCompression::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(input))),
        })
    }

    fn into_input(self) -> Box<dyn ReadSeek> {
        match self {
            Self::Zstd(stream) => stream.finish().into_inner(),
            Self::Gzip(stream) => stream.into_inner().into_inner(),
        }
    }
}

/// The content of one entry.
struct Content<'a> {
    archive: &'a mut TarArchive,
    left: u64,
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if len == 0 {
            return Ok(0);
        }
        let count = self.archive.read(&mut buffer[..len])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Digits in base eight with spaces or zero bytes around them.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    let text = text.trim_matches(|c| c == ' ' || c == '\0');
    // Lengths that do not fit are written in binary by others, never by Duplicati.
    u64::from_str_radix(text, 8).ok()
}

fn malformed(why: Defect) -> Error {
    Error::malformed(Structure::Archive, why)
}

fn broken() -> Error {
    Error::Io(io::ErrorKind::BrokenPipe.into())
}

/// A stream that cannot be unpacked is damage, whatever its decoder calls it.
fn damaged(error: io::Error) -> Error {
    Error::undecodable(Structure::Archive, &error)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use super::*;
    use crate::archive::VolumeReader;
    use crate::dblock::DblockReader;
    use crate::hash::HashAlgorithm;
    use crate::name::VolumeName;

    fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, content) in members {
            let mut header = [0_u8; BLOCK as usize];
            header[..name.len()].copy_from_slice(name.as_bytes());
            let len = format!("{:011o}", content.len());
            header[124..135].copy_from_slice(len.as_bytes());
            header[156] = b'0';
            out.extend(header);
            out.extend(*content);
            out.resize(out.len().next_multiple_of(BLOCK as usize), 0);
        }
        out
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(data).unwrap();
        out.finish().unwrap()
    }

    fn open(bytes: Vec<u8>, compression: TarCompression) -> Result<TarArchive> {
        TarArchive::open(Box::new(Cursor::new(bytes)), compression)
    }

    fn content(archive: &mut TarArchive, name: &str) -> Vec<u8> {
        let index = archive.find(name).unwrap();
        let mut data = Vec::new();
        let (mut entry, len) = archive.entry(index).unwrap();
        entry.read_to_end(&mut data).unwrap();
        assert_eq!(data.len() as u64, len);
        data
    }

    #[test]
    fn entries_are_read_in_any_order() {
        let plain = tar(&[("a", b"first"), ("b", &[7; 1000]), (TRAILER, b"{}")]);
        for (bytes, compression) in [
            (gzip(&plain), TarCompression::Gzip),
            (
                zstd::bulk::compress(&plain, 3).unwrap(),
                TarCompression::Zstd,
            ),
        ] {
            let mut archive = open(bytes, compression).unwrap();

            assert_eq!(content(&mut archive, "b"), [7; 1000]);
            assert_eq!(content(&mut archive, "a"), b"first");
            assert_eq!(content(&mut archive, "a"), b"first");
            assert_eq!(archive.len(), 2);
            assert_eq!(archive.find(TRAILER), None);
        }
    }

    #[test]
    fn a_block_that_is_there_twice_is_listed_only_as_it_is_read() {
        let manifest = br#"{"Version":2,"Created":"20240101T000000Z","Encoding":"utf8","Blocksize":1024,"BlockHash":"SHA256","FileHash":"SHA256","AppVersion":"2"}"#;
        let hash = HashAlgorithm::Sha256.digest(b"good");
        let name = hash.to_entry_name();
        for (first, second, listed) in [(b"good", b"evil", 0), (b"evil", b"good", 1)] {
            let plain = tar(&[("manifest", manifest), (&name, first), (&name, second)]);
            let volume = VolumeName::parse("p-b00.dblock.tgz").unwrap();
            let volume = VolumeReader::open(Cursor::new(gzip(&plain)), &volume, None).unwrap();
            let format = volume.format().unwrap();
            let mut dblock = DblockReader::new(volume, &format).unwrap();

            let rows = dblock.scan().unwrap();

            assert_eq!(rows.len(), listed);
            assert_eq!(dblock.read(hash).is_ok(), listed == 1);
        }
    }

    #[test]
    fn a_small_stream_cannot_claim_millions_of_entries() {
        let mut plain = Vec::new();
        for _ in 0..200_000 {
            plain.extend(tar(&[("same", b"")]));
        }

        let outcome = open(
            zstd::bulk::compress(&plain, 3).unwrap(),
            TarCompression::Zstd,
        );

        assert!(matches!(outcome, Err(Error::Malformed { .. })));
    }

    proptest::proptest! {
        #[test]
        fn damage_never_panics(position in 0_usize..3000, value: u8, cut in 0_usize..3000) {
            let mut plain = tar(&[("manifest", b"{}"), ("b", &[7; 900]), (TRAILER, b"{}")]);
            let position = position % plain.len();
            plain[position] = value;
            for damaged in [&plain[..], &plain[..cut.min(plain.len())]] {
                if let Ok(mut archive) = open(gzip(damaged), TarCompression::Gzip) {
                    for index in 0..archive.members.len() {
                        if let Ok((mut entry, _)) = archive.entry(index) {
                            let _ = io::copy(&mut entry, &mut io::sink());
                        }
                    }
                }
            }
            let mut packed = zstd::bulk::compress(&plain, 3).unwrap();
            let place = cut % packed.len();
            packed[place] ^= value | 1;
            let _ = open(packed, TarCompression::Zstd);
        }
    }
}
