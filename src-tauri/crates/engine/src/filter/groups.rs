//! Built-in groups of wildcards, by the names Duplicati gives them.

use std::path::Path;

use crate::paths::SEPARATOR;

#[cfg(target_os = "windows")]
const SYSTEM: &[&str] = &[
    "?:\\hiberfil.sys",
    "?:\\pagefile.sys",
    "?:\\swapfile.sys",
    "?:\\System Volume Information\\",
    "?:\\$Recycle.Bin\\",
    "*\\desktop.ini",
    "*\\Thumbs.db",
];
#[cfg(target_os = "windows")]
const OPERATING_SYSTEM: &[&str] = &["?:\\Windows\\", "?:\\Windows.old\\", "?:\\Recovery\\"];
#[cfg(target_os = "windows")]
const CACHE: &[&str] = &[
    "*\\AppData\\Local\\*\\Cache\\",
    "*\\INetCache\\",
    "*\\Temporary Internet Files\\",
];
#[cfg(target_os = "windows")]
const TEMPORARY: &[&str] = &[
    "*\\AppData\\Local\\Temp\\",
    "?:\\Windows\\Temp\\",
    "*.tmp",
    "*\\~$*",
];
#[cfg(target_os = "windows")]
const APPLICATIONS: &[&str] = &[
    "?:\\Program Files\\",
    "?:\\Program Files (x86)\\",
    "?:\\ProgramData\\",
];

#[cfg(target_os = "macos")]
const SYSTEM: &[&str] = &[
    "/.Spotlight-V100/",
    "/.fseventsd/",
    "/private/var/vm/",
    "/dev/",
    "*/.DS_Store",
    "*/.Trash/",
    "/.vol/",
];
#[cfg(target_os = "macos")]
const OPERATING_SYSTEM: &[&str] = &[
    "/System/",
    "/bin/",
    "/sbin/",
    "/private/etc/",
    "/private/var/",
    "/cores/",
];
#[cfg(target_os = "macos")]
const CACHE: &[&str] = &["*/Library/Caches/", "*/.cache/"];
#[cfg(target_os = "macos")]
const TEMPORARY: &[&str] = &["/private/tmp/", "/tmp/", "*/.TemporaryItems/", "*~"];
#[cfg(target_os = "macos")]
const APPLICATIONS: &[&str] = &["/Applications/", "/Library/", "/usr/", "/opt/"];

#[cfg(not(any(target_os = "windows", target_os = "macos")))]
const SYSTEM: &[&str] = &["/dev/", "/proc/", "/selinux/", "/sys/"];
#[cfg(not(any(target_os = "windows", target_os = "macos")))]
const OPERATING_SYSTEM: &[&str] = &["/bin/", "/boot/", "/etc/", "/initrd/", "/sbin/", "/var/"];
#[cfg(not(any(target_os = "windows", target_os = "macos")))]
const CACHE: &[&str] = &[
    "*/.cache/",
    "*/.mozilla/firefox/*/cookies.sqlite-*",
    "*/.config/*/Cache/",
];
#[cfg(not(any(target_os = "windows", target_os = "macos")))]
const TEMPORARY: &[&str] = &["*/lost+found/", "*~", "/tmp/"];
#[cfg(not(any(target_os = "windows", target_os = "macos")))]
const APPLICATIONS: &[&str] = &["/lib/", "/lib64/", "/opt/", "/usr/"];

/// Wildcards of the group `name`, in any case; `None` when there is no such group.
pub(super) fn wildcards(name: &str) -> Option<Vec<String>> {
    let (mut cache, mut temporary) = (owned(CACHE), owned(TEMPORARY));
    cache.extend(folder_from_environment("XDG_CACHE_HOME"));
    temporary.extend(folder(&std::env::temp_dir()));
    let groups: Vec<Vec<String>> = match name.to_ascii_lowercase().as_str() {
        "systemfiles" | "system" | "sys" => vec![owned(SYSTEM)],
        "operatingsystem" | "os" => vec![owned(OPERATING_SYSTEM)],
        "cachefiles" | "cache" | "caches" | "cachefolders" => vec![cache],
        "temporaryfiles" | "temp" | "tmp" | "tempfiles" | "tempfolders" | "temporaryfolders" => {
            vec![temporary]
        }
        "applications" | "app" | "apps" | "application" => vec![owned(APPLICATIONS)],
        "defaultexcludes" | "defaultexclude" | "exclude" | "excludes" | "exc" => vec![
            owned(SYSTEM),
            owned(OPERATING_SYSTEM),
            cache,
            temporary,
            owned(APPLICATIONS),
        ],
        "defaultincludes" | "none" => Vec::new(),
        _ => return None,
    };
    Some(groups.concat())
}

fn owned(wildcards: &[&str]) -> Vec<String> {
    wildcards.iter().map(|text| (*text).to_owned()).collect()
}

fn folder_from_environment(name: &str) -> Option<String> {
    folder(Path::new(&std::env::var_os(name)?))
}

/// A folder with its separator; anything but a whole path would match too much.
fn folder(path: &Path) -> Option<String> {
    let text = path.to_str().filter(|_| path.is_absolute())?;
    Some(format!("{}{SEPARATOR}", text.trim_end_matches(SEPARATOR)))
}
