use clap::Args;
use coffer_ipc::CommandError;
use coffer_ipc::command::DestinationContent;
use coffer_jobs::Target;
use coffer_jobs::operations::content;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::options::destination::Destination;
use crate::output::{fail, print_json};

#[derive(Args)]
pub(crate) struct TestConnection {
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    common: Common,
}

impl TestConnection {
    pub(super) async fn run(self, cancel: &CancellationToken) -> Exit {
        match self.test(cancel).await {
            Err(error) => fail(error, self.common),
            Ok((_, content)) if self.common.json.is_set() => {
                print_json(&content);
                Exit::Success
            }
            Ok((target, content)) => {
                println!("{}: {}", target.label, words(&content));
                Exit::Success
            }
        }
    }

    async fn test(
        &self,
        cancel: &CancellationToken,
    ) -> Result<(Target, DestinationContent), CommandError> {
        // Inspecting a folder does not need its passphrase.
        let target = self.destination.open(None, cancel).await?;
        let content = content(&target, cancel).await?;
        Ok((target, content))
    }
}

fn words(content: &DestinationContent) -> String {
    match content {
        DestinationContent::New => "can be reached; the folder will be created".to_owned(),
        DestinationContent::Empty => "can be reached; the folder is empty".to_owned(),
        DestinationContent::OtherFiles => {
            "can be reached; the folder contains other files".to_owned()
        }
        DestinationContent::Backup {
            versions,
            encrypted,
        } => {
            let kind = if *encrypted {
                "an encrypted backup"
            } else {
                "an unencrypted backup"
            };
            format!("contains {kind} with {} version(s)", versions.len())
        }
    }
}
