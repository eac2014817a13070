use coffer_ipc::command::DestinationContent;
use coffer_jobs::operation;
use tokio_util::sync::CancellationToken;

use crate::arguments::TestConnection;
use crate::exit::Exit;
use crate::output::{fail, print_json};

pub(crate) async fn run(arguments: TestConnection, cancel: &CancellationToken) -> Exit {
    // What a folder holds can be said without its passphrase.
    let content = match arguments.destination.open(None, cancel).await {
        Ok(target) => operation::content(&target, cancel)
            .await
            .map(|content| (target, content)),
        Err(error) => Err(error),
    };
    match content {
        Err(error) => fail(error, arguments.common),
        Ok((_, content)) if arguments.common.json => {
            print_json(&content);
            Exit::Success
        }
        Ok((target, content)) => {
            println!("{}: {}", target.label, words(&content));
            Exit::Success
        }
    }
}

fn words(content: &DestinationContent) -> String {
    match content {
        DestinationContent::New => "can be reached; the folder will be created".to_owned(),
        DestinationContent::Empty => "can be reached; the folder is empty".to_owned(),
        DestinationContent::OtherFiles => "can be reached; the folder holds other files".to_owned(),
        DestinationContent::Backup {
            versions,
            encrypted,
        } => {
            let kind = if *encrypted {
                "an encrypted backup"
            } else {
                "a backup without encryption"
            };
            format!("holds {kind} with {} version(s)", versions.len())
        }
    }
}
