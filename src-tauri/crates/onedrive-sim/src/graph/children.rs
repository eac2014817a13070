//! Listing folders page by page, creating folders, and the changes of a drive.

use std::ops::Bound;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::access::Place;
use super::filter::Filter;
use super::items::bad_body;
use super::{folders, show};
use crate::fail::Fail;
use crate::model::item::Item;
use crate::model::upload::Conflict;
use crate::reply::{GraphError, Reply, json_reply};
use crate::request::{Call, Pairs, encode};

/// Default number of items per page.
const PAGE: usize = 200;
/// Items of the largest page.
const LARGEST_PAGE: usize = 1000;

pub(crate) fn list(at: &Place<'_>, call: &Call) -> Result<Reply, Fail> {
    let state = &mut at.world.state();
    let folder = folders::resolve(state, at.drive, at.item)?;
    if !folder.is_folder() {
        return Err(GraphError::invalid("The item is not a folder").into());
    }
    let top = top(&call.query)?;
    let filter = Filter::read(&call.query)?;
    let token = match call.query.odata("skiptoken") {
        Some(token) => Some(SkipToken::read(token)?),
        None => None,
    };
    let tree = folders::tree(state, at.drive)?;
    let total = tree.child_count(&folder.id);
    let context = format!(
        "{}/v1.0/$metadata#drives('{}')/items",
        at.world.urls.api, at.drive
    );
    if let Some(SkipToken { after, empty: true }) = &token {
        let next = SkipToken {
            after: after.clone(),
            empty: false,
        };
        let body = json!({
            "@odata.context": context,
            "value": [],
            "@odata.nextLink": next_link(at, call, &next.write()),
        });
        return Ok(json_reply(200, &body));
    }
    let after = token.as_ref().map_or(Bound::Unbounded, |token| {
        Bound::Excluded(token.after.as_str())
    });
    let mut page: Vec<(&str, &Item)> = tree
        .children_after(&folder.id, after)
        .filter(|(_, item)| filter.lets_through(item))
        .take(top + 1)
        .collect();
    let more = page.len() > top;
    page.truncate(top);
    let value: Vec<Value> = page
        .iter()
        .map(|(_, item)| show::item(at.world, state, item, &call.query))
        .collect();
    let mut body = json!({"@odata.context": context, "@odata.count": total, "value": value});
    if let Some((last, _)) = page.last().filter(|_| more) {
        let next = SkipToken {
            after: (*last).to_owned(),
            empty: state.empty_pages,
        };
        body["@odata.nextLink"] = next_link(at, call, &next.write()).into();
    }
    Ok(json_reply(200, &body))
}

/// Creates a folder.
pub(crate) async fn create(at: &Place<'_>, call: &mut Call) -> Result<Reply, Fail> {
    let Some(body) = call.json().await? else {
        return Err(bad_body().into());
    };
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    if body.get("folder").is_none() {
        return Err(GraphError::invalid("The request must have a folder facet").into());
    }
    let conflict = conflict(&body, &call.query)?.unwrap_or(Conflict::Fail);
    let state = &mut at.world.state();
    let parent = folders::resolve(state, at.drive, at.item)?;
    if !parent.is_folder() {
        return Err(GraphError::invalid("The parent is not a folder").into());
    }
    let present = folders::tree(state, at.drive)?
        .child(&parent.id, name)
        .cloned();
    let item = match (present, conflict) {
        (None, _) => folders::new_folder(state, at.drive, &parent.id, name)?,
        (Some(item), Conflict::Replace) if item.is_folder() => item,
        (Some(_), Conflict::Rename) => {
            let tree = folders::tree(state, at.drive)?;
            let mut names = (1..10_000).map(|number| format!("{name} {number}"));
            let free = names.find(|name| tree.child(&parent.id, name).is_none());
            let free = free.ok_or_else(GraphError::exists)?;
            folders::new_folder(state, at.drive, &parent.id, &free)?
        }
        (Some(_), _) => return Err(GraphError::exists().into()),
    };
    Ok(json_reply(
        201,
        &show::item(at.world, state, &item, &call.query),
    ))
}

