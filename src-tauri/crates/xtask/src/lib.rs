//! What `cargo xtask` and `cargo lab` share. Nothing here is part of the product.
//!
//! [`setup`] finds and installs what the machine lacks. [`project`] knows where things are, [`run`] starts programs.
//! [`demo`] has the simulated OneDrive and the files that also measurements begin with.

pub mod demo;
pub mod project;
pub mod run;
pub mod setup;
