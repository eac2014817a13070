use coffer_destination::RetryPolicy;
use coffer_ipc::account::SignInSettings;
use coffer_onedrive::{Endpoints, Registration};

use crate::Result;
use crate::wording;

/// Client id this program was built with, for those who register one of their own.
const BUILT_IN_CLIENT: Option<&str> = option_env!("COFFER_BUILD_CLIENT_ID");

/// Which services this process talks to.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Whether the services are the simulator's: sign-ins created here are marked, and refused elsewhere.
    pub demo: bool,
    /// How often failed requests are retried.
    pub retries: RetryPolicy,
    graph: Option<String>,
    oauth: Option<String>,
    client_id: Option<String>,
    tenant: Option<String>,
}

impl Environment {
    /// Reads `COFFER_DEMO`, `COFFER_GRAPH_ENDPOINT` (demo only; signing in at Microsoft goes there, too),
    /// `COFFER_OAUTH_URL`, `COFFER_CLIENT_ID` and `COFFER_TENANT`.
    pub fn from_variables() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let demo = variable("COFFER_DEMO").is_some_and(|value| value == "1");
        Self {
            demo,
            retries: RetryPolicy::default(),
            graph: variable("COFFER_GRAPH_ENDPOINT").filter(|_| demo),
            oauth: variable("COFFER_OAUTH_URL"),
            client_id: variable("COFFER_CLIENT_ID"),
            tenant: variable("COFFER_TENANT"),
        }
    }

    /// The environment of the demo, with the services at these addresses.
    pub fn demo(graph: &str, oauth: &str) -> Self {
        Self {
            demo: true,
            retries: RetryPolicy::default(),
            graph: Some(graph.to_owned()),
            oauth: Some(oauth.to_owned()),
            client_id: None,
            tenant: None,
        }
    }

    /// The addresses of the services; `oauth_url` (`--oauth-url`) takes precedence over the environment.
    ///
    /// # Errors
    /// When an address would send secrets in the clear.
    pub fn endpoints(&self, oauth_url: Option<&str>) -> Result<Endpoints> {
        let endpoints = Endpoints::new(self.graph.as_deref(), oauth_url.or(self.oauth.as_deref()));
        match &self.graph {
            Some(simulator) => endpoints.and_then(|endpoints| endpoints.with_login(simulator)),
            None => endpoints,
        }
        .map_err(|error| wording::onedrive(&error))
    }

    /// The app that signs in at Microsoft itself: that of the settings, else of the environment, else of this build.
    ///
    /// # Errors
    /// When there is none, or when it is invalid.
    pub fn registration(&self, settings: &SignInSettings) -> Result<Registration> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let client_id = given(&settings.client_id)
            .or_else(|| self.client_id.clone())
            .or_else(|| BUILT_IN_CLIENT.map(str::to_owned));
        let Some(client_id) = client_id else {
            return Err(wording::invalid(
                "There is no client ID to sign in to Microsoft with.",
                "Register an app with Microsoft and enter its client ID, or sign in through the AuthID service.",
            ));
        };
        let tenant = given(&settings.tenant).or_else(|| self.tenant.clone());
        Registration::new(&client_id, tenant.as_deref())
            .map(|registration| registration.with_all_files(settings.all_files))
            .map_err(|error| wording::onedrive(&error))
    }
}
