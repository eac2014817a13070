//! What any version stored in the data folder is still there after an update, and what a newer version stored is not
//! touched.
//!
//! `tests/fixtures/app-data/<version of the schema>/coffer.sql` is the app database as that version wrote it, in a life of
//! one hour ([`live`]). `COFFER_UPDATE_FIXTURES=1` writes the newest again; the ones before are never changed. Once a schema was
//! released, what is stored differently is a new step of the migrations, if only an empty one, so that its fixture stays.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffer_ipc::ErrorCode;
use coffer_ipc::account::SignInSettings;
use coffer_ipc::command::{BandwidthSettings, Theme};
use coffer_ipc::event::Change;
use coffer_ipc::job::{
    DestinationSettings, FilterRule, HealthLevel, JobState, Retention, Schedule, ScheduleUnit,
    Weekday,
};
use coffer_ipc::restore::{BackupRef, ExistingFiles, RestoreRequest};
use coffer_ipc::run::{Operation, RunResult};
use coffer_jobs::{AppLock, Coffer};
use rusqlite::Connection;
use rusqlite::types::Value as Stored;
use serde_json::Value;

use crate::support::{Computer, back_up};

/// Where everything is in the fixtures.
const HOME: &str = "/home/alex";
/// Client ID of a user's own app registration; not a secret.
const CLIENT_ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures/app-data")
}

/// Versions of the schema that have a fixture, the newest last.
fn versions() -> Vec<u32> {
    let folders = fs::read_dir(fixtures()).unwrap();
    let name = |folder: fs::DirEntry| folder.file_name().into_string().unwrap();
    let mut versions: Vec<_> = folders
        .map(|folder| name(folder.unwrap()).parse().unwrap())
        .collect();
    versions.sort_unstable();
    versions
}

fn fixture(version: u32) -> PathBuf {
    fixtures().join(version.to_string()).join("coffer.sql")
}

/// Turns a fixture into the data folder of a computer.
fn install(computer: &Computer, version: u32) {
    let dump = fs::read_to_string(fixture(version)).unwrap();
    let home = computer.path("").display().to_string();
    fs::create_dir_all(computer.path("data")).unwrap();
    let database = Connection::open(computer.folders().database()).unwrap();
    let dump = dump.replace(HOME, home.trim_end_matches('/'));
    database.execute_batch(&dump).unwrap();
}

/// Two jobs, one of which lost its sign-in, backups with and without trouble, a restore, and settings.
async fn live(computer: &Computer, coffer: &Coffer) {
    coffer.set_theme(Theme::Dark).unwrap();
    let bandwidth = BandwidthSettings {
        upload_bytes: Some(1 << 20),
        download_bytes: None,
    };
    coffer.set_bandwidth(bandwidth).unwrap();
    let sign_in = SignInSettings {
        client_id: CLIENT_ID.to_owned(),
        tenant: "consumers".to_owned(),
        ..SignInSettings::default()
    };
    coffer.set_sign_in_settings(&sign_in).unwrap();
    let account = computer.sign_in(coffer).await;
    let mut laptop = computer.drive_job("laptop", &account.id);
    laptop.definition.schedule = Some(schedule());
    laptop.definition.filters = vec![FilterRule {
        include: false,
        expression: "*.tmp".to_owned(),
    }];
    laptop.definition.options.retention = retention();
    let laptop = coffer.create_job(laptop).await.unwrap().id;
    let stick = coffer.create_job(computer.folder_job("stick"));
    let stick = stick.await.unwrap().id;
    back_up(coffer, &laptop).await;
    computer.clock.pass_minutes(10);
    back_up(coffer, &stick).await;
    computer.clock.pass_minutes(10);
    fs::write(computer.path("source/new.txt"), "new").unwrap();
    #[cfg(unix)]
    std::os::unix::net::UnixListener::bind(computer.path("source/socket")).unwrap();
    back_up(coffer, &stick).await;
    computer.clock.pass_minutes(10);
    restore(computer, coffer, &stick).await;
    computer.clock.pass_minutes(10);
    computer.end_sign_in();
    back_up(coffer, &laptop).await;
}

fn schedule() -> Schedule {
    Schedule {
        first_run: "2026-03-02T12:00".to_owned(),
        every: 1,
        unit: ScheduleUnit::Days,
        days: vec![Weekday::Monday, Weekday::Friday],
    }
}

