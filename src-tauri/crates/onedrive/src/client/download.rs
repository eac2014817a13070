//! Downloads: Graph names an address for a short time, which is asked without the token.

use std::ops::Range;
use std::path::Path;

use coffer_destination::{Error as DestinationError, Result, TransferMonitor};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use reqwest::{Method, Response, StatusCode};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;

use super::destination::OneDriveDestination;
use super::graph::{Call, Outcome, cancellable, unreachable};
use crate::endpoints::is_private;

/// Connections that may break during one download before the whole call fails.
const RESUMES: u32 = 5;

impl OneDriveDestination {
    pub(super) async fn download(
        &self,
        name: &str,
        target: &Path,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<u64> {
        let local = |source| DestinationError::Io {
            operation: "write",
            name: target.display().to_string(),
            source,
        };
        let mut file = File::create(target).await.map_err(local)?;
        let mut got = 0;
        let mut total = None;
        let mut resumes = 0;
        loop {
            let mut answer = self.open(name, got, None, cancel).await?;
            total = total.or(total_len(&answer));
            if got > 0 && answer.status() != StatusCode::PARTIAL_CONTENT {
                // The range was ignored: everything comes again.
                file = File::create(target).await.map_err(local)?;
                got = 0;
            }
            let broken = loop {
                match cancellable(cancel, answer.chunk()).await? {
                    Ok(Some(part)) => {
                        file.write_all(&part).await.map_err(local)?;
                        got += part.len() as u64;
                        monitor.moved(part.len() as u64);
                    }
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            let complete = broken.is_none() && total.is_none_or(|total| got == total);
            if complete {
                file.flush().await.map_err(local)?;
                return Ok(got);
            }
            resumes += 1;
            if resumes > RESUMES || total.is_some_and(|total| got > total) {
                let why = match broken {
                    Some(error) => crate::oauth::cause(&error),
                    None => format!("{got} bytes came instead of {}", total.unwrap_or(0)),
                };
                return Err(DestinationError::Corrupted {
                    name: name.to_owned(),
                    why,
                });
            }
        }
    }

    pub(super) async fn download_range(
        &self,
        name: &str,
        range: Range<u64>,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = (range.end - range.start) as usize;
        let opened = self
            .open(name, range.start, Some(range.end - 1), cancel)
            .await;
        let mut answer = match opened {
            // Behind the end.
            Err(DestinationError::Refused { why, .. }) if why.contains("416") => {
                return Ok(Vec::new());
            }
            other => other?,
        };
        let mut skip = if answer.status() == StatusCode::PARTIAL_CONTENT {
            0
        } else {
            range.start
        };
        let mut data = Vec::new();
        while data.len() < wanted {
            let Some(part) = cancellable(cancel, answer.chunk())
                .await?
                .map_err(unreachable)?
            else {
                break;
            };
            let skipped = skip.min(part.len() as u64);
            skip -= skipped;
            data.extend_from_slice(&part[skipped as usize..]);
        }
        data.truncate(wanted);
        Ok(data)
    }

    /// Asks Graph for the content's address and opens it, from byte `start` on.
    async fn open(
        &self,
        name: &str,
        start: u64,
        last: Option<u64>,
        cancel: &CancellationToken,
    ) -> Result<Response> {
        let url = format!("{}:/content", self.file_url(name, cancel).await?);
        let call = Call {
            method: Method::GET,
            url,
            json: None,
            purpose: ("read", name),
        };
        let answer = match self.graph.send(&call, cancel).await? {
            Outcome::Answer(answer) => answer,
            Outcome::Refused(refusal) => return Err(refusal.into_error("read", name)),
        };
        let Some(address) = answer
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
        else {
            let why = "OneDrive named no address for its content".to_owned();
            return Err(DestinationError::Unavailable { why });
        };
        if !is_private(address) {
            let why = "its content's address is not encrypted".to_owned();
            return Err(DestinationError::Refused {
                operation: "read",
                name: name.to_owned(),
                why,
            });
        }
        let mut request = self.graph.content_request(Method::GET, address);
        if start > 0 || last.is_some() {
            let last = last.map_or_else(String::new, |last| last.to_string());
            request = request.header(RANGE, format!("bytes={start}-{last}"));
        }
        match self.graph.dispatch(request, cancel).await? {
            Outcome::Answer(answer) if is_page(&answer) || answer.status().is_redirection() => {
                let why = "a web page came instead of the file".to_owned();
                Err(DestinationError::Unavailable { why })
            }
            Outcome::Answer(answer) => Ok(answer),
            // The address had run out; the next try gets a new one.
            Outcome::Refused(refusal)
                if matches!(refusal.status.as_u16(), 401 | 403 | 404 | 410) =>
            {
                let why = format!("the address of {name} had run out");
                Err(DestinationError::Unavailable { why })
            }
            Outcome::Refused(refusal) => Err(refusal.into_error("read", name)),
        }
    }
}

/// Volumes are never web pages; sign-in pages sometimes come in their place.
fn is_page(answer: &Response) -> bool {
    let kind = answer
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

/// Bytes of the whole file, as the answer states them.
fn total_len(answer: &Response) -> Option<u64> {
    let text = |name| {
        answer
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    if answer.status() == StatusCode::PARTIAL_CONTENT {
        return text(CONTENT_RANGE)?.rsplit('/').next()?.parse().ok();
    }
    text(CONTENT_LENGTH)?.parse().ok()
}
