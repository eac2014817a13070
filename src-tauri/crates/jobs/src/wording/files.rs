//! Messages for errors of the file system.

use std::io;

use coffer_ipc::{CommandError, ErrorCode};

use super::parts::error;
use super::steps;

/// A file or folder could not be used. The hint depends on what was tried: write permission is not mentioned when
/// reading failed.
pub(super) fn unusable(operation: &str, what: &str, source: &io::Error) -> CommandError {
    // A truncated file is damaged; the disk is fine.
    if source.kind() == io::ErrorKind::UnexpectedEof {
        return damaged(what, "it is cut short");
    }
    let is_taken = matches!(
        source.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory
    );
    let hint = match operation {
        _ if is_taken => "Choose another folder, or move what is there.",
        "read" | "find" | "look at" => {
            "Check that the disk is connected and that you have permission to read there."
        }
        "read or write" => {
            "Check that the disk is connected and that you have permission to use it."
        }
        _ => "Check that the disk is connected and that you have permission to write there.",
    };
    let message = format!("Could not {operation} {what}: {}.", io_words(source));
    error(ErrorCode::Failed, message, hint)
}

/// A volume is damaged.
pub(super) fn damaged(volume: &str, why: &str) -> CommandError {
    error(
        ErrorCode::Failed,
        format!("{volume} cannot be read: {why}."),
        steps::RESTORE_ANOTHER_VERSION.app,
    )
}

/// The usual input/output errors in plain words.
pub(super) fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only".to_owned(),
        io::ErrorKind::IsADirectory => "there is a folder with this name".to_owned(),
        io::ErrorKind::AlreadyExists => "there is a file with this name".to_owned(),
        io::ErrorKind::NotADirectory => "there is a file in place of its folder".to_owned(),
        io::ErrorKind::UnexpectedEof => "it is cut short".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_read_is_no_reason_to_look_for_the_right_to_write() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);

        let read = unusable("read", "x", &denied);
        let written = unusable("write", "x", &denied);

        assert!(read.hint.contains("permission to read") && !read.hint.contains("write"));
        assert!(written.hint.contains("permission to write"));
    }

    #[test]
    fn a_volume_that_ends_too_early_is_named_as_damaged() {
        let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "failed to fill whole buffer");

        let error = unusable("read or write", "duplicati-x.dlist.zip.aes", &cut);

        assert!(error.message.contains("duplicati-x.dlist.zip.aes"));
        assert!(!error.message.contains("buffer"));
        assert!(!error.hint.contains("permission"));
    }
}
