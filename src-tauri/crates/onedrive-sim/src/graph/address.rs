//! How Graph paths name drives and items.

use crate::reply::GraphError;
use crate::request::decode;

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Me,
    MyDrives,
    SharedWithMe,
    Batch,
    /// A site by id or address; its drives.
    Site(String),
    SiteDrives,
    Groups,
    Drive(DriveRef),
    /// An item and what to do with it; the action is empty for the item itself.
    Item(DriveRef, ItemRef, String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DriveRef {
    Mine,
    Id(String),
}

/// An item by id, by path, or by a path below an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ItemRef {
    /// An item id or `root`.
    pub(crate) base: String,
    /// A special folder, created on first use.
    pub(crate) special: Option<String>,
    /// Decoded names below `base`.
    pub(crate) path: Vec<String>,
}

impl Target {
    /// The path in the table of routes, which has one spelling for each thing.
    pub(crate) fn segments(&self) -> Vec<String> {
        let segments = match self {
            Self::Me => vec!["me"],
            Self::MyDrives => vec!["me", "drives"],
            Self::SharedWithMe => vec!["me", "drive", "sharedWithMe"],
            Self::Batch => vec!["$batch"],
            Self::Site(name) => vec!["sites", name],
            Self::SiteDrives => vec!["sites", "{site}", "drives"],
            Self::Groups => vec!["groups"],
            Self::Drive(_) => vec!["drives", "{drive}"],
            Self::Item(_, item, action) if action.is_empty() => vec!["items", &item.base],
            Self::Item(_, item, action) => vec!["items", &item.base, action],
        };
        segments.into_iter().map(str::to_owned).collect()
    }
}

/// Reads the path behind the version, still percent-encoded.
pub(crate) fn parse(rest: &str) -> Result<Target, GraphError> {
    let rest = rest.trim_end_matches('/');
    let unknown = || GraphError::new(400, "BadRequest", "Resource not found for the segment");
    let rest = match user(rest) {
        Some(own) => own,
        None => rest,
    };
    let (head, tail) = segment(rest);
    match head.as_str() {
        "me" if tail.is_empty() => Ok(Target::Me),
        "me" => match segment(tail) {
            (head, "") if head == "drives" => Ok(Target::MyDrives),
            (head, tail) if head == "drive" => in_drive(DriveRef::Mine, tail),
            _ => Err(unknown()),
        },
        "drive" => in_drive(DriveRef::Mine, tail),
        "drives" if tail.is_empty() => Ok(Target::MyDrives),
        "drives" => {
            let (id, tail) = segment(tail);
            match id.as_str() {
                "me" => in_drive(DriveRef::Mine, tail),
                _ => in_drive(DriveRef::Id(id), tail),
            }
        }
        "$batch" => Ok(Target::Batch),
        "groups" if tail.is_empty() => Ok(Target::Groups),
        "sites" | "groups" => in_site(tail),
        _ => Err(unknown()),
    }
}

/// `/users/{id}` means the same as `/me` here.
fn user(rest: &str) -> Option<&str> {
    let (_, tail) = segment(rest.strip_prefix("/users")?);
    Some(match tail {
        "/drives" => "/me/drives",
        tail if tail.starts_with("/drive") => tail,
        _ => "/me",
    })
}

fn in_site(tail: &str) -> Result<Target, GraphError> {
    if tail.ends_with("/drives") {
        return Ok(Target::SiteDrives);
    }
    let team = || DriveRef::Id(crate::model::drive::TEAM_DRIVE.to_owned());
    match tail.find("/drive") {
        Some(at) => in_drive(team(), &tail[at + "/drive".len()..]),
        None => Ok(Target::Site(decode(tail.trim_start_matches('/')))),
    }
}

fn in_drive(drive: DriveRef, rest: &str) -> Result<Target, GraphError> {
    if rest.is_empty() {
        return Ok(Target::Drive(drive));
    }
    let unknown = || GraphError::new(400, "BadRequest", "Resource not found for the segment");
    let (kind, after) = piece(rest);
    match kind.as_str() {
        "root" => item(drive, "root".to_owned(), None, after),
        "items" => {
            let (id, after) = piece(after);
            if id.is_empty() {
                return Err(unknown());
            }
            item(drive, id, None, after)
        }
        "special" => {
            let (name, after) = piece(after);
            item(drive, "root".to_owned(), Some(name), after)
        }
        "sharedWithMe" => Ok(Target::SharedWithMe),
        _ => Err(unknown()),
    }
}

