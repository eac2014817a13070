use std::path::Path;

/// Endings of files that do not shrink any further.
const COMPRESSED: &[&str] = &[
    "7z", "aac", "aes", "apk", "avi", "avif", "br", "bz2", "cab", "deb", "dmg", "docx", "epub",
    "f4v", "flac", "flv", "gif", "gpg", "gz", "heic", "heif", "jar", "jpeg", "jpg", "jxl", "lz4",
    "lzma", "m4a", "m4v", "mkv", "mov", "mp3", "mp4", "mpeg", "mpg", "msi", "odp", "ods", "odt",
    "ogg", "ogv", "opus", "pgp", "png", "pptx", "rar", "rpm", "tgz", "txz", "webm", "webp", "whl",
    "wma", "wmv", "woff", "woff2", "xlsx", "xz", "zip", "zipx", "zst",
];

/// Whether a file's name says that compressing it is a waste of time.
pub(crate) fn is_compressed(path: &Path) -> bool {
    let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else {
        return false;
    };
    COMPRESSED
        .binary_search(&extension.to_ascii_lowercase().as_str())
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_case_does_not_matter() {
        assert!(COMPRESSED.is_sorted());
        assert!(is_compressed(Path::new("/a/Photo.JPG")));
        assert!(!is_compressed(Path::new("/a/letter.txt")));
        assert!(!is_compressed(Path::new("/a/jpg")));
    }
}
