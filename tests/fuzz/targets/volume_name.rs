//! Names of remote files.

#![no_main]

use coffer_volume::VolumeName;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(name) = VolumeName::parse(text) {
        assert_eq!(name.as_str(), text);
        let _ = (
            name.kind(),
            name.time(),
            name.compression(),
            name.encryption(),
        );
    }
});
