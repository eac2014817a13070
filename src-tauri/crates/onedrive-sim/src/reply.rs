//! Answers: JSON, pages, redirects and the error shapes of each service.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

pub(crate) type Reply = Response<Body>;

/// An answer with `status`, a content type and a body; a status that is no status becomes 500.
pub(crate) fn reply(status: u16, content_type: &str, body: impl Into<Body>) -> Reply {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with(reply, header::CONTENT_TYPE, content_type)
}

pub(crate) fn json_reply(status: u16, value: &Value) -> Reply {
    reply(status, "application/json; charset=utf-8", value.to_string())
}

pub(crate) fn page(status: u16, html: String) -> Reply {
    let reply = reply(status, "text/html; charset=utf-8", html);
    with(reply, header::CACHE_CONTROL, "no-store")
}

pub(crate) fn text(status: u16, text: impl Into<String>) -> Reply {
    reply(status, "text/plain; charset=utf-8", text.into())
}

pub(crate) fn empty(status: u16) -> Reply {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply
}

pub(crate) fn redirect(to: &str) -> Reply {
    with(empty(302), header::LOCATION, to)
}

/// Adds a header; a value that cannot stand in one is left out.
pub(crate) fn with(mut reply: Reply, name: HeaderName, value: &str) -> Reply {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
    reply
}

/// An error as Graph words it. The ids and the date are added when the answer leaves.
#[derive(Debug)]
pub(crate) struct GraphError {
    pub(crate) status: u16,
    code: String,
    message: String,
    inner: Option<String>,
    challenge: Option<String>,
}

impl GraphError {
    pub(crate) fn new(status: u16, code: &str, message: &str) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            inner: None,
            challenge: None,
        }
    }

    pub(crate) fn inner(mut self, code: &str) -> Self {
        self.inner = Some(code.to_owned());
        self
    }

    /// Adds a `WWW-Authenticate` header.
    pub(crate) fn challenge(mut self, value: String) -> Self {
        self.challenge = Some(value);
        self
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "itemNotFound", "The resource could not be found.")
    }

    pub(crate) fn invalid(message: &str) -> Self {
        Self::new(400, "invalidRequest", message)
    }

    pub(crate) fn exists() -> Self {
        Self::new(
            409,
            "nameAlreadyExists",
            "An item with the same name already exists",
        )
    }

    pub(crate) fn denied() -> Self {
        Self::new(403, "accessDenied", "Access denied")
    }

    pub(crate) fn full() -> Self {
        Self::new(507, "insufficientStorage", "Insufficient Space Available")
            .inner("quotaLimitReached")
    }

    pub(crate) fn precondition() -> Self {
        Self::new(
            412,
            "resourceModified",
            "ETag does not match current item's value",
        )
        .inner("entityTagDoesNotMatch")
    }

    pub(crate) fn into_reply(self, request_id: &str, client_request_id: &str, date: &str) -> Reply {
        let mut inner = json!({
            "date": date.trim_end_matches('Z'),
            "request-id": request_id,
            "client-request-id": client_request_id,
        });
        if let Some(code) = self.inner {
            inner["code"] = code.into();
        }
        let error = json!({"code": self.code, "message": self.message, "innerError": inner});
        let reply = json_reply(self.status, &json!({ "error": error }));
        match self.challenge {
            Some(challenge) => with(reply, header::WWW_AUTHENTICATE, &challenge),
            None => reply,
        }
    }
}

/// Escapes text for HTML content and quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
