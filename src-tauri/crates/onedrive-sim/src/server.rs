//! The listeners: every request is logged, meets its fault, and is answered by the service it is for.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, Request, header};
use futures::stream;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::error::{self, Error};
use crate::faults::{Action, BodyShape, DropPoint, Op, RetryAfter, Struck};
use crate::limits::Verdict;
use crate::log::Entry;
use crate::model::upload::Upload;
use crate::reply::{GraphError, Reply, empty, page, with};
use crate::request::{Call, Dropped, Origin, Pairs};
use crate::route::{self, Found};
use crate::state::State;
use crate::time::{http_date, iso, plus};
use crate::world::World;

/// Opens a port of 127.0.0.1 and returns its plain address, too.
pub(crate) async fn listen(port: u16) -> error::Result<(TcpListener, String)> {
    let failed = |source| Error::Listen { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(failed)?;
    let chosen = listener.local_addr().map_err(failed)?.port();
    Ok((listener, format!("http://127.0.0.1:{chosen}")))
}

/// Serves one origin until the task is aborted; its connections end with it.
pub(crate) async fn serve(world: Arc<World>, origin: Origin, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let world = Arc::clone(&world);
        connections.spawn(connection(stream, origin, move |_| Arc::clone(&world)));
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection; `world` says by which addresses the client knows the simulator.
pub(crate) async fn connection<S>(
    stream: S,
    origin: Origin,
    world: impl Fn(&Request<Incoming>) -> Arc<World>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request| answer(world(&request), origin, request));
    // An error is a client that went away or a fault that ended the connection.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    world: Arc<World>,
    origin: Origin,
    request: Request<Incoming>,
) -> Result<Reply, Ended> {
    let (mut call, found) = take_apart(&world, origin, request);
    let account = account_of(&world, &call);
    let limited = account.as_deref().filter(|_| found.is_limited());
    let verdict = count(&world, &call, limited);
    let mut struck = false;
    let result = if verdict.refused {
        refuse(&world, &mut call).await
    } else {
        struck = strike(&world, &mut call, account.as_deref());
        with_fault(&world, &mut call, found).await
    };
    let result = result.map(|mut reply| {
        for (name, value) in &verdict.headers {
            reply = with(reply, HeaderName::from_static(name), value);
        }
        reply
    });

    let status = result.as_ref().map_or(0, |reply| reply.status().as_u16());
    let state = &mut world.state();
    log(state, &call, account, status, struck);
    let reply = result.map_err(|Dropped| Ended)?;
    if call.fault.foreign {
        return Ok(reply);
    }
    let reply = with(
        reply,
        HeaderName::from_static("request-id"),
        &call.request_id,
    );
    let reply = with(reply, header::DATE, &http_date(state.now()));
    Ok(match call.header("client-request-id") {
        Some(id) => with(reply, HeaderName::from_static("client-request-id"), id),
        None => reply,
    })
}

/// Logs a request and its answer; `status` is 0 when the connection was closed instead.
fn log(state: &mut State, call: &Call, account: Option<String>, status: u16, faulted: bool) {
    if call.op == Op::Admin || call.path == "/favicon.ico" {
        return;
    }
    state.log.push(Entry {
        seq: 0,
        time: iso(state.now()),
        origin: match call.origin {
            Origin::Api => "api",
            Origin::Up => "up",
            Origin::Dl => "dl",
        },
        method: call.method.to_string(),
        op: call.op,
        path: call.path.clone(),
        query: call.raw_query.clone(),
        status,
        bytes: call.body_bytes,
        had_auth: call.has_auth(),
        user_agent: call.header("user-agent").map(str::to_owned),
        content_range: call.header("content-range").map(str::to_owned),
        range: call.header("range").map(str::to_owned),
        request_id: call.request_id.clone(),
        account,
        faulted,
    });
}

fn take_apart(world: &World, origin: Origin, request: Request<Incoming>) -> (Call, Found) {
    let (head, body) = request.into_parts();
    let raw_query = head.uri.query().unwrap_or_default().to_owned();
    let mut path = head.uri.path().to_owned();
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    let query = Pairs::parse(raw_query.as_bytes());
    let found = route::find(origin, &head.method, &path, &query);
    let call = Call {
        origin,
        op: found.op(),
        method: head.method,
        path,
        query,
        raw_query,
        headers: head.headers,
        body: Body::new(body),
        request_id: world.state().random.guid(),
        fault: Action::default(),
        body_bytes: 0,
    };
    (call, found)
}

/// Counts a request against the limits of its account.
fn count(world: &World, call: &Call, account: Option<&str>) -> Verdict {
    let Some(account) = account else {
        return Verdict::default();
    };
    let bytes = call
        .header("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    let state = &mut world.state();
    let now = state.now();
    state.limits.count(account, bytes, now)
}

/// Answers a request that the limits do not let through.
async fn refuse(world: &World, call: &mut Call) -> Result<Reply, Dropped> {
    // Read the body, so that the client gets the answer instead of a broken connection.
    while call.next().await?.is_some() {}
    Ok(broken(world, call, 429))
}

fn strike(world: &World, call: &mut Call, account: Option<&str>) -> bool {
    let sent = match call.raw_query.as_str() {
        "" => call.path.clone(),
        query => format!("{}?{query}", call.path),
    };
    let range = call
        .header("content-range")
        .or_else(|| call.header("range"));
    let struck = Struck {
        method: call.method.as_str(),
        op: call.op,
        path: &sent,
        start: range.and_then(range_start).unwrap_or(0),
        account,
    };
    let action = world.state().faults.strike(&struck);
    let hit = action.is_some();
    call.fault = action.unwrap_or_default();
    hit
}

/// The first number in `bytes 10-19/30` or `bytes=10-`.
fn range_start(range: &str) -> Option<u64> {
    let digits = range.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn account_of(world: &World, call: &Call) -> Option<String> {
    let state = world.state();
    match call.origin {
        Origin::Api => state
            .access
            .get(call.bearer()?)
            .map(|access| access.account.clone()),
        Origin::Up => {
            let id = crate::upload::session_id(call)?;
            state
                .uploads
                .get(&id)
                .map(|upload: &Upload| upload.account.clone())
        }
        Origin::Dl => {
            let drive = call.segments().get(1)?.clone();
            state.tree(&drive).map(|tree| tree.drive.owner.clone())
        }
    }
}

/// Answers `call` with its fault.
async fn with_fault(world: &World, call: &mut Call, found: Found) -> Result<Reply, Dropped> {
    let fault = call.fault.clone();
    if let Some(ms) = fault
        .stall_ms
        .filter(|_| !(call.op == Op::Download && fault.at.is_some()))
    {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    match fault.drop {
        Some(DropPoint::BeforeBody) => return Err(Dropped),
        Some(DropPoint::MidBody) => {
            let at = fault.at.unwrap_or(1);
            while call.body_bytes < at && call.next().await?.is_some() {}
            return Err(Dropped);
        }
        Some(DropPoint::BeforeResponse) => {
            while call.next().await?.is_some() {}
            return Err(Dropped);
        }
        Some(DropPoint::MidResponse) | None => {}
    }
    if let Some(status) = fault.status {
        // Read the body, so that the client gets the answer instead of a broken connection.
        while call.next().await?.is_some() {}
        return Ok(broken(world, call, status));
    }
    if fault.html_login_page {
        // The page comes from something other than the service.
        call.fault.foreign = true;
        while call.next().await?.is_some() {}
        return Ok(page(200, LOGIN_PAGE.to_owned()));
    }
    let reply = route::answer(world, call, found).await?;
    if fault.complete_then_drop {
        return Err(Dropped);
    }
    let half = fault
        .store_half_then_status
        .filter(|_| call.op == Op::Fragment);
    if let Some(status) = fault.store_then_status.or(half) {
        return Ok(broken(world, call, status));
    }
    let reply = match fault.drop {
        Some(DropPoint::MidResponse) if call.op != Op::Download => cut(reply, fault.at).await?,
        _ => reply,
    };
    Ok(add_headers(world, reply, &fault))
}

fn broken(world: &World, call: &Call, status: u16) -> Reply {
    let fault = &call.fault;
    let (code, inner) = match status {
        401 => ("InvalidAuthenticationToken", None),
        403 => ("accessDenied", None),
        404 => ("itemNotFound", None),
        409 => ("nameAlreadyExists", None),
        423 => ("resourceLocked", None),
        429 => ("activityLimitReached", Some("throttledRequest")),
        503 => ("serviceNotAvailable", None),
        507 => ("insufficientStorage", Some("quotaLimitReached")),
        400..500 => ("invalidRequest", None),
        _ => ("generalException", None),
    };
    let reply = match fault.body.unwrap_or(BodyShape::Json) {
        BodyShape::Html => page(
            status,
            format!(
                "<html><body><h2>{status}</h2><p>Our services aren't available right now</p></body></html>"
            ),
        ),
        BodyShape::Empty => empty(status),
        BodyShape::Json => {
            let code = fault.code.as_deref().unwrap_or(code);
            let mut error = GraphError::new(status, code, "Simulated fault");
            if let Some(inner) = fault.inner.as_deref().or(inner) {
                error = error.inner(inner);
            }
            error.into_reply(
                &call.request_id,
                call.client_request_id(),
                &iso(world.now()),
            )
        }
    };
    add_headers(world, reply, fault)
}

fn add_headers(world: &World, mut reply: Reply, fault: &Action) -> Reply {
    match &fault.retry_after {
        Some(RetryAfter::Seconds(seconds)) => {
            reply = with(reply, header::RETRY_AFTER, &seconds.to_string());
        }
        Some(RetryAfter::Word(word)) => {
            let ahead = word
                .rsplit(':')
                .next()
                .and_then(|n| n.parse().ok())
                .unwrap_or(2);
            // Seconds are cut off in the header: one more keeps the client from coming too early.
            reply = with(
                reply,
                header::RETRY_AFTER,
                &http_date(plus(world.now(), ahead + 1)),
            );
        }
        None => {}
    }
    for (name, value) in fault.rate_headers.iter().flatten() {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            reply = with(reply, name, value);
        }
    }
    reply
}

/// Sends the first bytes of the answer, then ends the connection.
async fn cut(reply: Reply, at: Option<u64>) -> Result<Reply, Dropped> {
    let (mut head, body) = reply.into_parts();
    let bytes = body.collect().await.map_err(|_| Dropped)?.to_bytes();
    let at = at.map_or(bytes.len() / 2, |at| at.min(bytes.len() as u64) as usize);
    head.headers
        .insert(header::CONTENT_LENGTH, bytes.len().into());
    Ok(Reply::from_parts(head, cut_body(bytes.slice(..at))))
}

/// A body that gives `first` and then fails.
pub(crate) fn cut_body(first: Bytes) -> Body {
    Body::from_stream(stream::unfold(Some(first), |first| async move {
        match first {
            Some(bytes) if !bytes.is_empty() => Some((Ok(bytes), Some(Bytes::new()))),
            Some(_) => {
                // The pause lets the connection send what it has before it is closed.
                tokio::task::yield_now().await;
                Some((Err(Ended), None))
            }
            None => None,
        }
    }))
}

/// Makes hyper close the connection.
#[derive(Debug, thiserror::Error)]
#[error("A fault ended the connection")]
pub(crate) struct Ended;

const LOGIN_PAGE: &str = "<!doctype html><html><head><title>Sign in to your account</title></head>\
    <body><h1>Sign in</h1><form method=\"post\"><input name=\"loginfmt\"></form></body></html>";
