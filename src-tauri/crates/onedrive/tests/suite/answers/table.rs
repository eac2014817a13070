//! The table: answers, where they were reported, and what Coffer does about each at each call.
//!
//! `protocol` is this crate's `docs/protocol.md`, with the number of the section.

use coffer_onedrive_sim::{Action, BodyShape, DropPoint, RetryAfter};

use Answer::{Code, Drop, Header, Nothing, Page, SignInPage, Status, Throttled};
use Does::{Again, AsksPerson, ComesBack, Done, Fails, Full, Missing, Waits};

/// The calls that are made, in the order of a row's cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Graph: `children` of the folder.
    List,
    /// Graph: DELETE of a file.
    Delete,
    /// Graph: a small file in one request.
    Put,
    /// Graph: `createUploadSession`.
    CreateSession,
    /// The upload host.
    Fragment,
    /// The download host.
    Download,
    /// Microsoft's token endpoint.
    Token,
    /// The AuthID service's `/refresh`.
    AuthId,
}

/// What becomes of a call that gets an answer once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// It succeeds: by querying the state, by another way, or by a retry.
    Done,
    /// It may be made again at once; the caller does so a few times, and else at the next run.
    Again,
    /// Nothing is sent for this many seconds, then it continues.
    Waits(u64),
    /// The run ends, and resumes after this many seconds.
    ComesBack(u64),
    /// Nothing is there.
    Missing,
    /// No space is left.
    Full,
    /// It fails with an explanation.
    Fails,
    /// The user has to sign in.
    AsksPerson,
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// The service's own, with the error of that status as a body.
    Status(u16),
    /// The service's own, with this error code.
    Code(u16, &'static str),
    /// The service's own, with this header.
    Header(u16, &'static str, &'static str),
    /// The service's own, with `Retry-After`.
    Throttled(u16, &'static str),
    /// Nothing, of something on the way.
    Nothing(u16),
    /// A page of something on the way.
    Page(u16),
    /// 200 with a page to sign in at.
    SignInPage,
    /// The connection ends.
    Drop(DropPoint),
}

/// An answer and what is done about it.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Where it was seen.
    pub(super) reported: &'static str,
    pub(super) answer: Answer,
    /// By [`Call`].
    pub(super) cells: [Does; 8],
}

impl Answer {
    pub(super) fn action(&self) -> Action {
        let with = |status, name: &str, value: &str| Action {
            rate_headers: Some([(name.to_owned(), value.to_owned())].into()),
            ..Action::status(status)
        };
        match *self {
            Status(status) => Action::status(status),
            Code(status, code) => Action {
                code: Some(code.to_owned()),
                ..Action::status(status)
            },
            Header(status, name, value) => with(status, name, value),
            Throttled(status, wait) => match wait.parse() {
                Ok(seconds) => Action {
                    retry_after: Some(RetryAfter::Seconds(seconds)),
                    ..Action::status(status)
                },
                Err(_) => with(status, "retry-after", wait),
            },
            Nothing(status) => Action {
                body: Some(BodyShape::Empty),
                foreign: true,
                ..Action::status(status)
            },
            Page(status) => Action::page_between(status),
            SignInPage => Action {
                html_login_page: true,
                ..Action::default()
            },
            Drop(point) => Action::drop_at(point),
        }
    }
}

const fn row(name: &'static str, reported: &'static str, answer: Answer, cells: [Does; 8]) -> Row {
    Row {
        name,
        reported,
        answer,
        cells,
    }
}

