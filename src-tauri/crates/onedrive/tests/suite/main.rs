//! The destination against the simulator, which shares no code with it.

mod accounts;
mod answers;
mod checklist;
mod conformance;
mod faults;
mod sign_in;
mod stub;
mod support;
mod urls;
