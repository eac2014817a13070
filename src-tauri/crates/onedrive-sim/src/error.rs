//! Why a simulator could not start.

use std::path::PathBuf;

/// What [`Simulator::start`](crate::Simulator::start) returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a simulator could not start.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing could listen on the port, usually because another program does.
    #[error("Could not listen on 127.0.0.1:{port}")]
    Listen {
        /// The requested port.
        port: u16,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The data folder could not be created or read.
    #[error("Could not open the data folder {}", folder.display())]
    Data {
        /// The requested folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The certificates of the TLS front could not be made.
    #[error("Could not make certificates")]
    Certificates {
        /// What the library said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
