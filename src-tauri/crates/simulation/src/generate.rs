//! Histories: what a seed makes happen.

use crate::event::{
    Call, Event, Failure, Harm, Keep, Kind, Moment, Operation, Plug, Trouble, What, When,
};
use crate::random::Random;

/// What one seed makes happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Computers that use the same destination.
    pub clients: usize,
    /// In their order.
    pub(crate) events: Vec<Event>,
}

/// Which sorts of events histories have.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// These alone, besides ordinary changes, backups and restores; none means all.
    pub only: Vec<String>,
    /// None of these.
    pub without: Vec<String>,
}

impl Choice {
    pub(crate) fn has(&self, sort: &str) -> bool {
        let is_basic = matches!(sort, "change" | "backup" | "restore");
        let is_chosen =
            self.only.is_empty() || is_basic || self.only.iter().any(|only| only == sort);
        is_chosen && !self.without.iter().any(|without| without == sort)
    }

    /// Drops what is not to happen.
    fn apply(&self, events: &mut Vec<Event>) {
        for event in events.iter_mut() {
            let Event::Operate {
                operation,
                troubles,
                ..
            } = event
            else {
                continue;
            };
            troubles.retain(|trouble| {
                self.has(trouble.sort())
                    && match trouble {
                        Trouble::During(_, _, event) => event.sorts().iter().all(|s| self.has(s)),
                        _ => true,
                    }
            });
            if let Operation::Backup { keep, .. } = operation {
                let sort = match keep {
                    Keep::All => "backup",
                    Keep::Versions(_) => "keep-versions",
                    Keep::Days(_) => "keep-time",
                };
                if !self.has(sort) {
                    *keep = Keep::All;
                }
            }
        }
        events.retain(|event| self.has(event.sort()));
    }
}

/// Families of trouble. A history has a few of them, so that what fails can be distinguished and what is left is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Sources,
    Options,
    Clock,
    Losses,
    Hidden,
    Unplug,
    Index,
    Scratch,
    RollBack,
    Kills,
    KillsInside,
    Failures,
    Arrivals,
    Nested,
    Meanwhile,
    Listings,
    SpoolFull,
}

const FAMILIES: [Family; 17] = [
    Family::Sources,
    Family::Options,
    Family::Clock,
    Family::Losses,
    Family::Hidden,
    Family::Unplug,
    Family::Index,
    Family::Scratch,
    Family::RollBack,
    Family::Kills,
    Family::KillsInside,
    Family::Failures,
    Family::Arrivals,
    Family::Nested,
    Family::Meanwhile,
    Family::Listings,
    Family::SpoolFull,
];

impl Family {
    /// What sorts of trouble it makes.
    fn sorts(self) -> &'static [&'static str] {
        match self {
            Self::Sources => &["dangling", "missing", "empty", "not-mounted", "unreadable"],
            Self::Options => &["mistyped", "filtered"],
            Self::Clock => &["clock"],
            Self::Losses => &["pair", "lose", "rename", "cut"],
            Self::Hidden => &["flip", "swap"],
            Self::Unplug => &["unplug"],
            Self::Index => &["index", "spool", "cache"],
            Self::Scratch => &["scratch"],
            Self::RollBack => &["rollback"],
            Self::Kills => &["kill"],
            Self::KillsInside => &["kill-inside"],
            Self::Failures => &["fail", "full", "answer"],
            Self::Arrivals => &["arrival"],
            Self::Nested => &["nested", "same-second"],
            Self::Meanwhile => &["meanwhile"],
            Self::Listings => &["lag", "miss"],
            Self::SpoolFull => &["spool-full"],
        }
    }
}

/// Seconds of an hour and of ten years.
const HOUR: i64 = 3600;
const DECADE: i64 = 10 * 365 * 24 * HOUR;

