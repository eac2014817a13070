//! Values of options as users write them.

/// Reads a size: a whole number and `b`, `kb`, `mb`, `gb` or `tb` (factor 1024, any case); `unit` is the default unit.
///
/// # Errors
/// A message for the user about an invalid value.
pub fn parse_size(text: &str, unit: &str) -> Result<u64, String> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| format!("{text:?} is not a size; write it like 50mb"))?;
    let suffix = if suffix.trim().is_empty() {
        unit
    } else {
        suffix.trim()
    };
    let power = match suffix {
        "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return Err(format!("{suffix:?} is not a unit; use b, kb, mb, gb or tb")),
    };
    number
        .checked_mul(1024_u64.pow(power))
        .ok_or_else(|| format!("{text} is too large"))
}

/// Reads a boolean like Duplicati: everything that is not false is true.
pub fn parse_boolean(text: &str) -> bool {
    !matches!(
        text.to_ascii_lowercase().as_str(),
        "0" | "off" | "false" | "no"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_1024() {
        assert_eq!(parse_size("50MB", "mb"), Ok(50 << 20));
        assert_eq!(parse_size("50", "mb"), Ok(50 << 20));
        assert_eq!(parse_size("100", "kb"), Ok(100 << 10));
        assert_eq!(parse_size("1024b", "kb"), Ok(1024));
        assert!(parse_size("many", "kb").is_err());
        assert!(parse_size("5 parsecs", "kb").is_err());
        assert!(parse_size("99999999999tb", "kb").is_err());
    }
}
