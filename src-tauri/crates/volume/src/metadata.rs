//! Metadata: the small JSON text that holds times, attributes, owner, mode and link target of an entry.
//!
//! It is stored and deduplicated like content, byte order mark included, so the order of keys is kept stable: a
//! different order would be a different block. Values are strings, always.
//!
//! Two keys are Coffer's own, because Duplicati has none for what they say. Programs that do not know them pass over
//! them. Only entries that need them have them, so that all others have the same metadata with and without:
//!
//! | key | value |
//! |---|---|
//! | `coffer:mode` | set-user-id, set-group-id and sticky bit, octal as `chmod` takes them: `4000`, `2000`, `1000` or a sum |
//! | `coffer:hardlink` | the same text for all names of one file: [`hardlink_group`] |

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::ser::SerializeMap as _;

use crate::HashAlgorithm;
use crate::defect::Structure;
use crate::error::{Error, Result};
use crate::manifest::{strip_bom, with_bom};

/// 1970-01-01 in .NET ticks (100 ns since 0001-01-01).
const EPOCH_TICKS: i64 = 621_355_968_000_000_000;

const ATTRIBUTES: &str = "CoreAttributes";
const MODIFIED: &str = "CoreLastWritetime";
const CREATED: &str = "CoreCreatetime";
const SYMLINK_TARGET: &str = "CoreSymlinkTarget";
const UNIX_IDS: &str = "unix:uid-gid-perm";
const UNIX_OWNER: &str = "unix:owner-name";
const UNIX_GROUP: &str = "unix:group-name";
const UNIX_XATTR: &str = "unix-ext:";
const SPECIAL_MODE: &str = "coffer:mode";
const HARDLINK: &str = "coffer:hardlink";

/// The bits of `coffer:mode`.
const SPECIAL_BITS: u32 = 0o7000;

/// Everything but the content of a file, folder or link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Extended attributes, by name.
    pub xattrs: BTreeMap<String, Vec<u8>>,
    /// Owner and mode on Unix.
    pub unix: Option<UnixMetadata>,
    /// Set-user-id (0o4000), set-group-id (0o2000) and sticky bit (0o1000) on Unix; nearly always 0.
    pub special_mode: u32,
    /// Files with several names only: what all names of the file have in common, see [`hardlink_group`].
    pub hardlink: Option<String>,
    /// .NET's file attributes.
    pub attributes: Option<Attributes>,
    /// Last change.
    pub modified: Option<Timestamp>,
    /// Creation.
    pub created: Option<Timestamp>,
    /// Where a link points; links only.
    pub symlink_target: Option<String>,
    /// Keys this version does not interpret (Windows access rules, macOS flags), kept as they are.
    pub other: BTreeMap<String, String>,
    /// Names of extended attributes that the entry has and that are not here, because they are too large or cannot be
    /// read. Not stored.
    pub left_out: Vec<String>,
}

/// Owner and mode on Unix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnixMetadata {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// The nine `rwx` bits.
    pub mode: u32,
    /// Name of the user, if the id has one.
    pub owner: Option<String>,
    /// Name of the group, if the id has one.
    pub group: Option<String>,
}

/// .NET's `FileAttributes`, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes(pub u32);

impl Attributes {
    /// The file cannot be written.
    pub const READ_ONLY: Self = Self(0x1);
    /// Hidden; on Unix a name that starts with a dot.
    pub const HIDDEN: Self = Self(0x2);
    /// Belongs to the operating system.
    pub const SYSTEM: Self = Self(0x4);
    /// A folder.
    pub const DIRECTORY: Self = Self(0x10);
    /// Changed since it was last archived.
    pub const ARCHIVE: Self = Self(0x20);
    /// None of the others.
    pub const NORMAL: Self = Self(0x80);
    /// A link.
    pub const REPARSE_POINT: Self = Self(0x400);

    /// Names in .NET's spelling, lowest bit first.
    const NAMES: [(u32, &'static str); 15] = [
        (0x1, "ReadOnly"),
        (0x2, "Hidden"),
        (0x4, "System"),
        (0x10, "Directory"),
        (0x20, "Archive"),
        (0x40, "Device"),
        (0x80, "Normal"),
        (0x100, "Temporary"),
        (0x200, "SparseFile"),
        (0x400, "ReparsePoint"),
        (0x800, "Compressed"),
        (0x1000, "Offline"),
        (0x2000, "NotContentIndexed"),
        (0x4000, "Encrypted"),
        (0x8000, "IntegrityStream"),
    ];

    /// Both together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all bits of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Reads attribute names between commas, in any case, as an option gives them.
    ///
    /// # Errors
    /// The part that is no attribute's name.
    pub fn from_names(text: &str) -> std::result::Result<Self, String> {
        let mut parts = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        parts.try_fold(Self::default(), |all, part| {
            let named = Self::NAMES
                .iter()
                .find(|(_, name)| name.eq_ignore_ascii_case(part));
            let (bit, _) = named.ok_or_else(|| part.to_owned())?;
            Ok(all.with(Self(*bit)))
        })
    }

    /// Reads names or numbers between commas, in any case; unknown names are passed over.
    fn parse(text: &str) -> Self {
        let bits = text.split(',').map(str::trim).map(|part| {
            let named = Self::NAMES
                .iter()
                .find(|(_, name)| name.eq_ignore_ascii_case(part));
            named.map_or_else(|| part.parse().unwrap_or(0), |(bit, _)| *bit)
        });
        Self(bits.fold(0, |all, bit| all | bit))
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Self::NAMES.iter().fold(0, |all, (bit, _)| all | bit);
        // .NET writes one number as soon as any bit has no name.
        if self.0 & !known != 0 || self.0 == 0 {
            return write!(f, "{}", self.0);
        }
        let mut first = true;
        for (bit, name) in Self::NAMES {
            if self.0 & bit != 0 {
                write!(f, "{}{name}", if first { "" } else { ", " })?;
                first = false;
            }
        }
        Ok(())
    }
}

impl Metadata {
    /// BOM and compact JSON, keys in Duplicati's order.
    pub fn encode(&self) -> Vec<u8> {
        with_bom(self)
    }

