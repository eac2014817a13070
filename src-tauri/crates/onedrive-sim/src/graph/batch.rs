//! Several requests in one.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::items::bad_body;
use crate::fail::Fail;
use crate::faults::{Action, Op};
use crate::reply::{GraphError, Reply};
use crate::request::{Call, Pairs};

/// Requests a batch may hold.
const MOST: usize = 20;

/// The requests in a batch.
pub(crate) async fn requests(call: &mut Call) -> Result<Vec<Value>, Fail> {
    if call.method != Method::POST {
        return Err(GraphError::new(405, "invalidRequest", "A batch is posted").into());
    }
    let Some(mut body) = call.json().await? else {
        return Err(bad_body().into());
    };
    let Some(Value::Array(requests)) = body.get_mut("requests").map(Value::take) else {
        return Err(bad_body().into());
    };
    if requests.len() > MOST {
        return Err(
            GraphError::invalid("Number of batch request steps exceeds the maximum").into(),
        );
    }
    Ok(requests)
}

/// One of them, as if it had come alone.
pub(crate) fn inner(outer: &Call, request: &Value) -> Result<Call, GraphError> {
    let url = text(request, "url");
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    if path.contains("$batch") {
        return Err(GraphError::invalid("A batch cannot hold a batch"));
    }
    let mut headers = HeaderMap::new();
    let given = request.get("headers").and_then(Value::as_object);
    for (name, value) in given.into_iter().flatten() {
        let value = value
            .as_str()
            .and_then(|value| HeaderValue::from_str(value).ok());
        if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
            headers.insert(name, value);
        }
    }
    if let Some(auth) = outer.headers.get("authorization") {
        headers
            .entry("authorization")
            .or_insert_with(|| auth.clone());
    }
    let body = request
        .get("body")
        .map(Value::to_string)
        .unwrap_or_default();
    headers.insert("content-length", body.len().into());
    let method = Method::from_bytes(text(request, "method").as_bytes()).unwrap_or(Method::GET);
    Ok(Call {
        origin: outer.origin,
        op: Op::Any,
        method,
        path: format!("/v1.0/{}", path.trim_start_matches('/')),
        raw_query: query.to_owned(),
        query: Pairs::parse(query.as_bytes()),
        headers,
        body: Body::from(body),
        request_id: outer.request_id.clone(),
        fault: Action::default(),
        body_bytes: 0,
    })
}

/// The answer to `request` in the format of a batch.
pub(crate) async fn shown(request: &Value, reply: Reply) -> Value {
    let (head, body) = reply.into_parts();
    let body = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let headers: serde_json::Map<String, Value> = head
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.into())))
        .collect();
    json!({
        "id": text(request, "id"),
        "status": head.status.as_u16(),
        "headers": headers,
        "body": serde_json::from_slice::<Value>(&body).unwrap_or(Value::Null),
    })
}

fn text<'a>(request: &'a Value, key: &str) -> &'a str {
    request.get(key).and_then(Value::as_str).unwrap_or_default()
}
