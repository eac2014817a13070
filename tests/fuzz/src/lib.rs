//! What the fuzz targets share: volumes put together around a piece of hostile data.

use std::io::{Cursor, Write as _};

use coffer_volume::archive::VolumeReader;
use coffer_volume::dblock::DblockReader;
use coffer_volume::dindex::DindexReader;
use coffer_volume::dlist::DlistReader;
use coffer_volume::{Format, VolumeName};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const MANIFEST: &str = r#"{"Version":2,"Created":"20240101T000000Z","Encoding":"utf8","Blocksize":1024,"BlockHash":"SHA256","FileHash":"SHA256","AppVersion":"2"}"#;

/// A volume with a good manifest and these entries, stored as they are.
pub fn volume(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, data) in [("manifest", MANIFEST.as_bytes())].iter().chain(entries) {
        zip.start_file(*name, stored).expect("memory takes it");
        zip.write_all(data).expect("memory takes it");
    }
    zip.finish().expect("memory takes it").into_inner()
}

/// Reads everything in a volume, whatever it is named.
pub fn read_all(name: &str, data: &[u8]) {
    let Some(name) = VolumeName::parse(name) else {
        return;
    };
    let open = || VolumeReader::open(Cursor::new(data.to_vec()), &name, None);
    let Ok(volume) = open() else {
        return;
    };
    let Ok(format) = volume.format() else {
        return;
    };
    // Blocks of many megabytes are allowed and only make this slow.
    if format.block_size() > 1 << 20 {
        return;
    }
    read_dblock(volume, &format);
    if let Ok(volume) = open() {
        read_dindex(volume, &format);
    }
    if let Ok(volume) = open() {
        read_dlist(volume, &format);
    }
}

fn read_dblock(volume: VolumeReader, format: &Format) {
    let Ok(mut dblock) = DblockReader::new(volume, format) else {
        return;
    };
    let Ok(rows) = dblock.scan() else {
        return;
    };
    for (hash, size) in rows {
        let block = dblock.read(hash).expect("what was listed can be read");
        assert_eq!(block.len() as u64, size);
    }
}

fn read_dindex(volume: VolumeReader, format: &Format) {
    let Ok(mut dindex) = DindexReader::new(volume, format) else {
        return;
    };
    let _ = dindex.read_blocks(|_, row| {
        assert!((1..=format.block_size()).contains(&row.size));
        Ok(())
    });
    let _ = dindex.read_blocklists(|hash, data| {
        assert!(format.block_hash().digest(&data) == hash);
        Ok(())
    });
}

fn read_dlist(volume: VolumeReader, format: &Format) {
    let Ok(mut dlist) = DlistReader::new(volume) else {
        return;
    };
    let _ = dlist.completeness();
    let _ = dlist.read_entries::<coffer_volume::Error>(|entry| {
        if let Some(content) = &entry.content {
            content.check(format)?;
        }
        Ok(())
    });
}
