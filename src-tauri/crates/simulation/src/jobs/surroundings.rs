//! What surrounds the app: clock, keychain, disks, network, and what of it stands in the way.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use coffer_ipc::ErrorCode;
use coffer_jobs::Clock;
use coffer_jobs::keychain::SecretStore as _;
use coffer_onedrive_sim::{Action, DropPoint, Fault, Op, Simulator};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::event::{Change, Disk, Entry, Keychain, Network, Plug};
use super::keychain::MoodyKeychain;

/// Whose OneDrive it is.
pub(crate) const OWNER: &str = "alex";
/// Bytes of a drive with room.
const ROOM: u64 = 1 << 40;

/// Why a run may not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    Keychain,
    /// The passphrase of this job is gone.
    Passphrase(usize),
    SignIn,
    Offline,
    Throttled,
    Quota,
    Stick,
    /// The stick went or came in the midst of a run.
    StickMoved,
    Camera,
    /// The clock was set back: there may be versions of the future.
    Clock,
    Spool,
    Refused,
    /// The database is damaged.
    Damaged,
}

impl Cause {
    /// Whether an error of a job says what is the case.
    pub(crate) fn explains(self, code: ErrorCode, job: usize, is_online: bool) -> bool {
        match self {
            Self::Keychain => code == ErrorCode::Keychain,
            Self::Passphrase(of) => of == job && code == ErrorCode::WrongPassphrase,
            Self::SignIn => is_online && code == ErrorCode::SignInRequired,
            Self::Offline => is_online && code == ErrorCode::Offline,
            Self::Throttled => is_online && code == ErrorCode::Throttled,
            Self::Quota => is_online && code == ErrorCode::Full,
            Self::Stick => {
                !is_online && matches!(code, ErrorCode::DiskAway | ErrorCode::DestinationGone)
            }
            Self::StickMoved => {
                !is_online && matches!(code, ErrorCode::NotFound | ErrorCode::Failed)
            }
            Self::Camera | Self::Clock => false,
            Self::Spool => code == ErrorCode::Full,
            Self::Refused | Self::Damaged => code == ErrorCode::Failed,
        }
    }
}

/// All that the app cannot change.
pub(crate) struct Surroundings {
    pub(crate) keychain: Arc<MoodyKeychain>,
    pub(crate) simulator: Option<Simulator>,
    root: PathBuf,
    state: Mutex<State>,
}

struct State {
    time: Timestamp,
    /// How far the clock is ahead.
    offset: SignedDuration,
    network: Network,
    /// The service asked for a rest, which outlives the reason.
    was_throttled: bool,
    was_set_back: bool,
    is_revoked: bool,
    account: Option<String>,
    stick: Plug,
    camera: Plug,
    /// Folders that were set aside.
    aside: u32,
    /// What stood in the way since it was asked last.
    met: BTreeSet<Cause>,
    is_running: bool,
    /// Ids of the jobs.
    jobs: Vec<String>,
    /// How many of them back up to the stick.
    stick_jobs: usize,
}

