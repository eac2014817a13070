//! Histories of jobs: what a seed makes happen.

use super::event::{
    Change, Disk, Edit, Entry, Event, Keychain, Moment, Network, Plug, Trouble, What,
};
use crate::generate::Choice;
use crate::random::Random;

/// What one seed makes happen to a computer with jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobsHistory {
    pub(crate) jobs: Vec<Plan>,
    /// In their order.
    pub(crate) events: Vec<Event>,
}

/// A job as its owner set it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// On OneDrive, and not on the stick.
    pub(crate) is_online: bool,
    pub(crate) is_encrypted: bool,
    /// Whether its second source lies on the camera.
    pub(crate) has_camera: bool,
    pub(crate) every: Every,
}

/// How often a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Every {
    SixHours,
    Day,
    Week,
}

/// Families of trouble. A history has a few of them, so that what fails can be distinguished and what is left is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Keychain,
    Forget,
    Network,
    SignIn,
    Stick,
    Camera,
    Clock,
    Kills,
    Stops,
    Quits,
    Refusals,
    Database,
    Damage,
    Cache,
    Restores,
    Edits,
}

const FAMILIES: [Family; 16] = [
    Family::Keychain,
    Family::Forget,
    Family::Network,
    Family::SignIn,
    Family::Stick,
    Family::Camera,
    Family::Clock,
    Family::Kills,
    Family::Stops,
    Family::Quits,
    Family::Refusals,
    Family::Database,
    Family::Damage,
    Family::Cache,
    Family::Restores,
    Family::Edits,
];

/// What becomes of the keychain.
const KEYCHAIN: [Change; 5] = [
    Change::Keychain(Keychain::Locked),
    Change::Keychain(Keychain::Full),
    Change::Keychain(Keychain::Open),
    Change::KeychainFails(1),
    Change::KeychainFails(5),
];

/// What becomes of the network.
const NETWORK: [Change; 4] = [
    Change::Network(Network::Up),
    Change::Network(Network::Down),
    Change::Network(Network::Throttled),
    Change::Network(Network::Full),
];

/// What becomes of the clock.
const CLOCK: [Change; 6] = [
    Change::Clock { minutes: 0 },
    Change::Clock { minutes: 70 },
    Change::Clock { minutes: -200 },
    Change::Clock { minutes: 40_000 },
    Change::Clock { minutes: -40_000 },
    Change::Clock { minutes: 2_600_000 },
];

/// What an owner does to a job.
const EDITS: [Edit; 5] = [
    Edit::Rename,
    Edit::Hour(9),
    Edit::Hour(18),
    Edit::Camera(true),
    Edit::Camera(false),
];

impl JobsHistory {
    /// What `seed` makes happen.
    pub fn of(seed: u64, choice: &Choice) -> Self {
        let mut random = Random::new(seed ^ 0x6a6f_6273);
        let count = 1 + random.below(3);
        let jobs = (0..count).map(|_| Plan::of(&mut random)).collect();
        let families = (0..2 + random.below(3)).map(|_| random.pick(&FAMILIES));
        let mut maker = Maker {
            families: families.collect(),
            jobs,
            random,
        };
        let length = 8 + maker.random.below(14);
        let mut events: Vec<Event> = (0..length).flat_map(|_| maker.next()).collect();
        maker.add_rarities(seed, &mut events);
        for event in &mut events {
            if let Some(troubles) = event.troubles_mut() {
                troubles.retain(|trouble| choice.has(trouble.sort()));
            }
        }
        events.retain(|event| event.sort() == "life" || choice.has(event.sort()));
        Self {
            jobs: maker.jobs,
            events,
        }
    }
}

impl Plan {
    fn of(random: &mut Random) -> Self {
        Self {
            is_online: random.once_in(3),
            is_encrypted: !random.once_in(3),
            has_camera: random.once_in(3),
            every: random.pick(&[Every::SixHours, Every::Day, Every::Day, Every::Week]),
        }
    }

    /// Minutes from one planned time to the next.
    pub(crate) fn interval(&self) -> i64 {
        match self.every {
            Every::SixHours => 6 * 60,
            Every::Day => 24 * 60,
            Every::Week => 7 * 24 * 60,
        }
    }
}

struct Maker {
    families: Vec<Family>,
    jobs: Vec<Plan>,
    random: Random,
}

impl Maker {
    fn job(&mut self) -> usize {
        self.random.below(self.jobs.len() as u64) as usize
    }

    /// In one history of four, something that others do not have. What a seed makes happen stays the same but for that.
    fn add_rarities(&mut self, seed: u64, events: &mut Vec<Event>) {
        self.random = Random::new(seed ^ 0x7261_7265);
        if !self.random.once_in(4) {
            return;
        }
        for _ in 0..1 + self.random.below(2) {
            let event = if self.random.once_in(2) {
                Event::Replace { job: self.job() }
            } else {
                Event::Change(Change::Network(Network::Busy))
            };
            let place = self.random.below(events.len() as u64 + 1) as usize;
            events.insert(place, event);
        }
    }

