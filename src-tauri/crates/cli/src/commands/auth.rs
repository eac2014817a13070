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

/// Bytes that are read of an AuthID.
const MAX_AUTH_ID: u64 = 16 * 1024;

#[derive(Subcommand)]
pub(crate) enum Auth {
    /// Open the sign-in page and wait for the sign-in to finish
    Login(Login),
    /// Store an AuthID that you have; it is asked for, or read from standard input
    Add(Add),
    /// List stored sign-ins
    List(Common),
    /// Forget a sign-in
    Remove {
        /// Its id, as `auth list` shows it
        id: String,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args)]
pub(crate) struct Login {
    /// Sign in with Microsoft directly; needs a client id
    #[arg(long, conflicts_with = "device")]
    direct: bool,
    /// As --direct, with a code to be typed in any browser: for a computer that has none
    #[arg(long)]
    device: bool,
    /// Client id of your app registration at Microsoft. Default: that of the settings, or COFFER_CLIENT_ID
    #[arg(long)]
    client_id: Option<String>,
    /// Which accounts: common, consumers, organizations, or a tenant's id or domain. Default: common
    #[arg(long)]
    tenant: Option<String>,
    /// Include shared drives and libraries; with --direct or --device
    #[arg(long)]
    all_files: bool,
    /// Refresh address of an AuthID service of your own
    #[arg(long, conflicts_with_all = ["direct", "device"])]
    oauth_url: Option<String>,
    /// The account that signs in again, by the id that `auth list` shows; another one is refused
    #[arg(long)]
    again: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
pub(crate) struct Add {
    /// The account that signs in again, by the id that `auth list` shows; another one is refused
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

    /// The settings with what was given here in their place.
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
        .sign_in(&arguments.request(), &settings, tell, cancel)
        .await?;
    show(&account, arguments.common.json.is_set());
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
        ask("AuthID")?
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
            "This AuthID ends on {day} and cannot be renewed by itself. Sign in again before that."
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
