//! Passphrases: generating, rating and trying them.

mod forms;
mod proof;

use coffer_ipc::command::PassphraseRating;
use rand::RngExt as _;

pub(crate) use proof::{Answer, prove};

/// Letters and digits that cannot be mistaken for each other.
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

/// A warning about a passphrase for a new backup: copying it may have added whitespace that is easy to miss.
pub fn warning(passphrase: &str) -> Option<&'static str> {
    let is_clean = forms::without_stray_ends(passphrase).len() == passphrase.len();
    (!is_clean).then_some(
        "It begins or ends with a space or a line break, which is part of it: without that, it will not open the backup.",
    )
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
    // Characters after the first hundred only make it stronger, and rating them is slow.
    let start: String = passphrase.chars().take(100).collect();
    let entropy = zxcvbn::zxcvbn(&start, &["coffer", "duplicati", "onedrive", "backup"]);
    let score = u8::from(entropy.score());
    let label = ["Very weak", "Weak", "Fair", "Good", "Strong"][usize::from(score.min(4))];
    let feedback = entropy.feedback();
    let advice = [
        warning(passphrase).map(str::to_owned),
        feedback.and_then(|feedback| Some(feedback.warning()?.to_string())),
        feedback.and_then(|feedback| Some(feedback.suggestions().first()?.to_string())),
    ];
    PassphraseRating {
        score,
        label: label.to_owned(),
        advice: advice.into_iter().flatten().collect::<Vec<_>>().join(" "),
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
    fn easy_ones_are_rated_as_weak() {
        assert!(rate("password").score < 2);
        assert_eq!(rate("   ").score, 0);
        assert!(!rate("abc").advice.is_empty());
    }

    #[test]
    fn leading_and_trailing_whitespace_is_pointed_out() {
        let clean = generate();
        for stray in [
            format!("{clean} "),
            format!("{clean}\n"),
            format!(" {clean}"),
        ] {
            assert!(rate(&stray).advice.contains("line break"), "{stray:?}");
        }
        assert_eq!(rate(&clean).advice, "");
    }
}