/// Listing, deletion, small upload, start of an upload, upload host, download host, token endpoint, AuthID service.
#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    row("429, wait 112", "duplicati#4438; onedrive-api-docs#797", Throttled(429, "112"),
        [Waits(112), Waits(112), Waits(112), Waits(112), Waits(112), Waits(112), Waits(112), ComesBack(3600)]),
    row("429 without a time", "rclone#2406; protocol 4.11", Status(429),
        [Waits(30), Waits(30), Waits(30), Waits(30), Waits(30), Waits(30), Again, ComesBack(3600)]),
    row("429, wait 0", "protocol 4.11", Throttled(429, "0"),
        [Waits(30), Waits(30), Waits(30), Waits(30), Waits(30), Waits(30), Again, ComesBack(3600)]),
    row("429, until a date that has passed", "protocol 4.11", Throttled(429, "Tue, 01 Sep 2020 12:00:00 GMT"),
        [Waits(30), Waits(30), Waits(30), Waits(30), Waits(30), Waits(30), Again, ComesBack(3600)]),
    row("429, wait 30 days", "protocol 4.11", Throttled(429, "2592000"),
        [ComesBack(86400), ComesBack(86400), ComesBack(86400), ComesBack(86400), ComesBack(86400), ComesBack(86400), ComesBack(86400), ComesBack(86400)]),
    row("503, wait 60", "onedrive-api-docs#948", Throttled(503, "60"),
        [Waits(60), Waits(60), Waits(60), Waits(60), Waits(60), Waits(60), Waits(60), Waits(60)]),
    row("503 with a page", "protocol 6.3", Page(503),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("509", "protocol 4.10", Status(509),
        [Waits(300), Waits(300), Waits(300), Waits(300), Waits(300), Waits(300), Again, Again]),
    row("500", "onedrive-api-docs#1640; duplicati#2940", Status(500),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("502", "protocol 4.10", Status(502),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("504", "protocol 4.10", Status(504),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("408", "protocol 4.10", Status(408),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("no answer", "duplicati#4073", Drop(DropPoint::BeforeResponse),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("a connection that breaks in the request", "rclone#3131", Drop(DropPoint::BeforeBody),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("an answer that breaks off", "duplicati#3772", Drop(DropPoint::MidResponse),
        [Again, Done, Again, Again, Done, Done, Again, Again]),
    row("400 invalidRequest", "onedrive-api-docs#64", Code(400, "invalidRequest"),
        [Fails, Fails, Fails, Fails, Done, Done, Again, Again]),
    row("400 invalidResourceId", "onedrive-api-docs#1890; rclone#8098", Code(400, "invalidResourceId"),
        [Fails, Fails, Fails, Fails, Done, Done, Again, Again]),
    row("401", "rclone#3490, #2812; abraunegg#3355", Status(401),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("401, failure of RPS", "protocol 4.10", Code(401, "Unable to initialize RPS"),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("401, more proof", "protocol 4.10 (insufficient_claims)", Header(401, "www-authenticate", "Bearer error=\"insufficient_claims\""),
        [AsksPerson, AsksPerson, AsksPerson, AsksPerson, Done, Done, Again, Again]),
    row("402", "protocol 4.10", Status(402),
        [Fails, Fails, Fails, Fails, Done, Done, Again, Again]),
    row("403 accessDenied", "rclone#4068", Code(403, "accessDenied"),
        [Fails, Fails, Fails, Fails, Done, Done, Again, Again]),
    row("403 malwareDetected", "rclone#7934", Code(403, "malwareDetected"),
        [Fails, Fails, Fails, Fails, Done, Done, Again, Again]),
    row("403 quotaLimitReached", "hassio-onedrive-backup#140", Code(403, "quotaLimitReached"),
        [Full, Full, Full, Full, Full, Done, Again, Again]),
    row("404", "rclone#8545; abraunegg#3859", Status(404),
        [Done, Missing, Again, Again, Done, Done, Again, Again]),
    row("405", "protocol 4.10", Status(405),
        [Fails, Fails, Fails, Fails, Done, Done, Again, Again]),
    row("406", "protocol 4.10", Status(406),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("409 nameAlreadyExists", "onedrive-api-docs#747; docs-contrib#412", Code(409, "nameAlreadyExists"),
        [Again, Again, Again, Done, Done, Done, Again, Again]),
    row("409 resourceModified", "abraunegg#24", Code(409, "resourceModified"),
        [Again, Again, Again, Done, Done, Done, Again, Again]),
    row("410", "protocol 4.10", Status(410),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("411", "protocol 4.6", Status(411),
        [Fails, Fails, Fails, Fails, Done, Done, Again, Again]),
    row("412 resourceModified", "abraunegg#24, #1393; onedrive-api-docs#1716", Code(412, "resourceModified"),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("413", "protocol 4.6", Status(413),
        [Fails, Fails, Fails, Fails, Done, Done, Again, Again]),
    row("416", "rclone#3131; abraunegg#2306", Status(416),
        [Fails, Fails, Fails, Fails, Done, Done, Again, Again]),
    row("423", "onedrive-api-docs#912; skilion/onedrive#140", Status(423),
        [Again, Again, Again, Again, Done, Again, Again, Again]),
    row("501", "protocol 4.10", Status(501),
        [Fails, Fails, Fails, Fails, Done, Done, Again, Again]),
    row("507", "skilion#73", Status(507),
        [Full, Full, Full, Full, Full, Done, Again, Again]),
    row("200 with a page", "duplicati#1974", Page(200),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("200 with a sign-in page", "duplicati#1974", SignInPage,
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("200 with an error", "protocol 4.14", Status(200),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("200 with nothing", "protocol 4.14", Nothing(200),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("204 with nothing", "protocol 4.14", Nothing(204),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("302 to a portal", "protocol 4.14", Header(302, "location", "https://portal.example/login"),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("400 with somebody's page", "protocol 4.14", Page(400),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("401 with somebody's page", "protocol 4.14", Page(401),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("403 with somebody's page", "protocol 4.14", Page(403),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("404 with somebody's page", "protocol 4.14", Page(404),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("407 of a proxy", "protocol 4.14", Page(407),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("507 with somebody's page", "protocol 4.14", Page(507),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
    row("511 of a hotel", "protocol 4.14", Page(511),
        [Again, Again, Again, Again, Done, Done, Again, Again]),
];

/// What only the AuthID service says: name, report, status and headers, body, and what is done.
#[rustfmt::skip]
pub(super) const OWN_WORDS: &[(&str, &str, &str, &str, Does)] = &[
    ("no AuthID", "protocol 2.4 [O1]", "400 x", r#"{"error":"No authid in query"}"#, AsksPerson),
    ("malformed AuthID", "protocol 2.4 [O1]", "400 x", r#"{"error":"Invalid authid in query"}"#, AsksPerson),
    ("wrong secret", "protocol 2.4 [O1]", "400 x", r#"{"error":"Invalid authid password"}"#, AsksPerson),
    ("wrong secret, self-hosted", "protocol 2.4 [O2]", "401 x\r\nX-Reason: Invalid key or password", "Invalid key or password", AsksPerson),
    ("revoked", "protocol 2.4 [O1]", "404 x", r#"{"error":"No such key"}"#, AsksPerson),
    ("hourly limit", "protocol 2.4", "503 x\r\nX-Reason: Too many requests for this key, wait 60 minutes", "", ComesBack(3600)),
    ("over quota", "protocol 2.4", "503 x\r\nX-Reason: ", "", ComesBack(7200)),
    ("outage", "protocol 2.4", "503 x", "<html>", Again),
    ("refused by Microsoft", "duplicati#2940, #4567, #4826", "500 x\r\nX-Reason: Authentication provider for onedrivev2 gave error: {\"error\":\"invalid_grant\",\"error_codes\":[50173]}", "Server error", AsksPerson),
    ("refused by Microsoft, in the body", "duplicati#2940", "500 x", r#"{"error":"Request error: {\"error\":\"invalid_grant\",\"error_codes\":[70008]} (code: 400)"}"#, AsksPerson),
    ("Microsoft not available", "protocol 3.5", "500 x\r\nX-Reason: gave error: {\"error\":\"temporarily_unavailable\",\"error_codes\":[90033]}", "", Again),
    ("internal failure", "protocol 2.4 [O1]", "500 x", "Server error", Again),
    ("internal failure, self-hosted", "protocol 2.4 [O2]", "500 x", "An error occurred", Again),
    ("a worker", "protocol 2.4", "302 x\r\nLocation: https://worker.example/refresh", "", Again),
    ("firewall", "protocol 4.14", "403 x\r\nContent-Type: text/html", "<html>blocked</html>", Again),
    ("server in front", "protocol 4.14", "404 x\r\nContent-Type: text/html", "<html>nginx</html>", Again),
    ("portal", "protocol 4.14", "200 x\r\nContent-Type: text/html", "<html>Log in</html>", Again),
    ("no token inside", "protocol 4.14", "200 x", r#"{"access_token":""}"#, Again),
];
