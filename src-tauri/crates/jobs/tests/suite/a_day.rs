//! 24 hours in the life of a laptop, with every clock under the test's control.

use std::time::Duration;

use coffer_ipc::ErrorCode;
use coffer_ipc::event::Event;
use coffer_ipc::job::{JobState, Schedule, ScheduleUnit};
use coffer_ipc::run::{RunResult, RunSummary};
use coffer_jobs::Coffer;
use coffer_onedrive_sim::{Action, DropPoint, Fault, Op};
use tokio::sync::broadcast::Receiver;
use tokio_util::sync::CancellationToken;

use crate::support::{Computer, end_of};

/// Minutes between two checks of the schedule.
const STEP: i64 = 20;

/// The laptop, its two jobs and the outcomes of their runs.
struct Day {
    computer: Computer,
    coffer: Coffer,
    minutes: i64,
    runs: Vec<RunSummary>,
}

impl Day {
    /// Alex's AuthID backs up one job, Robin's direct sign-in another, both every hour.
    async fn begin() -> Self {
        let computer = Computer::new().await;
        let coffer = computer.start();
        for who in ["alex", "robin"] {
            computer.simulator.set_rotation(who, true);
        }
        let alex = computer.sign_in(&coffer).await;
        let robin = computer.sign_in_directly(&coffer, "robin", None).await;
        for (name, account) in [("alex", alex.id), ("robin", robin.unwrap().id)] {
            let mut job = computer.drive_job(name, &account);
            job.definition.schedule = Some(Schedule {
                first_run: "2026-03-02T11:00".to_owned(),
                every: 1,
                unit: ScheduleUnit::Hours,
                days: Vec::new(),
            });
            coffer.create_job(job).await.unwrap();
        }
        Self {
            computer,
            coffer,
            minutes: 0,
            runs: Vec::new(),
        }
    }

    /// Time passes while the laptop sleeps.
    fn sleep(&mut self, minutes: i64) {
        self.minutes += minutes;
        self.computer.clock.pass_minutes(minutes);
        let time = Duration::from_secs(minutes.unsigned_abs() * 60);
        self.computer.simulator.advance(time);
    }

    /// The laptop is awake and in use until `hour` hours after the beginning. Waits for the runs that the schedule
    /// starts, and returns them.
    async fn work_until(&mut self, hour: i64) -> Vec<RunSummary> {
        let before = self.runs.len();
        while self.minutes < hour * 60 {
            self.sleep(STEP);
            let text = format!("written in minute {}", self.minutes);
            let files = [("diary.txt", text.as_bytes())];
            coffer_testkit::write_files(&self.computer.path("source"), &files);
            // One at a time.
            loop {
                let ears = self.coffer.subscribe();
                let started = self.coffer.start_due_jobs().unwrap();
                let [job] = &started[..] else {
                    assert!(started.is_empty(), "two at a time");
                    break;
                };
                self.finish(job, ears).await;
            }
            let cancel = CancellationToken::new();
            self.coffer.renew_sign_ins(&cancel).await.unwrap();
        }
        self.runs[before..].to_vec()
    }

    /// Waits for the newest run of a job.
    async fn finish(&mut self, job: &str, mut ears: Receiver<Event>) {
        let run = self.coffer.run_history(job, 0, 1).unwrap().remove(0);
        let (_, run) = end_of(&run.id, &mut ears).await;
        self.runs.push(run);
    }

    fn attention(&self) -> usize {
        let cards = self.coffer.job_cards().unwrap();
        let waits = |state: &JobState| matches!(state, JobState::NeedsAttention { .. });
        cards.iter().filter(|card| waits(&card.state)).count()
    }
}

fn all_good(runs: &[RunSummary]) -> bool {
    runs.iter().all(|run| run.result == RunResult::Success)
}

#[tokio::test]
async fn a_day_needs_the_user_only_for_the_revoked_sign_in() {
    let mut day = Day::begin().await;

    // Tokens end every hour, refresh tokens rotate.
    let morning = day.work_until(4).await;
    assert!(morning.len() == 8 && all_good(&morning), "{morning:?}");

    // The Wi-Fi is down for two hours, starting in the middle of a request.
    let lost = Action::drop_at(DropPoint::MidBody);
    day.computer
        .simulator
        .add_fault(Fault::new(Op::Any, lost).times(1_000_000));
    let offline = day.work_until(6).await;
    let is_offline = |run: &RunSummary| {
        let error = run.error.as_ref();
        error.is_some_and(|error| error.code == ErrorCode::Offline)
    };
    assert!(
        !offline.is_empty() && offline.iter().all(is_offline),
        "{offline:?}"
    );
    assert_eq!(day.attention(), 0, "that passes by itself");
    day.computer.simulator.clear_faults();
    let back = day.work_until(8).await;
    assert!(back.len() >= 4 && all_good(&back), "{back:?}");

    // Asleep for six hours: the missed runs are made up for once, with tokens that expired long ago.
    day.sleep(6 * 60);
    let awake = day.work_until(15).await;
    assert!(awake.len() >= 2 && all_good(&awake), "{awake:?}");

    // The service revokes an access token early.
    day.computer.simulator.expire_access("robin");
    day.computer.simulator.expire_access("alex");
    let renewed = day.work_until(17).await;
    assert!(renewed.len() == 4 && all_good(&renewed), "{renewed:?}");

    // Robin revokes the sign-in. One run notices; the others are not tried, and Alex's continue.
    day.computer.simulator.revoke("robin");
    day.computer.simulator.expire_access("robin");
    let revoked = day.work_until(20).await;
    let refused = |run: &&RunSummary| {
        let error = run.error.as_ref();
        error.is_some_and(|error| error.code == ErrorCode::SignInRequired)
    };
    assert_eq!(revoked.iter().filter(refused).count(), 1, "{revoked:?}");
    let good = revoked.iter().filter(|run| run.error.is_none()).count();
    assert_eq!((good, day.attention()), (3, 1));

    // The only thing that the user has to do.
    let robin = day.coffer.accounts().unwrap().into_iter();
    let robin = robin.into_iter().find(|account| account.problem.is_some());
    let robin = robin.unwrap().id;
    let ears = day.coffer.subscribe();
    let signed_in = day
        .computer
        .sign_in_directly(&day.coffer, "robin", Some(&robin));
    signed_in.await.unwrap();
    let cards = day.coffer.job_cards().unwrap();
    let running = cards.iter().find(|card| card.definition.name == "robin");
    let running = running.unwrap().id.clone();
    day.finish(&running, ears).await;
    assert!(all_good(&day.runs[day.runs.len() - 1..]), "it continued");

    let evening = day.work_until(24).await;
    assert!(evening.len() >= 7 && all_good(&evening), "{evening:?}");
    assert_eq!(day.attention(), 0);
    for card in day.coffer.job_cards().unwrap() {
        let good = card.last_run.unwrap();
        assert_eq!(good.result, RunResult::Success);
        assert!(card.versions.unwrap() >= 14, "{:?}", card.versions);
    }
}
