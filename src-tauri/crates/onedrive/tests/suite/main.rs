//! The destination against the simulator, which shares no code with it.

mod accounts;
mod conformance;
mod faults;
mod sign_in;
mod support;
mod urls;
