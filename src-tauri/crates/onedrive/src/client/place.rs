//! Finding the drive of an address.

use coffer_destination::{Error as DestinationError, Result};
use reqwest::Method;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::account::OneDrive;
use super::drive::{Drive, DriveJson};
use super::graph::Call;
use super::pages::list;
use crate::names::{encode, encode_path};
use crate::url::{Place, SiteAddress};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SiteJson {
    id: String,
    #[serde(default)]
    web_url: String,
}

#[derive(Deserialize)]
struct GroupJson {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LibraryJson {
    #[serde(default)]
    web_url: String,
    #[serde(flatten)]
    drive: DriveJson,
}

impl OneDrive {
    /// The drive of an address, and the folder on it; `folder` is the address's.
    ///
    /// # Errors
    /// [`DestinationError::Refused`] for a drive, site or group that does not exist or that this sign-in cannot access,
    /// or for an ambiguous group.
    pub async fn find(
        &self,
        place: &Place,
        folder: &str,
        cancel: &CancellationToken,
    ) -> Result<(Drive, String)> {
        match place {
            Place::Drive(id) => {
                let drive = self.drive(id.as_deref(), cancel).await?;
                Ok((drive, folder.to_owned()))
            }
            Place::Site(id) => {
                let site = format!("sites/{}", site_id(id));
                let library = self.library(&site, cancel).await?;
                Ok((library.drive.into_drive(false), folder.to_owned()))
            }
            Place::Group { id, mail } => {
                let group = self.group(id.as_deref(), mail.as_deref(), cancel).await?;
                let group = format!("groups/{}", encode(&group));
                let library = self.library(&group, cancel).await?;
                Ok((library.drive.into_drive(false), folder.to_owned()))
            }
            Place::SiteAddress(tried) => self.addressed(tried, cancel).await,
        }
    }

    /// The first of these sites that exists.
    async fn addressed(
        &self,
        tried: &[SiteAddress],
        cancel: &CancellationToken,
    ) -> Result<(Drive, String)> {
        for address in tried {
            let host = encode(&address.host);
            let url = match address.path.as_str() {
                "" => host,
                path => format!("{host}:{}", encode_path(path)),
            };
            let site: SiteJson = match self.get(&format!("sites/{url}"), cancel).await {
                // No such site, or no site at all.
                Err(DestinationError::NotFound { .. } | DestinationError::Refused { .. }) => {
                    continue;
                }
                found => found?,
            };
            let library = self
                .library(&format!("sites/{}", site_id(&site.id)), cancel)
                .await?;
            let folder = behind_library(&address.rest, &site.web_url, &library.web_url);
            return Ok((library.drive.into_drive(false), folder));
        }
        Err(refused(
            "find the site",
            tried.first().map_or("", |address| &address.host),
            "there is no such site, or this sign-in has no access to it",
        ))
    }

    async fn library(&self, owner: &str, cancel: &CancellationToken) -> Result<LibraryJson> {
        let found = self.get(&format!("{owner}/drive"), cancel).await;
        found.map_err(|error| match error {
            DestinationError::NotFound { name } => refused(
                "find the library",
                &name,
                "it does not exist, or this sign-in has no access to it",
            ),
            error => error,
        })
    }

    /// Id of a group, looked up by its address; if an id is given too, it must match.
    async fn group(
        &self,
        id: Option<&str>,
        mail: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<String> {
        let Some(mail) = mail else {
            return Ok(id.unwrap_or_default().to_owned());
        };
        let quoted = mail.replace('\'', "''");
        let filter = format!("mail eq '{quoted}' or proxyAddresses/any(x:x eq 'smtp:{quoted}')");
        let base = self.graph().endpoints.graph();
        let url = format!("{base}/groups?$filter={}", encode(&filter));
        let found: Vec<GroupJson> =
            list(self.graph(), url, ("find the group", mail), cancel).await?;
        match (found.as_slice(), id) {
            ([group], None) => Ok(group.id.clone()),
            ([group], Some(id)) if group.id.eq_ignore_ascii_case(id) => Ok(group.id.clone()),
            ([_], Some(_)) => Err(refused(
                "find the group",
                mail,
                "its ID differs from group-id",
            )),
            ([], _) => Err(refused(
                "find the group",
                mail,
                "no group has this address, or this sign-in has no access to it",
            )),
            _ => Err(refused(
                "find the group",
                mail,
                "several groups have this address; use group-id instead",
            )),
        }
    }

    async fn get<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        cancel: &CancellationToken,
    ) -> Result<T> {
        let call = Call {
            method: Method::GET,
            url: format!("{}/{path}", self.graph().endpoints.graph()),
            json: None,
            purpose: ("find", path),
        };
        self.graph().json(call, cancel).await
    }
}

fn refused(operation: &'static str, name: &str, why: &str) -> DestinationError {
    DestinationError::Refused {
        operation,
        name: name.to_owned(),
        why: why.to_owned(),
    }
}

/// Site ids are a host and two ids separated by commas, which need no encoding in a path.
fn site_id(id: &str) -> String {
    encode(id).replace("%2C", ",")
}

/// The folder without the library's own name at its beginning, if present.
fn behind_library(rest: &str, site: &str, library: &str) -> String {
    let name = library.strip_prefix(site.trim_end_matches('/'));
    let name = name.map(|name| name.trim_matches('/'));
    let name = name.map(|name| percent_encoding::percent_decode_str(name).decode_utf8_lossy());
    let behind = name.filter(|name| !name.is_empty()).and_then(|name| {
        let (front, behind) = rest.split_at_checked(name.len())?;
        let fits =
            front.eq_ignore_ascii_case(&name) && (behind.is_empty() || behind.starts_with('/'));
        fits.then(|| behind.trim_matches('/').to_owned())
    });
    behind.unwrap_or_else(|| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_library_is_no_part_of_the_folder() {
        let site = "https://contoso.example/sites/team";
        let library = "https://contoso.example/sites/team/Shared%20Documents";
        for (rest, folder) in [
            ("Shared Documents/Backups", "Backups"),
            ("shared documents", ""),
            ("Shared Documents 2/Backups", "Shared Documents 2/Backups"),
            ("Backups", "Backups"),
        ] {
            assert_eq!(behind_library(rest, site, library), folder);
        }
        assert_eq!(behind_library("Backups", site, "elsewhere"), "Backups");
    }
}
