//! Faults: the requests they affect and what goes wrong.

use std::collections::BTreeMap;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// What a request asks for, as faults and the log name it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// A sign-in or consent page.
    Authorize,
    /// Microsoft's token endpoint.
    Token,
    /// The AuthID service's `/fetch`.
    FetchAuthid,
    /// The AuthID service's `/refresh`.
    RefreshAuthid,
    /// Any other AuthID page.
    Authid,
    /// Reading drives, quota or the signed-in person.
    Drive,
    /// Reading one item.
    ItemGet,
    /// Listing a folder.
    Children,
    /// Creating a folder.
    CreateFolder,
    /// Asking where a file's bytes are (302).
    ContentGet,
    /// Uploading a small file in one request.
    ContentPut,
    /// Starting an upload session.
    CreateSession,
    /// One fragment of an upload session.
    Fragment,
    /// Asking an upload session what it has.
    SessionStatus,
    /// Ending an upload session.
    SessionCancel,
    /// Reading bytes from the download origin.
    Download,
    /// Deleting an item.
    Delete,
    /// Renaming, moving or dating an item.
    Patch,
    /// Several requests in one.
    Batch,
    /// The changes of a drive.
    Delta,
    /// The admin API; faults never strike it.
    Admin,
    /// Everything else; in a fault's match: every request.
    #[default]
    Any,
}

/// Which requests a fault strikes; everything given has to fit.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// HTTP method.
    pub method: Option<String>,
    /// What the request asks for.
    pub op: Op,
    /// Regular expression found in the path and query as sent.
    pub path_regex: Option<String>,
    /// Only the fitting request with this number, counted from 1; 0 is any.
    pub nth: u64,
    /// Only each fitting request whose number is a multiple of this; 0 is every one.
    pub every: u64,
    /// Only a fragment or ranged download that starts at this byte or later.
    pub after_bytes: u64,
    /// Account whose token, upload session or download it is.
    pub account: Option<String>,
}

/// What goes wrong; fields can be combined.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Action {
    /// Answers with this status and does nothing else.
    pub status: Option<u16>,
    /// Seconds in `Retry-After`, or `"date"` for an HTTP date two seconds ahead (`"date:60"`: sixty).
    pub retry_after: Option<RetryAfter>,
    /// Graph error code of the answer.
    pub code: Option<String>,
    /// Inner Graph error code of the answer.
    pub inner: Option<String>,
    /// Shape of the answer's body.
    pub body: Option<BodyShape>,
    /// Ends the connection.
    pub drop: Option<DropPoint>,
    /// Bytes after which `drop`, or a stall of a download, happens in the middle of a body.
    pub at: Option<u64>,
    /// Waits before answering, or inside a download after `at` bytes.
    pub stall_ms: Option<u64>,
    /// Bytes a second of a download.
    pub bandwidth_bps: Option<u64>,
    /// Does the work, then answers with this status.
    pub store_then_status: Option<u16>,
    /// Keeps half of a fragment, then answers with this status.
    pub store_half_then_status: Option<u16>,
    /// The upload session has expired.
    pub expire_session: bool,
    /// Does the work, then ends the connection without an answer.
    pub complete_then_drop: bool,
    /// What a fragment's or status answer claims in `nextExpectedRanges`.
    pub bad_ranges: Option<Vec<String>>,
    /// A download ends cleanly after this many bytes, with a matching `Content-Length`.
    pub truncate_download: Option<u64>,
    /// Flips the bits of this byte of a download.
    pub corrupt_byte: Option<u64>,
    /// Answers 200 with a sign-in page.
    pub html_login_page: bool,
    /// Headers added to the answer.
    pub rate_headers: Option<BTreeMap<String, String>>,
    /// The answer is of something between client and service: it has none of the service's own headers.
    pub foreign: bool,
}

/// When a client may come again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryAfter {
    /// In this many seconds.
    Seconds(u64),
    /// `"date"` or `"date:N"`.
    Word(String),
}

/// Shape of an error's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyShape {
    /// A page as gateways write it.
    Html,
    /// A Graph error.
    Json,
    /// Nothing.
    Empty,
}

/// Where a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropPoint {
    /// Before the request's body is read.
    BeforeBody,
    /// After `at` bytes of the request's body; nothing of it counts.
    MidBody,
    /// After the request's body is read, without doing or answering anything.
    BeforeResponse,
    /// After `at` bytes of the answer's body.
    MidResponse,
}

/// A fault: what it strikes, how often, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Name of the fault; chosen when empty.
    #[serde(default)]
    pub id: String,
    /// Which requests it strikes.
    #[serde(default, rename = "match")]
    pub matching: Match,
    /// How often it strikes; 0 is without end.
    #[serde(default = "once")]
    pub times: u64,
    /// What goes wrong.
    pub action: Action,
    /// How often it struck already.
    #[serde(default)]
    pub struck: u64,
    /// How many requests fitted already.
    #[serde(default)]
    pub seen: u64,
}

