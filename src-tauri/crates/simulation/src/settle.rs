//! The end of a history: nothing goes wrong any more, and everything has to be well again.

use std::sync::Arc;

use crate::event::{Event, Keep, Operation, Plug, What};
use crate::happen::happen_next;
use crate::model::Violation;
use crate::world::World;

/// Runs in which a client has to be well again.
const RUNS: u32 = 3;
/// Minutes between them.
const DAY: u32 = 24 * 60;

/// Lets every client come to rest and restores every version on a new computer.
pub(crate) fn settle(world: &Arc<World>, trace: &mut Vec<String>) {
    let clients = world.state().clients.len();
    let last = world.state().last.clone();
    let mut step = |event: Event| {
        let happened = happen_next(world, &event);
        last.clone_into(&mut world.state().last);
        trace.push(format!("at the end: {event} => {happened}"));
        happened
    };
    put_right(world, &mut step);
    // What is of no use goes in the run after the day in which its maker may still need it.
    for client in (0..clients).chain(0..clients) {
        recover(world, client, &mut step);
        if world.violation().is_some() {
            return;
        }
    }
    // What arrived lately may belong to another; once nothing new comes, what is of no use goes.
    for _ in 0..3 {
        step(Event::Wait { minutes: DAY });
        step(operate(0, Operation::Compact));
    }
    // What lacks an index volume by then gets one.
    recover(world, 0, &mut step);
    if restore_all(world, &mut step) {
        verify(world, &mut step);
    }
}

/// Brings back what is away, and sets the clocks.
fn put_right(world: &World, step: &mut impl FnMut(Event) -> String) {
    if world.disk.files().is_unplugged() {
        step(Event::Replug);
    }
    step(Event::Back);
    let clients = world.state().clients.len();
    for client in 0..clients {
        let (plug, offset) = {
            let own = &world.state().clients[client];
            (own.sources.plug(), own.offset)
        };
        if plug != Plug::In {
            let plug = Plug::In;
            step(Event::Plug { client, plug });
        }
        if offset != 0 {
            step(Event::Clock { client, offset: 0 });
        }
    }
}

/// Restores every version on a new computer, up to one that does not hold; says whether all do.
fn restore_all(world: &World, step: &mut impl FnMut(Event) -> String) -> bool {
    step(Event::LoseCache { client: 0 });
    let versions = {
        let files = world.disk.files();
        let dlists = files
            .seen()
            .iter()
            .filter(|file| file.name.contains(".dlist."));
        dlists.count()
    };
    for number in 0..versions {
        step(operate(0, Operation::Restore(number as u8)));
        if world.violation().is_some() {
            return false;
        }
    }
    true
}

/// Verifies everything, which finds no fault where no damage is left.
fn verify(world: &World, step: &mut impl FnMut(Event) -> String) {
    let is_clean = {
        let state = world.state();
        let is_hit = state.model.existing().any(|version| version.is_hit);
        !is_hit && !state.model.has_damage(&world.disk.files())
    };
    let verified = step(operate(0, Operation::Verify));
    if is_clean && verified != "ok, 0 warnings" {
        world.state().fail(Violation {
            class: "a verification finds fault".to_owned(),
            detail: verified,
        });
    }
}

/// A few runs, and at most one step that an error names, until a backup comes through.
fn recover(world: &Arc<World>, client: usize, step: &mut impl FnMut(Event) -> String) {
    let mut has_acted = false;
    let mut runs = 0;
    loop {
        step(Event::Wait { minutes: DAY });
        // A run that has nothing to do shows little.
        step(Event::Write {
            client,
            file: 0,
            len: 700,
            content: 100 + u64::from(runs) + 10 * u64::from(has_acted),
        });
        let happened = step(operate(
            client,
            Operation::Backup {
                keep: Keep::Versions(3),
                compacts: true,
                what: What::Sources,
            },
        ));
        let Some(error) = happened.strip_prefix("failed: ") else {
            return;
        };
        runs += 1;
        if world.disk.files().is_ruined() {
            return;
        }
        match error {
            "DestinationGone" if !has_acted => {
                has_acted = true;
                step(Event::StartOver { client });
            }
            "VolumesMissing" | "DataMissing" | "Volume" if !has_acted => {
                has_acted = true;
                runs = 0;
                step(operate(client, Operation::PurgeBroken));
            }
            _ if runs < RUNS => {}
            _ => {
                world.state().fail(Violation {
                    class: format!("no way out of {error}"),
                    detail: format!("client {client}"),
                });
                return;
            }
        }
    }
}

fn operate(client: usize, operation: Operation) -> Event {
    Event::Operate {
        client,
        operation,
        troubles: Vec::new(),
    }
}
