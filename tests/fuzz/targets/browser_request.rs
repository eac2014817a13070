//! Requests to the port that the browser comes back to: host, space, target.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (host, target) = text.split_once(' ').unwrap_or(("localhost:4711", text));
    coffer_onedrive::fuzzing::browser_request(host.as_bytes(), target);
});
