//! Which destinations are the same place, however they are written.

use std::collections::HashMap;

use coffer_ipc::account::Account;
use coffer_ipc::job::DestinationSettings;

use crate::destinations;

/// Compares destinations, using what is known about the accounts.
pub(crate) struct Places {
    /// Id of each account's own drive, by the id of the account.
    own_drives: HashMap<String, String>,
}

impl Places {
    pub(crate) fn new(accounts: Vec<Account>) -> Self {
        let known = accounts
            .into_iter()
            .filter(|account| !account.drive_id.is_empty());
        Self {
            own_drives: known
                .map(|account| (account.id, account.drive_id))
                .collect(),
        }
    }

    /// Whether two settings lead to the same folder. Resolves folders on this computer.
    pub(crate) fn are_same(&self, a: &DestinationSettings, b: &DestinationSettings) -> bool {
        let identity = |destination| destinations::identity(destination, &self.own_drives);
        a == b || identity(a) == identity(b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str, drive_id: &str) -> Account {
        Account {
            id: id.to_owned(),
            name: String::new(),
            drive: String::new(),
            added: String::new(),
            demo: false,
            drive_id: drive_id.to_owned(),
            way: coffer_ipc::account::SignInWay::default(),
            problem: None,
            expires: None,
        }
    }

    fn drive(account_id: &str, drive_id: &str) -> DestinationSettings {
        DestinationSettings::OneDrive {
            account_id: account_id.to_owned(),
            drive_id: drive_id.to_owned(),
            folder: "Backups/laptop".to_owned(),
        }
    }

    #[test]
    fn a_drive_is_known_by_its_id_whoever_signs_in() {
        let places = Places::new(vec![
            account("alex", "0A"),
            account("robin", "0B"),
            account("old", ""),
        ]);
        for (a, b, same) in [
            (("alex", ""), ("alex", "0a"), true),
            (("alex", " "), ("robin", "0A"), true),
            (("alex", ""), ("robin", ""), false),
            (("alex", "0B"), ("alex", ""), false),
            (("old", ""), ("old", ""), true),
            (("old", ""), ("alex", ""), false),
            (("gone", ""), ("gone", ""), true),
        ] {
            let (first, second) = (drive(a.0, a.1), drive(b.0, b.1));

            assert_eq!(places.are_same(&first, &second), same, "{a:?} {b:?}");
            assert_eq!(places.are_same(&second, &first), same, "{b:?} {a:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_is_known_by_where_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("disk");
        std::fs::create_dir(&real).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let at = |path: String| DestinationSettings::Folder { path };
        let places = Places::new(Vec::new());
        let plain = at(format!("{}/backup", real.display()));

        for path in [
            format!("{}/backup/", real.display()),
            format!("{}//./backup", real.display()),
            format!("{}/backup", link.display()),
        ] {
            assert!(places.are_same(&plain, &at(path.clone())), "{path}");
        }
        assert!(!places.are_same(&plain, &at(real.display().to_string())));
        assert!(!places.are_same(&plain, &drive("alex", "")));
    }
}
