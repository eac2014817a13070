use std::io::{IsTerminal as _, Read as _};
use std::sync::Arc;

use coffer_ipc::CommandError;
use coffer_ipc::account::{Account, PendingSignIn};
use coffer_jobs::keychain::SystemKeychain;
use coffer_jobs::{Coffer, Environment, Folders, KeptSignIn, SystemClock, wording};
use tokio_util::sync::CancellationToken;

use crate::arguments::{Auth, Login};
use crate::exit::Exit;
use crate::output::{fail, print_json};

/// Bytes that are read of an AuthID.
const MAX_AUTH_ID: u64 = 16 * 1024;

pub(crate) async fn run(arguments: Auth, cancel: &CancellationToken) -> Exit {
    let (common, done) = match arguments {
        Auth::Login(arguments) => (arguments.common, login(&arguments, cancel).await),
        Auth::Add(arguments) => (
            arguments.common,
            add(arguments.again.as_deref(), arguments.common.json).await,
        ),
        Auth::List(common) => (common, list(common.json)),
        Auth::Remove { id, common } => (common, remove(&id).await),
    };
    done.map_or_else(|error| fail(error, common), |()| Exit::Success)
}

/// The sign-in that is kept here for addresses without an AuthID, or why there is none; nothing when nothing was ever
/// kept.
pub(super) async fn kept_sign_in(wanted: Option<&str>) -> Option<Result<KeptSignIn, CommandError>> {
    if wanted.is_none() && !Folders::standard().database().exists() {
        return None;
    }
    match open() {
        Ok(coffer) => coffer.choose_sign_in(wanted).await.transpose(),
        Err(error) => Some(Err(error)),
    }
}

pub(super) fn open() -> Result<Coffer, CommandError> {
    Coffer::open(
        Folders::standard(),
        Environment::from_variables(),
        Arc::new(SystemKeychain::default()),
        Arc::new(SystemClock),
    )
}

async fn login(arguments: &Login, cancel: &CancellationToken) -> Result<(), CommandError> {
    let coffer = open()?;
    let settings = arguments.settings(coffer.sign_in_settings()?);
    let account = coffer
        .sign_in(&arguments.request(), &settings, tell, cancel)
        .await?;
    show(&account, arguments.common.json);
    Ok(())
}

/// What the person has to do now.
fn tell(pending: &PendingSignIn) {
    let page = &pending.url;
    match &pending.user_code {
        Some(code) => eprintln!(
            "Open this page in a browser on any computer and type the code {code}\n{page}\n\
             Waiting; the code works for {} minutes.",
            pending.expires_in / 60
        ),
        None if pending.browser_opened => {
            eprintln!("Finish in the browser. If none opened, go to\n{page}");
        }
        None => eprintln!("Open this page in a browser:\n{page}"),
    }
}

async fn add(again: Option<&str>, json: bool) -> Result<(), CommandError> {
    let auth_id = if std::io::stdin().is_terminal() {
        super::ask("AuthID")?
    } else {
        let mut text = String::new();
        let read = std::io::stdin().take(MAX_AUTH_ID).read_to_string(&mut text);
        read.map_err(|error| {
            wording::invalid(
                format!("The AuthID could not be read: {error}."),
                "Give it on standard input.",
            )
        })?;
        text
    };
    let account = open()?.add_pasted_auth_id(&auth_id, again).await?;
    show(&account, json);
    Ok(())
}

fn show(account: &Account, json: bool) {
    if json {
        print_json(account);
    } else {
        println!("Signed in: {} ({})", account.name, account.drive);
    }
    if let Some(ends) = &account.expires {
        let day = ends.split('T').next().unwrap_or(ends);
        eprintln!(
            "This AuthID ends on {day} and cannot be renewed by itself. Sign in again before that."
        );
    }
}

fn list(json: bool) -> Result<(), CommandError> {
    let accounts = open()?.accounts()?;
    if json {
        print_json(&accounts);
    } else {
        for account in accounts {
            let state = match account.problem {
                Some(_) => "\tsign in again",
                None => "",
            };
            println!("{}\t{}\t{}{state}", account.id, account.name, account.drive);
        }
    }
    Ok(())
}

async fn remove(id: &str) -> Result<(), CommandError> {
    open()?.remove_account(id).await
}
