//! The list of blocks in a dindex.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let volume = coffer_fuzz::volume(&[("vol/p-b00.dblock.zip", data)]);
    coffer_fuzz::read_all("p-i00.dindex.zip", &volume);
});
