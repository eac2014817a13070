use std::io::{BufReader, Read, Seek};

use super::inflater::Inflater;
use super::read_seek::ReadSeek;
use super::tar::{TarArchive, TarCompression};
use crate::aescrypt;
use crate::defect::{Defect, Structure};
use crate::encryption::Passphrase;
use crate::error::{Error, Result};
use crate::kind::VolumeKind;
use crate::maker::Maker;
use crate::manifest::{self, Format, Manifest};
use crate::name::VolumeName;

/// Bytes of the longest manifest entry that is read.
const MAX_MANIFEST: u64 = 64 * 1024;

/// What a volume is packed in.
enum Archive {
    Zip(Box<Zip>),
    Tar(Box<TarArchive>),
}

type ZipArchive = zip::ZipArchive<BufReader<Box<dyn ReadSeek>>>;

struct Zip {
    archive: ZipArchive,
    inflater: Inflater,
}

/// An opened volume: decrypted on demand, its manifest checked.
pub struct VolumeReader {
    kind: VolumeKind,
    archive: Archive,
    manifest: Manifest,
}

impl VolumeReader {
    /// Opens what `input` holds, as `name` says it is packed.
    ///
    /// # Errors
    /// [`Error::WrongPassphrase`], [`Error::PassphraseRequired`], [`Error::Unsupported`] for other modules (GnuPG
    /// among them, whose plain text goes to [`VolumeReader::open_plain`]), and the errors of damage.
    pub fn open(
        input: impl Read + Seek + Send + 'static,
        name: &VolumeName,
        passphrase: Option<&Passphrase>,
    ) -> Result<Self> {
        match name.encryption() {
            None => Self::open_plain(input, name),
            Some("aes") => {
                let passphrase = passphrase.ok_or(Error::PassphraseRequired)?;
                Self::open_plain(aescrypt::Reader::open(input, passphrase)?, name)
            }
            Some(other) => Err(Error::Unsupported {
                what: format!("the encryption module {other}"),
            }),
        }
    }

    /// Opens what `input` holds without its encryption.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for other modules, and the errors of damage.
    pub fn open_plain(input: impl Read + Seek + Send + 'static, name: &VolumeName) -> Result<Self> {
        let plain: Box<dyn ReadSeek> = Box::new(input);
        let mut archive = match name.compression() {
            "zip" => {
                let input = BufReader::with_capacity(32 * 1024, plain);
                Archive::Zip(Box::new(Zip {
                    archive: ZipArchive::new(input)?,
                    inflater: Inflater::new(),
                }))
            }
            "tzstd" => Archive::Tar(Box::new(TarArchive::open(plain, TarCompression::Zstd)?)),
            "tgz" => Archive::Tar(Box::new(TarArchive::open(plain, TarCompression::Gzip)?)),
            other => {
                return Err(Error::Unsupported {
                    what: format!("the compression module {other}"),
                });
            }
        };
        let index = archive.find(manifest::ENTRY);
        let bytes = match index {
            Some(index) => archive.read(index, MAX_MANIFEST)?,
            None => {
                return Err(Error::MissingEntry {
                    name: manifest::ENTRY.to_owned(),
                });
            }
        };
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

    /// Who made it, when the manifest says so.
    pub(crate) fn maker(&self) -> Option<Maker> {
        self.manifest.maker()
    }

    /// Checks that the volume belongs to a backup with these settings.
    ///
    /// # Errors
    /// [`Error::FormatMismatch`] when it does not.
    pub fn expect_format(&self, expected: &Format) -> Result<()> {
        self.manifest.expect_format(self.kind, expected)
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        match &self.archive {
            Archive::Zip(zip) => zip.archive.len(),
            Archive::Tar(tar) => tar.len(),
        }
    }

    /// Name of an entry, `/` between parts (old writers used `\`). `None` when it cannot be read.
    pub(crate) fn name(&self, index: usize) -> Option<String> {
        match &self.archive {
            Archive::Zip(zip) => {
                let name = zip.archive.name_for_index(index)?.ok()?;
                Some(name.replace('\\', "/"))
            }
            Archive::Tar(tar) => Some(tar.name(index)?.to_owned()),
        }
    }

    /// Opens an entry for streaming.
    pub(crate) fn entry(&mut self, index: usize) -> Result<Box<dyn Read + '_>> {
        Ok(match &mut self.archive {
            Archive::Zip(zip) => Box::new(zip.archive.by_index(index)?),
            Archive::Tar(tar) => Box::new(tar.entry(index)?.0),
        })
    }

    /// Index of the entry `name`. Reading in the order of indices is never slower than any other, and in a tar archive
    /// much faster.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.archive.find(name)
    }

    /// Reads a whole entry of at most `limit` bytes.
    pub(crate) fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let missing = || Error::MissingEntry {
            name: name.to_owned(),
        };
        let index = self.archive.find(name).ok_or_else(missing)?;
        self.archive.read(index, limit)
    }

    /// Reads a whole entry of at most `limit` bytes.
    pub(crate) fn read_index(&mut self, index: usize, limit: u64) -> Result<Vec<u8>> {
        self.archive.read(index, limit)
    }
}

impl Archive {
    fn find(&self, name: &str) -> Option<usize> {
        match self {
            Self::Zip(zip) => zip
                .archive
                .index_for_name(name)
                .or_else(|| zip.archive.index_for_name(&name.replace('/', "\\"))),
            Self::Tar(tar) => tar.find(name),
        }
    }

    fn read(&mut self, index: usize, limit: u64) -> Result<Vec<u8>> {
        match self {
            Self::Zip(zip) => {
                let Zip { archive, inflater } = &mut **zip;
                if let Some(data) = inflater.read(&mut archive.by_index_raw(index)?, limit)? {
                    return Ok(data);
                }
                let entry = archive.by_index(index)?;
                let len = entry.size();
                read_limited(entry, len, limit)
            }
            Self::Tar(tar) => {
                let (entry, len) = tar.entry(index)?;
                read_limited(entry, len, limit)
            }
        }
    }
}

fn read_limited(entry: impl Read, len: u64, limit: u64) -> Result<Vec<u8>> {
    let stated = len.min(limit);
    let mut data = Vec::with_capacity(stated.min(1 << 20) as usize);
    entry.take(limit + 1).read_to_end(&mut data)?;
    if data.len() as u64 > limit {
        return Err(Error::malformed(
            Structure::Archive,
            Defect::EntryTooLarge(limit),
        ));
    }
    Ok(data)
}
