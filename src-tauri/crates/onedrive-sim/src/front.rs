//! The simulator under Microsoft's own names, for clients whose addresses are fixed.
//!
//! Each origin gets a second port that speaks TLS, with a certificate for [`API_HOSTS`], [`UP_HOST`], [`DL_HOST`] and
//! loopback. The CA behind it is made at each start; its key is never written. A CONNECT proxy leads those names, port
//! 443, to these ports and refuses everything else. So a client believes it talks to Microsoft once it uses the proxy
//! and of the CA; no hosts file is changed, and nothing leaves the computer.
//!
//! Such clients get `https` addresses in answers: under the name that they requested, with uploads and downloads on
//! other hosts. Clients that come by loopback without the proxy get loopback addresses.

mod certificates;
mod connect;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::http::Request;
use hyper::body::Incoming;
use tokio::task::JoinHandle;

use crate::error::{Error, Result};
use crate::options::Origins;
use crate::request::Origin;
use crate::server::listen;
use crate::world::World;
use certificates::Certificates;
use connect::Routes;

/// Names of sign-in and Graph.
const API_HOSTS: [&str; 3] = [
    "graph.microsoft.com",
    "login.microsoftonline.com",
    "login.live.com",
];
/// A name as upload addresses of personal drives have it.
const UP_HOST: &str = "sim.up.1drv.com";
/// A name as download addresses of personal drives have it.
const DL_HOST: &str = "sim.files.1drv.com";
/// Names by which the TLS ports can be reached without the proxy.
const LOOPBACK: [&str; 2] = ["localhost", "127.0.0.1"];
/// File of the CA's certificate in the data folder.
const CA_FILE: &str = "ca.pem";

/// The way in under Microsoft's own names: three TLS ports and a proxy that leads to them. It ends when dropped.
#[derive(Debug)]
pub struct Front {
    ca_file: PathBuf,
    api_port: u16,
    proxy_url: String,
    tasks: Vec<JoinHandle<()>>,
}

impl Front {
    /// Opens four ports of 127.0.0.1 and writes the CA's certificate into `folder`.
    pub(crate) async fn start(world: &World, folder: &Path) -> Result<Self> {
        let names = API_HOSTS.iter().chain(&[UP_HOST, DL_HOST]).chain(&LOOPBACK);
        let certificates = Certificates::new(names.copied())?;
        let ca_file = folder.join(CA_FILE);
        std::fs::write(&ca_file, &certificates.ca_pem).map_err(|source| Error::Data {
            folder: folder.to_owned(),
            source,
        })?;

        let (api, up, dl) = (listen(0).await?, listen(0).await?, listen(0).await?);
        let (proxy, proxy_url) = listen(0).await?;
        let [api_port, up_port, dl_port] = [&api, &up, &dl].map(|(_, url)| port_of(url));
        let mut routes = Routes::default();
        for host in API_HOSTS {
            routes.add(host, api_port);
        }
        routes.add(UP_HOST, up_port);
        routes.add(DL_HOST, dl_port);

        let views = Arc::new(Views {
            world: world.known_as(world.urls.clone()),
            up_port,
            dl_port,
        });
        let mut tasks: Vec<_> = [(Origin::Api, api), (Origin::Up, up), (Origin::Dl, dl)]
            .into_iter()
            .map(|(origin, (listener, _))| {
                let views = Arc::clone(&views);
                let world = move |request: &Request<Incoming>| views.of(host(request));
                tokio::spawn(tls::serve(listener, certificates.acceptor(), origin, world))
            })
            .collect();
        tasks.push(tokio::spawn(connect::serve(proxy, Arc::new(routes))));
        Ok(Self {
            ca_file,
            api_port,
            proxy_url,
            tasks,
        })
    }

    /// Address of the proxy, for `HTTPS_PROXY`: `http://127.0.0.1:PORT`.
    pub fn proxy_url(&self) -> &str {
        &self.proxy_url
    }

    /// The certificate that clients have to trust, in PEM.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// Base address of sign-in and Graph for clients that take another one, without the proxy: `https://localhost:PORT`.
    pub fn api_url(&self) -> String {
        format!("https://localhost:{}", self.api_port)
    }

    /// Stops serving and waits until the ports are free.
    pub(crate) async fn shutdown(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The simulator under each name.
#[derive(Debug)]
struct Views {
    world: World,
    up_port: u16,
    dl_port: u16,
}

impl Views {
    /// What a request for `host` is answered with.
    fn of(&self, host: &str) -> Arc<World> {
        let loopback = LOOPBACK.iter().any(|name| {
            host.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(':'))
        });
        let (api, up, dl) = if loopback {
            // Another host than `localhost`, so that clients see the origin change as with Microsoft.
            let [up, dl] = [self.up_port, self.dl_port].map(|port| format!("127.0.0.1:{port}"));
            (host, up, dl)
        } else {
            let known = API_HOSTS
                .into_iter()
                .find(|name| name.eq_ignore_ascii_case(host));
            let api = known.unwrap_or(API_HOSTS[0]);
            (api, UP_HOST.to_owned(), DL_HOST.to_owned())
        };
        Arc::new(self.world.known_as(Origins {
            api: format!("https://{api}"),
            up: format!("https://{up}"),
            dl: format!("https://{dl}"),
        }))
    }
}

/// The host a request is for, with its port when it has one.
fn host(request: &Request<Incoming>) -> &str {
    let header = request.headers().get(axum::http::header::HOST);
    header
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default()
}

/// The port in `http://127.0.0.1:PORT`.
fn port_of(url: &str) -> u16 {
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
    port.unwrap_or_default()
}
