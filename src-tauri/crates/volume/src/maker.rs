//! Who made a version.

use std::fmt::Write as _;

use crate::hash::HashAlgorithm;

/// A word that tells one installation of Coffer from another, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maker(String);

impl Maker {
    const BYTES: usize = 8;

    /// That of an installation for which `secret` stands. The word does not give it away.
    pub fn of(secret: &[u8]) -> Self {
        let hash = HashAlgorithm::Sha256.digest(secret);
        let mut word = String::new();
        for byte in &hash.as_bytes()[..Self::BYTES] {
            let _ = write!(word, "{byte:02x}");
        }
        Self(word)
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        let is_hex = |letter| matches!(letter, b'0'..=b'9' | b'a'..=b'f');
        let is_word = word.len() == 2 * Self::BYTES && word.bytes().all(is_hex);
        is_word.then(|| Self(word.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
