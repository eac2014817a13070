use clap::{Args, Subcommand};
use coffer_ipc::account::{SignInRequest, SignInSettings, SignInWay};

use super::Common;

#[derive(Subcommand)]
pub(crate) enum Auth {
    /// Opens the sign-in page and waits for its end.
    Login(Login),
    /// Keeps an AuthID that you have; it is asked for, or read from standard input.
    Add(Add),
    /// Lists kept sign-ins.
    List(Common),
    /// Forgets a sign-in.
    Remove {
        /// Its id, as `auth list` shows it.
        id: String,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args)]
pub(crate) struct Login {
    /// Signs in at Microsoft itself, without a service between; needs a client id.
    #[arg(long, conflicts_with = "device")]
    direct: bool,
    /// As --direct, with a code to be typed in any browser: for a computer that has none.
    #[arg(long)]
    device: bool,
    /// Client id of your app registration at Microsoft. Default: that of the settings, or COFFER_CLIENT_ID.
    #[arg(long)]
    client_id: Option<String>,
    /// Which accounts: common, consumers, organizations, or a tenant's id or domain. Default: common.
    #[arg(long)]
    tenant: Option<String>,
    /// Asks for drives of others and shared libraries, too; with --direct or --device.
    #[arg(long)]
    all_files: bool,
    /// Refresh address of an AuthID service of your own.
    #[arg(long, conflicts_with_all = ["direct", "device"])]
    oauth_url: Option<String>,
    /// The account that signs in again, by the id that `auth list` shows; another one is refused.
    #[arg(long)]
    again: Option<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Args)]
pub(crate) struct Add {
    /// The account that signs in again, by the id that `auth list` shows; another one is refused.
    #[arg(long)]
    pub(crate) again: Option<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl Login {
    pub(crate) fn request(&self) -> SignInRequest {
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
    pub(crate) fn settings(&self, kept: SignInSettings) -> SignInSettings {
        let given = |new: &Option<String>, kept: String| new.clone().unwrap_or(kept);
        SignInSettings {
            oauth_url: given(&self.oauth_url, kept.oauth_url),
            client_id: given(&self.client_id, kept.client_id),
            tenant: given(&self.tenant, kept.tenant),
            all_files: self.all_files || kept.all_files,
        }
    }
}
