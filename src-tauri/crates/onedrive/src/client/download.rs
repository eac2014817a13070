//! Downloads: Graph returns a short-lived address, which is used without the token.

use std::io;
use std::ops::Range;
use std::path::Path;

use coffer_destination::{Error as DestinationError, Result, RetryPolicy, TransferMonitor};
use reqwest::header::{CONTENT_RANGE, LOCATION, RANGE};
use reqwest::{Method, Response, StatusCode};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;

use super::answer::{is_of_kind, is_page};
use super::destination::OneDriveDestination;
use super::graph::{Outcome, PAGE, cancellable, next_piece};
use super::item::Item;
use super::rests::Rests;
use crate::endpoints::is_private;
use crate::quickxor::QuickXor;

/// Lost connections during one download before the whole call fails.
const RESUMES: u32 = 5;

/// The part of a file that has arrived.
struct Copy<'t> {
    target: &'t Path,
    file: File,
    hash: QuickXor,
    got: u64,
}

impl<'t> Copy<'t> {
    async fn begin(target: &'t Path) -> Result<Self> {
        let file = File::create(target).await;
        Ok(Self {
            target,
            file: file.map_err(|source| not_written(target, source))?,
            hash: QuickXor::new(),
            got: 0,
        })
    }

    async fn add(&mut self, part: &[u8]) -> Result<()> {
        let written = self.file.write_all(part).await;
        written.map_err(|source| not_written(self.target, source))?;
        self.hash.update(part);
        self.got += part.len() as u64;
        Ok(())
    }

    /// Returns the bytes if they match the length and hash that the service reported.
    async fn finish(mut self, item: &Item, name: &str) -> Result<u64> {
        let flushed = self.file.flush().await;
        flushed.map_err(|source| not_written(self.target, source))?;
        let got = self.got;
        let why = if got != item.size {
            format!("{got} bytes arrived instead of {}", item.size)
        } else if got > 0
            && item
                .quick_xor()
                .is_some_and(|stated| stated != self.hash.finish())
        {
            "its hash differs".to_owned()
        } else {
            return Ok(got);
        };
        Err(DestinationError::Corrupted {
            name: name.to_owned(),
            why,
        })
    }
}

