//! Volumes: every byte of Duplicati's dblock, dindex and dlist files, in both directions.
//!
//! A backup is a flat set of *volumes*. Each is a zip archive, usually wrapped in AES Crypt ([`aescrypt`]), with a
//! `manifest` ([`manifest`]) first. Three kinds exist ([`name`] has their names):
//!
//! * **dblock** ([`dblock`]): one entry per block, named by the block's hash.
//! * **dindex** ([`dindex`]): which blocks a dblock holds, and copies of the blocklists among them, so that a local
//!   database can be rebuilt without downloading data.
//! * **dlist** ([`dlist`]): the files of one version, each with the hashes its content and metadata are put together
//!   from.
//!
//! Content is cut into blocks of one fixed size; a stream of two blocks or more is described by *blocklists*, blocks
//! that hold the raw hashes of other blocks ([`stream`]). Metadata ([`metadata`]) is a small JSON text stored like
//! content.
//!
//! Writers need no seeking: entries are compressed before they are added ([`archive::PreparedEntry`]), so header,
//! data and encryption stream straight into the sink, and plain text never touches the disk. Readers need
//! `Read + Seek` over the (encrypted) volume and hold one block at a time. All input is hostile: readers return
//! errors, bound what they allocate by the manifest's block size, and never panic.
//!
//! This crate knows nothing of files on disk, the network, databases or async code.
//!
//! The format, byte by byte, is [below](#the-duplicati-volume-format).
//!
#![doc = include_str!("../docs/format.md")]

pub mod aescrypt;
pub mod archive;
pub mod dblock;
mod defect;
pub mod dindex;
pub mod dlist;
mod encryption;
mod error;
pub mod hash;
mod kind;
mod maker;
pub mod manifest;
pub mod metadata;
pub mod name;
mod sink;
pub mod stream;

pub use defect::{Defect, EntryPart, Structure};
pub use encryption::{Encryption, Passphrase};
pub use error::{Error, Result};
pub use hash::{Hash, HashAlgorithm};
pub use kind::VolumeKind;
pub use maker::Maker;
pub use manifest::{Format, Manifest};
pub use name::VolumeName;
pub use sink::VolumeDigest;
