//! The manifest of a volume.

#![no_main]

use coffer_volume::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(manifest) = Manifest::decode(data) {
        let _ = manifest.format();
    }
});
