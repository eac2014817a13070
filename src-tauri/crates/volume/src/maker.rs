//! Who made a version.

use std::fmt::Write as _;

use crate::hash::HashAlgorithm;

/// A word that distinguishes installations of Coffer and reveals nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maker(String);

impl Maker {
    const BYTES: usize = 8;

    /// The word of the installation with this `secret`, which it does not reveal.
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
