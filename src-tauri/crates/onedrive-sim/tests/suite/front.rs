//! The simulator under Microsoft's own names: by TLS, behind the proxy.

use coffer_onedrive_sim::{Options, Simulator};
use reqwest::header::{CONTENT_RANGE, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Certificate, Client, Proxy, redirect};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{UNIT, bytes};

struct Fronted {
    sim: Simulator,
    http: Client,
    token: String,
}

impl Fronted {
    async fn start() -> Self {
        let options = Options {
            front: true,
            ..Options::default()
        };
        let sim = Simulator::start(options)
            .await
            .expect("the simulator should start");
        let front = sim.front().expect("a front");
        let ca = std::fs::read(front.ca_file()).expect("the CA's certificate");
        let ca = Certificate::from_pem(&ca).expect("a certificate");
        let proxy = Proxy::all(front.proxy_url()).expect("a proxy");
        let http = builder()
            .tls_certs_only([ca])
            .proxy(proxy)
            .build()
            .expect("a client");
        let token = sim.seed_access_token("alex", "Files.ReadWrite User.Read");
        Self { sim, http, token }
    }

    async fn json(&self, request: reqwest::RequestBuilder) -> Value {
        let reply = request.bearer_auth(&self.token).send().await;
        let reply = reply.expect("an answer");
        reply.json().await.expect("JSON")
    }
}

fn builder() -> reqwest::ClientBuilder {
    // Built together with the whole workspace, the client asks for a TLS provider; another test may have set it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(redirect::Policy::none())
}

#[tokio::test]
async fn a_file_goes_up_and_down_under_microsofts_names() {
    let fronted = Fronted::start().await;
    let file = bytes(UNIT + 7);
    let graph = "https://graph.microsoft.com/v1.0/me/drive/root:/folder/file";

    let session = fronted.http.post(format!("{graph}:/createUploadSession"));
    let session = fronted.json(session.json(&json!({}))).await;
    let up = session["uploadUrl"].as_str().expect("an upload address");
    let mut sent = 0;
    for piece in file.chunks(UNIT) {
        let range = format!("bytes {sent}-{}/{}", sent + piece.len() - 1, file.len());
        let put = fronted.http.put(up).header(CONTENT_RANGE, range);
        let reply = put.body(piece.to_vec()).send().await.expect("an answer");
        assert!(reply.status().is_success());
        sent += piece.len();
    }
    let content = fronted.http.get(format!("{graph}:/content"));
    let reply = content.bearer_auth(&fronted.token).send().await;
    let reply = reply.expect("an answer");
    let dl = reply.headers()[LOCATION].to_str().expect("an address");
    let got = fronted.http.get(dl).send().await.expect("an answer");

    assert!(up.starts_with("https://sim.up.1drv.com/"), "{up}");
    assert!(dl.starts_with("https://sim.files.1drv.com/"), "{dl}");
    assert_eq!(got.bytes().await.expect("bytes"), file);
}

#[tokio::test]
async fn no_answer_leads_out_of_tls() {
    let fronted = Fronted::start().await;
    for name in ["a", "b", "c"] {
        assert!(
            fronted
                .sim
                .put_file(&fronted.sim.drive_id("alex"), &format!("/{name}"), b"x")
        );
    }
    let login = "https://login.microsoftonline.com/common";
    let graph = "https://graph.microsoft.com/v1.0";

    let mut answers = Vec::new();
    for url in [
        format!("{graph}/me/drive/root/children?$top=2"),
        format!("{graph}/me/drive/root:/a"),
        format!("{graph}/me/drive"),
        format!("{login}/v2.0/.well-known/openid-configuration"),
        format!("{login}/discovery/instance"),
    ] {
        answers.push(fronted.json(fronted.http.get(url)).await.to_string());
    }
    let refused = fronted.http.get(format!("{graph}/me")).send().await;
    let refused = refused.expect("an answer");
    assert_eq!(refused.status(), 401);
    let challenge = refused.headers()[WWW_AUTHENTICATE].to_str();
    answers.push(challenge.expect("a challenge").to_owned());

    assert!(answers[0].contains("https://graph.microsoft.com/v1.0/me/drive/root/children?"));
    assert!(answers[1].contains("https://sim.files.1drv.com/"));
    assert!(answers[3].contains("https://login.microsoftonline.com/common/oauth2/v2.0/token"));
    for answer in answers {
        for plain in ["http:", "127.0.0.1", "localhost"] {
            assert!(!answer.contains(plain), "{plain} in {answer}");
        }
    }
}

#[tokio::test]
async fn other_hosts_other_ports_and_plain_requests_are_refused() {
    let fronted = Fronted::start().await;
    let front = fronted.sim.front().expect("a front");
    let proxy = front.proxy_url().trim_start_matches("http://");

    for url in [
        "https://api.github.com/",
        "https://graph.microsoft.com:8443/",
        "https://localhost/",
    ] {
        assert!(fronted.http.get(url).send().await.is_err(), "{url}");
    }
    for (request, status) in [
        ("CONNECT api.github.com:443", "403"),
        ("CONNECT graph.microsoft.com:80", "403"),
        ("GET http://graph.microsoft.com/v1.0/me", "405"),
    ] {
        let answer = say(proxy, &format!("{request} HTTP/1.1\r\n\r\n")).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    let tls = front.api_url();
    let tls = tls.trim_start_matches("https://");
    let answer = say(tls, "GET / HTTP/1.1\r\nHost: graph.microsoft.com\r\n\r\n").await;
    assert!(!answer.contains("HTTP/"), "{answer}");
    assert!(fronted.sim.log().is_empty());
}

#[tokio::test]
async fn who_does_not_trust_the_ca_gets_nothing() {
    let fronted = Fronted::start().await;
    let front = fronted.sim.front().expect("a front");
    let proxy = Proxy::all(front.proxy_url()).expect("a proxy");
    let other = Fronted::start().await;
    let other = std::fs::read(other.sim.front().expect("a front").ca_file()).expect("a file");
    let other = Certificate::from_pem(&other).expect("a certificate");
    let stranger = builder().tls_certs_only([other]).proxy(proxy).build();

    let asked = stranger
        .expect("a client")
        .get("https://graph.microsoft.com/");

    assert!(asked.send().await.is_err());
    assert!(fronted.sim.log().is_empty());
}

#[tokio::test]
async fn loopback_clients_get_loopback_addresses_of_other_origins() {
    let fronted = Fronted::start().await;
    let front = fronted.sim.front().expect("a front");
    let ca = std::fs::read(front.ca_file()).expect("the CA's certificate");
    let ca = Certificate::from_pem(&ca).expect("a certificate");
    let direct = builder().tls_certs_only([ca]).no_proxy().build();
    let direct = direct.expect("a client");

    let url = format!(
        "{}/v1.0/me/drive/root:/f:/createUploadSession",
        front.api_url()
    );
    let session = fronted.json(direct.post(url).json(&json!({}))).await;

    let up = session["uploadUrl"].as_str().expect("an upload address");
    assert!(up.starts_with("https://127.0.0.1:"), "{up}");
    let put = direct
        .put(up)
        .header(CONTENT_RANGE, "bytes 0-0/1")
        .body("x");
    assert_eq!(put.send().await.expect("an answer").status(), 201);
}

/// Sends text and returns what comes back until the end.
async fn say(address: &str, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(text.as_bytes()).await.expect("it is sent");
    let mut answer = Vec::new();
    // A connection that breaks has answered nothing more.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}
