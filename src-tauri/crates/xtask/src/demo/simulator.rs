//! The simulated OneDrive as a process beside us.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::project::Project;

/// What clients of others ask for, all of it together; each is refused what it was not granted by name.
const SCOPES: &str = "Files.Read Files.ReadWrite Files.Read.All Files.ReadWrite.All \
    Sites.Read.All User.Read offline_access";

/// A running simulator; it ends with us, whatever becomes of us, because its input closes.
#[derive(Debug)]
pub struct Simulator {
    process: Child,
    input: Option<ChildStdin>,
    /// Base address of Graph, without a version.
    pub api: String,
    /// Where the AuthID service refreshes.
    pub oauth_url: String,
    /// A page that shows what is stored.
    pub dashboard: String,
    admin_token: String,
    /// Ids of the drives, by name.
    drives: Value,
    /// The way in under Microsoft's own names, when it was asked for.
    pub front: Option<Front>,
}

/// How clients whose addresses are fixed reach the simulator.
#[derive(Debug, Clone)]
pub struct Front {
    /// For `HTTPS_PROXY`.
    pub proxy: String,
    /// The certificate to trust, in PEM.
    pub ca: PathBuf,
    /// Base address of sign-in and Graph by TLS, without the proxy.
    pub api: String,
}

impl Simulator {
    /// Starts the simulator that cargo built; it keeps everything under `data`.
    pub fn start(project: &Project, data: &Path) -> Result<Self> {
        Self::start_with(project, data, &[])
    }

    /// As [`Simulator::start`], with more options.
    pub fn start_with(project: &Project, data: &Path, options: &[&str]) -> Result<Self> {
        let mut process = Command::new(project.built("debug", "coffer-onedrive-sim"))
            .arg("--exit-with-stdin")
            .arg("--data")
            .arg(data)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("Could not start the simulator")?;
        let output = process.stdout.take().context("Its output is a pipe")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let line: Value =
            serde_json::from_str(&line).context("The simulator did not say its addresses")?;
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let front = &line["front"];
        let front = front["proxy"].as_str().map(|proxy| Front {
            proxy: proxy.to_owned(),
            ca: front["ca"].as_str().unwrap_or_default().into(),
            api: front["api"].as_str().unwrap_or_default().to_owned(),
        });
        Ok(Self {
            front,
            drives: line["drives"].clone(),
            input: process.stdin.take(),
            process,
            api: text("api"),
            oauth_url: text("oauth_url"),
            dashboard: text("ui"),
            admin_token: text("admin_token"),
        })
    }

    /// An AuthID of an account, as its sign-in would give.
    pub fn auth_id(&self, account: &str) -> Result<String> {
        let answer = self.admin("POST", &format!("/accounts/{account}/authid"), "{}")?;
        let auth_id = answer["authid"].as_str();
        Ok(auth_id.context("The simulator gave no AuthID")?.to_owned())
    }

    /// The id of an account's drive; empty when it has none.
    pub fn drive(&self, account: &str) -> String {
        let id = self.drives[account].as_str();
        id.unwrap_or_default().to_owned()
    }

    /// A token of an account that every client may use.
    pub fn token(&self, account: &str, kind: Token) -> Result<String> {
        let (control, field) = match kind {
            Token::Access => ("access-token", "access_token"),
            Token::Refresh => ("refresh-token", "refresh_token"),
        };
        let path = format!("/accounts/{account}/{control}");
        let answer = self.admin("POST", &path, &json!({ "scope": SCOPES }).to_string())?;
        let token = answer[field].as_str();
        Ok(token.context("The simulator gave no token")?.to_owned())
    }

    /// Account that signs in and agrees by itself from now on; `None` shows the pages again.
    pub fn set_auto_consent(&self, account: Option<&str>) -> Result<()> {
        let settings = json!({ "auto_consent": account });
        self.admin("POST", "/settings", &settings.to_string())
            .map(drop)
    }

    /// Lets all access tokens of an account run out.
    pub fn expire_access(&self, account: &str) -> Result<()> {
        let path = format!("/accounts/{account}/expire-access");
        self.admin("POST", &path, "{}").map(drop)
    }

