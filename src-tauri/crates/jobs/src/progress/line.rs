//! The speed of the connection, while the service limits transfers to less.

use coffer_onedrive::Allowance;

use super::rate::WINDOW;

/// Share of the allowance that is used when the allowance is the limit; the rest is the overhead of requests.
const HELD: f64 = 0.8;

/// The speed that was last measured while only the connection limited it.
#[derive(Default)]
pub(super) struct Line(Option<f64>);

impl Line {
    /// The speed of the connection in bytes per second, given the recently `measured` speed.
    pub(super) fn carries(&mut self, measured: f64, allowance: Option<Allowance>) -> f64 {
        let line = self.0.unwrap_or(measured);
        // At the beginning of the measured time.
        let allowed = allowance.map_or(f64::INFINITY, |allowance| allowance.before(WINDOW));
        let is_held = allowed < line && measured >= allowed * HELD;
        let line = if is_held {
            line.max(measured)
        } else {
            measured
        };
        self.0 = Some(line);
        line
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn allowed(bytes_per_second: f64) -> Option<Allowance> {
        Some(Allowance {
            bytes_per_second,
            growth: 0.0,
            holds: Duration::from_secs(3600),
        })
    }

    #[test]
    fn what_a_service_holds_back_makes_no_line_slow() {
        let mut line = Line::default();
        line.carries(6.0, None);

        assert_eq!(line.carries(3.0, allowed(3.0)), 6.0);
        assert_eq!(line.carries(2.7, allowed(3.0)), 6.0);
    }

    #[test]
    fn a_line_that_carries_less_than_may_go_has_become_slower() {
        let mut line = Line::default();
        line.carries(6.0, None);

        assert_eq!(line.carries(1.0, allowed(3.0)), 1.0);
        assert_eq!(line.carries(5.0, allowed(7.0)), 5.0);
    }

    #[test]
    fn a_line_that_was_never_without_a_limit_carries_what_goes() {
        let mut line = Line::default();

        assert_eq!(line.carries(3.0, allowed(3.0)), 3.0);
        assert_eq!(line.carries(4.0, allowed(4.0)), 4.0);
    }
}
