use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use zbus::message::Header;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};
use zbus::{Connection, Proxy};

/// How long the tray may take to follow what happens.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// An item of a menu as the bus carries it: number, properties, items inside.
type Layout = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

/// The side of a desktop that shows tray icons.
pub(crate) struct TrayHost {
    bus: Connection,
    items: mpsc::UnboundedReceiver<(String, String)>,
}

/// A tray icon that a program registered.
pub(crate) struct TrayItem {
    bus: Connection,
    owner: String,
    path: String,
}

struct Watcher(mpsc::UnboundedSender<(String, String)>);

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: &str, #[zbus(header)] header: Header<'_>) {
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        // A program gives the path of its item, or its name on the bus.
        let item = if service.starts_with('/') {
            (sender, service.to_owned())
        } else {
            (service.to_owned(), "/StatusNotifierItem".to_owned())
        };
        // The test no longer waits for it.
        let _ = self.0.send(item);
    }

    fn register_status_notifier_host(&self, _service: &str) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        Vec::new()
    }
}

impl TrayHost {
    /// Takes the place of the desktop's tray.
    pub(crate) async fn start(bus: Connection) -> Self {
        let (sender, items) = mpsc::unbounded_channel();
        bus.object_server()
            .at("/StatusNotifierWatcher", Watcher(sender))
            .await
            .expect("the watcher is served");
        bus.request_name("org.kde.StatusNotifierWatcher")
            .await
            .expect("nothing else shows a tray here");
        Self { bus, items }
    }

    /// The next icon that a program registers.
    pub(crate) async fn next_item(&mut self) -> TrayItem {
        let waited = tokio::time::timeout(PATIENCE, self.items.recv()).await;
        let (owner, path) = waited
            .expect("a tray icon appears in time")
            .expect("the watcher lives as long as the host");
        TrayItem {
            bus: self.bus.clone(),
            owner,
            path,
        }
    }
}

impl TrayItem {
    /// The picture that is shown, as PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        self.picture_other_than(&[]).await
    }

    /// Waits until the picture is another one than each of these, and returns it.
    pub(crate) async fn picture_other_than(&self, known: &[&[u8]]) -> Vec<u8> {
        let started = Instant::now();
        loop {
            let picture = self.picture_now().await;
            if let Some(picture) = picture.filter(|now| known.iter().all(|known| known != now)) {
                return picture;
            }
            assert!(started.elapsed() < PATIENCE, "the icon stays the same");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// `None` while the file of the old picture is gone and the new one has not been announced.
    async fn picture_now(&self) -> Option<Vec<u8>> {
        let item = self.proxy(&self.path, "org.kde.StatusNotifierItem").await;
        let name: String = item.get_property("IconName").await.expect("it has an icon");
        let folder: String = item.get_property("IconThemePath").await.unwrap_or_default();
        let candidates = [
            name.clone(),
            format!("{name}.png"),
            format!("{folder}/{name}.png"),
        ];
        candidates.iter().find_map(|path| fs::read(path).ok())
    }

    /// Waits until the menu has an entry with these words and chooses it.
    pub(crate) async fn choose(&self, words: &str) {
        let menu = self.menu().await;
        let started = Instant::now();
        let id = loop {
            let entries = entries(&menu).await;
            if let Some((id, _)) = entries.iter().find(|(_, label)| label == words) {
                break *id;
            }
            assert!(started.elapsed() < PATIENCE, "no {words:?} in {entries:?}");
            tokio::time::sleep(LOOK).await;
        };
        let nothing = Value::from(0);
        menu.call::<_, _, ()>("Event", &(id, "clicked", nothing, 0_u32))
            .await
            .expect("the menu takes a click");
    }

    async fn menu(&self) -> Proxy<'static> {
        let item = self.proxy(&self.path, "org.kde.StatusNotifierItem").await;
        let path: OwnedObjectPath = item.get_property("Menu").await.expect("it has a menu");
        self.proxy(path.as_str(), "com.canonical.dbusmenu").await
    }

    async fn proxy(&self, path: &str, interface: &str) -> Proxy<'static> {
        zbus::proxy::Builder::new(&self.bus)
            .destination(self.owner.clone())
            .and_then(|builder| builder.path(path.to_owned()))
            .and_then(|builder| builder.interface(interface.to_owned()))
            .expect("names on the bus")
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .await
            .expect("the program is on the bus")
    }
}

/// Number and words of every entry.
async fn entries(menu: &Proxy<'_>) -> Vec<(i32, String)> {
    let nothing: [&str; 0] = [];
    let answer: (u32, Layout) = menu
        .call("GetLayout", &(0, -1, &nothing[..]))
        .await
        .expect("the menu has entries");
    let mut found = Vec::new();
    collect(answer.1, &mut found);
    found
}

fn collect((id, properties, inside): Layout, found: &mut Vec<(i32, String)>) {
    if let Some(label) = properties.get("label") {
        let label = String::try_from(label.try_clone().expect("a text")).expect("a text");
        // An underline marks the key of an entry.
        found.push((id, label.replace('_', "")));
    }
    for item in inside {
        let item = Layout::try_from(item).expect("an entry");
        collect(item, found);
    }
}
