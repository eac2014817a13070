//! quickXorHash against published values.

use base64::{Engine, engine::general_purpose::STANDARD};
use coffer_onedrive_sim::QuickXor;
use serde_json::Value;

const VECTORS: &str = include_str!("../../../../../tests/fixtures/vectors/quickxorhash.json");

#[test]
fn published_inputs_give_the_published_hashes() {
    let vectors: Value = serde_json::from_str(VECTORS).expect("the vectors");
    let computed = vectors["computed"].as_array().expect("a list");
    let published = vectors["published_facts"]["vectors"]
        .as_array()
        .expect("a list");

    for vector in computed.iter().chain(published) {
        let mut hash = QuickXor::new();
        hash.update(&input(vector));
        assert_eq!(
            Some(hash.finish().as_str()),
            vector["quickXorHash"].as_str(),
            "{vector}"
        );
    }
    assert_eq!(computed.len() + published.len(), 94);
}

fn input(vector: &Value) -> Vec<u8> {
    let size = vector["size"].as_u64().expect("a size") as usize;
    if let Some(input) = vector["input_base64"].as_str() {
        return STANDARD.decode(input).expect("base64");
    }
    if let Some(byte) = vector["repeat_byte_hex"].as_str() {
        return vec![u8::from_str_radix(byte, 16).expect("a byte"); size];
    }
    if vector["generator"] == "byte[i] = i mod 251" {
        return super::support::bytes(size);
    }
    let mut x: u32 = 1;
    (0..size)
        .map(|_| {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (x >> 24) as u8
        })
        .collect()
}
