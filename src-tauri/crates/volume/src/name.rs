//! Names of volumes: `<prefix>-b<guid>.dblock.zip.aes` and its two sisters.
//!
//! The parser follows Duplicati's: the type *word* decides, the whole name must match, the compression part has no
//! dot, the encryption part is the rest. Names that do not parse are other people's files and left alone.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::encryption::Encryption;
pub use crate::kind::VolumeKind;

/// The name of a volume, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VolumeName {
    text: String,
    prefix_len: usize,
    kind: VolumeKind,
    time: Option<Timestamp>,
    compression: String,
    encryption: Option<String>,
}

impl VolumeName {
    /// Names a new dblock.
    pub fn new_dblock(prefix: &str, encryption: &Encryption) -> Self {
        Self::with_guid(prefix, VolumeKind::Dblock, 'b', encryption)
    }

    /// Names a new dindex.
    pub fn new_dindex(prefix: &str, encryption: &Encryption) -> Self {
        Self::with_guid(prefix, VolumeKind::Dindex, 'i', encryption)
    }

    /// Names the dlist of the version made at `time`, of which whole seconds count.
    pub fn new_dlist(prefix: &str, time: Timestamp, encryption: &Encryption) -> Self {
        let stamp = format_stamp(time);
        Self::parse(&format!(
            "{prefix}-{stamp}.dlist.zip{}",
            encryption.extension()
        ))
        .expect("a checked prefix and a stamp make a valid name")
    }

    fn with_guid(prefix: &str, kind: VolumeKind, letter: char, encryption: &Encryption) -> Self {
        let guid = Uuid::new_v4().simple();
        let text = format!(
            "{prefix}-{letter}{guid}.{kind}.zip{}",
            encryption.extension()
        );
        Self::parse(&text).expect("a checked prefix and a guid make a valid name")
    }

    /// Takes a listed name apart; `None` when it is not a volume's.
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, rest) = text.split_once('-')?;
        let (id, rest) = rest.split_once('.')?;
        let (word, rest) = rest.split_once('.')?;
        let kind = [VolumeKind::Dblock, VolumeKind::Dindex, VolumeKind::Dlist]
            .into_iter()
            .find(|kind| kind.word() == word)?;
        let (compression, encryption) = match rest.split_once('.') {
            Some((compression, encryption)) => (compression, Some(encryption)),
            None => (rest, None),
        };
        let time = parse_stamp(id);
        let has_guid = id.len() > 1
            && matches!(id.as_bytes()[0], b'i' | b'b' | b'I' | b'B' | b'|')
            && id[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
        let valid = !prefix.is_empty()
            && !compression.is_empty()
            && encryption != Some("")
            && (time.is_some() || has_guid)
            && (kind == VolumeKind::Dlist) == time.is_some()
            && !text.contains(['/', '\\', '\n']);
        valid.then(|| Self {
            text: text.to_owned(),
            prefix_len: prefix.len(),
            kind,
            time,
            compression: compression.to_owned(),
            encryption: encryption.map(str::to_owned),
        })
    }

    /// Whether `prefix` may start volume names: not empty, no `-` and nothing a destination refuses.
    pub fn is_valid_prefix(prefix: &str) -> bool {
        !prefix.is_empty()
            && prefix
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Value of `--prefix`.
    pub fn prefix(&self) -> &str {
        &self.text[..self.prefix_len]
    }

    /// What the volume holds.
    pub fn kind(&self) -> VolumeKind {
        self.kind
    }

    /// The version's time; dlist only.
    pub fn time(&self) -> Option<Timestamp> {
        self.time
    }

    /// Key of the compression module, e.g. `zip`.
    pub fn compression(&self) -> &str {
        &self.compression
    }

    /// Key of the encryption module, e.g. `aes`.
    pub fn encryption(&self) -> Option<&str> {
        self.encryption.as_deref()
    }

    /// Whether this version of Coffer can open such a volume.
    pub fn is_readable(&self) -> bool {
        matches!(self.compression.as_str(), "zip" | "tzstd" | "tgz")
            && matches!(self.encryption.as_deref(), None | Some("aes" | "gpg"))
    }
}

impl fmt::Display for VolumeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Writes `yyyyMMddTHHmmssZ` in UTC, as names, manifests and file lists have it.
pub fn format_stamp(time: Timestamp) -> String {
    let time = time.to_zoned(TimeZone::UTC);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// Reads `yyyyMMddTHHmmssZ`.
pub fn parse_stamp(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 16
        && bytes[8] == b'T'
        && bytes[15] == b'Z'
        && bytes
            .iter()
            .enumerate()
            .all(|(i, b)| i == 8 || i == 15 || b.is_ascii_digit());
    if !shaped {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<i16>().ok();
    let small = |range: std::ops::Range<usize>| text[range].parse::<i8>().ok();
    let time = DateTime::new(
        number(0..4)?,
        small(4..6)?,
        small(6..8)?,
        small(9..11)?,
        small(11..13)?,
        small(13..15)?,
        0,
    );
    time.ok()?
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_names_parse_back() {
        let time: Timestamp = "2026-01-02T03:04:05.9Z".parse().unwrap();

        let dlist = VolumeName::new_dlist("laptop", time, &Encryption::None);
        let dblock = VolumeName::new_dblock("duplicati", &Encryption::None);

        assert_eq!(dlist.as_str(), "laptop-20260102T030405Z.dlist.zip");
        assert_eq!(dlist.time().unwrap().to_string(), "2026-01-02T03:04:05Z");
        assert_eq!(
            dblock.as_str().len(),
            "duplicati-b".len() + 32 + ".dblock.zip".len()
        );
    }

    #[test]
    fn the_word_decides_and_the_rest_is_encryption() {
        let name = VolumeName::parse("p-iAB12.dblock.zip.aes.bak").unwrap();

        assert_eq!(name.kind(), VolumeKind::Dblock);
        assert_eq!(name.encryption(), Some("aes.bak"));
        assert!(!name.is_readable());
    }

    #[test]
    fn other_files_are_not_volumes() {
        for text in [
            "duplicati-verification.json",
            "duplicati-b.dblock.zip",
            "duplicati-bxyz.dblock.zip",
            "duplicati-20261301T000000Z.dlist.zip",
            "-bab.dblock.zip",
            "a/b-bab.dblock.zip",
            "duplicati-bab.dblock",
            "é-bab.dblock.",
            "notes.txt",
        ] {
            assert!(VolumeName::parse(text).is_none(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,60}") {
            let _ = VolumeName::parse(&text);
            let _ = parse_stamp(&text);
        }
    }
}
