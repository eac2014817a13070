//! Everything the simulator knows, behind one lock, and its way to disk and back.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::faults::Faults;
use crate::journal::{Journal, Records};
use crate::limits::Limiter;
use crate::log::Log;
use crate::model::account::{self, Account};
use crate::model::drive::{self, Drive};
use crate::model::item::Item;
use crate::model::token::{
    Access, AuthId, AuthIdCache, AuthIdLogin, Code, Device, Fetch, Flow, Refresh,
};
use crate::model::tree::Tree;
use crate::model::upload::Upload;
use crate::options::Options;
use crate::random::Random;
use crate::time::Clock;

/// The state of one simulator. Nothing here waits, so the lock is never held across an `await`.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) journal: Journal,
    pub(crate) folder: PathBuf,
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) trees: BTreeMap<String, Tree>,
    pub(crate) access: HashMap<String, Access>,
    pub(crate) refresh: HashMap<String, Refresh>,
    pub(crate) authids: HashMap<String, AuthId>,
    pub(crate) uploads: BTreeMap<String, Upload>,
    /// Signs download addresses.
    pub(crate) secret: String,
    // What follows does not outlive a restart.
    pub(crate) flows: HashMap<String, Flow>,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) devices: HashMap<String, Device>,
    pub(crate) authid_logins: HashMap<String, AuthIdLogin>,
    pub(crate) fetches: HashMap<String, Fetch>,
    pub(crate) authid_cache: HashMap<String, AuthIdCache>,
    pub(crate) faults: Faults,
    pub(crate) limits: Limiter,
    pub(crate) log: Log,
    pub(crate) auto_consent: Option<String>,
    pub(crate) empty_pages: bool,
}

impl State {
    /// Reads the state kept in `folder`, or makes a fresh one when it has none.
    pub(crate) fn open(folder: PathBuf, keep: bool, options: &Options) -> io::Result<Self> {
        for part in ["blobs", "uploads"] {
            std::fs::create_dir_all(folder.join(part))?;
        }
        let (journal, records) = if keep {
            Journal::open(&folder.join("state.jsonl"))?
        } else {
            (Journal::memory(), Records::default())
        };
        let starts = records
            .all::<u64>("starts")
            .first()
            .map_or(0, |(_, starts)| *starts);
        let mut state = Self {
            clock: Clock::default(),
            random: Random::new(options.seed, starts),
            journal,
            folder,
            accounts: BTreeMap::new(),
            trees: BTreeMap::new(),
            access: records.all("access").into_iter().collect(),
            refresh: records.all("refresh").into_iter().collect(),
            authids: records.all("authid").into_iter().collect(),
            uploads: records.all("upload").into_iter().collect(),
            secret: String::new(),
            flows: HashMap::new(),
            codes: HashMap::new(),
            devices: HashMap::new(),
            authid_logins: HashMap::new(),
            fetches: HashMap::new(),
            authid_cache: HashMap::new(),
            faults: Faults::default(),
            limits: Limiter::default(),
            log: Log::default(),
            auto_consent: options.auto_consent.clone(),
            empty_pages: options.empty_pages,
        };
        state.journal.put("starts", "", &(starts + 1));
        state.secret = match records.all::<String>("secret").pop() {
            Some((_, secret)) => secret,
            None => state.random.secret(),
        };
        state.journal.put("secret", "", &state.secret);
        state.seed(&records);
        Ok(state)
    }

    /// Resets to the initial state, without tokens and files.
    pub(crate) fn reset(&mut self) {
        self.journal.clear();
        let trees = std::mem::take(&mut self.trees);
        for item in trees.values().flat_map(Tree::all) {
            self.forget_blob(item);
        }
        for id in std::mem::take(&mut self.uploads).into_keys() {
            let _ = std::fs::remove_file(self.folder.join("uploads").join(id));
        }
        self.accounts.clear();
        self.access.clear();
        self.refresh.clear();
        self.authids.clear();
        self.flows.clear();
        self.codes.clear();
        self.devices.clear();
        self.authid_logins.clear();
        self.fetches.clear();
        self.authid_cache.clear();
        self.faults.clear();
        self.limits.clear();
        self.log = Log::default();
        self.journal.put("secret", "", &self.secret);
        self.seed(&Records::default());
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The drive a request calls `id`.
    pub(crate) fn tree(&self, id: &str) -> Option<&Tree> {
        self.trees
            .get(id)
            .or_else(|| self.trees.values().find(|tree| tree.drive.is_called(id)))
    }

    /// Changes or adds an item and keeps it.
    pub(crate) fn put_item(&mut self, item: Item) -> Option<Item> {
        let tree = self.trees.get_mut(&item.drive)?;
        let item = tree.change(item);
        self.journal
            .put("item", &format!("{}/{}", item.drive, item.id), &item);
        Some(item)
    }

    /// Removes an item for good, its bytes included.
    pub(crate) fn remove_item(&mut self, drive: &str, id: &str) {
        let Some(item) = self.trees.get_mut(drive).and_then(|tree| tree.remove(id)) else {
            return;
        };
        self.journal.remove("item", &format!("{drive}/{id}"));
        self.forget_blob(&item);
    }

    /// Removes the file behind `item`'s content. Current readers still have it open.
    pub(crate) fn forget_blob(&self, item: &Item) {
        if let Some(content) = &item.content {
            let _ = std::fs::remove_file(self.blob(&content.blob));
        }
    }

    pub(crate) fn blob(&self, name: &str) -> PathBuf {
        self.folder.join("blobs").join(name)
    }

    pub(crate) fn put_upload(&mut self, upload: Upload) {
        self.journal.put("upload", &upload.id, &upload);
        self.uploads.insert(upload.id.clone(), upload);
    }

    pub(crate) fn remove_upload(&mut self, id: &str) -> Option<Upload> {
        self.journal.remove("upload", id);
        self.uploads.remove(id)
    }

    pub(crate) fn put_account(&mut self, account: Account) {
        self.journal.put("account", &account.id, &account);
        self.accounts.insert(account.id.clone(), account);
    }

    /// Changes what a drive is; its items stay.
    pub(crate) fn change_drive(&mut self, id: &str, change: impl FnOnce(&mut Drive)) -> bool {
        let Some(id) = self.tree(id).map(|tree| tree.drive.id.clone()) else {
            return false;
        };
        let Some(tree) = self.trees.get_mut(&id) else {
            return false;
        };
        change(&mut tree.drive);
        self.journal.put("drive", &id, &tree.drive);
        true
    }

    fn seed(&mut self, records: &Records) {
        for account in account::seeds() {
            self.accounts.insert(account.id.clone(), account);
        }
        self.accounts.extend(records.all::<Account>("account"));
        let mut items: HashMap<String, Vec<Item>> = HashMap::new();
        for (_, item) in records.all::<Item>("item") {
            items.entry(item.drive.clone()).or_default().push(item);
        }
        let kept: HashMap<String, Drive> = records.all("drive").into_iter().collect();
        let now = self.now();
        for fresh in drive::seeds() {
            let mut drive = kept.get(&fresh.id).cloned().unwrap_or(fresh);
            let mut items = items.remove(&drive.id).unwrap_or_default();
            if !items.iter().any(|item| item.id == drive.root) {
                let root = Tree::new_root(&drive, now);
                self.journal
                    .put("item", &format!("{}/{}", drive.id, root.id), &root);
                items.push(root);
            }
            drive.changes = items.iter().map(|item| item.change).max().unwrap_or(0);
            self.trees.insert(drive.id.clone(), Tree::new(drive, items));
        }
    }
}
