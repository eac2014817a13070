//! Splits a secret over entries of bounded length, so that a new value replaces the old one in one step.
//!
//! The first entry, `<name>`, holds `<count><set>:<first part>`; the others are `<name>#<set><number>` from 1 on. A new
//! value is written to the set that is not in use, then the first entry is replaced, then the obsolete parts are
//! deleted. If this is interrupted, the first entry still leads to the complete old value or the complete new one.
//! Entries without a set are from earlier versions; a value of one part needs no set.
//!
//! Parts are written upwards and deleted downwards, so a set never has a gap and its end can be found by looking.

use super::Error;

/// Bytes of one part; Windows holds 2,560 per entry.
const PART: usize = 2000;
/// Parts of the longest secret.
const MAX_PARTS: usize = 32;
/// Number of attempts to read a secret that other processes keep replacing.
const MOST_READS: usize = 8;
/// The set of earlier versions, then the two that alternate.
const SETS: [&str; 3] = ["", "a", "b"];

/// Entries by name; writing and deleting one is atomic.
pub(super) trait Entries {
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error>;
    fn write(&self, name: &str, value: &[u8]) -> Result<(), Error>;
    /// Does nothing when there is no such entry.
    fn delete(&self, name: &str) -> Result<(), Error>;
}

/// The content of a first entry.
struct First<'a> {
    parts: usize,
    set: &'static str,
    start: &'a [u8],
}

pub(super) fn set(entries: &impl Entries, name: &str, value: &[u8]) -> Result<(), Error> {
    let parts: Vec<&[u8]> = value.chunks(PART).collect();
    if parts.len() > MAX_PARTS {
        return Err(Error::TooLong);
    }
    let before = entries.read(name)?;
    let in_use = before.as_deref().and_then(parse).map(|first| first.set);
    let set = match (parts.len(), in_use) {
        (0 | 1, _) => "",
        (_, Some("a")) => "b",
        _ => "a",
    };
    for (number, part) in parts.iter().enumerate().skip(1) {
        entries.write(&part_name(name, set, number), part)?;
    }
    let mut first = format!("{}{set}:", parts.len()).into_bytes();
    first.extend(parts.first().copied().unwrap_or_default());
    entries.write(name, &first)?;

    // The new value is in place; what cannot be deleted now is deleted with the next one.
    if let Err(error) = sweep(entries, name, set, parts.len().max(1)) {
        tracing::warn!(%error, "could not delete parts of an earlier secret");
    }
    Ok(())
}

/// Reads again when another process replaced the value in the meantime, which the first entry shows.
pub(super) fn get(entries: &impl Entries, name: &str) -> Result<Option<Vec<u8>>, Error> {
    let damaged = || Error::Damaged {
        name: name.to_owned(),
    };
    let mut before = entries.read(name)?;
    for _ in 0..MOST_READS {
        let Some(first) = &before else {
            return Ok(None);
        };
        let value = parts_of(entries, name, first);
        let after = entries.read(name)?;
        if after == before {
            return value?.map(Some).ok_or_else(damaged);
        }
        before = after;
    }
    Err(damaged())
}

