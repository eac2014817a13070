//! One operation's way to the destination, and all that goes wrong on it.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use coffer_destination::{
    CheckpointStore, Destination, Error, Quota, RemoteFile, Result, TransferMonitor, UploadFile,
};
use coffer_engine::crash::Hook;
use tokio_util::sync::CancellationToken;

use crate::event::{Call, Event, Failure, Kind, Moment, Trouble, When};
use crate::world::World;

/// What a killed operation unwinds with.
pub(crate) struct Killed;

/// Lets an event happen and says what came of it.
pub(crate) type Happen = fn(&Arc<World>, &Event) -> String;

/// The destination as one operation of one client sees it.
pub(crate) struct Link {
    world: Arc<World>,
    client: usize,
    troubles: Vec<Trouble>,
    happen: Happen,
    counts: Mutex<HashMap<(Call, Kind), u32>>,
    steps: AtomicU32,
    writes: AtomicU32,
    is_dead: AtomicBool,
    /// Names that this operation sent.
    sent: Mutex<Vec<String>>,
    /// Which disk it began with.
    anchor: OnceLock<u64>,
}

/// A call's numbers among its sort and among all.
struct Numbers {
    call: Call,
    kind: Kind,
    of_kind: u32,
    of_all: u32,
}

impl Numbers {
    fn are(&self, moment: &Moment, when: When, times: u32) -> bool {
        let number = match moment.kind {
            Kind::Any => self.of_all,
            kind if kind == self.kind => self.of_kind,
            _ => return false,
        };
        moment.call == self.call
            && moment.when == when
            && (moment.nth..moment.nth.saturating_add(times)).contains(&number)
    }
}

impl Link {
    pub(crate) fn new(
        world: Arc<World>,
        client: usize,
        troubles: Vec<Trouble>,
        happen: Happen,
    ) -> Self {
        Self {
            world,
            client,
            troubles,
            happen,
            counts: Mutex::default(),
            steps: AtomicU32::new(0),
            writes: AtomicU32::new(0),
            is_dead: AtomicBool::new(false),
            sent: Mutex::default(),
            anchor: OnceLock::new(),
        }
    }

    /// Nothing continues once the process was killed.
    fn check_alive(&self) -> Result<()> {
        if !self.is_dead.load(Ordering::SeqCst) {
            return Ok(());
        }
        if std::thread::panicking() {
            return Err(Error::Cancelled);
        }
        resume_unwind(Box::new(Killed))
    }

    fn die(&self) -> ! {
        self.is_dead.store(true, Ordering::SeqCst);
        self.world.injected("kill");
        resume_unwind(Box::new(Killed))
    }

    fn count(&self, call: Call, name: &str) -> Numbers {
        let kind = Kind::of(name);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = |kind| {
            let count = counts.entry((call, kind)).or_insert(0);
            *count += 1;
            *count - 1
        };
        let of_all = next(Kind::Any);
        let of_kind = if kind == Kind::Any {
            of_all
        } else {
            next(kind)
        };
        Numbers {
            call,
            kind,
            of_kind,
            of_all,
        }
    }

    /// Everything that goes wrong at this moment, in its order.
    async fn meet(&self, numbers: &Numbers, when: When, name: &str) -> Result<()> {
        for trouble in &self.troubles {
            match trouble {
                Trouble::Kill(moment) if numbers.are(moment, when, 1) => self.die(),
                Trouble::Fail(moment, failure, times) if numbers.are(moment, when, *times) => {
                    self.world.injected(trouble.sort());
                    return Err(error(*failure));
                }
                Trouble::Harm(moment, harm) if numbers.are(moment, when, 1) => {
                    self.world.injected("arrival");
                    self.world.harm(name, *harm);
                }
                Trouble::During(moment, seconds, event) if numbers.are(moment, when, 1) => {
                    self.world.injected(trouble.sort());
                    self.interrupt(*seconds, event).await;
                }
                _ => {}
            }
        }
        self.check_alive()
    }