fn retention() -> Retention {
    let policy = "1W:1D,4W:1W".to_owned();
    Retention::Policy { policy }
}

async fn restore(computer: &Computer, coffer: &Coffer, job_id: &str) {
    let job_id = job_id.to_owned();
    let opened = coffer.open_backup(BackupRef::Job { job_id }).await.unwrap();
    let request = RestoreRequest {
        handle: opened.handle,
        version: 0,
        paths: Vec::new(),
        target: Some(computer.path("restored").display().to_string()),
        existing: ExistingFiles::KeepBoth,
    };
    let mut events = coffer.subscribe();
    coffer.start_restore(request).unwrap();
    let is_end = |change: &Change| match change {
        Change::Restore { summary, .. } => summary.is_some(),
        _ => false,
    };
    while !is_end(&events.recv().await.unwrap().change) {}
}

/// The database as text, as `sqlite3 coffer.sqlite .dump` and then its version.
fn dump(computer: &Computer) -> String {
    let database = Connection::open(computer.folders().database()).unwrap();
    let mut text = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n".to_owned();
    for (table, sql) in tables(&database) {
        text += &format!("{sql};\n");
        for row in rows(&database, &format!("SELECT * FROM {table}")) {
            let values: Vec<_> = row.iter().map(quoted).collect();
            text += &format!("INSERT INTO {table} VALUES({});\n", values.join(","));
        }
    }
    let indexes = "SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
    for row in rows(&database, indexes) {
        text += &format!("{};\n", text_of(&row[0]));
    }
    let home = computer.path("").display().to_string();
    let version = version_of(&database);
    format!("{text}COMMIT;\nPRAGMA user_version = {version};\n")
        .replace(home.trim_end_matches('/'), HOME)
}

fn tables(database: &Connection) -> Vec<(String, String)> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY rootpage";
    let tables = rows(database, sql);
    tables
        .iter()
        .map(|row| (text_of(&row[0]), text_of(&row[1])))
        .collect()
}

fn rows(database: &Connection, sql: &str) -> Vec<Vec<Stored>> {
    let mut statement = database.prepare(sql).unwrap();
    let count = statement.column_count();
    let rows = statement.query_map([], |row| (0..count).map(|at| row.get(at)).collect());
    rows.unwrap().map(Result::unwrap).collect()
}

fn text_of(value: &Stored) -> String {
    match value {
        Stored::Text(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    }
}

fn quoted(value: &Stored) -> String {
    match value {
        Stored::Null => "NULL".to_owned(),
        Stored::Integer(number) => number.to_string(),
        Stored::Text(text) => format!("'{}'", text.replace('\'', "''")),
        other => panic!("{other:?} is never stored"),
    }
}

fn version_of(database: &Connection) -> u32 {
    let version = database.query_row("PRAGMA user_version", [], |row| row.get(0));
    version.unwrap()
}

/// The names of everything in a database: tables with their columns, and the fields in their JSON texts.
fn shape(dump: &str) -> BTreeSet<String> {
    let database = Connection::open_in_memory().unwrap();
    database.execute_batch(dump).unwrap();
    let mut shape = BTreeSet::from([format!("version {}", version_of(&database))]);
    for (table, sql) in tables(&database) {
        shape.insert(sql);
        let text = match table.as_str() {
            "job" => "body, state",
            "account" | "run" => "body",
            _ => continue,
        };
        for row in rows(&database, &format!("SELECT {text} FROM {table}")) {
            for (at, value) in row.iter().enumerate() {
                let value: Value = serde_json::from_str(&text_of(value)).unwrap();
                add_names(&value, &format!("{table} {at}"), &mut shape);
            }
        }
    }
    shape
}

fn add_names(value: &Value, path: &str, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                names.insert(path.clone());
                add_names(value, &path, names);
            }
        }
        Value::Array(values) => {
            for value in values {
                add_names(value, path, names);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn what_this_version_stores_is_among_the_fixtures() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    live(&computer, &coffer).await;

    let dump = dump(&computer);

    assert!(!dump.contains("an old key"), "a passphrase");
    let database = Connection::open(computer.folders().database()).unwrap();
    let path = fixture(version_of(&database));
    if std::env::var_os("COFFER_UPDATE_FIXTURES").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &dump).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(shape(&stored), shape(&dump), "see the top of this file");
}

