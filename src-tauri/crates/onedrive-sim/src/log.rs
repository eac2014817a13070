//! The list of requests the simulator answered.

use std::collections::VecDeque;

use serde::Serialize;

use crate::faults::Op;

/// Requests kept; older ones are forgotten.
const KEPT: usize = 50_000;

/// One request and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Number of the request, counted from 1.
    pub seq: u64,
    /// When it was answered, ISO 8601.
    pub time: String,
    /// `api`, `up` or `dl`.
    pub origin: &'static str,
    /// HTTP method.
    pub method: String,
    /// Its operation.
    pub op: Op,
    /// Path as sent.
    pub path: String,
    /// Query as sent, without its question mark.
    pub query: String,
    /// Status of the answer; 0 when the connection ended without one.
    pub status: u16,
    /// Bytes of the request's body that were read.
    pub bytes: u64,
    /// Whether an `Authorization` header was sent.
    pub had_auth: bool,
    /// `User-Agent` as sent.
    pub user_agent: Option<String>,
    /// `Content-Range` as sent.
    pub content_range: Option<String>,
    /// `Range` as sent.
    pub range: Option<String>,
    /// The `request-id` of the answer.
    pub request_id: String,
    /// Account of the request, if known.
    pub account: Option<String>,
    /// Whether a fault struck.
    pub faulted: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    last: u64,
}

impl Log {
    pub(crate) fn push(&mut self, mut entry: Entry) {
        self.last += 1;
        entry.seq = self.last;
        self.entries.push_back(entry);
        if self.entries.len() > KEPT {
            self.entries.pop_front();
        }
    }

    /// Entries numbered above `seq`, oldest first.
    pub(crate) fn since(&self, seq: u64) -> Vec<Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.seq > seq)
            .cloned()
            .collect()
    }
}