impl Fault {
    /// A fault that strikes the next request for `op` once.
    pub fn new(op: Op, action: Action) -> Self {
        let matching = Match {
            op,
            ..Match::default()
        };
        Self {
            id: String::new(),
            matching,
            times: 1,
            action,
            struck: 0,
            seen: 0,
        }
    }

    /// Strikes `times` times; 0 is without end.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Strikes the fitting request number `nth`, counted from 1.
    pub fn nth(mut self, nth: u64) -> Self {
        self.matching.nth = nth;
        self
    }

    /// Strikes only requests whose path and query contain a match of `regex`.
    pub fn path(mut self, regex: &str) -> Self {
        self.matching.path_regex = Some(regex.to_owned());
        self
    }
}

impl Action {
    /// Answers with `status`.
    pub fn status(status: u16) -> Self {
        Self {
            status: Some(status),
            ..Self::default()
        }
    }

    /// Answers with `status` and `Retry-After: seconds`.
    pub fn throttle(status: u16, seconds: u64) -> Self {
        Self {
            retry_after: Some(RetryAfter::Seconds(seconds)),
            ..Self::status(status)
        }
    }

    /// A page with `status` that something between client and service answers with.
    pub fn page_between(status: u16) -> Self {
        Self {
            body: Some(BodyShape::Html),
            foreign: true,
            ..Self::status(status)
        }
    }

    /// Ends the connection at `point`.
    pub fn drop_at(point: DropPoint) -> Self {
        Self {
            drop: Some(point),
            ..Self::default()
        }
    }
}

/// What a fault may look at.
#[derive(Debug)]
pub(crate) struct Struck<'a> {
    pub(crate) method: &'a str,
    pub(crate) op: Op,
    pub(crate) path: &'a str,
    pub(crate) start: u64,
    pub(crate) account: Option<&'a str>,
}

/// The faults that are set.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<(Fault, Option<Regex>)>,
    named: u64,
}

impl Faults {
    /// Adds a fault, replacing one of the same name, and returns its name.
    pub(crate) fn add(&mut self, mut fault: Fault) -> Result<String, regex::Error> {
        let regex = fault
            .matching
            .path_regex
            .as_deref()
            .map(Regex::new)
            .transpose()?;
        if fault.id.is_empty() {
            self.named += 1;
            fault.id = format!("fault-{}", self.named);
        }
        self.remove(&fault.id);
        let id = fault.id.clone();
        self.list.push((fault, regex));
        Ok(id)
    }

    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let before = self.list.len();
        self.list.retain(|(fault, _)| fault.id != id);
        self.list.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    pub(crate) fn all(&self) -> Vec<&Fault> {
        self.list.iter().map(|(fault, _)| fault).collect()
    }

    /// Counts the request against every fault and returns the first that strikes.
    pub(crate) fn strike(&mut self, request: &Struck<'_>) -> Option<Action> {
        if request.op == Op::Admin {
            return None;
        }
        let mut action = None;
        for (fault, regex) in &mut self.list {
            if !fits(&fault.matching, regex.as_ref(), request) {
                continue;
            }
            fault.seen += 1;
            let rule = &fault.matching;
            let due = (rule.nth == 0 || fault.seen == rule.nth)
                && (rule.every == 0 || fault.seen.is_multiple_of(rule.every))
                && (fault.times == 0 || fault.struck < fault.times);
            if due && action.is_none() {
                fault.struck += 1;
                action = Some(fault.action.clone());
            }
        }
        action
    }
}

fn fits(rule: &Match, regex: Option<&Regex>, request: &Struck<'_>) -> bool {
    rule.method
        .as_ref()
        .is_none_or(|method| method.eq_ignore_ascii_case(request.method))
        && (rule.op == Op::Any || rule.op == request.op)
        && regex.is_none_or(|regex| regex.is_match(request.path))
        && request.start >= rule.after_bytes
        && rule
            .account
            .as_deref()
            .is_none_or(|account| Some(account) == request.account)
}

fn once() -> u64 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(start: u64) -> Struck<'static> {
        Struck {
            method: "PUT",
            op: Op::Fragment,
            path: "/rup/x",
            start,
            account: Some("alex"),
        }
    }

    #[test]
    fn strikes_only_the_request_with_the_given_number() {
        let mut faults = Faults::default();
        faults
            .add(Fault::new(Op::Fragment, Action::status(500)).nth(2))
            .expect("a good fault");

        let struck: Vec<_> = (0..3)
            .map(|_| faults.strike(&fragment(0)).is_some())
            .collect();

        assert_eq!(struck, [false, true, false]);
    }

    #[test]
    fn strikes_only_what_starts_late_enough() {
        let mut faults = Faults::default();
        let mut fault = Fault::new(Op::Any, Action::status(500));
        fault.matching.after_bytes = 10;
        faults.add(fault).expect("a good fault");

        assert!(faults.strike(&fragment(9)).is_none());
        assert!(faults.strike(&fragment(10)).is_some());
    }

    #[test]
    fn refuses_a_broken_expression() {
        let fault = Fault::new(Op::Any, Action::status(500)).path("(");

        assert!(Faults::default().add(fault).is_err());
    }
}
