//! A simulator with a plain HTTP client.

use coffer_onedrive_sim::{Options, Simulator};
use reqwest::header::{CONTENT_RANGE, LOCATION};
use reqwest::{Client, Method, RequestBuilder, Response, redirect};
use serde_json::Value;

/// Bytes every fragment but the last is a multiple of.
pub(crate) const UNIT: usize = 320 * 1024;

pub(crate) struct Sim {
    pub(crate) sim: Simulator,
    pub(crate) http: Client,
    pub(crate) token: String,
}

impl Sim {
    /// A fresh simulator with Alex's token.
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let sim = Simulator::start(options)
            .await
            .expect("the simulator should start");
        let token = sim.seed_access_token("alex", "Files.ReadWrite User.Read");
        Self {
            sim,
            http: client(),
            token,
        }
    }

    /// Continues as another user.
    pub(crate) fn sign_in(&mut self, account: &str, scope: &str) {
        self.token = self.sim.seed_access_token(account, scope);
    }

    /// A Graph request; `path` starts behind the version.
    pub(crate) fn graph(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/v1.0{path}", self.sim.api_url());
        self.http.request(method, url).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.graph(Method::GET, path)
            .send()
            .await
            .expect("an answer")
    }

    pub(crate) async fn get_json(&self, path: &str) -> Value {
        self.get(path).await.json().await.expect("JSON")
    }

    pub(crate) async fn put(&self, path: &str, bytes: Vec<u8>) -> Response {
        let url = format!("/me/drive/root:{path}:/content");
        self.graph(Method::PUT, &url)
            .body(bytes)
            .send()
            .await
            .expect("an answer")
    }

    /// Starts an upload session and returns its address.
    pub(crate) async fn session(&self, path: &str, body: Value) -> String {
        let url = format!("/me/drive/root:{path}:/createUploadSession");
        let reply = self
            .graph(Method::POST, &url)
            .json(&body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(reply.status(), 200);
        let value: Value = reply.json().await.expect("JSON");
        value["uploadUrl"]
            .as_str()
            .expect("an upload address")
            .to_owned()
    }

    /// Sends `bytes[from..to]` of a file.
    pub(crate) async fn fragment(
        &self,
        url: &str,
        bytes: &[u8],
        from: usize,
        to: usize,
    ) -> Response {
        self.try_fragment(url, bytes, from, to)
            .await
            .expect("an answer")
    }

    pub(crate) async fn try_fragment(
        &self,
        url: &str,
        bytes: &[u8],
        from: usize,
        to: usize,
    ) -> reqwest::Result<Response> {
        let range = format!("bytes {from}-{}/{}", to - 1, bytes.len());
        let request = self.http.put(url).header(CONTENT_RANGE, range);
        request.body(bytes[from..to].to_vec()).send().await
    }

    /// The download address of a file.
    pub(crate) async fn download_url(&self, path: &str) -> String {
        let reply = self.get(&format!("/me/drive/root:{path}:/content")).await;
        assert_eq!(reply.status(), 302);
        reply.headers()[LOCATION]
            .to_str()
            .expect("an address")
            .to_owned()
    }
}

/// Follows no redirects and keeps no cookies.
pub(crate) fn client() -> Client {
    // Built together with the whole workspace, the client asks for a TLS provider; another test may have set it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let built = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build();
    built.expect("a client")
}

/// The most specific code of a Graph error.
pub(crate) async fn code(reply: Response) -> String {
    let value: Value = reply.json().await.expect("JSON");
    let error = &value["error"];
    let inner = error["innerError"]["code"].as_str();
    inner.or(error["code"].as_str()).expect("a code").to_owned()
}

/// Bytes that differ from place to place.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length as u32).map(|i| (i % 251) as u8).collect()
}
