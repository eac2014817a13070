//! Answers of Microsoft Graph: the first line stands in headers, the rest is the body.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (header, body) = data.split_at(end.unwrap_or(0));
    let header = String::from_utf8_lossy(header);
    coffer_onedrive::fuzzing::graph_answer(&header, body);
});
