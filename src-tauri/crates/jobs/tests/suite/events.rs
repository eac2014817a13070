//! Events come in the order of their numbers, because a window drops those that are older than what it has. A window
//! that was too slow for them gets the whole state.

use std::collections::BTreeMap;

use coffer_ipc::account::{SignInOutcome, SignInRequest};
use coffer_ipc::command::{AppState, TrayStatus};
use coffer_ipc::event::{Change, Event};
use coffer_ipc::job::HealthLevel;
use coffer_ipc::restore::{BackupRef, ExistingFiles, RestoreRequest};
use coffer_ipc::run::RunResult;
use coffer_jobs::Coffer;
use tokio::sync::broadcast::Receiver;

use crate::support::{Computer, PATIENCE, back_up};

const THREADS: u64 = 4;
/// Few enough that all events fit into the queue of a slow window.
const EACH: u64 = 50;
const ROUNDS: usize = 40;

#[tokio::test]
async fn no_event_overtakes_another() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let mut events = coffer.subscribe();
    let mut last = 0;
    for _ in 0..ROUNDS {
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| (0..EACH).for_each(|_| coffer.show("job")));
            }
        });
        for _ in 0..THREADS * EACH {
            let event = events.recv().await.unwrap();
            assert_eq!(event.seq, last + 1);
            last = event.seq;
        }
    }
}

/// More events than fit into the queue of a slow window.
const TOO_MANY: usize = 2000;

/// What a window knows: the state, and how sign-ins and restores without a job ended.
struct Window {
    state: AppState,
    sign_ins: BTreeMap<String, SignInOutcome>,
    restores: BTreeMap<String, RunResult>,
}

impl Window {
    fn open(coffer: &Coffer) -> Self {
        Self {
            state: coffer.app_state().unwrap(),
            sign_ins: BTreeMap::new(),
            restores: BTreeMap::new(),
        }
    }

    /// Handles an event like the UI.
    fn apply(&mut self, event: Event) {
        if event.seq <= self.state.seq {
            return;
        }
        self.state.seq = event.seq;
        match event.change {
            Change::All { state } => self.state = *state,
            Change::SignIn {
                sign_in_id,
                outcome,
            } => drop(self.sign_ins.insert(sign_in_id, outcome)),
            Change::Restore {
                run_id,
                summary: Some(summary),
                ..
            } => drop(self.restores.insert(run_id, summary.result)),
            _ => {}
        }
    }

    async fn receive(
        &mut self,
        coffer: &Coffer,
        events: &mut Receiver<Event>,
        enough: impl Fn(&Self) -> bool,
    ) {
        let receiving = async {
            while !enough(self) {
                self.apply(coffer.next_event(events).await.unwrap());
            }
        };
        let received = tokio::time::timeout(PATIENCE, receiving).await;
        received.expect("all events arrive");
    }
}

/// Restores a backup whose job was deleted, and waits for the end.
async fn restore_foreign(computer: &Computer, coffer: &Coffer) -> String {
    let job = computer.folder_job("foreign");
    let id = coffer.create_job(job.clone()).await.unwrap().id;
    back_up(coffer, &id).await;
    coffer.delete_job(&id, true).await.unwrap();
    let backup = BackupRef::Existing {
        destination: job.definition.destination.clone(),
        prefix: String::new(),
        passphrase: job.passphrase.clone().unwrap().into(),
    };
    let opened = coffer.open_backup(backup).await.unwrap();
    let request = RestoreRequest {
        handle: opened.handle,
        version: 0,
        paths: Vec::new(),
        target: Some(computer.path("restored").display().to_string()),
        existing: ExistingFiles::KeepBoth,
    };
    let mut events = coffer.subscribe();
    let run = coffer.start_restore(request).unwrap();
    let mut window = Window::open(coffer);
    let is_over = |window: &Window| window.restores.contains_key(&run);
    window.receive(coffer, &mut events, is_over).await;
    run
}

