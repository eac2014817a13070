//! Twenty minutes against a service that limits requests and bytes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::super::{Gate, Reason, lock};
use super::{alone, clock, gate, seconds};

/// A service that gives an account so much in each window.
struct Service {
    /// Where a window begins.
    start: Instant,
    window: Duration,
    requests: u64,
    bytes: u64,
    headers: bool,
    /// Whether refusals say when the window is over.
    names_time: bool,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    window: u32,
    requests: u64,
    bytes: u64,
    all_requests: u64,
    all_bytes: u64,
    throttled: u64,
    early: u64,
    closed_until: Option<Instant>,
}

impl Service {
    fn new(window: u64, phase: u64, requests: u64, bytes: u64, headers: bool) -> Self {
        Self {
            start: Instant::now() - seconds(phase),
            window: seconds(window),
            requests,
            bytes,
            headers,
            names_time: true,
            counts: Mutex::default(),
        }
    }

    /// The time until the window ends when it is refused, and the headers.
    fn answer(&self, bytes: u64) -> (Option<Duration>, HeaderMap) {
        let now = Instant::now();
        let age = now - self.start;
        let window = (age.as_millis() / self.window.as_millis()) as u32;
        let rest = self.window * (window + 1) - age;
        let rest = seconds(rest.as_millis().div_ceil(1000) as u64);
        let mut counts = lock(&self.counts);
        if counts.window != window {
            (counts.window, counts.requests, counts.bytes) = (window, 0, 0);
        }
        if counts.closed_until.is_some_and(|until| now < until) {
            counts.early += 1;
        }
        let refused = counts.requests + 1 > self.requests || counts.bytes + bytes > self.bytes;
        if refused {
            counts.throttled += 1;
            if self.names_time {
                counts.closed_until = Some(now + rest);
            }
        } else {
            counts.requests += 1;
            counts.bytes += bytes;
            counts.all_requests += 1;
            counts.all_bytes += bytes;
        }
        let mut headers = HeaderMap::new();
        if self.headers {
            let left = self.requests - counts.requests;
            headers.insert("RateLimit-Limit", self.requests.into());
            headers.insert("RateLimit-Remaining", left.into());
            headers.insert("RateLimit-Reset", rest.as_secs().into());
        }
        (refused.then_some(rest), headers)
    }

    /// Part of what was allowed in `time` that was used.
    fn used(&self, time: Duration) -> f64 {
        let counts = lock(&self.counts);
        let windows = time.as_secs_f64() / self.window.as_secs_f64();
        let part = |used: u64, allowed: u64| used as f64 / (allowed as f64 * windows);
        part(counts.all_requests, self.requests).max(part(counts.all_bytes, self.bytes))
    }
}

/// Four workers send large and small requests for twenty minutes.
async fn upload(service: Service) -> Arc<Service> {
    upload_through(service, &[Arc::new(alone())]).await
}

/// As [`upload`], with the workers spread over gates.
async fn upload_through(service: Service, gates: &[Arc<Gate>]) -> Arc<Service> {
    let service = Arc::new(service);
    let end = Instant::now() + seconds(1200);
    let mut workers = JoinSet::new();
    for worker in 0..4 {
        let (gate, service) = (
            Arc::clone(&gates[worker % gates.len()]),
            Arc::clone(&service),
        );
        workers.spawn(async move {
            for number in worker.. {
                let bytes = if number % 8 == 0 { 0 } else { 327_680 };
                let permit = gate.pass(bytes).await.unwrap();
                if Instant::now() >= end {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
                let (wait, headers) = service.answer(bytes);
                tokio::time::sleep(Duration::from_millis(20)).await;
                permit.observe_limits(&headers);
                match wait {
                    None => permit.succeeded(),
                    Some(wait) => {
                        permit.refused(Some(wait).filter(|_| service.names_time), Reason::TooMuch);
                    }
                }
            }
        });
    }
    workers.join_all().await;
    service
}

#[tokio::test(start_paused = true)]
async fn a_reported_budget_is_used_up_without_a_refusal() {
    for (window, phase, requests) in [(10, 0, 60), (27, 9, 108), (60, 59, 360), (300, 10, 3000)] {
        let service = Service::new(window, phase, requests, u64::MAX, true);

        let service = upload(service).await;

        let used = service.used(seconds(1200));
        let counts = lock(&service.counts);
        assert!(used > 0.95, "{used} of {requests} in {window} s");
        assert_eq!((counts.throttled, counts.early), (0, 0), "{window} s");
    }
}

#[tokio::test(start_paused = true)]
async fn unreported_limits_are_learned_from_few_refusals() {
    for (window, phase, requests, bytes) in [
        (10, 0, 60, u64::MAX),
        (27, 20, 108, u64::MAX),
        (60, 59, 360, u64::MAX),
        (10, 5, 1_000_000, 20_000_000),
        (59, 30, 1_000_000, 70_000_000),
    ] {
        let service = Service::new(window, phase, requests, bytes, false);

        let service = upload(service).await;

        let used = service.used(seconds(1200));
        let counts = lock(&service.counts);
        assert!(used > 0.8, "{used} of {requests} in {window} s: {counts:?}");
        assert!(counts.throttled <= 3, "{window} s: {counts:?}");
        assert_eq!(counts.early, 0, "{window} s: {counts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_names_no_time_either_is_learned_more_slowly() {
    for (window, phase, requests, bytes) in [
        (10, 0, 60, u64::MAX),
        (60, 0, 240, u64::MAX),
        (59, 30, 1_000_000, 70_000_000),
        (300, 30, 3000, u64::MAX),
    ] {
        let service = Service {
            names_time: false,
            ..Service::new(window, phase, requests, bytes, false)
        };

        let service = upload(service).await;

        let used = service.used(seconds(1200));
        let counts = lock(&service.counts);
        assert!(
            used > 0.65,
            "{used} of {requests} in {window} s: {counts:?}"
        );
        assert!(counts.throttled <= 8, "{window} s: {counts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_processes_share_what_there_is() {
    for headers in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let wall = clock(&Arc::default());
        let gates = [(); 2].map(|()| Arc::new(gate(folder.path(), &wall)));
        let service = Service::new(27, 9, 108, u64::MAX, headers);

        let service = upload_through(service, &gates).await;

        let used = service.used(seconds(1200));
        let counts = lock(&service.counts);
        assert!(used > 0.8, "{used}: {counts:?}");
        // Those that are under way when the first is refused cannot be called back.
        let most = if headers { (0, 0) } else { (8, 4) };
        assert!(counts.throttled <= most.0, "{counts:?}");
        assert!(counts.early <= most.1, "{counts:?}");
    }
}
