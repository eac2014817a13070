//! AES Crypt streams.

#![no_main]

use std::io::{Cursor, Read as _};

use coffer_volume::Passphrase;
use coffer_volume::aescrypt::Reader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let passphrase = Passphrase::new("fuzz").expect("it is not empty");
    if let Ok(mut reader) = Reader::open(Cursor::new(data), &passphrase) {
        let mut plain = Vec::new();
        let _ = reader.read_to_end(&mut plain);
        assert!(plain.len() <= data.len());
    }
});
