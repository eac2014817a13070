//! How much a gate will let through from now on.

use std::time::Duration;

/// Bytes of uploads that may be sent after a refusal: more each second, and unlimited again after some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Bytes per second now.
    pub bytes_per_second: f64,
    /// Increase per second.
    pub growth: f64,
    /// Duration of the limit.
    pub holds: Duration,
}

impl Allowance {
    /// Bytes per second that were allowed `time` ago.
    pub fn before(&self, time: Duration) -> f64 {
        (self.bytes_per_second - self.growth * time.as_secs_f64()).max(0.0)
    }

    /// The time that this many bytes take over a connection that carries `line` bytes per second.
    pub fn time_for(&self, bytes: u64, line: f64) -> Duration {
        let bytes = bytes as f64;
        let slowed = self.slowed(line);
        let while_slowed = self.bytes_within(slowed);
        let seconds = if bytes <= while_slowed {
            self.seconds_for(bytes)
        } else {
            slowed + (bytes - while_slowed) / line
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// Seconds during which the limit is below what the connection carries.
    fn slowed(&self, line: f64) -> f64 {
        let missing = (line - self.bytes_per_second).max(0.0);
        let until_reached = match missing {
            0.0 => 0.0,
            _ => missing / self.growth,
        };
        until_reached.min(self.holds.as_secs_f64())
    }

    fn bytes_within(&self, seconds: f64) -> f64 {
        self.bytes_per_second * seconds + self.growth * seconds * seconds / 2.0
    }

    /// When this many bytes will have been sent, while there is a limit.
    fn seconds_for(&self, bytes: f64) -> f64 {
        // The form of the quadratic formula that also works without growth.
        let speed = self.bytes_per_second;
        2.0 * bytes / (speed + (speed * speed + 2.0 * self.growth * bytes).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half of six, all of it after half a minute.
    const RAMP: Allowance = Allowance {
        bytes_per_second: 3.0,
        growth: 0.1,
        holds: Duration::from_secs(3600),
    };

    fn seconds(allowance: Allowance, bytes: u64, line: f64) -> f64 {
        allowance.time_for(bytes, line).as_secs_f64()
    }

    #[test]
    fn what_goes_while_it_gets_faster_takes_less_than_at_the_first_speed() {
        // 3 * 20 + 0.1 * 20² / 2.
        assert!((seconds(RAMP, 80, 6.0) - 20.0).abs() < 1e-6);
    }

    #[test]
    fn once_it_is_reached_the_line_is_the_limit() {
        // 135 within the first half minute.
        assert!((seconds(RAMP, 135 + 60, 6.0) - 40.0).abs() < 1e-6);
    }

    #[test]
    fn a_line_that_is_slower_than_what_may_go_takes_its_own_time() {
        assert!((seconds(RAMP, 100, 2.0) - 50.0).abs() < 1e-6);
    }

    #[test]
    fn without_growth_the_limit_stays_until_it_is_forgotten() {
        let flat = Allowance {
            growth: 0.0,
            holds: Duration::from_secs(10),
            ..RAMP
        };

        assert!((seconds(flat, 30, 6.0) - 10.0).abs() < 1e-6);
        assert!((seconds(flat, 90, 6.0) - 20.0).abs() < 1e-6);
    }

    #[test]
    fn a_moment_before_less_went() {
        assert!((RAMP.before(Duration::from_secs(10)) - 2.0).abs() < 1e-6);
        assert!(RAMP.before(Duration::from_secs(60)).abs() < 1e-6);
    }
}
