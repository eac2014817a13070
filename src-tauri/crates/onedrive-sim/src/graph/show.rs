//! Items as Graph's JSON.

use serde_json::{Map, Value, json};

use crate::download;
use crate::model::drive::DriveKind;
use crate::model::item::Item;
use crate::request::{Pairs, encode};
use crate::state::State;
use crate::time::iso;
use crate::world::World;

/// A driveItem, cut down to what `$select` asks for.
pub(crate) fn item(world: &World, state: &State, item: &Item, query: &Pairs) -> Value {
    let Some(tree) = state.trees.get(&item.drive) else {
        return Value::Null;
    };
    let drive = &tree.drive;
    let mut shown = json!({
        "id": item.id,
        "name": item.name,
        "size": item.size(),
        "eTag": item.e_tag(),
        "createdDateTime": iso(item.created),
        "lastModifiedDateTime": iso(item.modified),
        "webUrl": web_url(world, &drive.id, &tree.path(item)),
        "fileSystemInfo": {
            "createdDateTime": iso(item.client_created),
            "lastModifiedDateTime": iso(item.client_modified),
        },
    });
    let mut parent = json!({"driveId": drive.id, "driveType": drive.kind.name()});
    if let Some(id) = &item.parent {
        let mut path = format!("/drives/{}/root:", encode_id(&drive.id));
        if let Some(above) = tree.any_item(id) {
            for name in tree.path(above) {
                path.push('/');
                path.push_str(&encode(name));
            }
        }
        parent["id"] = id.clone().into();
        parent["path"] = path.into();
        if let Some(above) = tree.any_item(id) {
            parent["name"] = above.name.clone().into();
        }
    } else {
        shown["root"] = json!({});
    }
    shown["parentReference"] = parent;
    if item.deleted {
        shown["deleted"] = json!({"state": "deleted"});
    }
    match &item.content {
        None => shown["folder"] = json!({"childCount": tree.child_count(&item.id)}),
        Some(content) => {
            let mut hashes = json!({"quickXorHash": content.quick_xor});
            if drive.kind == DriveKind::Personal {
                hashes["sha256Hash"] = content.sha256.clone().into();
            }
            shown["cTag"] = item.c_tag().into();
            shown["file"] = json!({"mimeType": "application/octet-stream", "hashes": hashes});
            let address = download::address(world, state, item);
            shown["@microsoft.graph.downloadUrl"] = address.into();
        }
    }
    select(shown, query)
}

fn select(shown: Value, query: &Pairs) -> Value {
    let Some(wanted) = query
        .odata("select")
        .filter(|wanted| !wanted.trim().is_empty())
    else {
        return shown;
    };
    let Value::Object(shown) = shown else {
        return shown;
    };
    let wanted: Vec<&str> = wanted.split(',').map(str::trim).collect();
    let named = |key: &str| {
        wanted.contains(&key)
            || (key == "@microsoft.graph.downloadUrl" && wanted.contains(&"content.downloadUrl"))
    };
    Value::Object(
        shown
            .into_iter()
            .filter(|(key, _)| named(key))
            .collect::<Map<_, _>>(),
    )
}

pub(crate) fn web_url(world: &World, drive: &str, path: &[&str]) -> String {
    let path: Vec<String> = path.iter().map(|name| encode(name)).collect();
    format!(
        "{}/_sim/ui#/{}/{}",
        world.urls.api,
        encode(drive),
        path.join("/")
    )
}

/// Ids keep their `!`, as in the real service's paths.
fn encode_id(id: &str) -> String {
    encode(id).replace("%21", "!")
}
