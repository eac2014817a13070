use hyper::Method;

use super::loopback::Gatekeeper;
use super::refusal::Refusal;
use super::token_endpoint::TokenReply;
use super::{auth_id_service, sign_in};

/// Parses an answer of a sign-in service as every kind of answer.
pub fn sign_in_answer(body: &[u8]) {
    if let Some(reply) = TokenReply::parse(body) {
        let _ = reply.lifetime();
        let _ = reply.into_grant(Some("nonce"));
    }
    auth_id_service::read_hostile(body);
    sign_in::read_hostile(body);
    for status in [400, 401, 429, 500] {
        let _ = Refusal::of_reply(status, body).into_destination();
        let _ = Refusal::of_reply(status, body).into_error();
    }
}

/// Answers a request to the sign-in's port, which must not succeed without the state.
pub fn browser_request(host: &[u8], target: &str) {
    let answer = |state: &str| {
        let gate = Gatekeeper::new(4711, state);
        let _ = gate.answer(&Method::GET, Some(host), target);
        gate.take()
    };
    let _ = answer("the state");
    assert!(answer("hYz0cW9R7cJrKq2m1vQpXw").is_none());
}