impl OneDriveDestination {
    pub(super) async fn download(
        &self,
        name: &str,
        target: &Path,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<u64> {
        // The item has length and hash; a download alone could end early and look complete.
        let missing = || DestinationError::NotFound {
            name: name.to_owned(),
        };
        let mut item = self.find_file(name, cancel).await?.ok_or_else(missing)?;
        let mut rests = Rests::default();
        let mut copy = Copy::begin(target).await?;
        let policy = RetryPolicy {
            retries: RESUMES,
            ..self.options.fragment_policy()
        };
        let mut broken = 0;
        while broken <= RESUMES {
            if broken > 0 {
                let now = self.find_file(name, cancel).await?.ok_or_else(missing)?;
                if !now.is_same(&item) {
                    // The file was replaced, so nothing of the old one can be used.
                    copy = Copy::begin(target).await?;
                }
                item = now;
            }
            let mut answer = match self.open(name, copy.got, None, cancel).await {
                Err(error @ DestinationError::Throttled { .. }) => {
                    rests.one_more(error, &self.graph.gate, monitor)?;
                    continue;
                }
                Err(error) if is_passing(&error) => {
                    policy.pause_anyway(error, broken, monitor, cancel).await?;
                    broken += 1;
                    continue;
                }
                opened => opened?,
            };
            if copy.got > 0 && answer.status() != StatusCode::PARTIAL_CONTENT {
                // The range was ignored, so the whole file is sent.
                copy = Copy::begin(target).await?;
            }
            self.receive(&mut answer, &mut copy, &item, monitor, cancel)
                .await?;
            if copy.got >= item.size {
                break;
            }
            broken += 1;
        }
        copy.finish(&item, name).await
    }

    /// Reads until there is more than there should be or the connection ends.
    async fn receive(
        &self,
        answer: &mut Response,
        copy: &mut Copy<'_>,
        item: &Item,
        monitor: &dyn TransferMonitor,
        cancel: &CancellationToken,
    ) -> Result<()> {
        loop {
            let part = match next_piece(answer, cancel).await {
                Ok(Some(part)) => part,
                Err(DestinationError::Cancelled) => return Err(DestinationError::Cancelled),
                // A broken connection is treated like one that ends early: the rest is requested again.
                Ok(None) | Err(_) => return Ok(()),
            };
            cancellable(cancel, self.options.bandwidth.download.pass(part.len())).await?;
            copy.add(&part).await?;
            monitor.moved(part.len() as u64);
            if copy.got > item.size {
                return Ok(());
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
            // Past the end.
            Err(DestinationError::Refused { why, .. }) if why == BEHIND_END => {
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
            let Some(part) = next_piece(&mut answer, cancel).await? else {
                break;
            };
            cancellable(cancel, self.options.bandwidth.download.pass(part.len())).await?;
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
        let asked = self.send_about((Method::GET, ":/content"), ("read", name), cancel);
        let answer = match asked.await? {
            Outcome::Answer(answer) => answer,
            Outcome::Refused(refusal) => return Err(refusal.into_error("read", name)),
        };
        let address = content_address(&answer, name)?;
        let mut request = self.graph.content_request(Method::GET, address);
        if start > 0 || last.is_some() {
            let last = last.map_or_else(String::new, |last| last.to_string());
            request = request.header(RANGE, format!("bytes={start}-{last}"));
        }
        match self.graph.dispatch(request, cancel).await? {
            Outcome::Answer(answer)
                if is_page(answer.headers()) || answer.status().is_redirection() =>
            {
                let why = PAGE.to_owned();
                Err(DestinationError::Unavailable { why })
            }
            Outcome::Answer(answer) if !is_content(&answer, start) => {
                let why = "something other than the file arrived".to_owned();
                Err(DestinationError::Unavailable { why })
            }
            Outcome::Answer(answer) => Ok(answer),
            Outcome::Refused(refusal)
                if refusal.is_own() && refusal.status == StatusCode::RANGE_NOT_SATISFIABLE =>
            {
                Err(DestinationError::Refused {
                    operation: "read",
                    name: name.to_owned(),
                    why: BEHIND_END.to_owned(),
                })
            }
            // Whatever is wrong with the address, the next attempt gets a new one.
            Outcome::Refused(refusal) if matches!(refusal.status.as_u16(), 400..=407 | 409..=422 | 501 | 505 | 507) =>
            {
                let why = format!("the download address of {name} had expired");
                Err(DestinationError::Unavailable { why })
            }
            Outcome::Refused(refusal) => Err(refusal.into_error("read", name)),
        }
    }
}

fn not_written(target: &Path, source: io::Error) -> DestinationError {
    DestinationError::Io {
        operation: "write",
        name: target.display().to_string(),
        source,
    }
}

/// Where the content is, according to Graph.
fn content_address<'a>(answer: &'a Response, name: &str) -> Result<&'a str> {
    let Some(address) = answer
        .headers()
        .get(LOCATION)
        .and_then(|value| value.to_str().ok())
    else {
        let why = "OneDrive returned no download address".to_owned();
        return Err(DestinationError::Unavailable { why });
    };
    if !is_private(address) {
        let why = "the download address is not encrypted".to_owned();
        return Err(DestinationError::Refused {
            operation: "read",
            name: name.to_owned(),
            why,
        });
    }
    Ok(address)
}

/// Whether another address may return the file.
fn is_passing(error: &DestinationError) -> bool {
    match error {
        DestinationError::Refused { why, .. } => why == BEHIND_END,
        error => matches!(error, DestinationError::Unavailable { .. }),
    }
}

/// The message for a range that begins after the last byte.
const BEHIND_END: &str = "it ends before";

/// Whether the answer has the bytes from `start` on, or all of them. Volumes are neither text nor JSON.
fn is_content(answer: &Response, start: u64) -> bool {
    let is_message = ["text/", "application/json"]
        .into_iter()
        .any(|kind| is_of_kind(answer.headers(), kind));
    match answer.status() {
        _ if is_message => false,
        StatusCode::OK => true,
        StatusCode::PARTIAL_CONTENT => {
            let range = answer.headers().get(CONTENT_RANGE);
            let range = range.and_then(|range| range.to_str().ok()?.strip_prefix("bytes "));
            let first = range.and_then(|range| range.split('-').next()?.trim().parse().ok());
            first == Some(start)
        }
        _ => false,
    }
}
