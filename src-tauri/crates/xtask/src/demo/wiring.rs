//! What leads Coffer to the simulator.

use std::path::Path;
use std::process::Command;

use super::simulator::Simulator;

/// A client id that the simulator knows, as it knows all.
const CLIENT_ID: &str = "00000000-0000-4000-8000-000000c0ff3e";

/// What wires the app and the command line to the simulator, and keeps them off the person's own data.
pub(super) fn wire<'a>(
    command: &'a mut Command,
    simulator: &Simulator,
    folder: &Path,
) -> &'a mut Command {
    command
        .env("COFFER_DEMO", "1")
        .env("COFFER_GRAPH_ENDPOINT", &simulator.api)
        .env("COFFER_OAUTH_URL", &simulator.oauth_url)
        // As if the person had registered an app: the direct ways to sign in can be tried, too.
        .env("COFFER_CLIENT_ID", CLIENT_ID)
        .env("COFFER_DATA_DIR", folder.join("data"))
        .env("COFFER_CACHE_DIR", folder.join("cache"))
}
