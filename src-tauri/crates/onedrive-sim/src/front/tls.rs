//! A TLS port of one origin.

use std::sync::Arc;

use axum::http::Request;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::request::Origin;
use crate::server;
use crate::world::World;

/// Serves one origin until the task is aborted; its connections end with it. What speaks no TLS gets no answer.
pub(super) async fn serve<W>(listener: TcpListener, acceptor: TlsAcceptor, origin: Origin, world: W)
where
    W: Fn(&Request<Incoming>) -> Arc<World> + Clone + Send + Sync + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (acceptor, world) = (acceptor.clone(), world.clone());
        connections.spawn(async move {
            // An error is a client that does not trust the CA.
            if let Ok(stream) = acceptor.accept(stream).await {
                server::connection(stream, origin, world).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
