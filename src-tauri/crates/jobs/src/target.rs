use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use coffer_destination::{
    Destination, Error as DestinationError, FolderDestination, Rests, RetryPolicy, Retrying,
};
use coffer_engine::Store;
use coffer_engine::backup::Checkpoints;
use coffer_onedrive::{
    Allowance, Bandwidth, Credential, Deletion, Drive, OneDrive, OneDriveUrl, Place,
    TransferOptions,
};
use coffer_volume::Passphrase;
use percent_encoding::percent_decode_str;
use tokio_util::sync::CancellationToken;

use crate::credentials::KeptSignIn;
use crate::environment::Environment;
use crate::folders::Folders;
use crate::keychain::SecretStore;
use crate::values::{parse_boolean, parse_size};
use crate::waiting::{self, Wait, Waits};
use crate::{Result, blocking, seal, wording};

/// Default prefix of volume names.
pub const DEFAULT_PREFIX: &str = "duplicati";

/// One backup to work on: its opened destination with everything that operations need.
#[derive(Clone)]
pub struct Target {
    pub(crate) store: Store,
    pub(crate) checkpoints: Checkpoints,
    /// Folder of the volumes, for a destination on this computer.
    pub(crate) folder: Option<PathBuf>,
    /// Source of waits.
    pub(crate) waits: Waits,
    /// How much the service currently allows to be uploaded.
    pub(crate) allowance: Option<Arc<AllowanceNow>>,
    /// Description for the user.
    pub label: String,
}

/// How much may be uploaded from now on; `None` without a limit of the service.
pub(crate) type AllowanceNow = dyn Fn() -> Option<Allowance> + Send + Sync;

/// Callback for a message to the user.
pub type OnWait = dyn Fn(&str) + Send + Sync;

/// Settings that an address does not contain.
#[derive(Clone, Default)]
pub struct TargetOptions {
    /// Options by Duplicati's names (`authid`, `drive-id`, `fragment-size`, …); those in the address win.
    pub options: BTreeMap<String, String>,
    /// The stored sign-in to use when the address has no AuthID, or why there is none.
    pub kept_sign_in: Option<Result<KeptSignIn>>,
    /// Store for the key of the run journal.
    pub secrets: Option<Arc<dyn SecretStore>>,
    /// `None` for a backup that is not encrypted.
    pub passphrase: Option<String>,
    /// Called with a message for the user when the service requires a wait before the operation starts.
    pub on_wait: Option<Arc<OnWait>>,
}

/// What is needed to open a backup, besides the destination.
pub(crate) struct Opening<'a> {
    pub(crate) prefix: &'a str,
    /// `--gpg-program-path`.
    pub(crate) gpg_program: Option<&'a str>,
    pub(crate) passphrase: Option<&'a str>,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) folders: &'a Folders,
    pub(crate) tries: Tries,
    /// The existing folder in which the destination may be created; `None` when all of its parents may be created, too.
    pub(crate) disk: Option<PathBuf>,
}

/// How often requests are retried, and where rests in between are reported.
pub(crate) struct Tries {
    pub(crate) policy: RetryPolicy,
    pub(crate) rests: Rests,
}

impl From<RetryPolicy> for Tries {
    fn from(policy: RetryPolicy) -> Self {
        let rests = Rests::default();
        Self { policy, rests }
    }
}

impl Tries {
    fn retrying<D: Destination>(&self, destination: D) -> Retrying<D> {
        Retrying::new(destination, self.policy).with_rests(self.rests.clone())
    }
}

