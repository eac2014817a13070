//! Words for what the system says of files.

use std::io;

use coffer_ipc::{CommandError, ErrorCode};

use super::parts::error;

/// A file or folder could not be used. What to look at next follows from what was tried: nobody looks for a missing right
/// to write when something could not be read.
pub(super) fn unusable(operation: &str, what: &str, source: &io::Error) -> CommandError {
    // What ends in the middle was cut off; the system has nothing against it.
    if source.kind() == io::ErrorKind::UnexpectedEof {
        return damaged(what, "it ends too early");
    }
    let is_taken = matches!(
        source.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory
    );
    let hint = match operation {
        _ if is_taken => "Choose another folder, or move what is there.",
        "read" | "find" | "look at" => {
            "Check that the disk is attached and that you may read there."
        }
        "read or write" => "Check that the disk is attached and that you may use it.",
        _ => "Check that the disk is attached and that you may write there.",
    };
    let message = format!("Could not {operation} {what}: {}.", io_words(source));
    error(ErrorCode::Failed, message, hint)
}

/// A volume is not what was stored.
pub(super) fn damaged(volume: &str, why: &str) -> CommandError {
    error(
        ErrorCode::Failed,
        format!("{volume} cannot be read: {why}."),
        "Restore another version (--version=1 is the one before), or look for the file in the recycle bin of the drive. A \
         version that cannot be read goes with `coffer delete --version=<number>`.",
    )
}

/// The usual input/output errors in plain words.
pub(super) fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "no permission".to_owned(),
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only".to_owned(),
        io::ErrorKind::IsADirectory => "a folder is in its place".to_owned(),
        io::ErrorKind::AlreadyExists => "a file is in its place".to_owned(),
        io::ErrorKind::NotADirectory => "a file is in its folder's place".to_owned(),
        io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
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

        assert!(read.hint.contains("may read") && !read.hint.contains("write"));
        assert!(written.hint.contains("may write"));
    }

    #[test]
    fn a_volume_that_ends_too_early_is_named_as_damaged() {
        let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "failed to fill whole buffer");

        let told = unusable("read or write", "duplicati-x.dlist.zip.aes", &cut);

        assert!(told.message.contains("duplicati-x.dlist.zip.aes"));
        assert!(!told.message.contains("buffer"));
        assert!(!told.hint.contains("may"));
    }
}
