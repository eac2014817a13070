use std::path::Path;
use std::sync::LazyLock;

use coffer_volume::Maker;

/// The mark of an installation: what the system and its owner call the computer, and where it has the cache of this backup.
/// It stays when the cache is lost. `None` where the computer has no name at all.
pub(crate) fn maker(machine: Option<&str>, cache: &Path) -> Option<Maker> {
    // Copies of one disk go by one id, and containers have none.
    static SYSTEM: LazyLock<String> = LazyLock::new(|| {
        let id = machine_uid::get().unwrap_or_default();
        let name = gethostname::gethostname();
        format!("{} {}", id.trim(), name.to_string_lossy())
    });
    let machine = machine.unwrap_or(&SYSTEM).trim();
    if machine.is_empty() {
        return None;
    }
    let cache = std::path::absolute(cache).ok()?;
    let mut secret = format!("Coffer versions\0{machine}\0").into_bytes();
    secret.extend_from_slice(cache.as_os_str().as_encoded_bytes());
    Some(Maker::of(&secret))
}
