//! `onedrivev2://<folder>/<subfolder>?authid=<authid>`, read as Duplicati reads it; so are its `sharepoint://` (a
//! site's library: `site-id`, or the site's own address in front of the folder) and `msgroup://` (a group's files:
//! `group-id` or `group-email`).
//!
//! It is not an RFC 3986 URL: the authority is the first part of the folder, with its case preserved; user and port are
//! dropped; folder and host are percent-decoded twice, each time with `+` as a space; option names in the query are
//! case-sensitive, and the values of a repeated option are joined with a comma.

use std::collections::BTreeMap;
use std::fmt;

use crate::endpoints::Endpoints;
use crate::error::{Error, Result};
use crate::names::check_folder;
use crate::oauth::AuthId;

/// Maximum number of leading path parts that are tried as the site.
const MAX_SITE_PARTS: usize = 8;

/// The parsed address of a OneDrive destination.
#[derive(Clone)]
pub struct OneDriveUrl {
    service: Service,
    /// The path as written, including empty parts.
    written: String,
    folder: String,
    options: BTreeMap<String, String>,
}

/// The kind of Duplicati destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    OneDrive,
    SharePoint,
    Group,
}

/// The drive of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The account's own drive, or the one with this id.
    Drive(Option<String>),
    /// The library of the site with this id.
    Site(String),
    /// The library of the first of these sites that exists. Each has the folder after it, which may begin with the
    /// library's own name.
    SiteAddress(Vec<SiteAddress>),
    /// The files of a group; at least one of the two is set.
    Group {
        /// Its id.
        id: Option<String>,
        /// Its email address.
        mail: Option<String>,
    },
}

/// A site by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteAddress {
    /// Server name.
    pub(crate) host: String,
    /// Path of the site, without `/` at either end.
    pub(crate) path: String,
    /// The folder after the site's path.
    pub(crate) rest: String,
}

impl OneDriveUrl {
    /// Reads an address; `options` are those of the command line, which the address' own override.
    ///
    /// # Errors
    /// [`Error::UnknownScheme`] and [`Error::InvalidFolder`].
    pub fn parse(url: &str, options: &BTreeMap<String, String>) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
        let service = match scheme.to_ascii_lowercase().as_str() {
            "onedrivev2" | "onedrivev2s" => Service::OneDrive,
            "sharepoint" | "sharepoints" => Service::SharePoint,
            "msgroup" | "msgroups" => Service::Group,
            _ => {
                return Err(Error::UnknownScheme {
                    scheme: scheme.to_owned(),
                });
            }
        };
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match address.find('/') {
            Some(slash) => address.split_at(slash),
            None => (address, ""),
        };
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        let host = match host.split_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => host,
        };
        let once = format!("{}{}", decode(host), decode(path));
        let written = decode(&once);
        let folder = normalize(&written);
        check_folder(&folder)?;

        let mut own: BTreeMap<String, String> = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value);
            own.entry(decode(key))
                .and_modify(|joined| *joined = format!("{joined},{value}"))
                .or_insert(value);
        }
        let mut options = options.clone();
        options.extend(own);
        Ok(Self {
            service,
            written,
            folder,
            options,
        })
    }

    /// Folder from the drive's root, separated by `/`, with none at either end; empty for the root itself.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The drive of the address.
    ///
    /// # Errors
    /// [`Error::MissingPlace`] if the site or group is missing.
    pub fn place(&self) -> Result<Place> {
        let given = |name| self.given(name).map(str::to_owned);
        match self.service {
            Service::OneDrive => Ok(Place::Drive(given("drive-id"))),
            Service::SharePoint => match given("site-id") {
                Some(id) => Ok(Place::Site(id)),
                None => self.site_addresses().map(Place::SiteAddress),
            },
            Service::Group => match (given("group-id"), given("group-email")) {
                (None, None) => Err(Error::MissingPlace {
                    needed: "group-email or group-id",
                }),
                (id, mail) => Ok(Place::Group { id, mail }),
            },
        }
    }

    /// Candidates for the site's address in front of the folder: the part before `//` if there is one, else ever shorter
    /// prefixes of the path.
    fn site_addresses(&self) -> Result<Vec<SiteAddress>> {
        let missing = Error::MissingPlace {
            needed: "site-id or the address of the site",
        };
        let Some((host, path)) = self.written.split_once('/') else {
            return Err(missing);
        };
        if !host.contains('.') || host.contains(char::is_whitespace) {
            return Err(missing);
        }
        let address = |path: &str, rest: &str| SiteAddress {
            host: host.to_owned(),
            path: normalize(path),
            rest: normalize(rest),
        };
        let hinted = path.split_once("//");
        let mut addresses: Vec<_> = hinted
            .into_iter()
            .map(|(site, rest)| address(site, rest))
            .collect();
        let whole = normalize(path);
        let parts: Vec<_> = whole.split('/').filter(|part| !part.is_empty()).collect();
        for count in (0..=parts.len().min(MAX_SITE_PARTS)).rev() {
            let (site, rest) = parts.split_at(count);
            addresses.push(address(&site.join("/"), &rest.join("/")));
        }
        Ok(addresses)
    }

    /// An option that is not blank.
    fn given(&self, name: &str) -> Option<&str> {
        let value = self.option(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// The credential.
    ///
    /// # Errors
    /// [`Error::MissingAuthId`] with the page that issues one, [`Error::InvalidAuthId`].
    pub fn auth_id(&self, endpoints: &Endpoints) -> Result<AuthId> {
        match self.option("authid").filter(|id| !id.trim().is_empty()) {
            Some(id) => AuthId::parse(id),
            None => Err(Error::MissingAuthId {
                link: endpoints.sign_in_page(match self.service {
                    Service::OneDrive => "onedrivev2",
                    Service::SharePoint => "sharepoint",
                    Service::Group => "msgroup",
                }),
            }),
        }
    }

    /// An option of the address or the command line.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }
}

/// Shows no option, because the AuthID is among them.
impl fmt::Debug for OneDriveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneDriveUrl")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// Percent-decodes with `+` as a space and `%u` with four hex digits as a UTF-16 unit; invalid escapes are kept.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |range: std::ops::Range<usize>| {
            text.get(range)
                .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
                .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        };
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' if bytes.get(at + 1) == Some(&b'u') && hex(at + 2..at + 6).is_some() => {
                let unit = hex(at + 2..at + 6).and_then(char::from_u32);
                let unit = unit.unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend(unit.encode_utf8(&mut [0; 4]).as_bytes());
                at += 5;
            }
            b'%' => match hex(at + 1..at + 3) {
                Some(byte) => {
                    out.push(byte as u8);
                    at += 2;
                }
                None => out.push(b'%'),
            },
            byte => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `/` between parts, no empty ones.