#[tokio::test]
async fn what_any_version_stored_is_there_after_an_update() {
    let versions = versions();
    assert!(versions.len() > 1, "{versions:?}");
    for version in versions {
        let computer = Computer::new().await;
        computer.clock.set("2026-03-02T11:00:00Z");
        install(&computer, version);

        let coffer = computer.start();

        check_settings(&coffer);
        check_jobs(&computer, &coffer);
        check_history(&coffer);
    }
}

fn check_settings(coffer: &Coffer) {
    let state = coffer.app_state().unwrap();

    assert_eq!(state.unreadable, []);
    assert_eq!(state.database_problem, None);
    assert_eq!(state.theme, Theme::Dark);
    assert_eq!(state.bandwidth.upload_bytes, Some(1 << 20));
    assert_eq!(state.sign_in.client_id, CLIENT_ID);
    let [account] = &state.accounts[..] else {
        panic!("{:?}", state.accounts);
    };
    assert_eq!(account.name, "alex@outlook.example");
    let problem = account.problem.as_ref().unwrap();
    assert_eq!(problem.code, ErrorCode::SignInRequired);
}

fn check_jobs(computer: &Computer, coffer: &Coffer) {
    let cards = coffer.job_cards().unwrap();
    let [laptop, stick] = &cards[..] else {
        panic!("{cards:?}");
    };

    assert_eq!(laptop.definition.name, "laptop");
    assert_eq!(laptop.definition.schedule, Some(schedule()));
    assert_eq!(laptop.definition.options.retention, retention());
    assert_eq!(laptop.definition.filters[0].expression, "*.tmp");
    assert!(matches!(laptop.state, JobState::NeedsAttention { .. }));
    assert_eq!((laptop.versions, stick.versions), (Some(1), Some(2)));
    assert_eq!(laptop.health.level, HealthLevel::Bad);
    assert_eq!(stick.health.level, HealthLevel::Good);
    let good = stick.health.last_good.as_deref();
    assert_eq!(good, Some("2026-03-02T10:20:00Z"));
    let path = computer.path("backups/stick").display().to_string();
    assert_eq!(
        stick.definition.destination,
        DestinationSettings::Folder { path }
    );
}

fn check_history(coffer: &Coffer) {
    let history = |name: &str| {
        let cards = coffer.job_cards().unwrap();
        let card = cards.into_iter().find(|card| card.definition.name == name);
        coffer.run_history(&card.unwrap().id, 0, 100).unwrap()
    };
    let (laptop, stick) = (history("laptop"), history("stick"));

    let results: Vec<_> = laptop.iter().map(|run| run.result).collect();
    assert_eq!(results, [RunResult::Error, RunResult::Success]);
    let kinds: Vec<_> = stick.iter().map(|run| run.operation).collect();
    assert_eq!(
        kinds,
        [Operation::Restore, Operation::Backup, Operation::Backup]
    );
    assert_eq!(stick[1].counts.added_files, 1);
    let report = coffer.run_report(&laptop[0].id, 0, 10).unwrap();
    assert!(report.lines[0].text.contains("Sign in again"), "{report:?}");
}

#[tokio::test]
async fn an_older_data_folder_continues_its_backups() {
    let computer = Computer::new().await;
    computer.clock.set("2026-03-02T11:00:00Z");
    install(&computer, 1);
    let coffer = computer.start();
    let stick = coffer.job_cards().unwrap().remove(1).id;
    let key = format!("passphrase:{stick}");
    computer
        .keychain
        .set(&key, "an old key, a new door")
        .unwrap();
    fs::create_dir_all(computer.path("backups/stick")).unwrap();

    let permission = coffer_ipc::run::Permission::NewDestination;
    let mut events = coffer.subscribe();
    let run = coffer.start_backup_with(&stick, permission).unwrap();
    let (card, run) = crate::support::end_of(&run, &mut events).await;

    assert_eq!(run.result, RunResult::Success, "{:?}", run.error);
    assert_eq!(card.health.last_good.unwrap(), "2026-03-02T11:00:00Z");
}

