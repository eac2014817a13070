//! Ids and tokens, from a seeded generator if a seed is given.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// The source of every id and token of one simulator.
#[derive(Debug)]
pub(crate) struct Random(StdRng);

impl Random {
    /// `salt` keeps a restart with the same seed from giving out the same values again.
    pub(crate) fn new(seed: Option<u64>, salt: u64) -> Self {
        Self(match seed {
            Some(seed) => StdRng::seed_from_u64(seed ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            None => rand::make_rng(),
        })
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// 32 lower-case hex digits.
    pub(crate) fn hex(&mut self) -> String {
        hex::encode(self.bytes::<16>())
    }

    /// 43 characters that need no escaping in a URL.
    pub(crate) fn secret(&mut self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    /// A GUID in its usual spelling.
    pub(crate) fn guid(&mut self) -> String {
        guid(&self.hex())
    }

    /// `length` characters out of `alphabet`.
    pub(crate) fn pick(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length)
            .map(|_| {
                let [byte] = self.bytes::<1>();
                char::from(alphabet[usize::from(byte) % alphabet.len()])
            })
            .collect()
    }
}

/// Puts the dashes of a GUID into 32 hex digits.
pub(crate) fn guid(hex: &str) -> String {
    let cut = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        cut(0, 8),
        cut(8, 12),
        cut(12, 16),
        cut(16, 20),
        cut(20, 32)
    )
}
