//! The list of files in a dlist.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let volume = coffer_fuzz::volume(&[("filelist.json", data)]);
    coffer_fuzz::read_all("p-20240101T000000Z.dlist.zip", &volume);
});