#[tokio::test]
async fn what_a_newer_version_stored_is_refused_with_what_to_do_and_left_as_it_is() {
    let computer = Computer::new().await;
    drop(computer.start());
    let path = computer.folders().database();
    let database = Connection::open(&path).unwrap();
    let newer = "ALTER TABLE job ADD COLUMN color TEXT; PRAGMA user_version = 1000;";
    database.execute_batch(newer).unwrap();
    drop(database);
    let before = fs::read(&path).unwrap();

    let alone = AppLock::take(&computer.folders()).unwrap();
    let (keychain, clock) = (Arc::clone(&computer.keychain), computer.clock.clone());
    let environment = computer.environment();
    let folders = computer.folders();
    let app = Coffer::open_alone(&alone, folders, environment, keychain, clock);
    let (keychain, clock) = (Arc::clone(&computer.keychain), computer.clock.clone());
    let folders = computer.folders();
    let beside = Coffer::open(folders, computer.environment(), keychain, clock);

    for refused in [app, beside] {
        let error = refused.err().unwrap();
        assert_eq!(error.code, ErrorCode::Outdated);
        assert!(error.hint.starts_with("Update Coffer"), "{error:?}");
        assert!(error.message.contains("newer version"), "{error:?}");
    }
    assert!(fs::read(&path).unwrap() == before);
    assert!(!computer.path("data/coffer.sqlite.damaged").exists());
}

#[tokio::test]
async fn what_cannot_be_read_of_a_run_takes_nothing_else_from_the_history() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let job = coffer.create_job(computer.folder_job("a")).await.unwrap();
    let (_, run) = back_up(&coffer, &job.id).await;
    let (card, _) = back_up(&coffer, &job.id).await;
    let database = Connection::open(computer.folders().database()).unwrap();
    let sql = "UPDATE run SET body = replace(body, '\"success\"', '\"splendid\"') WHERE id = ?1";
    assert_eq!(database.execute(sql, [&run.id]).unwrap(), 1);

    let history = coffer.run_history(&job.id, 0, 10).unwrap();
    let report = coffer.run_report(&run.id, 0, 10).unwrap();

    let [_, changed] = &history[..] else {
        panic!("{history:?}");
    };
    assert_eq!((&changed.id, changed.counts), (&run.id, run.counts));
    assert_eq!(changed.started, run.started);
    assert_eq!(report.summary, *changed);
    let words = changed.error.as_ref().unwrap();
    assert!(words.hint.contains("Update Coffer"), "{words:?}");
    let now = coffer.job_cards().unwrap().remove(0);
    assert_eq!(now, card, "no decision rests on it");
}

#[tokio::test]
async fn unreadable_fields_of_a_job_status_affect_no_others_and_are_kept() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let job = coffer.create_job(computer.folder_job("a")).await.unwrap();
    let (before, _) = back_up(&coffer, &job.id).await;
    drop(coffer);
    let database = Connection::open(computer.folders().database()).unwrap();
    let sql = r#"UPDATE job SET state = json_set(state, '$.tries', 'many', '$.planet', 'Mars')"#;
    assert_eq!(database.execute(sql, []).unwrap(), 1);

    let coffer = computer.start();
    let card = coffer.job_cards().unwrap().remove(0);
    back_up(&coffer, &job.id).await;

    assert_eq!(card, before);
    let state = database.query_row("SELECT state FROM job", [], |row| row.get(0));
    let state: Value = serde_json::from_str(&state.unwrap_or_else(|_| String::new())).unwrap();
    assert_eq!(state["tries (unreadable)"], "many");
    assert_eq!(state["planet"], "Mars");
    assert_eq!(state["tries"], 0);
}

#[tokio::test]
async fn an_error_of_a_kind_that_is_new_keeps_its_words() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    computer.create_drive_job(&coffer).await;
    computer.end_sign_in();
    let id = coffer.job_cards().unwrap().remove(0).id;
    let (_, run) = back_up(&coffer, &id).await;
    let database = Connection::open(computer.folders().database()).unwrap();
    let sql = "UPDATE run SET body = replace(body, '\"signInRequired\"', '\"moonPhase\"')";
    assert_eq!(database.execute(sql, []).unwrap(), 1);

    let history = coffer.run_history(&id, 0, 10).unwrap();

    let (now, before) = (history[0].error.as_ref(), run.error.as_ref());
    assert_eq!(now.unwrap().code, ErrorCode::Failed);
    assert_eq!(now.unwrap().message, before.unwrap().message);
}
