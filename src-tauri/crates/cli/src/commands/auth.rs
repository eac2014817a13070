use std::sync::Arc;

use coffer_ipc::CommandError;
use coffer_jobs::keychain::SystemKeychain;
use coffer_jobs::{Coffer, Environment, Folders, SystemClock, sign_in_and_keep};
use tokio_util::sync::CancellationToken;

use crate::arguments::Auth;
use crate::exit::Exit;
use crate::output::{fail, print_json};

pub(crate) async fn run(arguments: Auth, cancel: &CancellationToken) -> Exit {
    let (common, done) = match arguments {
        Auth::Login(common) => (common, login(common.json, cancel).await),
        Auth::List(common) => (common, list(common.json)),
        Auth::Remove { id, common } => (common, remove(&id).await),
    };
    done.map_or_else(|error| fail(error, common), |()| Exit::Success)
}

/// The AuthID of the only sign-in that is kept here; none when there is no such thing, for whatever reason.
pub(super) async fn only_auth_id() -> Option<String> {
    if !Folders::standard().database().exists() {
        return None;
    }
    open().ok()?.only_auth_id().await.ok().flatten()
}

fn open() -> Result<Coffer, CommandError> {
    Coffer::open(
        Folders::standard(),
        Environment::from_variables(),
        Arc::new(SystemKeychain::default()),
        Arc::new(SystemClock),
    )
}

async fn login(json: bool, cancel: &CancellationToken) -> Result<(), CommandError> {
    let coffer = open()?;
    let tell = |page: &str, opened: bool| {
        let what = if opened {
            "Finish in the browser. If none opened, go to"
        } else {
            "Open this page in a browser:"
        };
        eprintln!("{what}\n{page}");
    };
    let account = sign_in_and_keep(&coffer, tell, cancel).await?;
    if json {
        print_json(&account);
    } else {
        println!("Signed in: {} ({})", account.name, account.drive);
    }
    Ok(())
}

fn list(json: bool) -> Result<(), CommandError> {
    let accounts = open()?.accounts()?;
    if json {
        print_json(&accounts);
    } else {
        for account in accounts {
            println!("{}\t{}\t{}", account.id, account.name, account.drive);
        }
    }
    Ok(())
}

async fn remove(id: &str) -> Result<(), CommandError> {
    open()?.remove_account(id).await
}
