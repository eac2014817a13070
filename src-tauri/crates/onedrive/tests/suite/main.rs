//! The destination against the simulator, which shares no code with it.

mod accounts;
mod answers;
mod conformance;
mod faults;
mod protocol;
mod sign_in;
mod stub;
mod support;
mod urls;
