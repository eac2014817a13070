//! `coffer-onedrive-sim`: the OneDrive simulator as a program.
//!
//! Prints one JSON line with its addresses and the admin token, then serves until it is interrupted.

use std::io::Read;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use coffer_onedrive_sim::{
    ALEX_DRIVE, AuthIdDialect, Options, Origins, ROBIN_DRIVE, SHARED_DRIVE, Simulator, TEAM_DRIVE,
    UploadAuth,
};
use serde_json::json;

/// OneDrive, Microsoft's sign-in and Duplicati's AuthID service on this computer, for tests and demos.
#[derive(Debug, Parser)]
#[command(name = "coffer-onedrive-sim", version)]
struct Arguments {
    /// Port of sign-in, AuthID service, Graph and admin API; 0 chooses a free one
    #[arg(long, default_value_t = 0)]
    api_port: u16,
    /// Port of upload addresses; 0 chooses a free one
    #[arg(long, default_value_t = 0)]
    up_port: u16,
    /// Port of download addresses; 0 chooses a free one
    #[arg(long, default_value_t = 0)]
    dl_port: u16,
    /// Keep accounts, tokens and files in this folder
    #[arg(long, value_name = "DIR", conflicts_with = "memory")]
    data: Option<PathBuf>,
    /// Forget everything at the end (the default)
    #[arg(long)]
    memory: bool,
    /// Make ids and tokens the same every time
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Bearer of the admin API; random by default
    #[arg(long, value_name = "TOKEN")]
    admin_token: Option<String>,
    /// Which AuthID server is imitated
    #[arg(long, value_enum, default_value = "gae")]
    authid_dialect: Dialect,
    /// Refreshes of one AuthID allowed within an hour; 0 is without limit
    #[arg(long, value_name = "N", default_value_t = 0)]
    authid_hourly_limit: u32,
    /// Sign this account in without showing pages
    #[arg(long, value_name = "ACCOUNT")]
    auto_consent: Option<String>,
    /// Whether upload addresses refuse an Authorization header
    #[arg(long, value_enum, default_value = "strict")]
    upload_auth: Auth,
    /// Addresses put in answers: api=URL,up=URL,dl=URL
    #[arg(long, value_name = "URLS", value_parser = origins)]
    public_base: Option<Origins>,
    /// Accept this redirect URI too; may be given several times
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<String>,
    /// Answer under Microsoft's own names too: by TLS, behind a CONNECT proxy, with a new CA at each start
    #[arg(long)]
    front: bool,
    /// End when standard input closes
    #[arg(long)]
    exit_with_stdin: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Dialect {
    Gae,
    Dotnet,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Auth {
    Strict,
    Lenient,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let exit_with_stdin = arguments.exit_with_stdin;
    let simulator = Simulator::start(options(arguments)).await?;
    let line = json!({
        "api": simulator.api_url(),
        "up": simulator.up_url(),
        "dl": simulator.dl_url(),
        "graph": format!("{}/v1.0", simulator.api_url()),
        "login": simulator.api_url(),
        "oauth_url": simulator.oauth_url(),
        "admin_token": simulator.admin_token(),
        "ui": format!("{}/_sim/ui#token={}", simulator.api_url(), simulator.admin_token()),
        "front": simulator.front().map(|front| json!({
            "proxy": front.proxy_url(),
            "ca": front.ca_file(),
            "api": front.api_url(),
        })),
        "drives": {
            "alex": ALEX_DRIVE,
            "robin": ROBIN_DRIVE,
            "team": TEAM_DRIVE,
            "shared": SHARED_DRIVE,
        },
    });
    println!("{line}");

    let (closed, input_closed) = tokio::sync::oneshot::channel();
    if exit_with_stdin {
        std::thread::spawn(move || {
            let mut rest = std::io::stdin();
            let mut buffer = [0; 256];
            while matches!(rest.read(&mut buffer), Ok(read) if read > 0) {}
            let _ = closed.send(());
        });
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = input_closed => {}
        }
    } else {
        tokio::signal::ctrl_c().await?;
    }
    simulator.shutdown().await;
    // The thread may still wait for input; nothing is left to do for it.
    std::process::exit(0);
}

fn options(arguments: Arguments) -> Options {
    Options {
        data: arguments.data,
        api_port: arguments.api_port,
        up_port: arguments.up_port,
        dl_port: arguments.dl_port,
        seed: arguments.seed,
        admin_token: arguments.admin_token,
        authid_dialect: match arguments.authid_dialect {
            Dialect::Gae => AuthIdDialect::Gae,
            Dialect::Dotnet => AuthIdDialect::Dotnet,
        },
        authid_hourly_limit: arguments.authid_hourly_limit,
        upload_auth: match arguments.upload_auth {
            Auth::Strict => UploadAuth::Strict,
            Auth::Lenient => UploadAuth::Lenient,
        },
        auto_consent: arguments.auto_consent,
        public_base: arguments.public_base,
        redirect_uris: arguments.redirect_uri,
        front: arguments.front,
        device_interval: None,
        empty_pages: false,
    }
}

fn origins(text: &str) -> Result<Origins, String> {
    let find = |key: &str| {
        let mut parts = text
            .split(',')
            .filter_map(|part| part.trim().split_once('='));
        let value = parts.find(|(name, _)| *name == key).map(|(_, value)| value);
        let value = value.ok_or_else(|| format!("{key}=URL is missing"))?;
        Ok::<_, String>(value.trim_end_matches('/').to_owned())
    };
    Ok(Origins {
        api: find("api")?,
        up: find("up")?,
        dl: find("dl")?,
    })
}
