//! Retention: which versions a backup keeps, by Duplicati's three rules.

use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use crate::error::{Error, Result};
use crate::reasons::OptionProblem;

/// Longest tolerance of `--keep-time`, so that a run that starts a little late does not cost a version.
const MAX_TOLERANCE: SignedDuration = SignedDuration::from_hours(1);
/// How far ahead of the clock a version may be that runs in quick succession made, each in a second of its own.
const NOT_AHEAD: SignedDuration = SignedDuration::from_mins(1);

/// A length of time in Duplicati's notation, such as `1W`, `36h` or `1M15D`; a bare number counts seconds.
///
/// Units are `s`, `m` (minute), `h`, `D`, `W`, `M` (30 days) and `Y` (365 days); case counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan(SignedDuration);

impl TimeSpan {
    /// As a plain duration.
    pub fn duration(self) -> SignedDuration {
        self.0
    }
}

impl FromStr for TimeSpan {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse_span("timespan", text).map(Self)
    }
}

/// How far back in the calendar, where months and years are as long as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Age {
    months: i64,
    rest: SignedDuration,
}

impl From<SignedDuration> for Age {
    fn from(rest: SignedDuration) -> Self {
        Self { months: 0, rest }
    }
}

impl Age {
    /// When that was; `None` before all times.
    fn before(self, now: Timestamp) -> Option<Timestamp> {
        let months = Span::new().try_months(self.months).ok()?;
        let day = now.to_zoned(TimeZone::UTC).checked_sub(months).ok()?;
        day.timestamp().checked_sub(self.rest).ok()
    }
}

/// Numbers with their units, as a time span is written; a bare number counts seconds. `option` is the one that is blamed.
fn terms(option: &'static str, text: &str) -> Result<Vec<(i64, u8)>> {
    let invalid = || Error::invalid_option(option, text, OptionProblem::NotASpan);
    if let Ok(seconds) = text.parse() {
        return Ok(vec![(seconds, b's')]);
    }
    let mut terms = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '-')
            .ok_or_else(invalid)?;
        let unit = rest.as_bytes()[end];
        if !b"smhDWMY".contains(&unit) {
            return Err(invalid());
        }
        terms.push((rest[..end].parse().map_err(|_| invalid())?, unit));
        rest = &rest[end + 1..];
    }
    if terms.is_empty() {
        return Err(invalid());
    }
    Ok(terms)
}

fn too_long(option: &'static str, text: &str) -> Error {
    Error::invalid_option(option, text, OptionProblem::SpanTooLong)
}

/// A time span in which months have 30 days and years 365.
fn parse_span(option: &'static str, text: &str) -> Result<SignedDuration> {
    let seconds = |unit| match unit {
        b'm' => 60,
        b'h' => 3600,
        b'D' => 86_400,
        b'W' => 7 * 86_400,
        b'M' => 30 * 86_400,
        b'Y' => 365 * 86_400,
        _ => 1,
    };
    let total =
        terms(option, text)?
            .into_iter()
            .try_fold(SignedDuration::ZERO, |total, (count, unit)| {
                let term = count.checked_mul(seconds(unit))?;
                total.checked_add(SignedDuration::from_secs(term))
            });
    total.ok_or_else(|| too_long(option, text))
}

/// A time span in which months and years are those of the calendar.
fn parse_age(option: &'static str, text: &str) -> Result<Age> {
    let mut age = Age::default();
    let mut rest = String::new();
    for (count, unit) in terms(option, text)? {
        let months = match unit {
            b'M' => count,
            b'Y' => count.saturating_mul(12),
            unit => {
                rest.push_str(&format!("{count}{}", char::from(unit)));
                continue;
            }
        };
        age.months = age.months.saturating_add(months);
    }
    if !rest.is_empty() {
        age.rest = parse_span(option, &rest)?;
    }
    Ok(age)
}

/// Which versions a backup keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Retention {
    /// All of them.
    #[default]
    KeepAll,
    /// The newest complete ones, this many; at least one (`--keep-versions`).
    KeepVersions(usize),
    /// Those that are not older than this (`--keep-time`).
    KeepTime(Age),
    /// Fewer and fewer, the older they are (`--retention-policy`).
    Thinned(Vec<Frame>),
}

/// A part of a retention policy: from now back to `frame`, one version in each `interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// How far back; `None` reaches back to the first version.
    pub frame: Option<SignedDuration>,
    /// Between versions that are kept; `None` keeps all.
    pub interval: Option<SignedDuration>,
}

