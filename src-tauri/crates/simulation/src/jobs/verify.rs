//! A look by the command line at all that a job has stored.

use coffer_engine::{Samples, VerifyOptions};
use coffer_jobs::operations::verify;
use coffer_jobs::{Folders, Observer, Target, TargetOptions};
use tokio_util::sync::CancellationToken;

use super::computer::{Computer, PASSPHRASE, Step};
use super::event::Disk;
use super::surroundings::OWNER;

impl Computer {
    /// Everything that a job has stored is what it should be.
    pub(crate) async fn verify(&self, number: usize) -> Step<()> {
        let plan = self.jobs[number].plan;
        let mut options = TargetOptions {
            passphrase: plan.is_encrypted.then(|| PASSPHRASE.to_owned()),
            ..TargetOptions::default()
        };
        let address = match &self.surroundings.simulator {
            Some(simulator) if plan.is_online => {
                let auth_id = simulator.seed_auth_id(OWNER);
                options.options.insert("authid".to_owned(), auth_id);
                format!("onedrivev2://Backups/{number}")
            }
            _ => {
                let stick = self.surroundings.disk(Disk::Stick);
                stick.join(number.to_string()).display().to_string()
            }
        };
        let folders = Folders::new(&self.life().data, self.cache());
        let observer = Observer {
            on_progress: Box::new(|_| {}),
            on_message: Box::new(|_| {}),
            shows_progress: false,
        };
        let cancel = CancellationToken::new();
        let environment = self.environment();
        let verified = async {
            let opened = Target::from_address(&address, &options, &environment, &folders, &cancel);
            let samples = Samples::All;
            let options = VerifyOptions {
                samples,
                now: self.now(),
            };
            verify(&opened.await?, options, observer, &cancel).await
        };
        let verified = verified.await.map_err(|error| {
            self.violation(
                "a backup cannot be verified",
                format!("job {number}: {}", error.message),
            )
        })?;
        if verified.faults.is_empty() && verified.examined_volumes > 0 {
            return Ok(());
        }
        let detail = format!("job {number}: {verified:?}");
        Err(self.violation("what a good backup stored is at fault", detail))
    }
}