impl Target {
    /// Reads an address: `onedrivev2://…`, `file://…` or a path.
    ///
    /// # Errors
    /// When the address is invalid, and those of finding the drive.
    pub async fn from_address(
        address: &str,
        options: &TargetOptions,
        environment: &Environment,
        folders: &Folders,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let option = |name: &str| options.options.get(name).map(String::as_str);
        let mut retries = RetryPolicy::default();
        if let Some(count) = option("number-of-retries") {
            retries.retries = count.parse().map_err(|_| {
                wording::invalid(
                    format!("number-of-retries={count} is not a number."),
                    "Enter a whole number.",
                )
            })?;
        }
        let opening = Opening {
            gpg_program: option("gpg-program-path"),
            prefix: option("prefix")
                .filter(|prefix| !prefix.is_empty())
                .unwrap_or(DEFAULT_PREFIX),
            passphrase: options.passphrase.as_deref(),
            checkpoints: Checkpoints::None,
            folders,
            tries: retries.into(),
            disk: None,
        };
        let target = match address.split_once("://") {
            Some((scheme, path)) if scheme.eq_ignore_ascii_case("file") => {
                Self::folder(&file_path(path), opening)
            }
            Some(_) => {
                Self::one_drive_address(address, options, environment, opening, cancel).await
            }
            None => Self::folder(Path::new(address), opening),
        }?;
        match &options.passphrase {
            Some(passphrase) => target.in_fitting_form(passphrase, cancel).await,
            None => Ok(target),
        }
    }

    async fn one_drive_address(
        address: &str,
        options: &TargetOptions,
        environment: &Environment,
        mut opening: Opening<'_>,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let url =
            OneDriveUrl::parse(address, &options.options).map_err(|e| wording::onedrive(&e))?;
        let given = url.auth_id(&environment.endpoints(url.option("oauth-url"))?);
        let KeptSignIn {
            credential,
            oauth_url,
        } = match (given, &options.kept_sign_in) {
            (Err(coffer_onedrive::Error::MissingAuthId { .. }), Some(kept)) => {
                let kept = kept.clone()?;
                check_service(&kept, url.option("oauth-url"), environment)?;
                kept
            }
            (given, _) => KeptSignIn {
                credential: given.map_err(|error| wording::onedrive(&error))?.into(),
                oauth_url: url.option("oauth-url").map(str::to_owned),
            },
        };
        let endpoints = environment.endpoints(oauth_url.as_deref())?;
        if let Some(secrets) = options.secrets.clone() {
            let (credential, lock_file) = (credential.clone(), opening.folders.journal_key_lock());
            let sealed = move || seal::checkpoints_or_derived(&*secrets, &lock_file, &credential);
            opening.checkpoints = blocking(sealed).await;
        }
        let account = OneDrive::new(&endpoints, credential)
            .map_err(|e| wording::onedrive(&e))?
            .with_pacing(&opening.folders.pacing());
        let transfer = transfer_options(|name| url.option(name));
        let place = url.place().map_err(|error| wording::onedrive(&error))?;
        let report = |wait: Option<Wait>| {
            if let (Some(wait), Some(on_wait)) = (wait, &options.on_wait) {
                on_wait(&wait.sentence());
            }
        };
        let waits = Waits::new(Some(account.waits()), &opening.tries.rests);
        let opened = Self::one_drive(&account, &place, url.folder(), transfer, opening, cancel);
        waiting::report_waits(waits, report, opened).await
    }

    /// Opens a folder on a drive. Requests the drive, so that a wrong drive or sign-in is reported here.
    pub(crate) async fn one_drive(
        account: &OneDrive,
        place: &Place,
        folder: &str,
        transfer: TransferOptions,
        opening: Opening<'_>,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let (drive, folder) = find_drive(account, place, folder, &opening, cancel)
            .await
            .map_err(|e| wording::destination(&e))?;
        let drive_id = match place {
            Place::Drive(id) => id.as_deref(),
            _ => Some(drive.id.as_str()),
        };
        let destination = account
            .destination(drive_id, &folder, transfer)
            .map_err(|error| wording::onedrive(&error))?;
        let identity = format!("onedrive/{}/{}", drive.id, folder.to_lowercase());
        let label = match drive.owner.as_str() {
            "" => format!("OneDrive · {folder}"),
            owner => format!("OneDrive · {owner} · {folder}"),
        };
        let waits = Waits::new(Some(account.waits()), &opening.tries.rests);
        let retrying = opening.tries.retrying(destination);
        let target = Self::open(Arc::new(retrying), &identity, label, opening)?;
        Ok(Self {
            waits,
            allowance: Some(Arc::new({
                let account = account.clone();
                move || account.allowance()
            })),
            ..target
        })
    }