    /// # Errors
    /// [`Error::Malformed`] when it is no object of strings.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let map: BTreeMap<String, String> = serde_json::from_slice(strip_bom(bytes))
            .map_err(|error| Error::undecodable(Structure::Metadata, &error))?;
        let mut metadata = Self::default();
        let (mut owner, mut group) = (None, None);
        for (key, value) in map {
            match key.as_str() {
                ATTRIBUTES => metadata.attributes = Some(Attributes::parse(&value)),
                MODIFIED => metadata.modified = from_ticks(&value),
                CREATED => metadata.created = from_ticks(&value),
                SYMLINK_TARGET => metadata.symlink_target = Some(value),
                UNIX_IDS => metadata.unix = parse_unix_ids(&value),
                UNIX_OWNER => owner = Some(value),
                UNIX_GROUP => group = Some(value),
                SPECIAL_MODE => {
                    metadata.special_mode =
                        u32::from_str_radix(&value, 8).map_or(0, |mode| mode & SPECIAL_BITS);
                }
                HARDLINK => metadata.hardlink = Some(value),
                _ => match key
                    .strip_prefix(UNIX_XATTR)
                    .zip(STANDARD.decode(&value).ok())
                {
                    Some((name, value)) => drop(metadata.xattrs.insert(name.to_owned(), value)),
                    None => drop(metadata.other.insert(key, value)),
                },
            }
        }
        if let Some(unix) = &mut metadata.unix {
            unix.owner = owner;
            unix.group = group;
        }
        Ok(metadata)
    }
}

impl serde::Serialize for Metadata {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.xattrs {
            map.serialize_entry(&format!("{UNIX_XATTR}{name}"), &STANDARD.encode(value))?;
        }
        if let Some(unix) = &self.unix {
            let ids = format!("{}-{}-{}", unix.uid, unix.gid, unix.mode & 0o777);
            map.serialize_entry(UNIX_IDS, &ids)?;
            if let Some(owner) = &unix.owner {
                map.serialize_entry(UNIX_OWNER, owner)?;
            }
            if let Some(group) = &unix.group {
                map.serialize_entry(UNIX_GROUP, group)?;
            }
        }
        if self.special_mode & SPECIAL_BITS != 0 {
            let mode = format!("{:o}", self.special_mode & SPECIAL_BITS);
            map.serialize_entry(SPECIAL_MODE, &mode)?;
        }
        if let Some(group) = &self.hardlink {
            map.serialize_entry(HARDLINK, group)?;
        }
        for (key, value) in &self.other {
            map.serialize_entry(key, value)?;
        }
        if let Some(attributes) = self.attributes {
            map.serialize_entry(ATTRIBUTES, &attributes.to_string())?;
        }
        for (key, time) in [(MODIFIED, self.modified), (CREATED, self.created)] {
            if let Some(time) = time {
                map.serialize_entry(key, &to_ticks(time).to_string())?;
            }
        }
        if let Some(target) = &self.symlink_target {
            map.serialize_entry(SYMLINK_TARGET, target)?;
        }
        map.end()
    }
}

