//! What is wrong with a volume, as values; words for people are the callers' business.

/// A part of the format that can be malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Structure {
    Volume,
    AesCryptStream,
    AesCryptHeader,
    Archive,
    Manifest,
    IndexVolume,
    FileList,
    Blocklist,
    Metadata,
    Hash,
}

/// Why a structure is not what the format says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Defect {
    /// It ends too early.
    CutShort,
    /// It is longer than any such structure.
    TooLong,
    /// It has a length in bytes that it cannot have.
    Length(usize),
    /// A library that decodes it found it wrong.
    Undecodable {
        /// The library's message.
        said: String,
    },
    /// An AES Crypt stream is not padded as it says.
    Padding,
    /// An AES Crypt header does not start with `AES`.
    NotAesCrypt,
    /// The reserved byte of an AES Crypt header is not 0.
    ReservedByte,
    /// The extensions of an AES Crypt header do not end.
    EndlessExtensions,
    /// An extension of an AES Crypt header has no separator.
    NoSeparator,
    /// A number of iterations that no key is derived with.
    Iterations(u32),
    /// The archive's directory names an entry that is not there.
    EntryMissing,
    /// An entry of the archive has more bytes than this.
    EntryTooLarge(u64),
    /// The archive has more entries than its length allows.
    TooManyEntries,
    /// A header of the archive ends too early.
    HeaderCutShort,
    /// A header of the archive has no name.
    NamelessHeader,
    /// A header of the archive has no length.
    HeaderWithoutLength,
    /// The archive holds something that is no file.
    NotAFile,
    /// A folder or link follows a file in the list.
    OutOfOrder,
    /// An entry of the list lacks something.
    EntryWithout(EntryPart),
    /// A file in the list lacks its hash or size.
    FileWithoutContent,
    /// A path of the list has this many bytes.
    PathTooLong(usize),
    /// A stream of the list has this many blocklists.
    TooManyBlocklists(usize),
    /// A stream of this many bytes cannot consist of the parts it states.
    WrongParts(u64),
    /// The text is not base64 of at most 64 bytes.
    NotBase64,
    /// The text is not URL-safe base64 of at most 64 bytes.
    NotUrlSafeBase64,
}

/// What an entry of a file list can lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum EntryPart {
    Metadata,
    MetadataBytes,
    Content,
    Time,
}