    /// What happens next: ordinary life half of the time.
    fn next(&mut self) -> Vec<Event> {
        if self.random.once_in(2) {
            vec![self.life()]
        } else {
            let family = self.random.pick(&self.families.clone());
            self.of_family(family)
        }
    }

    fn life(&mut self) -> Event {
        match self.random.below(6) {
            0 | 1 => self.write(),
            2 => Event::BackUp {
                job: self.job(),
                troubles: Vec::new(),
            },
            3 => Event::Sleep {
                minutes: self.random.pick(&[30, 700, 3_000, 20_000]),
            },
            _ => Event::Wait {
                minutes: self.random.pick(&[5, 60, 400, 1_500, 4_500, 11_000]),
                troubles: Vec::new(),
            },
        }
    }

    fn write(&mut self) -> Event {
        let job = self.job();
        let disk = if self.jobs[job].has_camera && self.random.once_in(3) {
            Disk::Camera
        } else {
            Disk::Home
        };
        Event::Write {
            job,
            disk,
            file: self.random.below(4) as u8,
            content: self.random.next(),
        }
    }

    /// A run with something that happens in it, after a change of its sources.
    fn run_with(&mut self, what: &[What]) -> Vec<Event> {
        let count = 1 + self.random.below(2);
        let troubles = (0..count).map(|_| Trouble {
            moment: self.moment(),
            what: self.random.pick(what),
        });
        let troubles: Vec<_> = troubles.collect();
        let run = if self.random.once_in(2) {
            Event::Wait {
                minutes: self.random.pick(&[400, 1_500, 11_000]),
                troubles,
            }
        } else {
            Event::BackUp {
                job: self.job(),
                troubles,
            }
        };
        vec![self.write(), self.write(), run]
    }

    fn moment(&mut self) -> Moment {
        match self.random.below(7) {
            0 => Moment::Secret(self.random.below(4) as u32),
            1 | 2 => Moment::Write(self.random.below(8) as u32),
            _ => Moment::Step(self.random.below(24) as u32),
        }
    }

    /// A change now, or in the midst of a run.
    fn change(&mut self, changes: &[Change]) -> Vec<Event> {
        if self.random.once_in(3) {
            let changes: Vec<What> = changes.iter().copied().map(What::Change).collect();
            self.run_with(&changes)
        } else {
            vec![Event::Change(self.random.pick(changes))]
        }
    }

    fn of_family(&mut self, family: Family) -> Vec<Event> {
        let job = self.job();
        match family {
            Family::Keychain => self.change(&KEYCHAIN),
            Family::Forget => vec![self.random.pick(&[
                Event::Forget(Entry::Passphrase(job)),
                Event::Forget(Entry::SignIn),
                Event::Forget(Entry::JournalKey),
                Event::Forget(Entry::Everything),
                Event::Type { job },
                Event::SignIn,
            ])],
            Family::Network => self.change(&NETWORK),
            Family::SignIn if self.random.once_in(2) => vec![Event::SignIn],
            Family::SignIn => self.change(&[Change::Revoke]),
            Family::Stick => self.change(&plugs(Disk::Stick)),
            Family::Camera => self.change(&plugs(Disk::Camera)),
            Family::Clock => self.change(&CLOCK),
            Family::Kills if self.random.once_in(4) => vec![Event::Crash],
            Family::Kills => self.run_with(&[What::Kill]),
            Family::Stops => self.run_with(&[What::Stop]),
            Family::Quits if self.random.once_in(3) => vec![Event::Restart],
            Family::Quits => self.run_with(&[What::Quit]),
            Family::Refusals => self.run_with(&[What::Refuse, What::SpoolFull]),
            Family::Database => vec![self.random.pick(&[
                Event::SaveDatabase,
                Event::SaveDatabase,
                Event::RollBack,
                Event::RollBack,
                Event::Restart,
            ])],
            Family::Damage if self.random.once_in(3) => vec![Event::Damage {
                page: self.random.below(40) as u32,
            }],
            Family::Damage => vec![self.life()],
            Family::Cache => vec![Event::LoseCache],
            Family::Restores => vec![self.restore(job)],
            Family::Edits => vec![Event::Edit {
                job,
                edit: self.random.pick(&EDITS),
            }],
        }
    }

    /// A restore, in half of the cases with something that happens in it.
    fn restore(&mut self, job: usize) -> Event {
        let run = self.run_with(&[
            What::Stop,
            What::Kill,
            What::Change(Change::Plug(Disk::Stick, Plug::Missing)),
        ]);
        let troubles = match run.last() {
            Some(run) if self.random.once_in(2) => run.troubles().to_vec(),
            _ => Vec::new(),
        };
        Event::Restore { job, troubles }
    }
}

fn plugs(disk: Disk) -> [Change; 3] {
    [Plug::In, Plug::Missing, Plug::Empty].map(|plug| Change::Plug(disk, plug))
}
