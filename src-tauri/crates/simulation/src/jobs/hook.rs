//! What goes wrong in the midst of a run.

use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use coffer_engine::crash::Hook;
use coffer_ipc::job::JobState;
use coffer_jobs::Coffer;
use tokio::runtime::Handle;

use super::database;
use super::event::{Moment, Trouble, What};
use super::surroundings::{Cause, Surroundings};
use crate::link::Killed;

/// Receives the steps of the runs of one start, and lets their troubles happen.
pub(crate) struct RunHook {
    surroundings: Arc<Surroundings>,
    coffer: Coffer,
    runtime: Handle,
    /// The app's database, and where it is copied to when the app dies.
    database: PathBuf,
    copy: PathBuf,
    troubles: Vec<Trouble>,
    steps: AtomicU32,
    secrets: AtomicU32,
    is_dead: AtomicBool,
    was_quit: AtomicBool,
    was_stopped: AtomicBool,
    is_full: AtomicBool,
    was_refused: AtomicBool,
}

impl RunHook {
    pub(crate) fn new(
        surroundings: Arc<Surroundings>,
        coffer: Coffer,
        database: &Path,
        copy: PathBuf,
        troubles: &[Trouble],
    ) -> Arc<Self> {
        Arc::new(Self {
            surroundings,
            coffer,
            runtime: Handle::current(),
            database: database.to_owned(),
            copy,
            troubles: troubles.to_vec(),
            steps: AtomicU32::new(0),
            secrets: AtomicU32::new(0),
            is_dead: AtomicBool::new(false),
            was_quit: AtomicBool::new(false),
            was_stopped: AtomicBool::new(false),
            is_full: AtomicBool::new(false),
            was_refused: AtomicBool::new(false),
        })
    }

    /// Lets the database refuse to be written after as many writes as a trouble says.
    pub(crate) fn arm(&self) {
        for trouble in &self.troubles {
            if let Moment::Write(writes) = trouble.moment
                && matches!(trouble.what, What::Kill | What::Refuse)
            {
                self.refuse(writes);
                return;
            }
        }
    }

    fn refuse(&self, writes: u32) {
        if !self.was_refused.swap(true, Ordering::SeqCst) {
            self.surroundings.meets(Cause::Refused);
            database::refuse(&self.database, writes);
        }
    }

    /// The app died at a write of its database: what the database has is what is left.
    pub(crate) fn died_writing(&self) -> bool {
        let dies = |trouble: &Trouble| {
            matches!(trouble.moment, Moment::Write(_)) && trouble.what == What::Kill
        };
        self.troubles.iter().any(dies)
            && self.was_refused.load(Ordering::SeqCst)
            && database::has_refused(&self.database)
    }

    pub(crate) fn has_refused(&self) -> bool {
        self.was_refused.load(Ordering::SeqCst)
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    pub(crate) fn was_quit(&self) -> bool {
        self.was_quit.load(Ordering::SeqCst)
    }

    pub(crate) fn was_stopped(&self) -> bool {
        self.was_stopped.load(Ordering::SeqCst)
    }

    /// The keychain is used.
    pub(crate) fn secret(&self) {
        let number = self.secrets.fetch_add(1, Ordering::SeqCst);
        self.meet(Moment::Secret(number));
    }

    fn meet(&self, moment: Moment) {
        if self.is_dead() {
            resume_unwind(Box::new(Killed));
        }
        for trouble in &self.troubles {
            if trouble.moment == moment {
                self.happen(trouble.what);
            }
        }
    }

    fn happen(&self, what: What) {
        match what {
            What::Kill => {
                if !self.is_dead.swap(true, Ordering::SeqCst) {
                    database::copy(&self.database, &self.copy);
                }
                resume_unwind(Box::new(Killed));
            }
            What::Stop => {
                self.was_stopped.store(true, Ordering::SeqCst);
                for card in self.coffer.job_cards().unwrap_or_default() {
                    if let JobState::Running { run_id, .. } = card.state {
                        let _ = self.coffer.stop_run(&run_id);
                    }
                }
            }
            What::Quit => {
                self.was_quit.store(true, Ordering::SeqCst);
                let (coffer, runtime) = (self.coffer.clone(), self.runtime.clone());
                // On a thread of its own: this one may belong to the runtime.
                let quits = std::thread::spawn(move || {
                    runtime.block_on(coffer.shut_down(Duration::ZERO));
                });
                let _ = quits.join();
            }
            What::SpoolFull => {
                self.surroundings.meets(Cause::Spool);
                self.is_full.store(true, Ordering::SeqCst);
            }
            What::Refuse => self.refuse(0),
            What::Change(change) => self.surroundings.apply(change),
        }
    }
}

impl Hook for RunHook {
    fn point(&self, _step: &'static str) {
        let number = self.steps.fetch_add(1, Ordering::SeqCst);
        self.meet(Moment::Step(number));
    }

    fn room(&self) -> io::Result<()> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}
