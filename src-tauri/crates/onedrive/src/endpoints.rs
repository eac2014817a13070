use crate::error::{Error, Result};

/// Duplicati's AuthID service.
pub const DEFAULT_OAUTH_URL: &str = "https://duplicati-oauth-handler.appspot.com/refresh";
/// Microsoft Graph, the worldwide one.
const DEFAULT_GRAPH: &str = "https://graph.microsoft.com";
/// Microsoft's sign-in, the worldwide one.
const DEFAULT_LOGIN: &str = "https://login.microsoftonline.com";

/// The services to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    graph: String,
    oauth: String,
    login: String,
}

impl Endpoints {
    /// `None` means Microsoft's own and Duplicati's own.
    ///
    /// # Errors
    /// [`Error::InsecureEndpoint`] for an address without encryption that is not of this computer.
    pub fn new(graph: Option<&str>, oauth: Option<&str>) -> Result<Self> {
        let graph = graph
            .unwrap_or(DEFAULT_GRAPH)
            .trim_end_matches('/')
            .to_owned();
        let oauth = oauth.unwrap_or(DEFAULT_OAUTH_URL).to_owned();
        for url in [&graph, &oauth] {
            if !is_private(url) {
                return Err(Error::InsecureEndpoint { url: url.clone() });
            }
        }
        Ok(Self {
            graph,
            oauth,
            login: DEFAULT_LOGIN.to_owned(),
        })
    }

    /// Replaces the address of Microsoft's sign-in service; without the tenant.
    ///
    /// # Errors
    /// As [`Endpoints::new`].
    pub fn with_login(self, login: &str) -> Result<Self> {
        let login = login.trim_end_matches('/').to_owned();
        if !is_private(&login) {
            return Err(Error::InsecureEndpoint { url: login });
        }
        Ok(Self { login, ..self })
    }

    /// Address of one of Microsoft's sign-in services: `authorize`, `token` or `devicecode`.
    pub(crate) fn login(&self, tenant: &str, service: &str) -> String {
        format!("{}/{tenant}/oauth2/v2.0/{service}", self.login)
    }

    /// Base of Graph's addresses, version included.
    pub(crate) fn graph(&self) -> String {
        format!("{}/v1.0", self.graph)
    }

    /// Whether the bearer token may be sent to this address.
    pub(crate) fn is_graph(&self, url: &str) -> bool {
        url.strip_prefix(&self.graph)
            .is_some_and(|rest| rest.starts_with('/'))
    }

    /// The AuthID service that issues access tokens. It must be stored with each AuthID, because no other service may
    /// ever see that AuthID.
    pub fn oauth_url(&self) -> &str {
        &self.oauth
    }

    /// Base of the AuthID service's pages, with a slash at the end.
    pub(crate) fn oauth_base(&self) -> String {
        let base = self.oauth.strip_suffix("refresh").unwrap_or(&self.oauth);
        format!("{}/", base.trim_end_matches('/'))
    }

    /// The page where a user gets an AuthID for a service: `onedrivev2`, `sharepoint` or `msgroup`.
    pub(crate) fn sign_in_page(&self, service: &str) -> String {
        format!("{}?type={service}", self.oauth_base().trim_end_matches('/'))
    }

    /// Whether these are not the real services; such sign-ins are marked.
    pub fn is_loopback(&self) -> bool {
        [&self.graph, &self.oauth, &self.login]
            .into_iter()
            .any(|url| is_loopback(url))
    }
}

impl Default for Endpoints {
    fn default() -> Self {
        Self {
            graph: DEFAULT_GRAPH.to_owned(),
            oauth: DEFAULT_OAUTH_URL.to_owned(),
            login: DEFAULT_LOGIN.to_owned(),
        }
    }
}

/// Whether requests to the address cannot be read in transit.
pub(crate) fn is_private(url: &str) -> bool {
    url.starts_with("https://") || is_loopback(url)
}

/// Whether the address is on this computer.
pub(crate) fn is_loopback(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_sent_in_the_clear() {
        assert!(Endpoints::new(Some("http://graph.example"), None).is_err());
        assert!(Endpoints::new(None, Some("http://127.0.0.1.evil.example/refresh")).is_err());
        assert!(Endpoints::new(None, Some("http://127.0.0.1:8080/refresh")).is_ok());
        let login = |url| Endpoints::default().with_login(url);
        assert!(login("http://login.example").is_err());
        assert!(login("https://login.microsoftonline.us/").is_ok());
    }

    #[test]
    fn the_bearer_goes_to_graph_alone() {
        let endpoints = Endpoints::default();
        assert!(endpoints.is_graph("https://graph.microsoft.com/v1.0/me"));
        assert!(!endpoints.is_graph("https://graph.microsoft.com.evil.example/v1.0"));
        assert!(!endpoints.is_graph("http://graph.microsoft.com/v1.0"));
    }

    #[test]
    fn pages_stand_beside_refresh() {
        let endpoints = Endpoints::new(None, Some("https://auth.example/x/refresh")).unwrap();
        assert_eq!(endpoints.oauth_base(), "https://auth.example/x/");
        assert_eq!(
            Endpoints::default().sign_in_page("onedrivev2"),
            "https://duplicati-oauth-handler.appspot.com?type=onedrivev2"
        );
    }
}