fn item(
    drive: DriveRef,
    base: String,
    special: Option<String>,
    after: &str,
) -> Result<Target, GraphError> {
    let (path, action) = match after.strip_prefix(':') {
        // A name cannot hold a colon, so the next one ends the path.
        Some(path) => path.split_once(':').unwrap_or((path, "")),
        None => ("", after),
    };
    let path = split(path)?;
    crate::model::names::check_path(&path)?;
    Ok(Target::Item(
        drive,
        ItemRef {
            base,
            special,
            path,
        },
        action_name(action),
    ))
}

/// Decodes once, then splits and drops empty and `.` segments: some clients write `%2F` and `./`.
pub(crate) fn split(path: &str) -> Result<Vec<String>, GraphError> {
    let decoded = decode(path);
    let names = decoded
        .split('/')
        .filter(|name| !name.is_empty() && *name != ".");
    let names: Vec<String> = names.map(str::to_owned).collect();
    if names.iter().any(|name| name == "..") {
        return Err(GraphError::invalid("The path must not contain ..").inner("invalidPath"));
    }
    Ok(names)
}

fn action_name(action: &str) -> String {
    let action = decode(action.trim_matches('/'));
    let bare = ["oneDrive.", "microsoft.graph.", "upload."]
        .iter()
        .find_map(|prefix| action.strip_prefix(prefix))
        .unwrap_or(&action);
    let bare = bare.strip_suffix("()").unwrap_or(bare);
    match bare {
        "createSession" => "createUploadSession".to_owned(),
        bare => bare.to_owned(),
    }
}

/// The next path segment, decoded, and what follows it.
fn segment(rest: &str) -> (String, &str) {
    let rest = rest.trim_start_matches('/');
    let end = rest.find('/').unwrap_or(rest.len());
    (decode(&rest[..end]), &rest[end..])
}

/// The next segment where a colon ends one too.
fn piece(rest: &str) -> (String, &str) {
    let rest = rest.trim_start_matches('/');
    let end = rest.find(['/', ':']).unwrap_or(rest.len());
    (decode(&rest[..end]), &rest[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(rest: &str) -> (String, Vec<String>, String) {
        match parse(rest) {
            Ok(Target::Item(_, item, action)) => (item.base, item.path, action),
            other => panic!("{rest}: {other:?}"),
        }
    }

    fn at(base: &str, path: &[&str], action: &str) -> (String, Vec<String>, String) {
        let path = path.iter().map(|name| (*name).to_owned()).collect();
        (base.to_owned(), path, action.to_owned())
    }

    #[test]
    fn every_spelling_of_an_address_is_understood() {
        assert_eq!(item("/me/drive/root/children"), at("root", &[], "children"));
        assert_eq!(
            item("/me/drive/root::/children"),
            at("root", &[], "children")
        );
        assert_eq!(
            item("/me/drive/root:/A/B%20C:/content"),
            at("root", &["A", "B C"], "content")
        );
        assert_eq!(
            item("/drives/b!x/items/i1:/a.zip:"),
            at("i1", &["a.zip"], "")
        );
        assert_eq!(
            item("/drives/b!x/items/i1:/a.zip"),
            at("i1", &["a.zip"], "")
        );
        assert_eq!(
            item("/drive/root:/.%2Fsmall.txt"),
            at("root", &["small.txt"], "")
        );
        assert_eq!(
            item("/me/drive/items/8F!s1:/n:/oneDrive.createUploadSession"),
            at("8F!s1", &["n"], "createUploadSession")
        );
        assert_eq!(
            item("/drives/d/root:/n:/upload.createSession"),
            at("root", &["n"], "createUploadSession")
        );
    }

    #[test]
    fn a_path_that_climbs_up_is_refused() {
        assert!(parse("/me/drive/root:/a/%2e%2e/b").is_err());
    }
}