impl Retention {
    /// Reads Duplicati's options, of which one at most may be given.
    ///
    /// # Errors
    /// [`Error::InvalidOption`].
    pub fn from_options(
        keep_versions: Option<u32>,
        keep_time: Option<&str>,
        policy: Option<&str>,
    ) -> Result<Self> {
        match (keep_versions, keep_time, policy) {
            (None, None, None) => Ok(Self::KeepAll),
            // As in Duplicati, zero means that the option is not in use.
            (Some(0), None, None) => Ok(Self::KeepAll),
            (Some(count), None, None) => Ok(Self::KeepVersions(count as usize)),
            (None, Some(span), None) => {
                let age = parse_age("keep-time", span)?;
                if parse_span("keep-time", span)? <= SignedDuration::ZERO {
                    let why = OptionProblem::SpanNotPositive;
                    return Err(Error::invalid_option("keep-time", span, why));
                }
                Ok(Self::KeepTime(age))
            }
            (None, None, Some(policy)) => Self::thinned(policy),
            _ => Err(Error::SeveralRetentions),
        }
    }

    fn thinned(text: &str) -> Result<Self> {
        const OPTION: &str = "retention-policy";
        let invalid = |why| Error::invalid_option(OPTION, text, why);
        let span = |text: &str| match text.trim() {
            "U" => Ok(None),
            text => parse_span(OPTION, text).map(Some),
        };
        let mut frames = Vec::new();
        for part in text.split(',') {
            let (frame, interval) = part
                .split_once(':')
                .ok_or_else(|| invalid(OptionProblem::NotAPolicy))?;
            let frame = span(frame)?;
            let interval = span(interval)?.filter(|interval| !interval.is_zero());
            let is_negative =
                |span: Option<SignedDuration>| span.is_some_and(|span| span.is_negative());
            if is_negative(frame) || is_negative(interval) {
                return Err(invalid(OptionProblem::NegativeSpan));
            }
            if let (Some(frame), Some(interval)) = (frame, interval)
                && interval >= frame
            {
                return Err(invalid(OptionProblem::IntervalTooLong));
            }
            frames.push(Frame { frame, interval });
        }
        frames.sort_by_key(|part| (part.frame.is_none(), part.frame));
        Ok(Self::Thinned(frames))
    }

    /// Whether it never gives anything up.
    pub fn keeps_all(&self) -> bool {
        *self == Self::KeepAll
    }
}

/// A version as retention looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionState {
    /// When it was made.
    pub time: Timestamp,
    /// Whether its run came to its end.
    pub is_complete: bool,
}

/// Versions that expire, of `versions` (oldest first), which it returns oldest first, too.
///
/// The newest is never among them, nor the newest complete one, nor any whose time is well ahead: the clock was ahead when
/// it was made, or is behind now.
pub fn retention_victims(
    retention: &Retention,
    versions: &[VersionState],
    now: Timestamp,
) -> Vec<Timestamp> {
    let mut expired = match retention {
        Retention::KeepAll => Vec::new(),
        Retention::KeepVersions(count) => beyond_count((*count).max(1), versions),
        Retention::KeepTime(age) => older_than(*age, versions, now),
        Retention::Thinned(frames) => thinned_out(frames, versions, now),
    };
    let newest = versions.last().map(|version| version.time);
    let newest_complete = versions
        .iter()
        .rfind(|version| version.is_complete)
        .map(|version| version.time);
    let ahead = now.checked_add(NOT_AHEAD).unwrap_or(now);
    expired
        .retain(|time| *time <= ahead && Some(*time) != newest && Some(*time) != newest_complete);
    expired.sort_unstable();
    expired
}

/// Partial versions are worth nothing once a newer complete one is kept, and everything until then.
fn beyond_count(count: usize, versions: &[VersionState]) -> Vec<Timestamp> {
    let mut kept = 0;
    let since_complete = versions
        .iter()
        .rev()
        .skip_while(|version| !version.is_complete);
    since_complete
        .filter(|version| {
            let is_kept = version.is_complete && kept < count;
            kept += usize::from(is_kept);
            !is_kept
        })
        .map(|version| version.time)
        .collect()
}

fn older_than(age: Age, versions: &[VersionState], now: Timestamp) -> Vec<Timestamp> {
    let limit = age.before(now).and_then(|limit| {
        let tolerance = (now.duration_since(limit) / 100).min(MAX_TOLERANCE);
        limit.checked_sub(tolerance).ok()
    });
    let Some(limit) = limit else {
        return Vec::new();
    };
    let mut has_complete = false;
    let newest_first = versions.iter().rev();
    newest_first
        .skip_while(|version| {
            let is_kept = version.time >= limit || !has_complete;
            has_complete |= version.is_complete;
            is_kept
        })
        .map(|version| version.time)
        .collect()
}

