//! A simulation of jobs: the real service of the app on a computer whose keychain is locked, whose disks are unplugged,
//! whose clock is wrong, whose sign-in ends, and whose app dies at any of its steps.
//!
//! A seed makes a [`JobsHistory`]: one to three jobs that share a stick and a OneDrive (the simulator of that, in process),
//! and what happens to them. Time is a clock that the simulation moves; nothing waits. After each step:
//!
//! 1. What the cards say of the last backup, the last good one and of what is waited for is what happened. Restores,
//!    stopped runs and looks do not change it.
//! 2. A run ends badly only for something that stood in its way, and names that.
//! 3. No job is gone, and no history grows without an end.
//! 4. When everything is put right, each job comes to a good backup within a few planned times, by itself or after the one
//!    step that it names. Its newest version restores as what the sources hold, and what was reported before is in others.
//!    All that it stored verifies.
//!
//! When the app dies, its database is as it was at that moment, and nothing of its cache changes after it.

mod computer;
mod database;
mod event;
mod generate;
mod hook;
mod judge;
mod keychain;
mod play;
mod runs;
mod settle;
mod surroundings;
mod verify;

pub use generate::JobsHistory;
