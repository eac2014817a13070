use reqwest::Response;

/// Maximum size of a sign-in service's answer, in bytes; tokens have a few KiB.
const MAX_BODY: usize = 256 * 1024;

/// Reads the body of an answer; `None` when it is too long or cut off.
pub(super) async fn read(mut answer: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.ok()? {
        if body.len() + part.len() > MAX_BODY {
            return None;
        }
        body.extend_from_slice(&part);
    }
    Some(body)
}