fn thinned_out(frames: &[Frame], versions: &[VersionState], now: Timestamp) -> Vec<Timestamp> {
    let Some((_, mut rest)) = versions.split_last() else {
        return Vec::new();
    };
    let mut expired = Vec::new();
    for part in frames {
        let start = part.frame.and_then(|frame| now.checked_sub(frame).ok());
        let first = start.map_or(0, |start| {
            rest.partition_point(|version| version.time < start)
        });
        let (older, inside) = rest.split_at(first);
        rest = older;
        let mut last_kept: Option<Timestamp> = None;
        for version in inside {
            let is_due = match (last_kept, part.interval) {
                (Some(last), Some(interval)) => version.time.duration_since(last) >= interval,
                _ => true,
            };
            if is_due && version.is_complete {
                last_kept = Some(version.time);
            } else if !is_due && version.is_complete {
                expired.push(version.time);
            }
        }
    }
    expired.extend(rest.iter().map(|version| version.time));
    expired
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each version has a second of its own, so that runs within one second date theirs ahead.
    #[test]
    fn versions_of_runs_in_quick_succession_are_given_up_as_others_are() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let versions = [100, 101, 102, 500_000, 500_001].map(|second| VersionState {
            time: at(second),
            is_complete: true,
        });

        let expired = retention_victims(&Retention::KeepVersions(1), &versions, at(100));

        assert_eq!(expired, [100, 101, 102].map(at));
    }

    fn versions(pattern: &str) -> Vec<VersionState> {
        let letters = pattern.chars().enumerate();
        letters
            .map(|(day, letter)| VersionState {
                time: Timestamp::from_second(day as i64 * 86_400).unwrap(),
                is_complete: letter == 'c',
            })
            .collect()
    }

    fn gone(retention: &Retention, pattern: &str) -> String {
        let versions = versions(pattern);
        let now = versions.last().unwrap().time;
        let expired = retention_victims(retention, &versions, now);
        let shown = versions.iter().map(|version| {
            if expired.contains(&version.time) {
                '-'
            } else {
                '+'
            }
        });
        shown.collect()
    }

    #[test]
    fn partial_versions_go_when_a_newer_complete_one_is_kept() {
        let two = Retention::KeepVersions(2);

        assert_eq!(gone(&two, "cpcpcpp"), "--+-+++");
        assert_eq!(gone(&two, "ppp"), "+++");
        assert_eq!(gone(&Retention::KeepVersions(0), "ccc"), "--+");
    }

    #[test]
    fn time_never_takes_the_newest_complete_version() {
        let day = Retention::from_options(None, Some("1D"), None).unwrap();

        assert_eq!(gone(&day, "cccpppp"), "--+++++");
        assert_eq!(gone(&day, "ccccccc"), "-----++");
    }

    #[test]
    fn months_and_years_of_time_are_those_of_the_calendar() {
        let month = Retention::from_options(None, Some("1M"), None).unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let all = [
            "2025-02-02T00:30:00Z",
            "2025-02-02T04:00:00Z",
            "2025-03-02T04:35:00Z",
        ]
        .map(at);
        let states = all.map(|time| VersionState {
            time,
            is_complete: true,
        });

        assert_eq!(retention_victims(&month, &states, all[2]), [all[0]]);
    }

    #[test]
    fn versions_of_the_future_are_not_given_up() {
        let versions = versions("ccccc");
        let now = versions[1].time;
        let one = Retention::KeepVersions(1);

        let expired = retention_victims(&one, &versions, now);

        assert_eq!(expired, [versions[0].time, versions[1].time]);
    }

    #[test]
    fn a_policy_keeps_partial_versions_within_its_frames() {
        let policy = Retention::from_options(None, None, Some("5D:2D")).unwrap();

        assert_eq!(gone(&policy, "ccccpccc"), "--+-++-+");
    }

    #[test]
    fn one_kind_of_retention_at_most() {
        let outcome = Retention::from_options(Some(3), Some("1M"), None);

        assert!(matches!(outcome, Err(Error::SeveralRetentions)));
    }

    #[test]
    fn spans_are_sums_of_terms() {
        let seconds = |text: &str| text.parse::<TimeSpan>().map(|span| span.0.as_secs());

        assert_eq!(seconds("1D-1s").unwrap(), 86_399);
        assert_eq!(seconds("90").unwrap(), 90);
        assert_eq!(seconds("1M1m").unwrap(), 30 * 86_400 + 60);
        for wrong in ["", "1Q", "D", "1", "9999999999999999Y", "1D 2h", "ü"] {
            assert!(wrong == "1" || seconds(wrong).is_err(), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_spans_never_panics(text in "\\PC{0,20}") {
            let _ = text.parse::<TimeSpan>();
            let _ = Retention::thinned(&text);
        }

        #[test]
        fn something_complete_always_stays(pattern in "[cp]{1,30}", days in 1_i64..40, count in 0_usize..5) {
            for retention in [
                Retention::KeepVersions(count),
                Retention::KeepTime(SignedDuration::from_secs(days * 86_400).into()),
                Retention::thinned(&format!("{}D:{days}D", days * 2)).unwrap(),
            ] {
                let all = versions(&pattern);
                let left = gone(&retention, &pattern);
                proptest::prop_assert!(left.ends_with('+'));
                let complete = all.iter().zip(left.chars()).any(|(v, c)| v.is_complete && c == '+');
                proptest::prop_assert!(complete || !pattern.contains('c'));
            }
        }
    }
}
