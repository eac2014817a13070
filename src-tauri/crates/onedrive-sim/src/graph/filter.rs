//! The filters of a listing that clients were seen to send.

use crate::model::item::Item;
use crate::reply::GraphError;
use crate::request::Pairs;

/// What `$filter` lets through.
#[derive(Debug)]
pub(crate) enum Filter {
    /// There is none.
    Everything,
    /// `name eq '...'`; the name in small letters.
    Name(String),
    /// `folder ne null`.
    Folders,
    /// `file ne null`.
    Files,
}

impl Filter {
    /// Reads `$filter`; one that is not understood is an error, because ignoring it would mislead the client.
    pub(crate) fn read(query: &Pairs) -> Result<Self, GraphError> {
        let Some(text) = query.odata("filter").map(str::trim) else {
            return Ok(Self::Everything);
        };
        let name = text.strip_prefix("name eq '");
        if let Some(name) = name.and_then(|rest| rest.strip_suffix('\'')) {
            // A quote inside is doubled.
            return Ok(Self::Name(name.replace("''", "'").to_lowercase()));
        }
        match text {
            "folder ne null" => Ok(Self::Folders),
            "file ne null" => Ok(Self::Files),
            _ => Err(GraphError::invalid("Invalid filter clause")),
        }
    }

    pub(crate) fn lets_through(&self, item: &Item) -> bool {
        match self {
            Self::Everything => true,
            Self::Name(name) => item.name.to_lowercase() == *name,
            Self::Folders => item.is_folder(),
            Self::Files => !item.is_folder(),
        }
    }
}
