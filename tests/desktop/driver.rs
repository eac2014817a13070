use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use thirtyfour::{Capabilities, WebDriver};

use crate::background::Background;

/// How long a program may take to open its port.
const START: Duration = Duration::from_secs(30);

/// A WebDriver session in a program with a WebKit window. The program ends with it.
pub(crate) struct Session {
    pub(crate) web: WebDriver,
    _driver: Background,
}

impl Session {
    /// Starts `program` under WebKit's driver. `command` makes a command as the desktop would start it.
    pub(crate) async fn start(mut driver: Command, program: &Path, arguments: &[&str]) -> Self {
        let port = free_port();
        driver
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let driver = Background::start(&mut driver);
        wait_for_port(port).await;
        // The client asks for a TLS provider, which another test may have set; it is not used here.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut wanted = Capabilities::new();
        let options = json!({ "binary": program, "args": arguments });
        wanted
            .set("webkitgtk:browserOptions", options)
            .expect("capabilities are JSON");
        let web = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted)
            .await
            .expect("the program opens a window that can be driven");
        Self {
            web,
            _driver: driver,
        }
    }
}

/// A port that was free just now; the driver cannot choose one itself.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it has an address").port()
}

async fn wait_for_port(port: u16) {
    let started = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(started.elapsed() < START, "WebKitWebDriver did not start");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
