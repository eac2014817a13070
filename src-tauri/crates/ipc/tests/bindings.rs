//! The committed TypeScript is what the Rust types say.

use std::path::Path;

use coffer_ipc::{account, command, event, job, passphrase, restore, run, sheet};
use ts_rs::{Config, TS};

/// Fails when a type changed and the exported files were not committed with it.
///
/// With `COFFER_UPDATE_BINDINGS` set it writes them instead.
#[test]
fn bindings_are_current() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../ui/src/bindings");
    let config = Config::from_env();
    let update = std::env::var_os("COFFER_UPDATE_BINDINGS").is_some();
    let mut stale = Vec::new();
    macro_rules! check {
        ($($type:ty),* $(,)?) => {$({
            let name = <$type as TS>::ident(&config);
            let expected = <$type as TS>::export_to_string(&config).expect("the type can be exported");
            let file = committed.join(format!("{name}.ts"));
            if update {
                std::fs::write(&file, &expected).expect("the bindings folder can be written");
            }
            if std::fs::read_to_string(&file).unwrap_or_default() != expected {
                stale.push(name);
            }
        })*};
    }

    check!(
        coffer_ipc::CommandError,
        coffer_ipc::ErrorCode,
        account::Account,
        account::PendingSignIn,
        account::SignInOutcome,
        account::Drive,
        account::Quota,
        account::RemoteFolder,
        account::SignInRequest,
        account::SignInSettings,
        account::SignInWay,
        command::AppState,
        command::BandwidthSettings,
        command::DestinationCheck,
        command::DestinationContent,
        command::NewJobDefaults,
        command::PassphraseRating,
        command::SaveJob,
        command::SourceCheck,
        command::Theme,
        command::TrayStatus,
        event::Change,
        event::Event,
        job::DestinationSettings,
        job::FilterRule,
        job::Health,
        job::HealthLevel,
        job::JobCard,
        job::JobDefinition,
        job::JobOptions,
        job::JobState,
        job::Retention,
        job::Schedule,
        job::ScheduleUnit,
        job::Unreadable,
        job::WaitingFor,
        job::Weekday,
        passphrase::LeftPassphrase,
        restore::BackupRef,
        restore::Entry,
        restore::EntryKind,
        restore::EntryPage,
        restore::ExistingFiles,
        restore::OpenBackup,
        restore::OpenedPlace,
        restore::RestoreRequest,
        restore::Version,
        run::MessageLevel,
        run::Operation,
        run::Permission,
        run::Phase,
        run::Progress,
        run::Restored,
        run::RestoredFile,
        run::Wait,
        run::RunCounts,
        run::RunMessage,
        run::RunReport,
        run::RunResult,
        run::RunSummary,
        run::MissingSource,
        sheet::RecoverySheet,
        sheet::SheetLine,
        sheet::SheetOf,
    );

    assert!(
        stale.is_empty(),
        "run `COFFER_UPDATE_BINDINGS=1 cargo test -p coffer-ipc` and commit ui/src/bindings: {stale:?}"
    );
}