impl History {
    /// The history of a seed.
    pub fn of(seed: u64, choice: &Choice) -> Self {
        let mut random = Random::new(seed);
        let clients = random.pick(&[1, 1, 1, 2, 2, 2, 2, 3]);
        let large = random.once_in(12);
        let possible: Vec<Family> = FAMILIES
            .into_iter()
            .filter(|family| family.sorts().iter().any(|sort| choice.has(sort)))
            .collect();
        let count = if possible.is_empty() {
            0
        } else {
            1 + random.below(4)
        };
        let families = (0..count).map(|_| random.pick(&possible)).collect();
        let mut author = Author {
            random,
            families,
            clients,
            large,
        };
        let mut events = author.events();
        choice.apply(&mut events);
        Self { clients, events }
    }

    /// How many steps it has.
    pub fn steps(&self) -> usize {
        self.events.len()
    }
}

struct Author {
    random: Random,
    families: Vec<Family>,
    clients: usize,
    /// Whether some files are larger than a volume.
    large: bool,
}

impl Author {
    fn has(&self, family: Family) -> bool {
        self.families.contains(&family)
    }

    fn client(&mut self) -> usize {
        self.random.below(self.clients as u64) as usize
    }

    fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for client in 0..self.clients {
            for _ in 0..3 {
                events.push(self.write(client));
            }
        }
        events.push(self.plain_backup(0));
        for _ in 0..6 + self.random.below(16) {
            self.add(&mut events);
        }
        events
    }

    fn add(&mut self, events: &mut Vec<Event>) {
        let client = self.client();
        let event = match self.random.below(100) {
            0..16 => self.write(client),
            16..20 => Event::Remove {
                client,
                file: self.file(),
            },
            20..22 => Event::Disguise {
                client,
                file: self.file(),
                content: self.random.below(9),
            },
            22..70 => {
                // Work without anything new has little to do.
                if self.random.once_in(2) {
                    events.push(self.write(client));
                }
                match self.random.below(8) {
                    0..5 => events.push(Event::Wait {
                        minutes: 1440 * (1 + self.random.below(3)) as u32,
                    }),
                    5 | 6 => events.push(Event::Wait {
                        minutes: self.random.below(600) as u32,
                    }),
                    _ => {}
                }
                self.operate(client)
            }
            _ => match self.of_family(client) {
                Some(event) => event,
                None => return,
            },
        };
        events.push(event);
    }

    fn file(&mut self) -> u8 {
        self.random.below(8) as u8
    }

    fn write(&mut self, client: usize) -> Event {
        let len = match self.random.below(if self.large { 10 } else { 9 }) {
            0 => 0,
            1 | 2 => 600,
            3..6 => 3_000,
            6 | 7 => 9_000,
            8 => 50_000,
            _ => 1_200_000,
        };
        Event::Write {
            client,
            file: self.file(),
            len,
            content: self.random.below(9),
        }
    }

    /// Something that goes wrong between operations.
    fn of_family(&mut self, client: usize) -> Option<Event> {
        let families = self.families.clone();
        if families.is_empty() {
            return None;
        }
        let pick = self.random.below(30) as u32;
        Some(match self.random.pick(&families) {
            Family::Sources => Event::Plug {
                client,
                plug: self.random.pick(&[
                    Plug::In,
                    Plug::In,
                    Plug::Dangling,
                    Plug::Missing,
                    Plug::Empty,
                    Plug::NotMounted,
                    Plug::Unreadable,
                ]),
            },
            Family::Clock => Event::Clock {
                client,
                offset: self
                    .random
                    .pick(&[0, 0, HOUR, -HOUR, DECADE, -DECADE, 40 * 24 * HOUR]),
            },
            Family::Losses => match self.random.below(7) {
                0 | 1 => Event::LosePair { pick },
                2 => Event::Back,
                3 => self.harm(Harm::Renamed),
                4 => self.harm(Harm::Emptied),
                5 => self.harm(Harm::Cut),
                _ => self.harm(Harm::Deleted),
            },
            Family::Hidden => {
                let place = self.random.below(1000) as u16;
                let harm = self
                    .random
                    .pick(&[Harm::Flip(place), Harm::Flip(place), Harm::Swapped]);
                self.harm(harm)
            }
            Family::Unplug => match self.random.below(2) {
                0 => Event::Replug,
                _ => Event::Unplug {
                    leaves_folder: self.random.once_in(2),
                },
            },
            Family::Index => match self.random.below(4) {
                0 => Event::LoseSpool { client },
                1 => Event::LoseCache { client },
                _ => Event::LoseIndex { client },
            },
            Family::Scratch => Event::Scratch { client, page: pick },
            Family::RollBack => match self.random.below(2) {
                0 => Event::SaveIndex { client },
                _ => Event::RollBack { client },
            },
            _ => return None,
        })
    }

    fn harm(&mut self, harm: Harm) -> Event {
        Event::Harm {
            kind: self.random.pick(&[
                Kind::Dblock,
                Kind::Dblock,
                Kind::Dindex,
                Kind::Dlist,
                Kind::Dlist,
            ]),
            pick: self.random.below(30) as u32,
            harm,
        }
    }

    fn plain_backup(&mut self, client: usize) -> Event {
        Event::Operate {
            client,
            operation: Operation::Backup {
                keep: Keep::All,
                compacts: true,
                what: What::Sources,
            },
            troubles: Vec::new(),
        }
    }

    fn operate(&mut self, client: usize) -> Event {
        let operation = self.operation();
        let mut troubles = Vec::new();
        if self.random.once_in(2) && !self.families.is_empty() {
            let families = self.families.clone();
            for _ in 0..1 + self.random.below(5) / 4 {
                let family = self.random.pick(&families);
                troubles.extend(self.trouble(client, family));
            }
        }
        // These take numbers, of a listing that must be right for that.
        if matches!(operation, Operation::Delete(_) | Operation::Restore(_)) {
            troubles.retain(|t| {
                !matches!(
                    t,
                    Trouble::Lag(_) | Trouble::Miss { .. } | Trouble::During(..)
                )
            });
        }
        Event::Operate {
            client,
            operation,
            troubles,
        }
    }

    fn operation(&mut self) -> Operation {
        match self.random.below(48) {
            0..29 => self.backup(),
            29..33 => Operation::Restore(self.random.below(3) as u8),
            33..35 => Operation::Look,
            35..38 => Operation::Verify,
            38..42 => Operation::Compact,
            42 => Operation::Delete(self.random.below(4) as u8),
            43 => Operation::Purge(self.file()),
            44 => Operation::PurgeBroken,
            45 | 46 => Operation::Repair,
            _ => Operation::Recreate,
        }
    }

    fn backup(&mut self) -> Operation {
        let is_odd = self.has(Family::Options) && self.random.once_in(3);
        Operation::Backup {
            keep: match self.random.below(5) {
                0 | 1 => Keep::All,
                2 | 3 => Keep::Versions(1 + self.random.below(3) as u8),
                _ => Keep::Days(self.random.pick(&[2, 5, 30])),
            },
            compacts: !self.random.once_in(4),
            what: match self.random.below(2) {
                _ if !is_odd => What::Sources,
                0 => What::Mistyped,
                _ => What::FilteredOut,
            },
        }
    }

    fn moment(&mut self) -> Moment {
        let call = self.random.pick(&[
            Call::Put,
            Call::Put,
            Call::Put,
            Call::List,
            Call::Get,
            Call::Delete,
            Call::Delete,
        ]);
        let kind = if call == Call::List {
            Kind::Any
        } else {
            self.random
                .pick(&[Kind::Any, Kind::Dblock, Kind::Dindex, Kind::Dlist])
        };
        let range = if kind == Kind::Any { 5 } else { 2 };
        Moment {
            when: self.random.pick(&[When::Before, When::After]),
            nth: self.random.below(range) as u32,
            call,
            kind,
        }
    }

    /// A moment at which two clients get into each other's way more often than at others.
    fn tight_moment(&mut self, other: Moment) -> Moment {
        let (when, nth, call, kind) = match self.random.below(6) {
            0 => (When::Before, 0, Call::Put, Kind::Dlist),
            1 => (When::Before, 0, Call::Put, Kind::Dblock),
            2 => (When::Before, 0, Call::Delete, Kind::Any),
            3 => (
                When::After,
                self.random.below(4) as u32,
                Call::List,
                Kind::Any,
            ),
            _ => return other,
        };
        Moment {
            when,
            nth,
            call,
            kind,
        }
    }

    fn trouble(&mut self, client: usize, family: Family) -> Option<Trouble> {
        let moment = self.moment();
        Some(match family {
            Family::Kills => Trouble::Kill(moment),
            Family::KillsInside => Trouble::KillInside(self.random.below(24) as u32),
            Family::Failures => {
                let failure =
                    self.random
                        .pick(&[Failure::Unavailable, Failure::Denied, Failure::Full]);
                let times = self.random.pick(&[1, 1, 2, 99]);
                Trouble::Fail(moment, failure, times)
            }
            Family::Arrivals => self.arrival(moment),
            Family::Nested if self.clients > 1 => self.nested(client, moment),
            Family::Meanwhile | Family::Index | Family::Unplug | Family::Sources => {
                Trouble::During(moment, 1, Box::new(self.meanwhile(client)))
            }
            Family::Listings => self.lie(),
            Family::SpoolFull => Trouble::SpoolFull(self.random.below(8) as u32),
            _ => return None,
        })
    }

    /// What is just sent is damaged.
    fn arrival(&mut self, moment: Moment) -> Trouble {
        let place = self.random.below(1000) as u16;
        let harm = self.random.pick(&[
            Harm::Emptied,
            Harm::Cut,
            Harm::Flip(place),
            Harm::Deleted,
            Harm::Renamed,
        ]);
        let moment = Moment {
            when: When::After,
            call: Call::Put,
            ..moment
        };
        Trouble::Harm(moment, harm)
    }

    /// Another client is at work in the midst of an operation of `client`.
    fn nested(&mut self, client: usize, moment: Moment) -> Trouble {
        let mut moment = self.tight_moment(moment);
        // The destination is listed once more after versions were deleted and before data is. Between that listing
        // and the end of the run no other run can be kept out.
        match moment.call {
            Call::Delete => moment.kind = Kind::Dlist,
            Call::List => moment.when = When::Before,
            _ => {}
        }
        let operation = match self.random.below(2) {
            0 => self.backup(),
            _ => self.operation(),
        };
        let seconds = self.random.pick(&[0, 0, 2, 600, 90_000]);
        let event = Event::Operate {
            client: (client + 1) % self.clients,
            operation,
            troubles: Vec::new(),
        };
        Trouble::During(moment, seconds, Box::new(event))
    }

    /// What changes around a client that is at work.
    fn meanwhile(&mut self, client: usize) -> Event {
        match self.random.below(6) {
            0 | 1 => self.write(client),
            2 => Event::Remove {
                client,
                file: self.file(),
            },
            3 => Event::Plug {
                client,
                plug: self.random.pick(&[Plug::In, Plug::Dangling, Plug::Missing]),
            },
            4 => Event::LoseIndex { client },
            _ => Event::Unplug {
                leaves_folder: self.random.once_in(2),
            },
        }
    }

    /// Listings lack something.
    fn lie(&mut self) -> Trouble {
        if self.random.once_in(2) {
            return Trouble::Lag(self.random.pick(&[
                Kind::Any,
                Kind::Dblock,
                Kind::Dindex,
                Kind::Dlist,
                Kind::Dlist,
            ]));
        }
        Trouble::Miss {
            nth: self.random.below(4) as u32,
            kind: self.random.pick(&[Kind::Any, Kind::Dblock, Kind::Dlist]),
            pick: self.random.below(30) as u32,
        }
    }
}
