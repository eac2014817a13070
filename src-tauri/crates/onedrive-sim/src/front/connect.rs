//! A proxy that forwards allowed host names to the front's ports, and refuses everything else.
//!
//! Source: RFC 9110, 9.3.6 (CONNECT).

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Maximum size of a request's head; no honest client sends more.
const LONGEST_HEAD: usize = 16 * 1024;
/// The only port that names are known on.
const PORT: &str = "443";

/// Which host name leads to which port of 127.0.0.1.
#[derive(Debug, Default)]
pub(super) struct Routes(Vec<(&'static str, u16)>);

impl Routes {
    pub(super) fn add(&mut self, host: &'static str, port: u16) {
        self.0.push((host, port));
    }

    /// Where `host:port` leads.
    fn find(&self, authority: &str) -> Option<u16> {
        let (host, port) = authority.rsplit_once(':')?;
        let found = self
            .0
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(host));
        found.filter(|_| port == PORT).map(|(_, port)| *port)
    }
}

/// Serves the proxy until the task is aborted; its tunnels end with it.
pub(super) async fn serve(listener: TcpListener, routes: Arc<Routes>) {
    let mut tunnels = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let routes = Arc::clone(&routes);
        tunnels.spawn(async move {
            // An error is a side that went away.
            let _ = tunnel(stream, &routes).await;
        });
        while tunnels.try_join_next().is_some() {}
    }
}

async fn tunnel(mut client: TcpStream, routes: &Routes) -> io::Result<()> {
    let Some((head, early)) = read_head(&mut client).await? else {
        return refuse(&mut client, "431 Request Header Fields Too Large").await;
    };
    let line = head.lines().next().unwrap_or_default();
    let mut words = line.split(' ');
    if words.next() != Some("CONNECT") {
        return refuse(&mut client, "405 Method Not Allowed").await;
    }
    let Some(port) = routes.find(words.next().unwrap_or_default()) else {
        return refuse(&mut client, "403 Forbidden").await;
    };
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    server.write_all(&early).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// The head of a request and what came right behind it; `None` when the head is too long.
async fn read_head(client: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    const END: &[u8] = b"\r\n\r\n";
    let mut read = Vec::new();
    loop {
        if client.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = read.windows(END.len()).position(|bytes| bytes == END) {
            let early = read.split_off(end + END.len());
            return Ok(Some((String::from_utf8_lossy(&read).into_owned(), early)));
        }
        if read.len() > LONGEST_HEAD {
            return Ok(None);
        }
    }
}

async fn refuse(client: &mut TcpStream, status: &str) -> io::Result<()> {
    let text = "This proxy knows the simulated OneDrive only.\n";
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}
