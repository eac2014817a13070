//! Passphrases: making and rating them, and whether one opens a backup.

mod forms;
mod proof;

use coffer_ipc::command::PassphraseRating;
use rand::RngExt as _;

pub(crate) use proof::{Answer, prove};

/// Letters and digits that cannot be taken for each other.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// Groups of five; 31^25 is beyond guessing (123 bits).
const GROUPS: usize = 5;

/// A new passphrase that can be written down and typed.
pub fn generate() -> String {
    let mut rng = rand::rng();
    let mut group = || -> String {
        (0..5)
            .map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]))
            .collect()
    };
    (0..GROUPS).map(|_| group()).collect::<Vec<_>>().join("-")
}

/// How hard a passphrase is to guess.
pub fn rate(passphrase: &str) -> PassphraseRating {
    if passphrase.trim().is_empty() {
        return PassphraseRating {
            score: 0,
            label: "Empty".to_owned(),
            advice: "Type at least a few words.".to_owned(),
        };
    }
    // What comes after the first hundred characters only makes it stronger, and rating it takes long.
    let start: String = passphrase.chars().take(100).collect();
    let entropy = zxcvbn::zxcvbn(&start, &["coffer", "duplicati", "onedrive", "backup"]);
    let score = u8::from(entropy.score());
    let label = ["Very weak", "Weak", "Fair", "Good", "Strong"][usize::from(score.min(4))];
    let advice = entropy.feedback().map_or_else(String::new, |feedback| {
        let warning = feedback.warning().map(|warning| warning.to_string());
        let suggestion = feedback.suggestions().first().map(ToString::to_string);
        [warning, suggestion]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    });
    PassphraseRating {
        score,
        label: label.to_owned(),
        advice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ones_are_strong_and_never_the_same() {
        let one = generate();

        assert_ne!(one, generate());
        assert_eq!(one.len(), 29);
        assert_eq!(rate(&one).score, 4);
    }

    #[test]
    fn easy_ones_are_told_so() {
        assert!(rate("password").score < 2);
        assert_eq!(rate("   ").score, 0);
        assert!(!rate("abc").advice.is_empty());
    }
}
