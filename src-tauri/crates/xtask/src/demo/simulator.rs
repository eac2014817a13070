//! The simulated OneDrive as a process beside us.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::project::Project;

/// A running simulator; it ends with us, whatever becomes of us, because its input closes.
#[derive(Debug)]
pub(crate) struct Simulator {
    process: Child,
    input: Option<ChildStdin>,
    /// Base address of Graph, without a version.
    pub(crate) api: String,
    /// Where the AuthID service refreshes.
    pub(crate) oauth_url: String,
    /// A page that shows what is stored.
    pub(crate) dashboard: String,
    admin_token: String,
}

impl Simulator {
    /// Starts the simulator that cargo built; it keeps everything under `data`.
    pub(crate) fn start(project: &Project, data: &Path) -> Result<Self> {
        Self::start_with(project, data, &[])
    }

    /// As [`Simulator::start`], with more arguments.
    pub(crate) fn start_with(project: &Project, data: &Path, arguments: &[&str]) -> Result<Self> {
        let mut process = Command::new(project.built("debug", "coffer-onedrive-sim"))
            .args(arguments)
            .arg("--exit-with-stdin")
            .arg("--data")
            .arg(data)
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
        Ok(Self {
            input: process.stdin.take(),
            process,
            api: text("api"),
            oauth_url: text("oauth_url"),
            dashboard: text("ui"),
            admin_token: text("admin_token"),
        })
    }

    /// An AuthID of an account, as its sign-in would give.
    pub(crate) fn auth_id(&self, account: &str) -> Result<String> {
        let answer = self.admin("POST", &format!("/accounts/{account}/authid"), "{}")?;
        let auth_id = answer["authid"].as_str();
        Ok(auth_id.context("The simulator gave no AuthID")?.to_owned())
    }

    /// A refresh token of an account for any client.
    pub(crate) fn refresh_token(&self, account: &str) -> Result<String> {
        let answer = self.admin("POST", &format!("/accounts/{account}/refresh-token"), "{}")?;
        let token = answer["refresh_token"].as_str();
        Ok(token.context("The simulator gave no token")?.to_owned())
    }

    /// Id of an account's drive of a kind.
    pub(crate) fn drive(&self, account: &str, kind: &str) -> Result<String> {
        let answer = self.admin("GET", "/tree", "")?;
        let mut drives = answer["drives"].as_array().into_iter().flatten();
        let drive = drives.find(|drive| drive["owner"] == account && drive["driveType"] == kind);
        let id = drive.and_then(|drive| drive["id"].as_str());
        Ok(id.context("The account has no such drive")?.to_owned())
    }

    /// Limits what each account may do from now on.
    pub(crate) fn set_limits(&self, limits: &Value) -> Result<Value> {
        self.admin("PUT", "/limits", &limits.to_string())
    }

    /// The limits and what each account did since they were set.
    pub(crate) fn limits(&self) -> Result<Value> {
        self.admin("GET", "/limits", "")
    }

    /// How many files all drives hold, and their bytes.
    pub(crate) fn stored(&self) -> Result<(usize, u64)> {
        let answer = self.admin("GET", "/tree", "")?;
        let drives = answer["drives"].as_array().into_iter().flatten();
        let items = drives.flat_map(|drive| drive["items"].as_array().into_iter().flatten());
        let sizes: Vec<u64> = items.filter_map(|item| item["size"].as_u64()).collect();
        Ok((sizes.len(), sizes.iter().sum()))
    }

    /// Upload sessions that are neither finished nor cancelled.
    pub(crate) fn open_uploads(&self) -> Result<Vec<Value>> {
        let answer = self.admin("GET", "/uploads", "")?;
        Ok(answer["uploads"].as_array().cloned().unwrap_or_default())
    }

    /// Files of an account's drives: path and bytes.
    pub(crate) fn files(&self) -> Result<Vec<(String, u64)>> {
        let answer = self.admin("GET", "/tree", "")?;
        let drives = answer["drives"].as_array().into_iter().flatten();
        let items = drives.flat_map(|drive| drive["items"].as_array().into_iter().flatten());
        let file = |item: &Value| Some((item["path"].as_str()?.to_owned(), item["size"].as_u64()?));
        Ok(items.filter_map(file).collect())
    }

    /// Requests numbered above `seq`.
    pub(crate) fn log_since(&self, seq: u64) -> Result<Vec<Value>> {
        let answer = self.admin("GET", &format!("/log?since={seq}"), "")?;
        Ok(answer["entries"].as_array().cloned().unwrap_or_default())
    }

    fn admin(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        let host = self.api.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).context("The simulator does not answer")?;
        write!(
            stream,
            "{method} /_sim{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.admin_token,
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        ensure!(
            head.starts_with("HTTP/1.1 200"),
            "The simulator refused {path}: {body}"
        );
        serde_json::from_str(body).context("The simulator's answer is not JSON")
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}
