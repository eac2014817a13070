//! The project itself: what its documents say of each other, and how its files hang together.

mod destinations;
mod imports;
mod layout;
mod links;
mod sizes;