/// The value that the first entry leads to; `None` when it is damaged.
fn parts_of(entries: &impl Entries, name: &str, first: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let Some(first) = parse(first) else {
        return Ok(None);
    };
    let mut value = first.start.to_vec();
    for number in 1..first.parts {
        match entries.read(&part_name(name, first.set, number))? {
            Some(part) => value.extend(part),
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

pub(super) fn remove(entries: &impl Entries, name: &str) -> Result<(), Error> {
    entries.delete(name)?;
    sweep(entries, name, "", 1)
}

/// Deletes all parts except those of `set` with numbers below `keep`.
fn sweep(entries: &impl Entries, name: &str, set: &str, keep: usize) -> Result<(), Error> {
    for other in SETS {
        let from = if other == set { keep } else { 1 };
        let mut end = from;
        while end < MAX_PARTS && entries.read(&part_name(name, other, end))?.is_some() {
            end += 1;
        }
        for number in (from..end).rev() {
            entries.delete(&part_name(name, other, number))?;
        }
    }
    Ok(())
}

fn part_name(name: &str, set: &str, number: usize) -> String {
    format!("{name}#{set}{number}")
}

fn parse(first: &[u8]) -> Option<First<'_>> {
    let colon = first.iter().position(|byte| *byte == b':')?;
    let head = std::str::from_utf8(&first[..colon]).ok()?;
    let count = head.trim_end_matches(['a', 'b']);
    let set = SETS.into_iter().find(|set| *set == &head[count.len()..])?;
    let parts = count.parse().ok().filter(|parts| *parts <= MAX_PARTS)?;
    Some(First {
        parts,
        set,
        start: &first[colon + 1..],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::lock;

    /// Entries in memory that fail after a number of changes.
    #[derive(Default)]
    struct Failing {
        kept: Mutex<BTreeMap<String, Vec<u8>>>,
        steps: Mutex<Option<usize>>,
    }

    impl Failing {
        fn step(&self) -> Result<(), Error> {
            match lock(&self.steps).as_mut() {
                Some(0) => Err(Error::Unavailable {
                    why: "stopped".to_owned(),
                }),
                Some(left) => {
                    *left -= 1;
                    Ok(())
                }
                None => Ok(()),
            }
        }

        fn stop_after(&self, steps: usize) {
            *lock(&self.steps) = Some(steps);
        }

        fn recover(&self) {
            *lock(&self.steps) = None;
        }

        fn count(&self) -> usize {
            lock(&self.kept).len()
        }
    }

    impl Entries for Failing {
        fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
            Ok(lock(&self.kept).get(name).cloned())
        }

        fn write(&self, name: &str, value: &[u8]) -> Result<(), Error> {
            self.step()?;
            lock(&self.kept).insert(name.to_owned(), value.to_vec());
            Ok(())
        }

        fn delete(&self, name: &str) -> Result<(), Error> {
            self.step()?;
            lock(&self.kept).remove(name);
            Ok(())
        }
    }

    fn secret(letter: u8, parts: usize) -> Vec<u8> {
        vec![letter; (parts * PART).saturating_sub(7)]
    }

    /// The layout of earlier versions.
    fn set_without_set(entries: &Failing, name: &str, value: &[u8]) {
        let parts: Vec<&[u8]> = value.chunks(PART).collect();
        for (number, part) in parts.iter().enumerate().skip(1) {
            entries.write(&format!("{name}#{number}"), part).unwrap();
        }
        let mut first = format!("{}:", parts.len()).into_bytes();
        first.extend(parts.first().copied().unwrap_or_default());
        entries.write(name, &first).unwrap();
    }

    #[test]
    fn stopped_replacement_leaves_the_old_or_the_new_secret() {
        for (before, after) in [(1, 3), (3, 3), (4, 2), (2, 4), (3, 1), (3, 0)] {
            for is_earlier_layout in [false, true] {
                for steps in 0..12 {
                    let entries = Failing::default();
                    let (old, new) = (secret(b'o', before), secret(b'n', after));
                    if is_earlier_layout {
                        set_without_set(&entries, "id", &old);
                    } else {
                        set(&entries, "id", &old).unwrap();
                    }

                    entries.stop_after(steps);
                    let outcome = set(&entries, "id", &new);

                    let found = get(&entries, "id").unwrap().unwrap();
                    assert_eq!(found, if outcome.is_ok() { new } else { old });

                    // The next call succeeds and leaves no obsolete parts.
                    entries.recover();
                    set(&entries, "id", &secret(b'l', 2)).unwrap();
                    assert_eq!(get(&entries, "id").unwrap().unwrap(), secret(b'l', 2));
                    assert_eq!(entries.count(), 2);
                }
            }
        }
    }

    #[test]
    fn stopped_removal_leaves_all_or_nothing_and_can_be_repeated() {
        for steps in 0..5 {
            let entries = Failing::default();
            set(&entries, "id", &secret(b'o', 4)).unwrap();

            entries.stop_after(steps);
            let outcome = remove(&entries, "id");
            let found = get(&entries, "id").unwrap();
            entries.recover();
            remove(&entries, "id").unwrap();

            assert_eq!(outcome.is_ok(), steps >= 4);
            assert_eq!(found, (steps == 0).then(|| secret(b'o', 4)));
            assert_eq!(entries.count(), 0);
        }
    }

    /// Entries whose value another process replaces twice, each time after some reads.
    struct ReplacedMidway {
        inner: Failing,
        reads: Mutex<usize>,
        after: [usize; 2],
    }

    impl Entries for ReplacedMidway {
        fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
            let reads = {
                let mut reads = lock(&self.reads);
                *reads += 1;
                *reads
            };
            for (after, letter) in self.after.into_iter().zip([b'm', b'n']) {
                if reads == after {
                    set(&self.inner, "id", &secret(letter, 3))?;
                }
            }
            self.inner.read(name)
        }

        fn write(&self, name: &str, value: &[u8]) -> Result<(), Error> {
            self.inner.write(name, value)
        }

        fn delete(&self, name: &str) -> Result<(), Error> {
            self.inner.delete(name)
        }
    }

    #[test]
    fn a_secret_that_is_replaced_while_it_is_read_is_one_of_them_whole() {
        for first in 1..8 {
            for second in first + 1..10 {
                let entries = ReplacedMidway {
                    inner: Failing::default(),
                    reads: Mutex::default(),
                    after: [first, second],
                };
                set(&entries.inner, "id", &secret(b'o', 3)).unwrap();

                let found = get(&entries, "id").unwrap().unwrap();

                let is_whole = [b'o', b'm', b'n'].map(|letter| found == secret(letter, 3));
                assert!(is_whole.contains(&true), "{first}, {second}");
            }
        }
    }

    #[test]
    fn entries_of_earlier_versions_are_read() {
        for parts in 0..4 {
            let entries = Failing::default();
            set_without_set(&entries, "id", &secret(b'o', parts));

            assert_eq!(get(&entries, "id").unwrap().unwrap(), secret(b'o', parts));
        }
    }

    #[test]
    fn secrets_of_too_many_parts_are_refused() {
        let entries = Failing::default();

        let refused = set(&entries, "id", &secret(b'n', MAX_PARTS + 1));

        assert!(matches!(refused, Err(Error::TooLong)));
        assert_eq!(entries.count(), 0);
    }
}