/// Everything in the drive, or what changed since a token.
pub(crate) fn delta(at: &Place<'_>, call: &Call) -> Result<Reply, Fail> {
    let state = &mut at.world.state();
    let in_action = at.action.split('\'').nth(1);
    let token = call.query.odata("token").or(in_action);
    let tree = folders::tree(state, at.drive)?;
    let since = match token {
        None | Some("") => 0,
        Some("latest") => tree.drive.changes + 1,
        Some(token) => token
            .parse::<u64>()
            .map_err(|_| GraphError::new(410, "resyncRequired", "The token is not valid"))?,
    };
    let top = top(&call.query)?;
    let fresh = token.is_none_or(str::is_empty);
    let mut items: Vec<&Item> = tree
        .all()
        .filter(|item| item.change >= since && !(fresh && item.deleted))
        .collect();
    items.sort_by_key(|item| item.change);
    let more = items.len() > top;
    items.truncate(top);
    let value: Vec<Value> = items
        .iter()
        .map(|item| show::item(at.world, state, item, &call.query))
        .collect();
    let base = format!("{}{}", at.world.urls.api, without_token(&call.path));
    let mut body = json!({"value": value});
    match items.last().filter(|_| more) {
        Some(last) => {
            body["@odata.nextLink"] = format!("{base}?$top={top}&token={}", last.change + 1).into();
        }
        None => {
            body["@odata.deltaLink"] = format!("{base}?token={}", tree.drive.changes + 1).into();
        }
    }
    Ok(json_reply(200, &body))
}

/// The `conflictBehavior` of a body, wrapped in `item` or not, or of the query.
pub(crate) fn conflict(body: &Value, query: &Pairs) -> Result<Option<Conflict>, GraphError> {
    const KEYS: [&str; 2] = [
        "@microsoft.graph.conflictBehavior",
        "@name.conflictBehavior",
    ];
    let inside = |value: &Value| {
        KEYS.iter()
            .find_map(|key| value.get(key)?.as_str().map(str::to_owned))
    };
    let word = body
        .get("item")
        .and_then(inside)
        .or_else(|| inside(body))
        .or_else(|| {
            KEYS.iter()
                .find_map(|key| query.get(key).map(str::to_owned))
        });
    match word {
        None => Ok(None),
        Some(word) => Conflict::parse(&word)
            .map(Some)
            .ok_or_else(|| GraphError::invalid("The conflict behavior is not valid")),
    }
}

/// Where the next page starts.
struct SkipToken {
    /// Folded name of the last item given out.
    after: String,
    /// An empty page comes in between.
    empty: bool,
}

impl SkipToken {
    fn write(&self) -> String {
        let mark = if self.empty { 'e' } else { 'n' };
        URL_SAFE_NO_PAD.encode(format!("{mark}{}", self.after))
    }

    fn read(token: &str) -> Result<Self, GraphError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let token = text.as_deref().and_then(|text| {
            let empty = text.starts_with('e');
            Some(Self {
                after: text.get(1..)?.to_owned(),
                empty,
            })
        });
        token.ok_or_else(|| GraphError::invalid("The skip token is not valid"))
    }
}

fn next_link(at: &Place<'_>, call: &Call, token: &str) -> String {
    let mut link = format!("{}{}?", at.world.urls.api, call.path);
    for (key, value) in call.query.iter() {
        if !key
            .trim_start_matches('$')
            .eq_ignore_ascii_case("skiptoken")
        {
            link.push_str(&format!("{}={}&", encode(key), encode(value)));
        }
    }
    link.push_str(&format!("%24skiptoken={token}"));
    link
}

fn top(query: &Pairs) -> Result<usize, GraphError> {
    match query.odata("top") {
        None => Ok(PAGE),
        Some(text) => match text.trim().parse::<usize>() {
            Ok(top) if top > 0 => Ok(top.min(LARGEST_PAGE)),
            _ => Err(GraphError::invalid("The page size is not valid")),
        },
    }
}

/// `delta(token='1')` without its argument, which the next link carries in its query.
fn without_token(path: &str) -> &str {
    path.split('(').next().unwrap_or(path)
}
