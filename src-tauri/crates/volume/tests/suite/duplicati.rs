use std::fs::{self, File};
use std::io::{Cursor, Read as _};
use std::path::Path;

use coffer_volume::archive::VolumeReader;
use coffer_volume::dblock::DblockReader;
use coffer_volume::dindex::{BlockRow, DindexReader};
use coffer_volume::dlist::{DlistHead, DlistReader, DlistWriter, FilelistEntry};
use coffer_volume::metadata::Metadata;
use coffer_volume::stream::Parts;
use coffer_volume::{Encryption, Error, Format, Passphrase, VolumeKind, VolumeName, aescrypt};

use crate::fixture;

/// Destinations that Duplicati or the vectors' own generator wrote, with their passphrases.
const DESTINATIONS: &[(&str, Option<&str>)] = &[
    (
        "duplicati-2.3/defaults/destination",
        Some("correct horse ☂ battery"),
    ),
    ("duplicati-2.3/small-blocks/destination", None),
    (
        "duplicati-2.3/other-hashes/destination",
        Some("correct horse ☂ battery"),
    ),
    (
        "duplicati-2.3/zip-none/destination",
        Some("correct horse ☂ battery"),
    ),
    (
        "duplicati-2.3/compacted/destination",
        Some("correct horse ☂ battery"),
    ),
    ("vectors/duplicati/backup-plain", None),
    ("vectors/duplicati/backup-encrypted", Some("pässphrase ✓")),
];

/// One volume of one destination.
struct Volume<'a> {
    path: &'a Path,
    name: VolumeName,
    passphrase: Option<Passphrase>,
}

impl Volume<'_> {
    fn open(&self) -> VolumeReader {
        let file = File::open(self.path).unwrap();
        VolumeReader::open(file, &self.name, self.passphrase.as_ref()).unwrap()
    }

    /// A raw entry, read without the code under test but for the decryption.
    fn raw_entry(&self, name: &str) -> Vec<u8> {
        let mut plain = Vec::new();
        match self
            .passphrase
            .as_ref()
            .filter(|_| self.name.encryption().is_some())
        {
            Some(passphrase) => {
                let file = File::open(self.path).unwrap();
                aescrypt::Reader::open(file, passphrase)
                    .unwrap()
                    .read_to_end(&mut plain)
                    .unwrap();
            }
            None => plain = fs::read(self.path).unwrap(),
        }
        let mut data = Vec::new();
        zip::ZipArchive::new(Cursor::new(plain))
            .unwrap()
            .by_name(name)
            .unwrap()
            .read_to_end(&mut data)
            .unwrap();
        data
    }
}

