//! Several requests in one.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::Fail;
use super::items::bad_body;
use crate::faults::Action;
use crate::reply::{GraphError, Reply, json_reply};
use crate::request::{Call, Pairs};
use crate::world::World;

/// Requests a batch may hold.
const MOST: usize = 20;

pub(crate) async fn answer(world: &World, call: &mut Call) -> Result<Reply, Fail> {
    if call.method != Method::POST {
        return Err(GraphError::new(405, "invalidRequest", "A batch is posted").into());
    }
    let Some(body) = call.json().await? else {
        return Err(bad_body().into());
    };
    let requests = body
        .get("requests")
        .and_then(Value::as_array)
        .ok_or_else(bad_body)?;
    if requests.len() > MOST {
        return Err(
            GraphError::invalid("Number of batch request steps exceeds the maximum").into(),
        );
    }
    let mut responses = Vec::new();
    for request in requests {
        responses.push(one(world, call, request).await?);
    }
    Ok(json_reply(200, &json!({ "responses": responses })))
}

async fn one(world: &World, outer: &mut Call, request: &Value) -> Result<Value, Fail> {
    let text = |key: &str| request.get(key).and_then(Value::as_str).unwrap_or_default();
    let url = text("url");
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    if path.contains("$batch") {
        return Err(GraphError::invalid("A batch cannot hold a batch").into());
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
    let method = Method::from_bytes(text("method").as_bytes()).unwrap_or(Method::GET);
    let mut call = Call {
        origin: outer.origin,
        op: super::op(&method, path),
        method,
        path: format!("/v1.0/{}", path.trim_start_matches('/')),
        raw_query: query.to_owned(),
        query: Pairs::parse(query.as_bytes()),
        headers,
        body: Body::from(body),
        request_id: outer.request_id.clone(),
        fault: Action::default(),
        body_bytes: 0,
    };
    let rest = format!("/{}", path.trim_start_matches('/'));
    let reply = super::answer(world, &mut call, &rest).await?;
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
    Ok(json!({
        "id": text("id"),
        "status": head.status.as_u16(),
        "headers": headers,
        "body": serde_json::from_slice::<Value>(&body).unwrap_or(Value::Null),
    }))
}
