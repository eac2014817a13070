use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};

use super::answer::Refusal;
use super::drive::DriveJson;
use super::item::Item;
use super::pages::Page;
use super::upload;

/// Parses an answer of Graph as every kind of answer; `header` is used for all headers that contain a time.
pub fn graph_answer(header: &str, body: &[u8]) {
    if let Ok(page) = serde_json::from_slice::<Page<Item>>(body) {
        for item in &page.value {
            let _ = (item.modified(), item.quick_xor());
        }
    }
    if let Ok(drive) = serde_json::from_slice::<DriveJson>(body) {
        let _ = drive.into_drive(false);
    }
    upload::read_hostile(body);
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(header) {
        for name in ["retry-after", "www-authenticate"] {
            headers.insert(name, value.clone());
        }
    }
    for status in [400, 401, 403, 404, 409, 416, 423, 429, 500, 503, 507, 509] {
        let status = StatusCode::from_u16(status).unwrap_or_default();
        let refusal = Refusal::of(status, &headers, body);
        let _ = refusal.into_error("read", "a file").to_string();
    }
}
