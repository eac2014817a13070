use clap::Args;
use coffer_engine::{Samples, VerifyOptions, VerifyStats};
use coffer_ipc::CommandError;
use coffer_jobs::operations::verify;
use coffer_jobs::wording;
use jiff::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::options::destination::Destination;
use crate::output::{Display, fail, print_json};

#[derive(Args)]
pub(crate) struct Test {
    #[command(flatten)]
    destination: Destination,
    /// Number of volumes of each kind to verify, or all. With 0, only names and sizes are compared
    #[arg(default_value = "1", value_parser = samples)]
    samples: Samples,
    #[command(flatten)]
    common: Common,
}

fn samples(text: &str) -> Result<Samples, String> {
    if text.eq_ignore_ascii_case("all") {
        return Ok(Samples::All);
    }
    match text.parse() {
        Ok(0) => Ok(Samples::None),
        Ok(count) => Ok(Samples::Count(count)),
        Err(_) => Err(format!("{text:?} is neither a number nor \"all\"")),
    }
}

impl Test {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        let common = self.common;
        let display = Display::new(common);
        let stats = match self.test(&display, cancel).await {
            Ok(stats) => stats,
            Err(error) => return fail(error, common),
        };
        show(&stats, common);
        if stats.faults.is_empty() {
            display.exit()
        } else {
            Exit::Errors
        }
    }

    async fn test(
        self,
        display: &Display,
        cancel: &CancellationToken,
    ) -> Result<VerifyStats, CommandError> {
        let target = self.destination.open_existing(cancel).await?;
        let options = VerifyOptions {
            samples: self.samples,
            now: Timestamp::now(),
        };
        verify(&target, options, display.observer(), cancel).await
    }
}

fn show(stats: &VerifyStats, common: Common) {
    let faults = stats.faults.iter();
    let faults = faults.map(|fault| (&fault.volume, wording::fault(&fault.kind)));
    if common.json.is_set() {
        let faults = faults.map(|(volume, text)| json!({ "volume": volume, "text": text }));
        print_json(&json!({
            "listedVolumes": stats.listed_volumes,
            "examinedVolumes": stats.examined_volumes,
            "faults": faults.collect::<Vec<_>>(),
        }));
        return;
    }
    println!(
        "{} volumes listed, {} verified, {} damaged",
        stats.listed_volumes,
        stats.examined_volumes,
        stats.faults.len()
    );
    for (volume, text) in faults {
        println!("{volume}\t{text}");
    }
}
