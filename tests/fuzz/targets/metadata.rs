//! Metadata of files, and that what is read comes back when it is written.

#![no_main]

use coffer_volume::metadata::Metadata;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(metadata) = Metadata::decode(data) {
        let again = Metadata::decode(&metadata.encode()).expect("what we write can be read");
        assert!(again == metadata);
    }
});
