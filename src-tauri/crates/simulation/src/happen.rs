//! Events happen: each on its own, or in the midst of an operation.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::event::{Event, Harm, Kind};
use crate::operate::operate;
use crate::world::{Client, World};

/// Files of an index.
const INDEX_FILES: [&str; 3] = ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"];
/// Bytes of a page of the index.
const PAGE: usize = 4096;

/// Lets an event happen after all others, and says what came of it.
pub(crate) fn happen_next(world: &Arc<World>, event: &Event) -> String {
    if matches!(event, Event::Operate { .. }) {
        world.pass(60);
    }
    happen(world, event)
}

/// Lets an event happen and says what came of it.
fn happen(world: &Arc<World>, event: &Event) -> String {
    if !event.is_harmless() {
        world.injected(event.sort());
    }
    let happened = match event {
        Event::Operate {
            client,
            operation,
            troubles,
        } => operate(world, *client, operation, troubles, happen),
        Event::Harm { kind, pick, harm } => {
            let name = world.disk.files().pick(*kind, *pick);
            name.map_or_else(
                || "no such file".to_owned(),
                |name| world.harm(&name, *harm),
            )
        }
        Event::LosePair { pick } => {
            let dblock = world.disk.files().pick(Kind::Dblock, *pick);
            let dindex = dblock
                .as_ref()
                .and_then(|name| world.disk.files().partner(name));
            for name in dblock.iter().chain(&dindex) {
                world.harm(name, Harm::Deleted);
            }
            format!("{} files", dblock.iter().chain(&dindex).count())
        }
        Event::Back => {
            let mut state = world.state();
            let mut files = world.disk.files();
            let names = files.rename_back();
            state
                .model
                .damages
                .retain(|damage| damage.data.is_some() || !names.contains(&damage.name));
            state.model.ask_again(&files);
            format!("{} files", names.len())
        }
        Event::Unplug { leaves_folder } => {
            world.disk.files().unplug(*leaves_folder);
            String::new()
        }
        Event::Replug => {
            world.disk.files().replug();
            String::new()
        }
        Event::Wait { minutes } => {
            world.pass(i64::from(*minutes) * 60);
            String::new()
        }
        other => {
            change(world, other);
            String::new()
        }
    };
    world.check();
    happened
}

/// Changes something at one client.
fn change(world: &World, event: &Event) {
    let mut state = world.state();
    let (Event::Write { client, .. }
    | Event::Remove { client, .. }
    | Event::Disguise { client, .. }
    | Event::Plug { client, .. }
    | Event::Clock { client, .. }
    | Event::LoseIndex { client }
    | Event::LoseSpool { client }
    | Event::LoseCache { client }
    | Event::StartOver { client }
    | Event::Scratch { client, .. }
    | Event::SaveIndex { client }
    | Event::RollBack { client }) = event
    else {
        return;
    };
    let number = *client;
    let Some(client) = state.clients.get_mut(number) else {
        return;
    };
    touch(client, event, &world.path(&format!("saved{number}")));
    if let Some(running) = &mut client.running {
        running.seen.push(client.sources.look(&world.base));
    }
    if forget(client, event) {
        state.model.forget(number);
    }
}

/// Changes the sources, the clock or the cache of a client; `saved` is where its index is copied to.
fn touch(client: &mut Client, event: &Event, saved: &Path) {
    let is_idle = client.running.is_none();
    let cache = &client.cache;
    match event {
        Event::Write {
            file, len, content, ..
        } => client.sources.write(*file, *len, *content),
        Event::Remove { file, .. } => client.sources.remove(*file),
        // The dates of changes are the computer's own, which no wrong clock moves: a version of the future would be
        // compared with changes of the past.
        Event::Disguise { .. } if client.was_ahead => {}
        Event::Disguise { file, content, .. } => client.sources.disguise(*file, *content),
        Event::Plug { plug, .. } => client.sources.set_plug(*plug),
        Event::Clock { offset, .. } => {
            client.offset = *offset;
            client.was_ahead |= *offset > 0;
        }
        Event::StartOver { .. } => client.starts_over = true,
        Event::LoseIndex { .. } => {
            for file in INDEX_FILES {
                let _ = fs::remove_file(cache.join(file));
            }
        }
        Event::LoseSpool { .. } if is_idle => {
            let _ = fs::remove_dir_all(cache.join("spool"));
        }
        Event::LoseCache { .. } if is_idle => {
            let _ = fs::remove_dir_all(cache);
        }
        Event::Scratch { page, .. } if is_idle => {
            client.is_scratched |= scratch(&cache.join(INDEX_FILES[0]), *page);
        }
        Event::SaveIndex { .. } if is_idle => copy_index(cache, saved),
        Event::RollBack { .. } if is_idle && saved.exists() => copy_index(saved, cache),
        _ => {}
    }
}

/// Notes that the index of a client does not know any more what it knew; says whether that is so.
fn forget(client: &mut Client, event: &Event) -> bool {
    let forgets = matches!(
        event,
        Event::LoseIndex { .. }
            | Event::LoseCache { .. }
            | Event::RollBack { .. }
            | Event::Scratch { .. }
    );
    if forgets {
        client.knows = false;
        client.is_set_back |= matches!(event, Event::RollBack { .. });
        if let Some(running) = &mut client.running {
            running.has_forgotten = true;
        }
        client.is_scratched &= matches!(event, Event::Scratch { .. });
    }
    forgets
}

fn copy_index(from: &Path, to: &Path) {
    let _ = fs::create_dir_all(to);
    for file in INDEX_FILES {
        let _ = fs::remove_file(to.join(file));
        if from.join(file).exists() {
            fs::copy(from.join(file), to.join(file)).expect("files are copied");
        }
    }
}

/// Overwrites the head of a page that is not the first.
fn scratch(path: &Path, page: u32) -> bool {
    let Ok(mut bytes) = fs::read(path) else {
        return false;
    };
    let pages = bytes.len() / PAGE;
    if pages < 2 {
        return false;
    }
    let at = (1 + page as usize % (pages - 1)) * PAGE;
    bytes[at..at + PAGE / 8].fill(0xa5);
    fs::write(path, bytes).is_ok()
}
