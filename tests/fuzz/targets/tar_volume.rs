//! Volumes packed as tar.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    coffer_fuzz::read_all("p-b00.dblock.tgz", data);
    coffer_fuzz::read_all("p-b00.dblock.tzstd", data);
});