/// What all names of a file have in common: 32 hexadecimal digits made of its device and its number there.
///
/// Hashed, so that a file list reveals nothing about the computer's disks. The same on each run as long as the system
/// gives the disk the same number.
pub fn hardlink_group(device: u64, file: u64) -> String {
    let mut numbers = b"hardlink".to_vec();
    numbers.extend(device.to_le_bytes());
    numbers.extend(file.to_le_bytes());
    let hash = HashAlgorithm::Sha256.digest(&numbers);
    let half = &hash.as_bytes()[..16];
    half.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn to_ticks(time: Timestamp) -> i64 {
    // Rounded down, also before 1970.
    let nanos = time.as_nanosecond().div_euclid(100);
    // jiff's years −9999 to 9999 keep this within 64 bits.
    EPOCH_TICKS.saturating_add(i64::try_from(nanos).unwrap_or(i64::MAX))
}

fn from_ticks(text: &str) -> Option<Timestamp> {
    let ticks = text.trim().parse::<i64>().ok()?.checked_sub(EPOCH_TICKS)?;
    let nanos = i32::try_from(ticks.rem_euclid(10_000_000) * 100).ok()?;
    let since_epoch = SignedDuration::new(ticks.div_euclid(10_000_000), nanos);
    Timestamp::from_duration(since_epoch).ok()
}

fn parse_unix_ids(text: &str) -> Option<UnixMetadata> {
    let mut parts = text.splitn(3, '-').map(str::parse::<u32>);
    let (uid, gid, mode) = (
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    );
    Some(UnixMetadata {
        uid,
        gid,
        mode: mode & 0o777,
        owner: None,
        group: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_in_duplicatis_order() {
        let metadata = Metadata {
            unix: Some(UnixMetadata {
                uid: 1000,
                gid: 100,
                mode: 0o104_644,
                owner: Some("alex".into()),
                group: None,
            }),
            attributes: Some(Attributes::READ_ONLY.with(Attributes::HIDDEN)),
            modified: Some("2024-01-01T00:00:00.0000001Z".parse().unwrap()),
            created: Some("1970-01-01T00:00:00Z".parse().unwrap()),
            symlink_target: Some("../ö".into()),
            ..Metadata::default()
        };

        let bytes = metadata.encode();

        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            "\u{feff}{\"unix:uid-gid-perm\":\"1000-100-420\",\"unix:owner-name\":\"alex\",\
             \"CoreAttributes\":\"ReadOnly, Hidden\",\"CoreLastWritetime\":\"638396640000000001\",\
             \"CoreCreatetime\":\"621355968000000000\",\"CoreSymlinkTarget\":\"../ö\"}"
        );
        assert_eq!(Metadata::decode(&bytes).unwrap().encode(), bytes);
    }

    #[test]
    fn nothing_at_all_is_five_bytes() {
        assert_eq!(Metadata::default().encode(), b"\xef\xbb\xbf{}");
    }

    #[test]
    fn only_entries_that_need_them_have_keys_of_their_own() {
        let plain = Metadata {
            unix: Some(UnixMetadata::default()),
            left_out: vec!["user.large".into()],
            ..Metadata::default()
        };
        let special = Metadata {
            special_mode: 0o6000,
            hardlink: Some(hardlink_group(1, 2)),
            ..plain.clone()
        };

        let bytes = special.encode();

        assert_eq!(
            plain.encode(),
            b"\xef\xbb\xbf{\"unix:uid-gid-perm\":\"0-0-0\"}"
        );
        let group = hardlink_group(1, 2);
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            format!(
                "\u{feff}{{\"unix:uid-gid-perm\":\"0-0-0\",\"coffer:mode\":\"6000\",\"coffer:hardlink\":\"{group}\"}}"
            )
        );
        let decoded = Metadata::decode(&bytes).unwrap();
        assert_eq!(decoded.special_mode, 0o6000);
        assert_eq!(decoded.hardlink, Some(group));
    }

    #[test]
    fn hardlink_groups_are_of_one_file_on_one_disk() {
        assert_eq!(hardlink_group(1, 2), hardlink_group(1, 2));
        assert_ne!(hardlink_group(1, 2), hardlink_group(2, 1));
        assert_ne!(hardlink_group(1, 2), hardlink_group(1, 3));
        assert_eq!(hardlink_group(1, 2).len(), 32);
    }

    #[test]
    fn a_mode_key_cannot_bring_other_bits() {
        let text = br#"{"coffer:mode":"177777"}"#;

        assert_eq!(Metadata::decode(text).unwrap().special_mode, 0o7000);
        let text = br#"{"coffer:mode":"9"}"#;
        assert_eq!(Metadata::decode(text).unwrap().special_mode, 0);
    }

    #[test]
    fn windows_keys_survive_a_round_trip() {
        let text = r#"{"win-ext:accessrules":"[{\"SID\":\"S-1\"}]","CoreAttributes":"Archive","CoreLastWritetime":"638396640000000000"}"#;

        let metadata = Metadata::decode(text.as_bytes()).unwrap();

        assert_eq!(metadata.attributes, Some(Attributes::ARCHIVE));
        assert!(
            String::from_utf8(metadata.encode())
                .unwrap()
                .contains("S-1")
        );
    }

    proptest::proptest! {
        #[test]
        fn ticks_come_back(ticks in 0..3_155_378_975_999_999_999_i64) {
            let time = from_ticks(&ticks.to_string()).unwrap();
            proptest::prop_assert_eq!(to_ticks(time), ticks);
        }

        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,80}") {
            let _ = Metadata::decode(text.as_bytes());
            let _ = Metadata::decode(format!("{{\"unix:uid-gid-perm\":{text:?}}}").as_bytes());
            let _ = from_ticks(&text);
        }
    }
}