    /// Opens a folder on this computer.
    pub(crate) fn folder(path: &Path, opening: Opening<'_>) -> Result<Self> {
        let absolute = std::path::absolute(path).map_err(|_| {
            wording::invalid(
                format!("{path:?} is not a folder."),
                "Enter the absolute path of a folder.",
            )
        })?;
        let label = absolute.display().to_string();
        let folder = FolderDestination::new(&absolute);
        let destination = opening.tries.retrying(match &opening.disk {
            Some(disk) => folder.within(disk),
            None => folder,
        });
        let identity = format!("file/{}", real_path(&absolute).display());
        let target = Self::open(Arc::new(destination), &identity, label, opening)?;
        Ok(Self {
            folder: Some(absolute),
            ..target
        })
    }

    fn open(
        destination: Arc<dyn Destination>,
        identity: &str,
        label: String,
        opening: Opening<'_>,
    ) -> Result<Self> {
        let passphrase = opening
            .passphrase
            .map(Passphrase::new)
            .transpose()
            .map_err(|_| wording::empty_passphrase())?;
        opening.folders.make_caches()?;
        let cache = opening
            .folders
            .cache_of(&format!("{identity}/{}", opening.prefix));
        let mut store = Store::new(destination, opening.prefix, passphrase, cache)
            .map_err(|error| wording::engine(&error))?;
        if let Some(program) = opening.gpg_program {
            store = store.with_gpg_program(program);
        }
        Ok(Self {
            store,
            checkpoints: opening.checkpoints,
            folder: None,
            waits: Waits::new(None, &opening.tries.rests),
            allowance: None,
            label,
        })
    }

    /// Space of the destination, if it reports that.
    pub(crate) async fn quota(
        &self,
        cancel: &CancellationToken,
    ) -> Option<coffer_ipc::account::Quota> {
        let quota = self
            .store
            .destination()
            .quota(cancel)
            .await
            .ok()
            .flatten()?;
        Some(quota_shape(quota))
    }
}

/// Checks that a stored sign-in is only sent to the service that issued it, not to another one that an address names.
fn check_service(kept: &KeptSignIn, named: Option<&str>, environment: &Environment) -> Result<()> {
    let (Some(named), Credential::AuthId(_)) = (named, &kept.credential) else {
        return Ok(());
    };
    let own = environment.endpoints(kept.oauth_url.as_deref())?;
    if own.oauth_url() == environment.endpoints(Some(named))?.oauth_url() {
        return Ok(());
    }
    Err(wording::invalid(
        format!(
            "The address names the sign-in service {named}, but the stored sign-in belongs to {}.",
            own.oauth_url()
        ),
        "Pass an AuthID of that service, or remove oauth-url from the address. Nothing was sent.",
    ))
}

/// The path of a folder with all links resolved, so that all processes that back up there use the same locks. A path
/// that does not exist yet stays as it is.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let Ok(real) = ancestor.canonicalize() {
            let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
            return if rest.as_os_str().is_empty() {
                real
            } else {
                real.join(rest)
            };
        }
    }
    path.to_owned()
}

