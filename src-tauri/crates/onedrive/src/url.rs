//! `onedrivev2://<folder>/<subfolder>?authid=<authid>`, read as Duplicati reads it.
//!
//! It is no RFC 3986 URL: the authority is the first part of the folder, in its own case; user and port are dropped;
//! folder and host are percent-decoded twice, each time with `+` as a space; option names in the query count with
//! their case, and the same option twice is joined with a comma.

use std::collections::BTreeMap;
use std::fmt;

use crate::endpoints::Endpoints;
use crate::error::{Error, Result};
use crate::names::check_folder;
use crate::oauth::AuthId;

/// A OneDrive destination, taken apart.
#[derive(Clone)]
pub struct OneDriveUrl {
    folder: String,
    options: BTreeMap<String, String>,
}

impl OneDriveUrl {
    /// Reads an address; `options` are those of the command line, which the address' own override.
    ///
    /// # Errors
    /// [`Error::UnknownScheme`] and [`Error::InvalidFolder`].
    pub fn parse(url: &str, options: &BTreeMap<String, String>) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
        if !["onedrivev2", "onedrivev2s"].contains(&scheme.to_ascii_lowercase().as_str()) {
            return Err(Error::UnknownScheme {
                scheme: scheme.to_owned(),
            });
        }
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
        let folder = normalize(&decode(&once));
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
        Ok(Self { folder, options })
    }

    /// Folder from the drive's root, `/` between, none at either end; empty for the root itself.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// Drive to use instead of the account's own.
    pub fn drive_id(&self) -> Option<&str> {
        self.option("drive-id")
            .map(str::trim)
            .filter(|id| !id.is_empty())
    }

    /// The credential.
    ///
    /// # Errors
    /// [`Error::MissingAuthId`] naming the page that gives one, [`Error::InvalidAuthId`].
    pub fn auth_id(&self, endpoints: &Endpoints) -> Result<AuthId> {
        match self.option("authid").filter(|id| !id.trim().is_empty()) {
            Some(id) => AuthId::parse(id),
            None => Err(Error::MissingAuthId {
                link: endpoints.sign_in_page(),
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

/// Percent-decodes with `+` as a space and `%u` with four hex digits as a UTF-16 unit; what is no escape stays.
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
    fn the_debug_form_shows_no_secret() {
        let url = OneDriveUrl::parse("onedrivev2://A?authid=secret:id", &BTreeMap::new()).unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }
}