fn normalize(folder: &str) -> String {
    let parts = folder.split(['/', '\\']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_decoded_twice() {
        let folder = |url| {
            OneDriveUrl::parse(url, &BTreeMap::new())
                .unwrap()
                .folder()
                .to_owned()
        };

        assert_eq!(folder("onedrivev2://A/B%20C?authid=a:b"), "A/B C");
        assert_eq!(folder("onedrivev2://A/%252B"), "A/+");
        assert_eq!(folder("onedrivev2://A/x%2By"), "A/x y");
        assert_eq!(folder("onedrivev2://A/x%u00E6y"), "A/xæy");
        assert_eq!(folder("onedrivev2://A/%2525"), "A/%");
    }

    #[test]
    fn sites_and_groups_are_named_by_options_or_in_front_of_the_folder() {
        let place = |url| OneDriveUrl::parse(url, &BTreeMap::new()).unwrap().place();
        let site = |path: &str, rest: &str| SiteAddress {
            host: "contoso.example".to_owned(),
            path: path.to_owned(),
            rest: rest.to_owned(),
        };

        let by_id = place("sharepoint://A/B?site-id=1,2,3");
        assert_eq!(by_id.unwrap(), Place::Site("1,2,3".to_owned()));
        let addressed = place("sharepoint://contoso.example/sites/team//Backups/PC");
        let Place::SiteAddress(tried) = addressed.unwrap() else {
            panic!("no address");
        };
        assert_eq!(tried[0], site("sites/team", "Backups/PC"));
        assert_eq!(tried[1], site("sites/team/Backups/PC", ""));
        assert_eq!(tried.last().unwrap(), &site("", "sites/team/Backups/PC"));
        let group = Place::Group {
            id: None,
            mail: Some("team@contoso.example".to_owned()),
        };
        let by_mail = place("msgroup://A?group-email=team%40contoso.example");
        assert_eq!(by_mail.unwrap(), group);
        for nowhere in ["msgroup://A/B", "sharepoint://A/B", "sharepoint://A"] {
            assert!(place(nowhere).is_err(), "{nowhere}");
        }
    }

    #[test]
    fn the_debug_form_shows_no_secret() {
        let url = OneDriveUrl::parse("onedrivev2://A?authid=secret:id", &BTreeMap::new()).unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }
}