    /// As the real destination: once it saw files, it accepts no other disk.
    fn require_same_disk(&self) -> Result<()> {
        let files = self.world.disk.files();
        if *self.anchor.get_or_init(|| files.swaps()) == files.swaps() {
            return Ok(());
        }
        let folder = self.label();
        Err(Error::FolderLost { folder })
    }

    /// Lets something else happen, to its end.
    async fn interrupt(&self, seconds: u32, event: &Event) {
        let (world, event, happen) = (Arc::clone(&self.world), event.clone(), self.happen);
        let happening = tokio::task::spawn_blocking(move || {
            world.pass(i64::from(seconds));
            happen(&world, &event);
        });
        if let Err(failure) = happening.await {
            resume_unwind(failure.into_panic());
        }
    }

    /// A call with its effect between what comes before and after.
    async fn call<T>(
        &self,
        call: Call,
        name: &str,
        effect: impl FnOnce() -> Result<T> + Send,
    ) -> Result<T>
    where
        T: Send,
    {
        self.check_alive()?;
        let numbers = self.count(call, name);
        self.meet(&numbers, When::Before, name).await?;
        self.require_same_disk()?;
        self.world.reached(self.client);
        let outcome = effect()?;
        self.meet(&numbers, When::After, name).await?;
        Ok(outcome)
    }

    fn listed(&self, number: u32) -> Result<Vec<RemoteFile>> {
        let (listed, lies) = self.seen(number)?;
        for lie in lies {
            self.world.injected(lie);
        }
        Ok(listed)
    }

    /// What a listing shows, and what is wrong with it.
    fn seen(&self, number: u32) -> Result<(Vec<RemoteFile>, Vec<&'static str>)> {
        let files = self.world.disk.files();
        if !files.exists() {
            let folder = self.label();
            return Err(Error::FolderMissing { folder });
        }
        let mut listed: Vec<&crate::disk::Stored> = files.seen().iter().collect();
        let mut lies = Vec::new();
        for trouble in &self.troubles {
            let before = listed.len();
            match trouble {
                Trouble::Lag(kind) => {
                    let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
                    listed.retain(|file| !kind.covers(file.kind()) || !sent.contains(&file.name));
                }
                Trouble::Miss { nth, kind, pick } if *nth == number => {
                    let missed = files.pick(*kind, *pick);
                    listed.retain(|file| Some(&file.name) != missed.as_ref());
                }
                _ => {}
            }
            if listed.len() < before {
                lies.push(trouble.sort());
            }
        }
        let listed = listed.into_iter().map(|file| RemoteFile {
            name: file.name.clone(),
            size: file.data.len() as u64,
            modified: None,
        });
        Ok((listed.collect(), lies))
    }

    fn data(&self, name: &str) -> Result<Arc<[u8]>> {
        let files = self.world.disk.files();
        let found = files.get(name).map(|file| Arc::clone(&file.data));
        found.ok_or_else(|| self.missing(files.exists(), name))
    }

    /// Stores a file, or refuses to replace one.
    async fn store(
        &self,
        name: &str,
        file: &UploadFile,
        monitor: &dyn TransferMonitor,
        is_new: bool,
    ) -> Result<()> {
        self.call(Call::Put, name, || {
            let data = std::fs::read(file.path()).map_err(|source| Error::Io {
                operation: "read",
                name: name.to_owned(),
                source,
            })?;
            let data: Arc<[u8]> = data.into();
            {
                let mut files = self.world.disk.files();
                if !files.exists() {
                    return Err(self.missing(false, name));
                }
                if is_new && files.get(name).is_some() {
                    let name = name.to_owned();
                    return Err(Error::AlreadyExists { name });
                }
                files.put(name, Arc::clone(&data));
            }
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.push(name.to_owned());
            drop(sent);
            self.world.arrived(self.client, name, data);
            Ok(())
        })
        .await?;
        monitor.moved(file.size());
        Ok(())
    }

