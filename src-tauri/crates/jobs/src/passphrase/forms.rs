//! The forms in which one passphrase may have been typed.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use secrecy::zeroize::Zeroizing;

/// The passphrases that may be meant by one that was typed or pasted, the most likely first, without duplicates: as it
/// is, without whitespace at its ends, and both of these with accented letters composed (as most systems type them) or
/// decomposed (as some parts of macOS do).
pub(crate) fn forms(typed: &str) -> Vec<String> {
    let (composed, decomposed) = (
        ComposingNormalizerBorrowed::new_nfc(),
        DecomposingNormalizerBorrowed::new_nfd(),
    );
    let trimmed = without_stray_ends(typed);
    let mut forms: Vec<String> = Vec::new();
    for text in [typed, trimmed] {
        let normal = [
            text.to_owned(),
            composed.normalize(text).into_owned(),
            decomposed.normalize(text).into_owned(),
        ];
        for mut form in normal.map(Zeroizing::new) {
            if !form.is_empty() && !forms.contains(&form) {
                forms.push(std::mem::take(&mut *form));
            }
        }
    }
    forms
}

/// Removes stray characters at both ends.
pub(super) fn without_stray_ends(typed: &str) -> &str {
    typed.trim_matches(is_stray)
}

/// Whether a character is often copied by accident: whitespace, line breaks and zero-width characters.
fn is_stray(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPOSED: &str = "caf\u{e9} noir";
    const DECOMPOSED: &str = "cafe\u{301} noir";

    #[test]
    fn plain_text_has_one_form() {
        assert_eq!(forms("an old key, a new door"), ["an old key, a new door"]);
    }

    #[test]
    fn every_way_to_type_a_passphrase_leads_to_every_other() {
        let typed = [
            COMPOSED.to_owned(),
            DECOMPOSED.to_owned(),
            format!(" {COMPOSED}"),
            format!("{COMPOSED}\r\n"),
            format!("{DECOMPOSED}\u{a0}\u{feff}"),
        ];
        for text in typed {
            let forms = forms(&text);

            assert_eq!(forms[0], text, "as it was typed comes first");
            for meant in [COMPOSED, DECOMPOSED] {
                assert!(forms.iter().any(|form| form == meant), "{text:?}");
            }
        }
    }

    #[test]
    fn blanks_inside_stay() {
        assert!(forms(" a  b ").iter().all(|form| form.contains("a  b")));
    }
}
