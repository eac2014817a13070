//! Values that several examples share.

use std::io;
use std::path::PathBuf;

use coffer_engine::ReadFailure;
use jiff::Timestamp;

pub(super) fn place() -> String {
    "OneDrive · Backups/My PC".to_owned()
}

pub(super) fn dblock() -> String {
    "duplicati-b1.dblock.zip.aes".to_owned()
}

pub(super) fn dlist() -> String {
    "duplicati-20260102T030405Z.dlist.zip.aes".to_owned()
}

pub(super) fn why() -> String {
    "<why>".to_owned()
}

pub(super) fn said() -> ReadFailure {
    ReadFailure::System { said: why() }
}

pub(super) fn folder() -> PathBuf {
    PathBuf::from("/media/disk")
}

pub(super) fn denied() -> io::Error {
    io::Error::from(io::ErrorKind::PermissionDenied)
}

pub(super) fn time() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}
