//! When a job runs automatically.

use coffer_ipc::job::{Schedule, ScheduleUnit, Weekday};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Unit};

/// Maximum number of occurrences that are searched for an allowed day: ten years of days.
const MAX_STEPS: i64 = 4000;

/// The first planned time after `last_run`, or the very first without one. `None` when the schedule is invalid.
///
/// A result in the past was missed and is due now.
pub fn next_run(
    schedule: &Schedule,
    last_run: Option<Timestamp>,
    zone: &TimeZone,
) -> Option<Timestamp> {
    let first: DateTime = schedule.first_run.parse().ok()?;
    let every = i64::from(schedule.every.max(1));
    let start = last_run.map_or(0, |last| {
        let first = zone.to_timestamp(first).map_or(last, |first| first);
        // One step before the estimate: months and clock changes make it inexact.
        let passed = last.as_second().saturating_sub(first.as_second());
        (passed / (seconds(schedule.unit) * every) - 1).max(0)
    });
    for step in start..start + MAX_STEPS {
        let number = step.checked_mul(every)?;
        let span = match schedule.unit {
            ScheduleUnit::Hours => Span::new().try_hours(number),
            ScheduleUnit::Days => Span::new().try_days(number),
            ScheduleUnit::Weeks => Span::new().try_weeks(number),
            ScheduleUnit::Months => Span::new().try_months(number),
        };
        let time = first.checked_add(span.ok()?).ok()?;
        let allowed = schedule.days.is_empty() || schedule.days.contains(&weekday(time));
        let moment = zone.to_timestamp(time).ok()?;
        if allowed && last_run.is_none_or(|last| moment > last) {
            return Some(moment);
        }
    }
    None
}

/// The same schedule with its first run moved into the past, on the same day of the week or month and at the same time
/// of day. `None` when it is in the past already, or invalid.
pub(crate) fn moved_back(schedule: &Schedule, now: Timestamp, zone: &TimeZone) -> Option<Schedule> {
    let first: DateTime = schedule.first_run.parse().ok()?;
    let now = now.to_zoned(zone.clone()).datetime();
    if first <= now {
        return None;
    }
    let (unit, ahead) = match schedule.unit {
        ScheduleUnit::Months => (Unit::Month, Span::new().months(1)),
        ScheduleUnit::Hours | ScheduleUnit::Days | ScheduleUnit::Weeks => {
            (Unit::Week, Span::new().weeks(1))
        }
    };
    let whole = now.until((unit, first)).ok()?;
    let steps = i64::from(whole.get_months()) + i64::from(whole.get_weeks()) + 1;
    let back = ahead.checked_mul(steps).ok()?;
    Some(Schedule {
        first_run: first
            .checked_sub(back)
            .ok()?
            .strftime("%Y-%m-%dT%H:%M")
            .to_string(),
        ..schedule.clone()
    })
}

/// Minimum number of seconds between two occurrences of a unit.
fn seconds(unit: ScheduleUnit) -> i64 {
    match unit {
        ScheduleUnit::Hours => 3_600,
        ScheduleUnit::Days => 86_400,
        ScheduleUnit::Weeks => 7 * 86_400,
        ScheduleUnit::Months => 31 * 86_400,
    }
}

fn weekday(time: DateTime) -> Weekday {
    match time.date().weekday() {
        jiff::civil::Weekday::Monday => Weekday::Monday,
        jiff::civil::Weekday::Tuesday => Weekday::Tuesday,
        jiff::civil::Weekday::Wednesday => Weekday::Wednesday,
        jiff::civil::Weekday::Thursday => Weekday::Thursday,
        jiff::civil::Weekday::Friday => Weekday::Friday,
        jiff::civil::Weekday::Saturday => Weekday::Saturday,
        jiff::civil::Weekday::Sunday => Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(every: u32, unit: ScheduleUnit, days: &[Weekday]) -> Schedule {
        Schedule {
            first_run: "2026-01-05T13:00".into(),
            every,
            unit,
            days: days.to_vec(),
        }
    }

    fn next(schedule: &Schedule, last: &str) -> String {
        let last = (!last.is_empty()).then(|| last.parse().unwrap());
        next_run(schedule, last, &TimeZone::UTC)
            .unwrap()
            .to_string()
    }

    #[test]
    fn runs_keep_their_time_of_day() {
        let daily = schedule(1, ScheduleUnit::Days, &[]);
        assert_eq!(next(&daily, ""), "2026-01-05T13:00:00Z");
        assert_eq!(next(&daily, "2026-01-05T13:00:07Z"), "2026-01-06T13:00:00Z");
        // A late run does not delay later ones.
        assert_eq!(next(&daily, "2026-03-01T20:00:00Z"), "2026-03-02T13:00:00Z");
    }

    #[test]
    fn only_allowed_days_count() {
        let weekend = schedule(1, ScheduleUnit::Days, &[Weekday::Saturday]);
        assert_eq!(next(&weekend, ""), "2026-01-10T13:00:00Z");
        assert_eq!(
            next(&weekend, "2026-01-10T13:00:00Z"),
            "2026-01-17T13:00:00Z"
        );
        let never = schedule(1, ScheduleUnit::Weeks, &[Weekday::Sunday]);
        assert_eq!(next_run(&never, None, &TimeZone::UTC), None);
    }

    #[test]
    fn months_end_where_the_month_ends() {
        let mut monthly = schedule(1, ScheduleUnit::Months, &[]);
        monthly.first_run = "2026-01-31T08:00".into();
        assert_eq!(
            next(&monthly, "2026-01-31T09:00:00Z"),
            "2026-02-28T08:00:00Z"
        );
        assert_eq!(
            next(&monthly, "2026-02-28T09:00:00Z"),
            "2026-03-31T08:00:00Z"
        );
    }

    #[test]
    fn a_first_run_is_moved_back_by_whole_weeks_or_months() {
        let back = |unit, now: &str| {
            let zone = TimeZone::UTC;
            let moved = moved_back(&schedule(1, unit, &[]), now.parse().unwrap(), &zone);
            moved.map(|moved| moved.first_run)
        };
        // The first run is on a Monday.
        for unit in [ScheduleUnit::Hours, ScheduleUnit::Days, ScheduleUnit::Weeks] {
            let moved = back(unit, "2025-01-07T10:00:00Z");
            assert_eq!(moved.as_deref(), Some("2025-01-06T13:00"), "{unit:?}");
        }
        let moved = back(ScheduleUnit::Months, "2025-01-05T10:00:00Z");
        assert_eq!(moved.as_deref(), Some("2024-12-05T13:00"));
        assert_eq!(back(ScheduleUnit::Days, "2026-01-05T13:00:00Z"), None);
    }

    #[test]
    fn clock_changes_do_not_move_the_hour() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let daily = schedule(1, ScheduleUnit::Days, &[]);
        let last = "2026-03-28T12:30:00Z".parse().unwrap();
        assert_eq!(
            next_run(&daily, Some(last), &zone).unwrap().to_string(),
            "2026-03-29T11:00:00Z"
        );
    }

    #[test]
    fn nonsense_is_no_schedule() {
        let mut odd = schedule(0, ScheduleUnit::Hours, &[]);
        assert!(
            next_run(
                &odd,
                Some("2200-01-01T00:00:00Z".parse().unwrap()),
                &TimeZone::UTC
            )
            .is_some()
        );
        odd.first_run = "tomorrow".into();
        assert_eq!(next_run(&odd, None, &TimeZone::UTC), None);
    }
}
