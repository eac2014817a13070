//! A service that answers what a test says, for answers that no honest service gives.

use std::sync::{Arc, Mutex};

use coffer_onedrive::{AuthId, Endpoints, Now, OneDrive};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Requests as they came: first line and headers.
pub(crate) type Requests = Arc<Mutex<Vec<String>>>;

/// Answers each request with what `answer` makes of its path: a status and a JSON body.
pub(crate) async fn serve(
    answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static,
) -> (String, Requests) {
    serve_raw(move |head| {
        let (status, body) = answer(path(head));
        format!(
            "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    })
    .await
}

/// Path and query of a request.
pub(crate) fn path(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

/// Answers each request with what `answer` makes of its head, to the letter. Bodies are read to their end before.
pub(crate) async fn serve_raw(
    answer: impl Fn(&str) -> String + Send + Sync + 'static,
) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let requests = Requests::default();
    let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let lower = head.to_ascii_lowercase();
                let length = lower.split("content-length:").nth(1);
                let length = length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
                let mut body = (&mut stream).take(length.unwrap_or(0));
                let _ = tokio::io::copy(&mut body, &mut tokio::io::sink()).await;
                let reply = answer(&head);
                seen.lock().unwrap().push(head);
                let _ = stream.write_all(reply.as_bytes()).await;
            });
        }
    });
    (address, requests)
}

/// An account at such a service, which also gives out the tokens.
pub(crate) fn account(address: &str) -> OneDrive {
    account_by(address, Arc::new(jiff::Timestamp::now))
}

/// As [`account`], with another wall clock.
pub(crate) fn account_by(address: &str, now: Now) -> OneDrive {
    coffer_onedrive::install_tls_provider();
    let oauth = format!("{address}/refresh");
    let endpoints = Endpoints::new(Some(address), Some(&oauth)).unwrap();
    let auth_id = AuthId::parse("key:password").unwrap();
    OneDrive::with_clock(&endpoints, auth_id, now).unwrap()
}

/// Answer of `/refresh`.
pub(crate) fn token() -> (u16, String) {
    (
        200,
        r#"{"access_token":"the-token","expires":3600}"#.to_owned(),
    )
}
