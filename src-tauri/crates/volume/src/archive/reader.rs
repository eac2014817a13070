use std::io::{BufReader, Read, Seek};

use crate::aescrypt;
use crate::encryption::Passphrase;
use crate::error::{Error, Result};
use crate::manifest::{self, Format, Manifest};
use crate::name::{VolumeKind, VolumeName};

/// Bytes of the longest manifest entry that is read.
const MAX_MANIFEST: u64 = 64 * 1024;

/// Anything a volume can be read from.
trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// An opened volume: decrypted on demand, its manifest checked.
pub struct VolumeReader {
    kind: VolumeKind,
    archive: zip::ZipArchive<BufReader<Box<dyn ReadSeek>>>,
    manifest: Manifest,
}

impl VolumeReader {
    /// Opens what `input` holds, as `name` says it is packed.
    ///
    /// # Errors
    /// [`Error::WrongPassphrase`], [`Error::PassphraseRequired`], [`Error::Unsupported`] for other modules, and
    /// the errors of damage.
    pub fn open(
        input: impl Read + Seek + Send + 'static,
        name: &VolumeName,
        passphrase: Option<&Passphrase>,
    ) -> Result<Self> {
        if name.compression() != "zip" {
            return Err(Error::Unsupported {
                what: format!("the compression module {}", name.compression()),
            });
        }
        let plain: Box<dyn ReadSeek> = match name.encryption() {
            None => Box::new(input),
            Some("aes") => {
                let passphrase = passphrase.ok_or(Error::PassphraseRequired)?;
                Box::new(aescrypt::Reader::open(input, passphrase)?)
            }
            Some(other) => {
                return Err(Error::Unsupported {
                    what: format!("the encryption module {other}"),
                });
            }
        };
        let mut archive = zip::ZipArchive::new(BufReader::with_capacity(32 * 1024, plain))?;
        let bytes = read_entry(&mut archive, manifest::ENTRY, MAX_MANIFEST)?;
        let manifest = Manifest::decode(&bytes)?;
        Ok(Self {
            kind: name.kind(),
            archive,
            manifest,
        })
    }

    /// The settings that the volume was written with.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when they are outside the format.
    pub fn format(&self) -> Result<Format> {
        self.manifest.format()
    }

    /// Checks that the volume belongs to a backup with these settings.
    ///
    /// # Errors
    /// [`Error::FormatMismatch`] when it does not.
    pub fn expect_format(&self, expected: &Format) -> Result<()> {
        self.manifest.expect_format(self.kind, expected)
    }

    /// Names of all entries, `/` between parts (old writers used `\`).
    pub(crate) fn names(&self) -> Vec<(usize, String)> {
        (0..self.archive.len())
            .filter_map(|i| Some((i, self.archive.name_for_index(i)?.ok()?.replace('\\', "/"))))
            .collect()
    }

    /// Opens an entry for streaming.
    pub(crate) fn entry(&mut self, index: usize) -> Result<impl Read> {
        Ok(self.archive.by_index(index)?)
    }

    /// Index of the entry `name`.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.archive
            .index_for_name(name)
            .or_else(|| self.archive.index_for_name(&name.replace('/', "\\")))
    }

    /// Reads a whole entry of at most `limit` bytes.
    pub(crate) fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>> {
        read_entry(&mut self.archive, name, limit)
    }

    /// Reads a whole entry of at most `limit` bytes.
    pub(crate) fn read_index(&mut self, index: usize, limit: u64) -> Result<Vec<u8>> {
        read_limited(self.archive.by_index(index)?, limit)
    }
}

fn read_entry<R: Read + Seek>(
    archive: &mut zip::ZipArchive<R>,
    name: &str,
    limit: u64,
) -> Result<Vec<u8>> {
    let missing = || Error::MissingEntry {
        name: name.to_owned(),
    };
    let index = archive.index_for_name(name).ok_or_else(missing)?;
    read_limited(archive.by_index(index)?, limit)
}

fn read_limited<R: Read>(entry: zip::read::ZipFile<'_, R>, limit: u64) -> Result<Vec<u8>> {
    let stated = entry.size().min(limit);
    let mut data = Vec::with_capacity(stated.min(1 << 20) as usize);
    entry
        .take(limit + 1)
        .read_to_end(&mut data)
        .map_err(damaged)?;
    if data.len() as u64 > limit {
        return Err(Error::malformed(
            "archive",
            format!("an entry is larger than {limit} bytes"),
        ));
    }
    Ok(data)
}

/// A stream that cannot be unpacked is damage, not an input/output problem.
fn damaged(error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::InvalidData
        | std::io::ErrorKind::InvalidInput
        | std::io::ErrorKind::UnexpectedEof => Error::malformed("archive", error.to_string()),
        _ => Error::Io(error),
    }
}