/// Options of transfers, by Duplicati's names. Invalid values are ignored, as in Duplicati.
fn transfer_options<'a>(option: impl Fn(&str) -> Option<&'a str>) -> TransferOptions {
    let mut transfer = TransferOptions::default();
    if let Some(size) = option("fragment-size").and_then(|text| text.parse().ok()) {
        transfer.fragment_size = size;
    }
    if let Some(tries) = option("fragment-retry-count").and_then(|text| text.parse().ok()) {
        transfer.fragment_tries = tries;
    }
    if let Some(delay) = option("fragment-retry-delay").and_then(|text| text.parse().ok()) {
        transfer.fragment_delay = Duration::from_millis(delay);
    }
    // The default unit is kilobytes; 0 means no limit.
    let limit = |name| {
        let size = option(name).and_then(|text| parse_size(text, "kb").ok())?;
        (size > 0).then_some(size)
    };
    transfer.bandwidth = Bandwidth::new(limit("throttle-upload"), limit("throttle-download"));
    if option("permanent-delete").is_some_and(parse_boolean) {
        transfer.deletion = Deletion::Permanent;
    }
    transfer
}

/// Requests a drive, with the same retries as for requests to a destination.
async fn find_drive(
    account: &OneDrive,
    place: &Place,
    folder: &str,
    opening: &Opening<'_>,
    cancel: &CancellationToken,
) -> std::result::Result<(Drive, String), DestinationError> {
    let mut tried = 0;
    loop {
        match account.find(place, folder, cancel).await {
            Ok(found) => return Ok(found),
            Err(error) => {
                let Tries { policy, rests } = &opening.tries;
                policy.pause(error, tried, rests, cancel).await?;
            }
        }
        tried += 1;
    }
}

pub(crate) fn quota_shape(quota: coffer_destination::Quota) -> coffer_ipc::account::Quota {
    coffer_ipc::account::Quota {
        total_bytes: quota.total_bytes,
        free_bytes: quota.free_bytes,
    }
}

/// Path of a `file://` address, as Duplicati reads it: host and path joined and percent-decoded. If a folder exists
/// under the name as written, that takes precedence.
fn file_path(rest: &str) -> PathBuf {
    let rest = rest.split('?').next().unwrap_or(rest);
    // `file:///C:\x` names a drive.
    let drive = rest
        .strip_prefix('/')
        .filter(|path| path.as_bytes().get(1) == Some(&b':'));
    let written = drive.unwrap_or(rest);
    match percent_decode_str(written).decode_utf8() {
        Ok(decoded) if !Path::new(written).exists() => PathBuf::from(decoded.as_ref()),
        _ => PathBuf::from(written),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn all_spellings_of_a_folder_are_one() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap().join("disk/backup");
        std::fs::create_dir_all(real.parent().unwrap()).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("disk"), &link).unwrap();

        assert_eq!(real_path(&link.join("backup")), real, "before it exists");
        std::fs::create_dir(&real).unwrap();
        assert_eq!(real_path(&link.join("backup")), real);
        assert_eq!(real_path(&link.join("../disk/backup")), real);
    }

    #[test]
    fn transfer_options_are_read_and_odd_ones_are_left_out() {
        let read = |name: &'static str, value: &'static str| {
            transfer_options(|asked| (asked == name).then_some(value))
        };

        let delay = read("fragment-retry-delay", "250").fragment_delay;
        assert_eq!(delay, Duration::from_millis(250));
        let odd = read("fragment-retry-delay", "soon").fragment_delay;
        assert_eq!(odd, Duration::from_secs(1));
        assert_eq!(read("fragment-retry-count", "2").fragment_tries, 2);
        assert_eq!(read("fragment-size", "327680").fragment_size, 327_680);
        let limit = read("throttle-upload", "500KB").bandwidth.upload();
        assert_eq!(limit, Some(500 << 10));
        let limit = read("throttle-download", "2mb").bandwidth.download();
        assert_eq!(limit, Some(2 << 20));
        assert_eq!(read("throttle-download", "0").bandwidth.download(), None);
        for (value, deletion) in [
            ("", Deletion::Permanent),
            ("True", Deletion::Permanent),
            ("false", Deletion::RecycleBin),
        ] {
            assert_eq!(
                read("permanent-delete", value).deletion,
                deletion,
                "{value}"
            );
        }
    }
}