impl Surroundings {
    pub(crate) fn new(root: &Path, simulator: Option<Simulator>) -> Arc<Self> {
        for disk in ["home", "camera", "stick"] {
            fs::create_dir_all(root.join(disk)).expect("the temp folder can be written");
        }
        Arc::new(Self {
            keychain: Arc::default(),
            simulator,
            root: root.to_owned(),
            state: Mutex::new(State {
                time: "2026-03-02T10:00:00Z".parse().expect("this is a time"),
                offset: SignedDuration::ZERO,
                network: Network::Up,
                was_throttled: false,
                was_set_back: false,
                is_revoked: false,
                account: None,
                stick: Plug::In,
                camera: Plug::In,
                aside: 0,
                met: BTreeSet::new(),
                is_running: false,
                jobs: Vec::new(),
                stick_jobs: 0,
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn knows(&self, jobs: Vec<String>, stick_jobs: usize, account: Option<String>) {
        let mut state = self.state();
        state.stick_jobs = stick_jobs;
        state.jobs = jobs;
        state.account = account;
    }

    pub(crate) fn account(&self) -> Option<String> {
        self.state().account.clone()
    }

    /// The true time.
    pub(crate) fn time(&self) -> Timestamp {
        self.state().time
    }

    pub(crate) fn pass_to(&self, time: Timestamp) {
        let mut state = self.state();
        state.time = state.time.max(time);
    }

    /// The true time when the clock shows `shown`.
    pub(crate) fn true_time(&self, shown: Timestamp) -> Timestamp {
        let offset = self.state().offset;
        shown.checked_sub(offset).unwrap_or(shown)
    }

    /// Where a disk is when it is plugged in.
    pub(crate) fn disk(&self, disk: Disk) -> PathBuf {
        self.root.join(match disk {
            Disk::Home => "home",
            Disk::Camera => "camera",
            Disk::Stick => "stick",
        })
    }

    /// Where a disk is now.
    pub(crate) fn place_of(&self, disk: Disk) -> PathBuf {
        let is_in = match disk {
            Disk::Home => true,
            Disk::Camera => self.state().camera == Plug::In,
            Disk::Stick => self.state().stick == Plug::In,
        };
        if is_in {
            self.disk(disk)
        } else {
            self.drawer(disk)
        }
    }

    fn drawer(&self, disk: Disk) -> PathBuf {
        let name = self.disk(disk);
        let name = name.file_name().unwrap_or_default().to_string_lossy();
        self.root.join(format!("drawer-{name}"))
    }

    pub(crate) fn apply(&self, change: Change) {
        match change {
            Change::Keychain(answers) => self.keychain.answer(answers),
            Change::KeychainFails(times) => self.keychain.fail(times),
            Change::Network(network) => self.network(network),
            Change::Revoke => {
                if let Some(simulator) = &self.simulator {
                    simulator.revoke(OWNER);
                    simulator.kill_access(OWNER);
                    self.state().is_revoked = true;
                }
            }
            Change::Plug(disk, plug) => self.plug(disk, self.possible(plug)),
            Change::Clock { minutes } => {
                let mut state = self.state();
                let offset = SignedDuration::from_mins(minutes);
                state.was_set_back |= offset < state.offset;
                state.offset = offset;
            }
        }
        let now = self.causes();
        let mut state = self.state();
        if state.is_running && matches!(change, Change::Plug(Disk::Stick, _)) {
            state.met.insert(Cause::StickMoved);
        }
        state.met.extend(now);
    }

    fn network(&self, network: Network) {
        let Some(simulator) = &self.simulator else {
            return;
        };
        simulator.clear_faults();
        let drive = simulator.drive_id(OWNER);
        simulator.set_quota(&drive, ROOM);
        let always = |op, action| simulator.add_fault(Fault::new(op, action).times(0));
        match network {
            Network::Up => {}
            Network::Down => drop(always(Op::Any, Action::drop_at(DropPoint::BeforeBody))),
            Network::Throttled => {
                always(Op::RefreshAuthid, Action::throttle(429, 3600));
                simulator.expire_access(OWNER);
            }
            // No longer: a run waits for it by a clock that stands still.
            Network::Busy => {
                for op in [Op::Drive, Op::ItemGet, Op::Children, Op::ContentPut] {
                    simulator.add_fault(Fault::new(op, Action::throttle(429, 1)).times(2));
                }
            }
            Network::Full => simulator.set_quota(&drive, 1),
        }
        let mut state = self.state();
        state.network = network;
        state.was_throttled |= matches!(network, Network::Throttled | Network::Busy);
    }

    /// An empty mount point looks the same as a new disk before there was a backup.
    fn possible(&self, plug: Plug) -> Plug {
        let folder = self.place_of(Disk::Stick);
        let backups = fs::read_dir(folder).map_or(0, |entries| {
            entries
                .flatten()
                .filter(|entry| {
                    let files = fs::read_dir(entry.path()).into_iter().flatten().flatten();
                    let mut names =
                        files.map(|file| file.file_name().to_string_lossy().into_owned());
                    names.any(|name| name.contains(".dlist."))
                })
                .count()
        });
        match plug {
            Plug::Empty if backups < self.state().stick_jobs => Plug::Missing,
            plug => plug,
        }
    }

    fn plug(&self, disk: Disk, plug: Plug) {
        let mut state = self.state();
        let before = match disk {
            Disk::Home => return,
            Disk::Camera => std::mem::replace(&mut state.camera, plug),
            Disk::Stick => std::mem::replace(&mut state.stick, plug),
        };
        state.aside += 1;
        let aside = self.root.join(format!("aside-{}", state.aside));
        drop(state);
        let (place, drawer) = (self.disk(disk), self.drawer(disk));
        if before == Plug::In && plug != Plug::In {
            fs::rename(&place, &drawer).expect("folders can be renamed");
        }
        if before != Plug::In && place.exists() {
            fs::rename(&place, &aside).expect("folders can be renamed");
        }
        match plug {
            Plug::In if before != Plug::In => {
                fs::rename(&drawer, &place).expect("folders can be renamed");
            }
            Plug::Empty => fs::create_dir(&place).expect("folders can be made"),
            _ => {}
        }
    }

    /// Takes something out of the keychain, whatever its mood is.
    pub(crate) fn forget(&self, entry: Entry) {
        let (jobs, account) = {
            let state = self.state();
            (state.jobs.clone(), state.account.clone())
        };
        let gone = |name: &str| {
            let _ = self.keychain.inner.remove(name);
        };
        let all = entry == Entry::Everything;
        for (number, id) in jobs.iter().enumerate() {
            if all || entry == Entry::Passphrase(number) {
                gone(&format!("passphrase:{id}"));
            }
        }
        if let Some(account) = account.filter(|_| all || entry == Entry::SignIn) {
            gone(&format!("account:{account}"));
        }
        if all || entry == Entry::JournalKey {
            gone("journal-key");
        }
    }

    pub(crate) fn signed_in(&self) {
        self.state().is_revoked = false;
    }

    /// What stands in the way now.
    pub(crate) fn causes(&self) -> BTreeSet<Cause> {
        let has = |name: String| self.keychain.inner.get(&name).ok().flatten().is_some();
        let state = self.state();
        let mut causes = BTreeSet::new();
        let mut add = |holds: bool, cause| {
            if holds {
                causes.insert(cause);
            }
        };
        add(!self.keychain.is_good(), Cause::Keychain);
        for (number, id) in state.jobs.iter().enumerate() {
            add(!has(format!("passphrase:{id}")), Cause::Passphrase(number));
        }
        let is_signed_out = state.account.as_ref();
        let is_signed_out = is_signed_out.is_some_and(|id| !has(format!("account:{id}")));
        add(state.is_revoked || is_signed_out, Cause::SignIn);
        add(state.network == Network::Down, Cause::Offline);
        add(state.was_throttled, Cause::Throttled);
        add(state.network == Network::Full, Cause::Quota);
        add(state.stick != Plug::In, Cause::Stick);
        add(state.camera != Plug::In, Cause::Camera);
        add(state.was_set_back, Cause::Clock);
        causes
    }

    /// A run begins: what stands in its way is noted from now on.
    pub(crate) fn run_begins(&self) {
        let causes = self.causes();
        let mut state = self.state();
        state.is_running = true;
        state.met = causes;
    }

    pub(crate) fn meets(&self, cause: Cause) {
        self.state().met.insert(cause);
    }

    /// What stood in the way of the run that ends.
    pub(crate) fn run_ends(&self) -> BTreeSet<Cause> {
        let mut state = self.state();
        state.is_running = false;
        std::mem::take(&mut state.met)
    }

    /// Everything is as it should be again, but what only a person can repair.
    pub(crate) fn put_right(&self) {
        self.apply(Change::Keychain(Keychain::Open));
        self.apply(Change::KeychainFails(0));
        self.apply(Change::Network(Network::Up));
        self.apply(Change::Plug(Disk::Stick, Plug::In));
        self.apply(Change::Plug(Disk::Camera, Plug::In));
        self.apply(Change::Clock { minutes: 0 });
    }
}

impl Clock for Surroundings {
    fn now(&self) -> Timestamp {
        let state = self.state();
        state.time.checked_add(state.offset).unwrap_or(state.time)
    }

    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
}
