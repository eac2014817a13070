//! Volumes packed as zip.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    coffer_fuzz::read_all("p-b00.dblock.zip", data);
});
