use std::io::{IsTerminal as _, Read as _};

use clap::{Args, Subcommand};
use coffer_ipc::CommandError;
use coffer_ipc::account::{Account, PendingSignIn, SignInRequest, SignInSettings, SignInWay};
use coffer_jobs::wording;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::opening::{ask, open_coffer};
use crate::options::common::Common;
use crate::output::{fail, print_json};

/// Longest AuthID that is read, in bytes.
const MAX_AUTH_ID: u64 = 16 * 1024;

#[derive(Subcommand)]
pub(crate) enum Auth {
    /// Sign in with the browser
    Login(Login),
    /// Store an existing AuthID, from the prompt or standard input
    Add(Add),
    /// List stored sign-ins
    List(Common),
    /// Remove a stored sign-in
    Remove {
        /// ID of the sign-in, as shown by `auth list`
        id: String,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args)]
pub(crate) struct Login {
    /// Sign in with Microsoft directly; needs a client ID
    #[arg(long, conflicts_with = "device")]
    direct: bool,
    /// Like --direct, with a code to type in a browser on any computer
    #[arg(long)]
    device: bool,
    /// Client ID of your app registration at Microsoft. Default: the one in the settings, or COFFER_CLIENT_ID
    #[arg(long)]
    client_id: Option<String>,
    /// Which accounts can sign in: common, consumers, organizations, or a tenant's ID or domain. Default: common
    #[arg(long)]
    tenant: Option<String>,
    /// Include shared drives and libraries; with --direct or --device
    #[arg(long)]
    all_files: bool,
    /// Refresh URL of your own AuthID service
    #[arg(long, conflicts_with_all = ["direct", "device"])]
    oauth_url: Option<String>,
    /// ID of the stored sign-in to renew, as shown by `auth list`; signing in with another account is refused
    #[arg(long)]
    again: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
pub(crate) struct Add {
    /// ID of the stored sign-in to renew, as shown by `auth list`; signing in with another account is refused
    #[arg(long)]
    again: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl Login {
    fn request(&self) -> SignInRequest {
        SignInRequest {
            way: match (self.direct, self.device) {
                (_, true) => SignInWay::Code,
                (true, false) => SignInWay::Browser,
                (false, false) => SignInWay::Service,
            },
            again: self.again.clone(),
        }
    }

    /// The settings, overridden by the options of this command.
    fn settings(&self, kept: SignInSettings) -> SignInSettings {
        let given = |new: &Option<String>, kept: String| new.clone().unwrap_or(kept);
        SignInSettings {
            oauth_url: given(&self.oauth_url, kept.oauth_url),
            client_id: given(&self.client_id, kept.client_id),
            tenant: given(&self.tenant, kept.tenant),
            all_files: self.all_files || kept.all_files,
        }
    }
}

pub(super) async fn run(arguments: Auth, cancel: &CancellationToken) -> Exit {
    let (common, done) = match arguments {
        Auth::Login(arguments) => (arguments.common, login(&arguments, cancel).await),
        Auth::Add(arguments) => (
            arguments.common,
            add(arguments.again.as_deref(), arguments.common.json.is_set()).await,
        ),
        Auth::List(common) => (common, list(common.json.is_set())),
        Auth::Remove { id, common } => (common, remove(&id).await),
    };
    done.map_or_else(|error| fail(error, common), |()| Exit::Success)
}

async fn login(arguments: &Login, cancel: &CancellationToken) -> Result<(), CommandError> {
    let coffer = open_coffer()?;
    let settings = arguments.settings(coffer.sign_in_settings()?);
    let account = coffer
        .sign_in(&arguments.request(), &settings, show_pending, cancel)
        .await?;
    show(&account, arguments.common.json.is_set());
    Ok(())
}

/// Prints what to do next.
fn show_pending(pending: &PendingSignIn) {
    let page = &pending.url;
    match &pending.user_code {
        Some(code) => eprintln!(
            "Open this page in a browser on any computer and enter the code {code}\n{page}\n\
             Waiting; the code is valid for {} minutes.",
            pending.expires_in / 60
        ),
        None if pending.browser_opened => {
            eprintln!("Finish signing in with the browser. If it did not open, go to\n{page}");
        }
        None => eprintln!("Open this page in a browser:\n{page}"),
    }
}

async fn add(again: Option<&str>, json: bool) -> Result<(), CommandError> {
    let auth_id = if std::io::stdin().is_terminal() {
        ask("AuthID")?
    } else {
        let mut text = String::new();
        let read = std::io::stdin().take(MAX_AUTH_ID).read_to_string(&mut text);
        read.map_err(|error| {
            wording::invalid(
                format!("The AuthID could not be read: {error}."),
                "Pass it on standard input.",
            )
        })?;
        text
    };
    let account = open_coffer()?.add_pasted_auth_id(&auth_id, again).await?;
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
            "This AuthID expires on {day} and cannot be renewed automatically. Sign in again before then."
        );
    }
}

fn list(json: bool) -> Result<(), CommandError> {
    let accounts = open_coffer()?.accounts()?;
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
    open_coffer()?.remove_account(id).await
}
