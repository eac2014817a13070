use coffer_destination::RetryPolicy;
use coffer_onedrive::Endpoints;

use crate::Result;
use crate::wording;

/// Which services this process talks to.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Wired to the simulator: everything made here is marked, and refused elsewhere.
    pub demo: bool,
    /// How patiently they are asked.
    pub retries: RetryPolicy,
    graph: Option<String>,
    oauth: Option<String>,
}

impl Environment {
    /// Reads `COFFER_DEMO`, `COFFER_GRAPH_ENDPOINT` (demo only) and `COFFER_OAUTH_URL`.
    pub fn from_variables() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let demo = variable("COFFER_DEMO").is_some_and(|value| value == "1");
        Self {
            demo,
            retries: RetryPolicy::default(),
            graph: variable("COFFER_GRAPH_ENDPOINT").filter(|_| demo),
            oauth: variable("COFFER_OAUTH_URL"),
        }
    }

    /// The demo at these addresses.
    pub fn demo(graph: &str, oauth: &str) -> Self {
        Self {
            demo: true,
            retries: RetryPolicy::default(),
            graph: Some(graph.to_owned()),
            oauth: Some(oauth.to_owned()),
        }
    }

    /// The services; `oauth_url` (`--oauth-url`) wins over the environment.
    ///
    /// # Errors
    /// When an address would send secrets in the clear.
    pub fn endpoints(&self, oauth_url: Option<&str>) -> Result<Endpoints> {
        Endpoints::new(self.graph.as_deref(), oauth_url.or(self.oauth.as_deref()))
            .map_err(|error| wording::onedrive(&error))
    }
}
