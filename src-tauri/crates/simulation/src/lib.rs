//! A simulation that finds the next defect of the engine before a person does.
//!
//! A seed makes a [`History`]: two or three computers with sources that change, vanish and come back, a destination that
//! fails, lies and is damaged, runs that are killed at any of their steps, indexes that are deleted or set back, clocks
//! that jump. The real engine plays it (`play`) in files of memory and on a clock of its own. After each step the
//! following hold:
//!
//! 1. A version that a run reported, and that no rule of its owner deleted, restores as what the source held, unless
//!    damage of the simulation's own hit data that lies there alone.
//! 2. A version at the destination refers to nothing that is not there, unless such damage did that.
//! 3. No run says success when something is missing, or when nothing of the sources was backed up.
//! 4. When nothing goes wrong any more, a few runs and at most one step that an error names end in a backup that restores.
//!
//! An event carries all it needs, so that [`shrink`] can leave out whatever does not matter. What the simulation knows is
//! its own: `audit` reads volumes and asks no index, `sources` reads files, `model` remembers. Moments of an operation are
//! named by the number of a call among its sort, because the engine's threads and the names of its volumes differ from
//! run to run.
//!
//! # Not covered
//!
//! Changes in the midst of reading one file; the granularity of a file system's times; encryption; rights; disks that lose
//! what they said was written.

mod audit;
mod before;
mod deletions;
mod disk;
mod event;
mod generate;
mod happen;
mod jobs;
mod judge;
mod link;
mod model;
mod operate;
mod outcome;
mod parsed;
mod play;
mod random;
mod settle;
mod sources;
mod world;

pub use generate::{Choice, History};
pub use jobs::JobsHistory;
pub use model::Violation;
pub use play::{Played, Story, play_many, shrink, usual_threads};
