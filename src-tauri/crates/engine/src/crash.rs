//! Points at which a simulation may end a run the way a power cut does, or fill its disk.
//!
//! A destination is a trait and can be replaced; the files of this computer are not, so the few places that change them
//! say so here. Without the feature `simulation` all of this is nothing. With it, a caller that installed a [`Hook`] for a
//! cache folder is notified of each step below it, on the thread that does it, and ends the operation by a panic.

#[cfg(feature = "simulation")]
pub use hooks::{Hook, Installed, install};
#[cfg(feature = "simulation")]
pub(crate) use hooks::{point, room};
#[cfg(not(feature = "simulation"))]
pub(crate) use nothing::{point, room};

#[cfg(not(feature = "simulation"))]
mod nothing {
    use std::io;
    use std::path::Path;

    /// A run may end here.
    #[inline]
    pub(crate) fn point(_path: &Path, _step: &'static str) {}

    /// The disk may be full here.
    #[inline]
    pub(crate) fn room(_path: &Path) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "simulation")]
mod hooks {
    use std::collections::HashMap;
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, PoisonError, RwLock};

    /// Hears of the steps of operations.
    pub trait Hook: Send + Sync {
        /// A step is due or done. A panic ends the operation.
        fn point(&self, step: &'static str);

        /// Something is about to be written.
        ///
        /// # Errors
        /// What a full disk answers.
        fn room(&self) -> io::Result<()>;
    }

    type Hooks = RwLock<Option<HashMap<PathBuf, Arc<dyn Hook>>>>;

    static HOOKS: Hooks = RwLock::new(None);
    static COUNT: AtomicUsize = AtomicUsize::new(0);

    /// A hook at work until this is dropped.
    pub struct Installed(PathBuf);

    impl Drop for Installed {
        fn drop(&mut self) {
            let mut hooks = HOOKS.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(hooks) = hooks.as_mut()
                && hooks.remove(&self.0).is_some()
            {
                COUNT.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    /// Lets `hook` hear of what happens below the cache folder `folder`.
    pub fn install(folder: PathBuf, hook: Arc<dyn Hook>) -> Installed {
        let mut hooks = HOOKS.write().unwrap_or_else(PoisonError::into_inner);
        let hooks = hooks.get_or_insert_default();
        if hooks.insert(folder.clone(), hook).is_none() {
            COUNT.fetch_add(1, Ordering::SeqCst);
        }
        Installed(folder)
    }

    fn hook(path: &Path) -> Option<Arc<dyn Hook>> {
        // Nothing is called while it panics: what ends then is ending already.
        if COUNT.load(Ordering::SeqCst) == 0 || std::thread::panicking() {
            return None;
        }
        let hooks = HOOKS.read().unwrap_or_else(PoisonError::into_inner);
        let hooks = hooks.as_ref()?;
        path.ancestors()
            .find_map(|folder| hooks.get(folder))
            .cloned()
    }

    /// A run may end here.
    pub(crate) fn point(path: &Path, step: &'static str) {
        if let Some(hook) = hook(path) {
            hook.point(step);
        }
    }

    /// The disk may be full here.
    pub(crate) fn room(path: &Path) -> io::Result<()> {
        hook(path).map_or(Ok(()), |hook| hook.room())
    }
}
