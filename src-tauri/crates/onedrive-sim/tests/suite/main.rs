//! The simulator from outside, over HTTP.

mod admin;
mod authid;
mod drives;
mod faults;
mod files;
mod front;
mod hashes;
mod login;
mod persistence;
mod replay;
mod support;
mod uploads;
