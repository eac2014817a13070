//! A small folder with a bit of everything, for those who bring none.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Creates the folder and returns its path.
pub fn create(folder: &Path) -> Result<PathBuf> {
    let write = |path: &str, content: &[u8]| -> Result<()> {
        let path = folder.join(path);
        let parent = path.parent().context("A file has a folder")?;
        fs::create_dir_all(parent)?;
        fs::write(&path, content).with_context(|| format!("Could not write {}", path.display()))
    };
    write("letter.txt", b"Dear reader,\nthis is the first version.\n")?;
    write("empty.txt", b"")?;
    write(
        "Reisen/Straße nach Süden – 日本.txt",
        "Grüße ☀\n".as_bytes(),
    )?;
    write("pictures/noise.jpg", &noise(3 << 20))?;
    write("pictures/the same noise.jpg", &noise(3 << 20))?;
    for number in 0..200 {
        let text = format!("Entry {number}\n").repeat(number + 1);
        write(
            &format!("diary/{:02}/{number:03}.md", number / 20),
            text.as_bytes(),
        )?;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        symlink("letter.txt", folder.join("link to the letter"))?;
        symlink("/nowhere/at all", folder.join("link to nothing"))?;
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.join("empty.txt"), private)?;
    }
    folder
        .canonicalize()
        .context("The sample folder was just created")
}

/// Changes one file and adds another.
pub fn change(folder: &Path) -> Result<()> {
    let text = "Dear reader,\nthis is the second version, and it says more.\n";
    fs::write(folder.join("letter.txt"), text)?;
    fs::write(
        folder.join("new today.txt"),
        "Written after the first backup\n",
    )?;
    Ok(())
}

/// Bytes that do not compress, the same every time (xorshift).
pub fn noise(length: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}
