//! Answers of the AuthID service and of Microsoft's token endpoint.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| coffer_onedrive::fuzzing::sign_in_answer(data));
