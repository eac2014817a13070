//! `seeds <fixtures> <folder>`: writes a first corpus for each target, taken from what Duplicati wrote.

use std::fs;
use std::io::{Read as _, Result};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [fixtures, target] = &arguments[..] else {
        eprintln!("usage: seeds <fixtures> <folder>");
        std::process::exit(2);
    };
    let seeds = Seeds(target.clone());
    let duplicati = fixtures.join("duplicati-2.3");
    for case in ["small-blocks", "zip-none", "no-index"] {
        for file in files(&duplicati.join(case).join("destination"))? {
            seeds.add("zip_volume", &file, &fs::read(&file)?)?;
            seeds.add("volume_name", &file, name(&file).as_bytes())?;
            seeds.add_entries(&file)?;
        }
    }
    for case in ["tgz", "tzstd"] {
        for file in files(&duplicati.join(case).join("destination"))? {
            seeds.add("tar_volume", &file, &fs::read(&file)?)?;
        }
    }
    for file in files(&fixtures.join("vectors/duplicati/aescrypt"))? {
        seeds.add("aescrypt", &file, &fs::read(&file)?)?;
    }
    let texts = [
        (
            "address",
            "onedrivev2://Backups/My%20PC?authid=0123456789abcdef%3asecret&drive-id=b!x",
        ),
        ("rules", "[.*\\.(tmp|bak)]\n/home/me/a.tmp"),
        ("rules", "{SystemFiles,TemporaryFiles}\n/tmp/"),
        ("rules", "1W:1D,4W:1W,12M:1M"),
        (
            "metadata",
            r#"{"unix:uid-gid-perm":"0-0-420","CoreAttributes":"Normal","CoreLastWritetime":"638396640000000000"}"#,
        ),
    ];
    for (number, (target, text)) in texts.into_iter().enumerate() {
        seeds.add(target, Path::new(&number.to_string()), text.as_bytes())?;
    }
    Ok(())
}

/// The folder with one folder for each target.
struct Seeds(PathBuf);

impl Seeds {
    fn add(&self, target: &str, name_of: &Path, data: &[u8]) -> Result<()> {
        // Large seeds only make every step slow.
        if data.len() > 64 * 1024 {
            return Ok(());
        }
        let folder = self.0.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name(name_of)), data)
    }

    /// The texts inside a zip volume.
    fn add_entries(&self, file: &Path) -> Result<()> {
        let Ok(mut zip) = ZipArchive::new(fs::File::open(file)?) else {
            return Ok(());
        };
        for index in 0..zip.len() {
            let Ok(mut entry) = zip.by_index(index) else {
                continue;
            };
            let target = match entry.name() {
                "manifest" => "manifest",
                "filelist.json" => "file_list",
                name if name.starts_with("vol/") => "block_list",
                _ => continue,
            };
            let mut text = Vec::new();
            entry.read_to_end(&mut text)?;
            self.add(target, file, &text)?;
        }
        Ok(())
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