fn for_each_volume(kind: VolumeKind, mut check: impl FnMut(&Volume<'_>, &Format)) {
    let mut seen = 0;
    for (folder, passphrase) in DESTINATIONS {
        for file in fs::read_dir(fixture(folder)).unwrap() {
            let path = file.unwrap().path();
            let Some(name) = VolumeName::parse(path.file_name().unwrap().to_str().unwrap()) else {
                continue;
            };
            if name.kind() == kind {
                let passphrase = passphrase.map(|text| Passphrase::new(text).unwrap());
                let volume = Volume {
                    path: &path,
                    name,
                    passphrase,
                };
                let format = volume.open().format().unwrap();
                check(&volume, &format);
                seen += 1;
            }
        }
    }
    assert!(seen >= 2 * DESTINATIONS.len(), "{seen} volumes");
}

fn entries(volume: &Volume<'_>) -> Vec<FilelistEntry> {
    let mut entries = Vec::new();
    DlistReader::new(volume.open())
        .unwrap()
        .read_entries(|entry| {
            entries.push(entry);
            Ok::<_, Error>(())
        })
        .unwrap();
    entries
}

#[test]
fn file_lists_are_written_back_byte_for_byte() {
    for_each_volume(VolumeKind::Dlist, |volume, format| {
        let mut dlist = DlistReader::new(volume.open()).unwrap();
        let completeness = dlist.completeness().unwrap();
        let time = volume.name.time().unwrap();
        let scratch = Cursor::new(Vec::new());
        let mut writer = DlistWriter::create(
            Vec::new(),
            scratch,
            format,
            &Encryption::None,
            &DlistHead {
                created: time,
                completeness,
                maker: None,
            },
        )
        .unwrap();
        for entry in entries(volume) {
            writer.add(&entry).unwrap();
        }
        let (bytes, _) = writer.finish().unwrap();

        let mut written = Vec::new();
        zip::ZipArchive::new(Cursor::new(bytes))
            .unwrap()
            .by_name("filelist.json")
            .unwrap()
            .read_to_end(&mut written)
            .unwrap();

        let original = volume.raw_entry("filelist.json");
        assert_eq!(
            String::from_utf8(written).unwrap(),
            String::from_utf8(original).unwrap(),
            "{}",
            volume.path.display()
        );
    });
}

#[test]
fn index_volumes_describe_their_data_volumes() {
    for_each_volume(VolumeKind::Dindex, |volume, format| {
        let mut rows: Vec<BlockRow> = Vec::new();
        let mut reader = DindexReader::new(volume.open(), format).unwrap();
        let indexed = reader
            .read_blocks(|_, row| {
                rows.push(row);
                Ok(())
            })
            .unwrap();
        reader
            .read_blocklists(|hash, data| {
                assert_eq!(format.block_hash().digest(&data), hash);
                assert!(rows.iter().any(|row| row.hash == hash));
                Ok(())
            })
            .unwrap();

        let [dblock] = &indexed[..] else {
            panic!("{indexed:?}")
        };
        let path = volume.path.with_file_name(&dblock.dblock);
        let bytes = fs::read(&path).unwrap();
        let digest = dblock.digest.unwrap();
        assert_eq!(digest.size, bytes.len() as u64);
        assert_eq!(digest.hash, format.file_hash().digest(&bytes));

        let name = VolumeName::parse(&dblock.dblock).unwrap();
        let file = File::open(&path).unwrap();
        let opened = VolumeReader::open(file, &name, volume.passphrase.as_ref()).unwrap();
        let mut blocks = DblockReader::new(opened, format).unwrap();
        for row in &rows {
            assert_eq!(blocks.read(row.hash).unwrap().len() as u64, row.size);
        }
        assert_eq!(blocks.scan().unwrap().len(), rows.len());
    });
}

#[test]
fn metadata_is_written_back_byte_for_byte() {
    for_each_volume(VolumeKind::Dlist, |volume, format| {
        let mut compared = 0;
        let dblocks: Vec<_> = fs::read_dir(volume.path.parent().unwrap())
            .unwrap()
            .filter_map(|file| VolumeName::parse(file.unwrap().file_name().to_str().unwrap()))
            .filter(|name| name.kind() == VolumeKind::Dblock)
            .collect();
        let mut readers: Vec<_> = dblocks
            .iter()
            .map(|name| {
                let file = File::open(volume.path.with_file_name(name.as_str())).unwrap();
                let opened = VolumeReader::open(file, name, volume.passphrase.as_ref()).unwrap();
                DblockReader::new(opened, format).unwrap()
            })
            .collect();
        for entry in entries(volume) {
            let metadata = entry.metadata.unwrap();
            let Parts::Block(block) = metadata.parts else {
                continue;
            };
            let bytes = readers
                .iter_mut()
                .find_map(|reader| reader.read(block).ok())
                .unwrap();

            assert_eq!(bytes.len() as u64, metadata.size);
            assert_eq!(
                String::from_utf8(Metadata::decode(&bytes).unwrap().encode()).unwrap(),
                String::from_utf8(bytes).unwrap()
            );
            compared += 1;
        }
        assert!(compared > 0);
    });
}

#[test]
fn a_wrong_passphrase_opens_nothing() {
    let path = fixture("duplicati-2.3/defaults/destination");
    let wrong = Passphrase::new("correct horse battery").unwrap();
    for file in fs::read_dir(path).unwrap() {
        let path = file.unwrap().path();
        let name = VolumeName::parse(path.file_name().unwrap().to_str().unwrap()).unwrap();

        let with_wrong = VolumeReader::open(File::open(&path).unwrap(), &name, Some(&wrong));
        let without = VolumeReader::open(File::open(&path).unwrap(), &name, None);

        assert!(matches!(with_wrong.err(), Some(Error::WrongPassphrase)));
        assert!(matches!(without.err(), Some(Error::PassphraseRequired)));
    }
}