#[tokio::test]
async fn a_window_that_was_too_slow_gets_the_whole_state() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let going = coffer.create_job(computer.folder_job("going")).await;
    let going = going.unwrap().id;
    let mut window = Window::open(&coffer);
    let mut events = coffer.subscribe();

    // All of this is lost.
    let mut prompt_events = coffer.subscribe();
    let pending = coffer.start_sign_in(SignInRequest::default()).await;
    let sign_in = pending.unwrap().id;
    coffer.cancel_sign_in(&sign_in);
    let mut prompt = Window::open(&coffer);
    let has_ended = |window: &Window| window.sign_ins.contains_key(&sign_in);
    prompt.receive(&coffer, &mut prompt_events, has_ended).await;
    computer.sign_in(&coffer).await;
    coffer.delete_job(&going, true).await.unwrap();
    let restore = restore_foreign(&computer, &coffer).await;
    let coming = coffer.create_job(computer.folder_job("coming")).await;
    let coming = coming.unwrap().id;
    back_up(&coffer, &coming).await;
    coffer.set_tray(TrayStatus::Unavailable);
    (0..TOO_MANY).for_each(|_| coffer.show(&coming));

    let knows_all = |window: &Window| {
        window.sign_ins.contains_key(&sign_in) && window.restores.contains_key(&restore)
    };
    window.receive(&coffer, &mut events, knows_all).await;
    // Later events arrive as usual.
    coffer.set_tray(TrayStatus::Shown);
    let after = coffer.next_event(&mut events).await.unwrap();

    assert_eq!(window.restores[&restore], RunResult::Success);
    assert!(matches!(
        window.sign_ins[&sign_in],
        SignInOutcome::Failed { .. }
    ));
    let now = coffer.app_state().unwrap();
    assert_eq!(window.state.jobs, now.jobs);
    assert_eq!(window.state.accounts, now.accounts);
    assert_eq!(window.state.accounts.len(), 1);
    assert_eq!(window.state.tray, TrayStatus::Unavailable);
    let status = TrayStatus::Shown;
    assert_eq!(after.change, Change::Tray { status });
    assert_eq!(after.seq, window.state.seq + 1);
}

/// The changes of the events that are queued.
fn emitted(events: &mut Receiver<Event>) -> Vec<Change> {
    std::iter::from_fn(|| events.try_recv().ok())
        .map(|event| event.change)
        .collect()
}

fn overviews(changes: Vec<Change>) -> Vec<(Option<HealthLevel>, u32, String)> {
    let overviews = changes.into_iter().filter_map(|change| match change {
        Change::Overview { overview } => Some((overview.level, overview.jobs, overview.line)),
        _ => None,
    });
    overviews.collect()
}

#[tokio::test]
async fn the_overview_is_emitted_when_it_changes_and_names_the_worst_job() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    assert_eq!(coffer.app_state().unwrap().overview.level, None);
    let mut events = coffer.subscribe();
    let of = |level, jobs, line: &str| (Some(level), jobs, line.to_owned());

    let good = coffer.create_job(computer.folder_job("good")).await;
    let good = good.unwrap().id;
    let news = overviews(emitted(&mut events));
    assert_eq!(news, [of(HealthLevel::New, 1, "good has not run yet")]);

    back_up(&coffer, &good).await;
    let news = overviews(emitted(&mut events));
    let running = of(HealthLevel::Running, 1, "good is running");
    let all_good = of(HealthLevel::Good, 1, "Everything is backed up");
    assert_eq!(news, [running, all_good.clone()]);

    let bad = coffer.create_job(computer.folder_job("bad")).await;
    let bad = bad.unwrap().id;
    let key = format!("passphrase:{bad}");
    computer.keychain.remove(&key).unwrap();
    back_up(&coffer, &bad).await;
    let news = overviews(emitted(&mut events));
    let worst = of(HealthLevel::Bad, 1, "bad needs your attention");
    assert_eq!(news.last(), Some(&worst));

    back_up(&coffer, &good).await;
    let changes = emitted(&mut events);
    assert!(changes.len() > 2, "cards are emitted");
    let news = overviews(changes);
    assert_eq!(news, [], "the worst is the same");
    let overview = coffer.app_state().unwrap().overview;
    assert_eq!((overview.level, overview.jobs, overview.line), worst);

    coffer.delete_job(&bad, true).await.unwrap();
    assert_eq!(overviews(emitted(&mut events)), [all_good]);
}