    /// Sets a fault; `fault` is its JSON.
    pub fn add_fault(&self, fault: &Value) -> Result<()> {
        self.admin("POST", "/faults", &fault.to_string()).map(drop)
    }

    /// Removes all faults and returns how often they struck.
    pub fn clear_faults(&self) -> Result<u64> {
        let answer = self.admin("GET", "/faults", "")?;
        self.admin("DELETE", "/faults", "")?;
        let faults = answer["faults"].as_array().into_iter().flatten();
        Ok(faults.filter_map(|fault| fault["struck"].as_u64()).sum())
    }

    /// The bytes of a file in the drive of `token`'s account; `path` is percent-encoded and starts with `/`.
    pub fn file(&self, token: &str, path: &str) -> Result<Vec<u8>> {
        let request = format!("GET /v1.0/me/drive/root:{path}:/content");
        let (head, _) = self.send(&self.api, &request, token, "")?;
        let mut lines = head.lines();
        let location = lines.find_map(|line| line.strip_prefix("location: "));
        let location = location.with_context(|| format!("{path} is not on the drive"))?;
        let (_, rest) = location.split_once("://").context("An address")?;
        let (host, path) = rest.split_once('/').context("An address with a path")?;
        let (_, bytes) = self.send(host, &format!("GET /{path}"), "", "")?;
        Ok(bytes)
    }

    /// Limits what each account may do from now on.
    pub fn set_limits(&self, limits: &Value) -> Result<Value> {
        self.admin("PUT", "/limits", &limits.to_string())
    }

    /// The limits and what each account did since they were set.
    pub fn limits(&self) -> Result<Value> {
        self.admin("GET", "/limits", "")
    }

    /// How many files all drives hold, and their bytes.
    pub fn stored(&self) -> Result<(usize, u64)> {
        let answer = self.admin("GET", "/tree", "")?;
        let drives = answer["drives"].as_array().into_iter().flatten();
        let items = drives.flat_map(|drive| drive["items"].as_array().into_iter().flatten());
        let sizes: Vec<u64> = items.filter_map(|item| item["size"].as_u64()).collect();
        Ok((sizes.len(), sizes.iter().sum()))
    }

    /// Upload sessions that are neither finished nor cancelled.
    pub fn open_uploads(&self) -> Result<Vec<Value>> {
        let answer = self.admin("GET", "/uploads", "")?;
        Ok(answer["uploads"].as_array().cloned().unwrap_or_default())
    }

    /// Files of an account's drives: path and bytes.
    pub fn files(&self) -> Result<Vec<(String, u64)>> {
        let answer = self.admin("GET", "/tree", "")?;
        let drives = answer["drives"].as_array().into_iter().flatten();
        let items = drives.flat_map(|drive| drive["items"].as_array().into_iter().flatten());
        let file = |item: &Value| Some((item["path"].as_str()?.to_owned(), item["size"].as_u64()?));
        Ok(items.filter_map(file).collect())
    }

    /// Requests numbered above `seq`.
    pub fn log_since(&self, seq: u64) -> Result<Vec<Value>> {
        let answer = self.admin("GET", &format!("/log?since={seq}"), "")?;
        Ok(answer["entries"].as_array().cloned().unwrap_or_default())
    }

    fn admin(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        let request = format!("{method} /_sim{path}");
        let (head, body) = self.send(&self.api, &request, &self.admin_token, body)?;
        ensure!(
            head.starts_with("HTTP/1.1 200"),
            "The simulator refused {path}: {}",
            String::from_utf8_lossy(&body)
        );
        serde_json::from_slice(&body).context("The simulator's answer is not JSON")
    }

    /// Sends a request (method and path) and returns the answer's head and body; without a token when that is empty.
    fn send(
        &self,
        host: &str,
        request: &str,
        token: &str,
        body: &str,
    ) -> Result<(String, Vec<u8>)> {
        let host = host.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).context("The simulator does not answer")?;
        let authorization = match token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: {host}\r\n{authorization}\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let end = end.context("The simulator's answer has no end of its head")?;
        let body = answer.split_off(end + 4);
        Ok((String::from_utf8_lossy(&answer).into_owned(), body))
    }
}

/// What kind of token is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// Good for Graph for an hour.
    Access,
    /// Gives access tokens.
    Refresh,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}
