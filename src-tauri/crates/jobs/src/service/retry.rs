//! When a backup that did not finish is tried again.

use coffer_ipc::{CommandError, ErrorCode};
use jiff::SignedDuration;

/// How long after a backup ended with `error` the next one starts automatically; `None` when only the user, or the next
/// planned time, can change anything. `tries` is the number of backups in a row that ended like this before.
///
/// A time that a service named is respected. A keychain may prompt the user each time, and a connection may be down for
/// days, so both are tried less and less often. So is a full drive: the user makes room elsewhere, and Coffer is not
/// notified.
pub(super) fn retry_delay(error: &CommandError, tries: u32) -> Option<SignedDuration> {
    let minutes = match error.code {
        ErrorCode::Throttled => 15,
        ErrorCode::Keychain | ErrorCode::Offline => (1_i64 << tries.min(4)).min(15),
        ErrorCode::DiskAway => 1,
        ErrorCode::Busy => 5,
        // Each attempt may upload a volume in vain.
        ErrorCode::Full => 60 << tries.min(3),
        _ => return None,
    };
    let named = error
        .retry_after
        .map(|seconds| SignedDuration::from_secs(i64::from(seconds).max(60)));
    let delay = named.unwrap_or(SignedDuration::from_mins(minutes));
    Some(delay.min(LONGEST_RETRY))
}

/// How long after the start of the app an interrupted backup is resumed: at once, and later each time it is interrupted
/// again, so that a backup that crashes the computer does not do so forever.
pub(super) fn resume_delay(tries: u32) -> SignedDuration {
    SignedDuration::from_mins(15 * i64::from(tries.min(8)))
}

/// The longest delay before an unfinished backup is retried, whatever a service says: clocks and services may be wrong.
pub(super) const LONGEST_RETRY: SignedDuration = SignedDuration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wording;

    fn delay(code: ErrorCode, retry_after: Option<u32>, tries: u32) -> Option<i64> {
        let error = CommandError {
            retry_after,
            ..wording::error(code, "", "")
        };
        retry_delay(&error, tries).map(|delay| delay.as_secs() / 60)
    }

    #[test]
    fn a_time_that_a_service_names_is_kept_within_a_day() {
        assert_eq!(delay(ErrorCode::Throttled, None, 0), Some(15));
        assert_eq!(delay(ErrorCode::Throttled, Some(3600), 0), Some(60));
        assert_eq!(delay(ErrorCode::Throttled, Some(5), 0), Some(1));
        let month = 30 * 86_400;
        assert_eq!(delay(ErrorCode::Throttled, Some(month), 0), Some(24 * 60));
    }

    #[test]
    fn what_may_be_back_soon_is_tried_soon_and_then_less_often() {
        for code in [ErrorCode::Keychain, ErrorCode::Offline] {
            let minutes = (0..6).map(|tries| delay(code, None, tries).unwrap());
            assert_eq!(minutes.collect::<Vec<_>>(), [1, 2, 4, 8, 15, 15]);
        }
    }

    #[test]
    fn a_full_drive_is_tried_again_every_few_hours() {
        let minutes = (0..5).map(|tries| delay(ErrorCode::Full, None, tries).unwrap());
        assert_eq!(minutes.collect::<Vec<_>>(), [60, 120, 240, 480, 480]);
    }

    #[test]
    fn what_only_the_owner_can_fix_is_not_retried() {
        for code in [
            ErrorCode::SignInRequired,
            ErrorCode::WrongPassphrase,
            ErrorCode::Failed,
        ] {
            assert_eq!(delay(code, None, 0), None, "{code:?}");
        }
    }

    #[test]
    fn a_backup_that_crashes_the_computer_resumes_later_each_time() {
        assert_eq!(resume_delay(0), SignedDuration::ZERO);
        assert!(resume_delay(1) < resume_delay(2));
        assert_eq!(resume_delay(8), resume_delay(1000));
    }
}