    fn missing(&self, exists: bool, name: &str) -> Error {
        if exists {
            Error::NotFound {
                name: name.to_owned(),
            }
        } else {
            Error::FolderMissing {
                folder: self.label(),
            }
        }
    }
}

fn error(failure: Failure) -> Error {
    match failure {
        Failure::Unavailable => Error::Unavailable {
            why: "the simulation says so".to_owned(),
        },
        Failure::Denied => Error::Refused {
            operation: "do",
            name: "this".to_owned(),
            why: "the simulation says so".to_owned(),
        },
        Failure::Full => Error::Full,
    }
}

#[async_trait]
impl Destination for Link {
    fn label(&self) -> String {
        "the simulated disk".to_owned()
    }

    async fn list(&self, _cancel: &CancellationToken) -> Result<Vec<RemoteFile>> {
        self.check_alive()?;
        let numbers = self.count(Call::List, "");
        self.meet(&numbers, When::Before, "").await?;
        self.require_same_disk()?;
        self.world.reached(self.client);
        let listed = self.listed(numbers.of_all)?;
        self.meet(&numbers, When::After, "").await?;
        Ok(listed)
    }

    async fn put(
        &self,
        name: &str,
        file: &UploadFile,
        _checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        _cancel: &CancellationToken,
    ) -> Result<()> {
        self.store(name, file, monitor, false).await
    }

    async fn put_new(
        &self,
        name: &str,
        file: &UploadFile,
        _checkpoints: &dyn CheckpointStore,
        monitor: &dyn TransferMonitor,
        _cancel: &CancellationToken,
    ) -> Result<()> {
        self.store(name, file, monitor, true).await
    }

    async fn get(
        &self,
        name: &str,
        target: &Path,
        monitor: &dyn TransferMonitor,
        _cancel: &CancellationToken,
    ) -> Result<u64> {
        let size = self
            .call(Call::Get, name, || {
                let data = self.data(name)?;
                std::fs::write(target, &data).map_err(|source| Error::Io {
                    operation: "write",
                    name: name.to_owned(),
                    source,
                })?;
                Ok(data.len() as u64)
            })
            .await?;
        monitor.moved(size);
        Ok(size)
    }

    async fn get_range(
        &self,
        name: &str,
        range: Range<u64>,
        _cancel: &CancellationToken,
    ) -> Result<Vec<u8>> {
        self.call(Call::Get, name, || {
            let data = self.data(name)?;
            let at = |position: u64| (position as usize).min(data.len());
            Ok(data[at(range.start)..at(range.end)].to_vec())
        })
        .await
    }

    async fn delete(&self, name: &str, _cancel: &CancellationToken) -> Result<()> {
        self.call(Call::Delete, name, || {
            let mut files = self.world.disk.files();
            if !files.delete(name) {
                return Err(self.missing(files.exists(), name));
            }
            drop(files);
            self.world.deleted(self.client, name);
            Ok(())
        })
        .await
    }

    async fn create_folder(&self, _cancel: &CancellationToken) -> Result<()> {
        self.check_alive()?;
        self.world.disk.files().create_folder();
        Ok(())
    }

    async fn quota(&self, _cancel: &CancellationToken) -> Result<Option<Quota>> {
        Ok(None)
    }
}

impl Hook for Link {
    fn point(&self, _step: &'static str) {
        if self.is_dead.load(Ordering::SeqCst) {
            resume_unwind(Box::new(Killed));
        }
        let step = self.steps.fetch_add(1, Ordering::SeqCst);
        if self.troubles.contains(&Trouble::KillInside(step)) {
            self.die();
        }
    }

    fn room(&self) -> io::Result<()> {
        let write = self.writes.fetch_add(1, Ordering::SeqCst);
        let is_full = self
            .troubles
            .iter()
            .any(|trouble| matches!(trouble, Trouble::SpoolFull(from) if *from <= write));
        if is_full {
            self.world.injected("spool-full");
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}
