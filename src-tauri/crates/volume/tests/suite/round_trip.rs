use std::io::Cursor;

use coffer_volume::archive::{BlockCompressor, Hint, VolumeReader};
use coffer_volume::dblock::{DblockReader, DblockWriter};
use coffer_volume::dindex::{self, BlockRow, DindexReader};
use coffer_volume::{Encryption, Error, Format, Passphrase, VolumeName};
use proptest::prelude::*;

#[test]
fn an_index_is_read_back_as_it_was_written() {
    let format = Format::new(1024, "SHA256", "SHA512").unwrap();
    let encryption = Encryption::Aes(Passphrase::new("secret").unwrap());
    let created = "2026-01-01T00:00:00Z".parse().unwrap();
    let list = vec![7; 64];
    let hash = format.block_hash().digest(&list);
    let dblock = VolumeName::new_dblock("p", &encryption);
    let (_, digest) = DblockWriter::create(Vec::new(), &format, &encryption, created)
        .unwrap()
        .finish()
        .unwrap();
    let rows = [BlockRow { hash, size: 64 }];

    let (bytes, _) = dindex::write(
        Vec::new(),
        &format,
        &encryption,
        created,
        (&dblock, digest),
        &rows,
        &[(hash, list.clone())],
    )
    .unwrap();

    let name = VolumeName::new_dindex("p", &encryption);
    let volume = VolumeReader::open(Cursor::new(bytes), &name, encryption.passphrase()).unwrap();
    let mut reader = DindexReader::new(volume, &format).unwrap();
    let (mut found, mut lists) = (Vec::new(), Vec::new());
    let volumes = reader
        .read_blocks(|_, row| {
            found.push(row);
            Ok(())
        })
        .unwrap();
    reader
        .read_blocklists(|hash, data| {
            lists.push((hash, data));
            Ok(())
        })
        .unwrap();
    assert_eq!(found, rows);
    assert_eq!(lists, [(hash, list)]);
    assert_eq!(volumes[0].dblock, dblock.as_str());
    assert_eq!(volumes[0].digest, Some(digest));
}

#[test]
fn a_volume_of_another_backup_is_refused() {
    let written = Format::new(2048, "SHA256", "SHA256").unwrap();
    let expected = Format::new(1024, "SHA256", "SHA256").unwrap();
    let created = "2026-01-01T00:00:00Z".parse().unwrap();
    let writer = DblockWriter::create(Vec::new(), &written, &Encryption::None, created).unwrap();
    let (bytes, _) = writer.finish().unwrap();

    let name = VolumeName::new_dblock("p", &Encryption::None);
    let volume = VolumeReader::open(Cursor::new(bytes), &name, None).unwrap();

    assert!(matches!(
        DblockReader::new(volume, &expected),
        Err(Error::FormatMismatch { .. })
    ));
}

fn small_volume() -> (Vec<u8>, VolumeName, Format, coffer_volume::Hash) {
    let format = Format::new(1024, "SHA256", "SHA256").unwrap();
    let created = "2026-01-01T00:00:00Z".parse().unwrap();
    let block = b"a block that shrinks, a block that shrinks, a block that shrinks".to_vec();
    let hash = format.block_hash().digest(&block);
    let mut writer = DblockWriter::create(Vec::new(), &format, &Encryption::None, created).unwrap();
    writer
        .add(
            hash,
            &BlockCompressor::new(9).prepare(block, Hint::Compress),
        )
        .unwrap();
    let name = VolumeName::new_dblock("p", &Encryption::None);
    (writer.finish().unwrap().0, name, format, hash)
}

proptest! {
    #[test]
    fn a_damaged_block_is_never_given_out(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let (mut bytes, name, format, hash) = small_volume();
        let original = DblockReader::new(
            VolumeReader::open(Cursor::new(bytes.clone()), &name, None).unwrap(), &format,
        ).unwrap().read(hash).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;

        let read = VolumeReader::open(Cursor::new(bytes), &name, None)
            .and_then(|volume| DblockReader::new(volume, &format))
            .and_then(|mut reader| reader.read(hash));

        if let Ok(data) = read {
            prop_assert_eq!(data, original);
        }
    }

    #[test]
    fn arbitrary_bytes_are_no_volume(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (_, name, ..) = small_volume();
        prop_assert!(VolumeReader::open(Cursor::new(bytes), &name, None).is_err());
    }
}
