//! One request as the services read it.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, header};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::faults::{Action, Op};

/// Maximum size of a JSON or form body; no honest client sends more.
const SMALL_BODY: usize = 4 << 20;

/// Which of the three servers got a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Api,
    Up,
    Dl,
}

/// A request with its head taken apart and its body still to be read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) origin: Origin,
    pub(crate) method: Method,
    /// The path as sent, still percent-encoded, with doubled slashes collapsed.
    pub(crate) path: String,
    /// The query as sent, without its question mark.
    pub(crate) raw_query: String,
    pub(crate) query: Pairs,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) op: Op,
    pub(crate) request_id: String,
    /// The fault that struck this request; the handlers carry out what needs their knowledge.
    pub(crate) fault: Action,
    /// Bytes of the body read so far, for the log.
    pub(crate) body_bytes: u64,
}

/// The body could not be read, or a fault ended the connection.
#[derive(Debug)]
pub(crate) struct Dropped;

/// Decoded key and value pairs of a query or form.
#[derive(Debug, Default, Clone)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// A value that is there and not blank.
    pub(crate) fn filled(&self, key: &str) -> Option<&str> {
        self.get(key).filter(|value| !value.trim().is_empty())
    }

    /// An OData option: with or without its `$`, in any letter case.
    pub(crate) fn odata(&self, key: &str) -> Option<&str> {
        let matches = |name: &str| name.trim_start_matches('$').eq_ignore_ascii_case(key);
        self.0
            .iter()
            .find(|(name, _)| matches(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    pub(crate) fn has_auth(&self) -> bool {
        self.headers.contains_key(header::AUTHORIZATION)
    }

    pub(crate) fn client_request_id(&self) -> &str {
        self.header("client-request-id").unwrap_or(&self.request_id)
    }

    /// The path's segments, decoded.
    pub(crate) fn segments(&self) -> Vec<String> {
        segments(&self.path)
    }

    /// The next piece of the body; `None` at its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Dropped> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(|_| Dropped)?.into_data() {
                self.body_bytes += data.len() as u64;
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The whole body, or `None` when it is longer than `limit`.
    pub(crate) async fn read(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Dropped> {
        let mut all = Vec::new();
        while let Some(data) = self.next().await? {
            if all.len() + data.len() > limit {
                return Ok(None);
            }
            all.extend_from_slice(&data);
        }
        Ok(Some(all))
    }

    /// A form body; empty if it is missing.
    pub(crate) async fn form(&mut self) -> Result<Pairs, Dropped> {
        let body = self.read(SMALL_BODY).await?.unwrap_or_default();
        Ok(Pairs::parse(&body))
    }

    /// A JSON body: `Value::Null` when empty, `None` when it is no JSON.
    pub(crate) async fn json(&mut self) -> Result<Option<Value>, Dropped> {
        let Some(body) = self.read(SMALL_BODY).await? else {
            return Ok(None);
        };
        if body.trim_ascii().is_empty() {
            return Ok(Some(Value::Null));
        }
        Ok(serde_json::from_slice(&body).ok())
    }
}

/// A path's segments, decoded.
pub(crate) fn segments(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|part| !part.is_empty())
        .map(decode)
        .collect()
}

/// Percent-decodes once; bytes that are no UTF-8 become replacement characters.
pub(crate) fn decode(part: &str) -> String {
    percent_encoding::percent_decode_str(part)
        .decode_utf8_lossy()
        .into_owned()
}

/// Percent-encodes everything but the unreserved characters.
pub(crate) fn encode(part: &str) -> String {
    const KEEP: percent_encoding::AsciiSet = percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    percent_encoding::utf8_percent_encode(part, &KEEP).to_string()
}
