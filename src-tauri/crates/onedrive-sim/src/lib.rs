//! OneDrive, Microsoft's sign-in and Duplicati's AuthID service in one local server, for tests and the demo.
//!
//! A [`Simulator`] listens on three ports of 127.0.0.1, because clients behave differently when the origin changes:
//! *api* (sign-in pages, token endpoint, AuthID service under `/authid/`, Graph, admin API under `/_sim/`), *up*
//! (upload sessions) and *dl* (pre-authenticated downloads). Accounts, tokens, sessions and files are kept in a
//! folder, or in a temporary one that ends with the simulator. [`Fault`]s break chosen requests in chosen ways,
//! [`Limits`] refuse excess requests, and the clock can be advanced, so that no test has to wait.
//!
//! It knows four accounts: `alex` (personal, 5 GB), `robin` (work, 1 TB), `nolicense` (work, no drive) and `blocked`
//! (sign-in refused by policy); and four drives: [`ALEX_DRIVE`], [`ROBIN_DRIVE`], [`TEAM_DRIVE`] and
//! [`SHARED_DRIVE`].
//!
//! With [`Options::front`] it also answers under Microsoft's own names by TLS, for clients whose addresses are fixed.
//!
//! The server shares no code with Coffer's OneDrive client, so that one mistake cannot hide in both. What it imitates
//! was read in Microsoft's documentation and seen with clients of others (`docs/protocol.md` of the crate `onedrive`);
//! rclone works against it unchanged.

mod admin;
mod authid;
mod download;
mod error;
mod fail;
mod faults;
mod front;
mod graph;
mod hashes;
mod journal;
mod limits;
mod log;
mod login;
mod model;
mod options;
mod pages;
mod quickxor;
mod random;
mod reply;
mod request;
mod route;
mod server;
mod simulator;
mod state;
mod time;
mod tokens;
mod upload;
mod world;

pub use error::{Error, Result};
pub use faults::{Action, BodyShape, DropPoint, Fault, Match, Op, RetryAfter};
pub use front::Front;
pub use limits::{Headers, Limits};
pub use log::Entry;
pub use model::drive::{ALEX_DRIVE, ROBIN_DRIVE, SHARED_DRIVE, TEAM_DRIVE};
pub use options::{AuthIdDialect, Options, Origins, UploadAuth};
pub use quickxor::QuickXor;
pub use simulator::Simulator;
