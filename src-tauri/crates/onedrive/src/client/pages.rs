//! Listings, page by page.

use std::collections::HashSet;

use coffer_destination::{Error as DestinationError, Result};
use reqwest::Method;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::graph::{Call, Graph};

/// Maximum entries of a listing; longer ones are not trusted.
const MAX_ENTRIES: usize = 2_000_000;

/// Maximum pages of a listing.
const MAX_PAGES: usize = 20_000;

/// One page of a listing.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub(super) value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

/// Reads a whole listing; pages in the middle may be empty.
pub(super) async fn list<T: serde::de::DeserializeOwned>(
    graph: &Graph,
    first: String,
    purpose: (&'static str, &str),
    cancel: &CancellationToken,
) -> Result<Vec<T>> {
    let mut items = Vec::new();
    let mut seen = HashSet::new();
    let mut next = Some(first);
    while let Some(url) = next {
        if !seen.insert(url.clone()) || seen.len() > MAX_PAGES {
            return Err(endless());
        }
        let call = Call {
            method: Method::GET,
            url,
            json: None,
            purpose,
        };
        let page: Page<T> = graph.json(call, cancel).await?;
        items.extend(page.value);
        if items.len() > MAX_ENTRIES {
            return Err(endless());
        }
        next = page.next;
    }
    Ok(items)
}

pub(super) fn endless() -> DestinationError {
    DestinationError::Unavailable {
        why: "OneDrive's listing does not end".to_owned(),
    }
}
