//! One history of jobs from its start to its end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::computer::{Computer, Step};
use super::database;
use super::event::Event;
use super::generate::JobsHistory;
use super::runs::Start;
use crate::model::Violation;
use crate::play::{Played, Story};

impl Story for JobsHistory {
    const AT_ONCE: usize = 8;

    fn play(&self) -> Played {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("threads can be started");
        let mut trace = Vec::new();
        let playing = AssertUnwindSafe(|| runtime.block_on(play(self, &mut trace)).err());
        let violation = catch_unwind(playing).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(Violation {
                class: "the app panics".to_owned(),
                detail: text.unwrap_or_default(),
            })
        });
        runtime.shutdown_background();
        Played { violation, trace }
    }

    fn events(&self) -> usize {
        self.events.len()
    }

    fn without(&self, start: usize, end: usize) -> Self {
        let mut fewer = self.clone();
        fewer.events.drain(start..end);
        fewer
    }

    fn simpler(&self) -> Vec<Self> {
        let mut simpler = Vec::new();
        if self.jobs.len() > 1 {
            let mut fewer = self.clone();
            fewer.jobs.pop();
            let count = fewer.jobs.len();
            fewer
                .events
                .retain(|event| event.job().is_none_or(|job| job < count));
            simpler.push(fewer);
        }
        for (number, event) in self.events.iter().enumerate() {
            for trouble in 0..event.troubles().len() {
                let mut fewer = self.clone();
                if let Some(troubles) = fewer.events[number].troubles_mut() {
                    troubles.remove(trouble);
                }
                simpler.push(fewer);
            }
        }
        simpler
    }

    fn describe(&self) -> String {
        format!("{:?}", self.jobs)
    }
}

async fn play(history: &JobsHistory, trace: &mut Vec<String>) -> Result<(), Violation> {
    let mut computer = Computer::new(&history.jobs).await?;
    for event in &history.events {
        trace.push(format!("{}: {event}", computer.now()));
        if event.sort() != "life" {
            event.sort().clone_into(&mut computer.last);
        }
        if let Some(trouble) = event.troubles().last() {
            trouble.sort().clone_into(&mut computer.last);
        }
        let happened = happen(&mut computer, event).await?;
        if let Some(line) = trace.last_mut().filter(|_| !happened.is_empty()) {
            line.push_str(" => ");
            line.push_str(&happened);
        }
        computer.judge()?;
    }
    computer.settle(trace).await?;
    computer.end_life().await;
    Ok(())
}

async fn happen(computer: &mut Computer, event: &Event) -> Step {
    match event {
        Event::Write {
            job,
            disk,
            file,
            content,
        } => computer.write(*job, *disk, *file, *content),
        Event::Wait { minutes, troubles } => {
            let end = computer.in_minutes(*minutes);
            return computer.wait_until(end, troubles).await;
        }
        Event::Sleep { minutes } => {
            let end = computer.in_minutes(*minutes);
            computer.surroundings.pass_to(end);
            return computer.wait_until(end, &[]).await;
        }
        Event::BackUp { job, troubles } => {
            computer.surroundings.pass_to(computer.in_minutes(1));
            let did = computer.run(Start::ByHand(*job), troubles).await?;
            return Ok(did.unwrap_or_default());
        }
        Event::Restore { job, troubles } => {
            let did = computer.run(Start::Restore(*job), troubles).await?;
            return Ok(did.unwrap_or_default());
        }
        Event::Change(change) => computer.surroundings.apply(*change),
        Event::Forget(entry) => computer.surroundings.forget(*entry),
        Event::SignIn => {
            let did = computer.run(Start::SignIn, &[]).await?;
            return Ok(did.unwrap_or_default());
        }
        Event::Type { job } => return Ok(words(computer.type_passphrase(*job).await)),
        Event::Restart => computer.restart().await?,
        Event::Crash => {
            let copy = computer.last_copy();
            database::copy(&computer.database(), &copy);
            computer.restart_with(&copy).await?;
        }
        Event::LoseCache => computer.lose_cache().await?,
        Event::SaveDatabase => computer.save_database(),
        Event::RollBack => {
            let did = computer.roll_back().await?;
            return Ok(if did {
                String::new()
            } else {
                "no copy".to_owned()
            });
        }
        Event::Damage { page } => computer.damage(*page).await?,
        Event::Replace { job } => {
            let did = computer.replace(*job).await?;
            return Ok(if did { "done" } else { "not now" }.to_owned());
        }
        Event::Edit { job, edit } => return Ok(words(computer.edit(*job, *edit).await)),
    }
    Ok(String::new())
}

fn words(done: Result<(), coffer_ipc::CommandError>) -> String {
    match done {
        Ok(()) => "done".to_owned(),
        Err(error) => format!("{:?}: {}", error.code, error.message),
    }
}
