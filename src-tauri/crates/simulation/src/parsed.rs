//! Volumes as the auditor reads them.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use coffer_volume::archive::VolumeReader;
use coffer_volume::dblock::DblockReader;
use coffer_volume::dlist::{DlistReader, FilelistEntry};
use coffer_volume::{Format, Hash, VolumeKind, VolumeName};

/// What is in a volume.
pub(crate) enum Parsed {
    Blocks(HashMap<Hash, Vec<u8>>),
    Entries(Format, Vec<FilelistEntry>),
    /// What is not looked into, or cannot be.
    Nothing,
}

impl Parsed {
    pub(crate) fn of(name: &str, data: &Arc<[u8]>) -> Self {
        VolumeName::parse(name)
            .and_then(|name| read(&name, data).ok())
            .unwrap_or(Self::Nothing)
    }
}

fn read(name: &VolumeName, data: &Arc<[u8]>) -> coffer_volume::Result<Parsed> {
    let input = Cursor::new(Arc::clone(data));
    match name.kind() {
        VolumeKind::Dindex => Ok(Parsed::Nothing),
        VolumeKind::Dblock => {
            let volume = VolumeReader::open(input, name, None)?;
            let format = volume.format()?;
            let mut reader = DblockReader::new(volume, &format)?;
            let mut blocks = HashMap::new();
            for (hash, _) in reader.scan()? {
                if let Ok(data) = reader.read(hash) {
                    blocks.insert(hash, data);
                }
            }
            Ok(Parsed::Blocks(blocks))
        }
        VolumeKind::Dlist => {
            let mut reader = DlistReader::new(VolumeReader::open(input, name, None)?)?;
            let format = reader.format().clone();
            let mut entries = Vec::new();
            reader.read_entries(|entry| {
                entries.push(entry);
                Ok::<_, coffer_volume::Error>(())
            })?;
            Ok(Parsed::Entries(format, entries))
        }
    }
}
