use super::*;

fn run(id: &str) -> RunRow {
    RunRow {
        id: id.into(),
        job: Some("j".into()),
        started: 1,
        finished: Some(2),
        body: "b".into(),
    }
}

#[test]
fn reports_are_bounded_in_total_and_the_newest_stay() {
    let folder = tempfile::tempdir().unwrap();
    let database = AppDatabase::open(&folder.path().join("coffer.sqlite")).unwrap();
    let line = MessageRow {
        level: 1,
        subject: "/a".into(),
        text: "unreadable".into(),
    };
    for id in ["old", "middle", "new"] {
        database.put_run(&run(id)).unwrap();
        database
            .add_messages(id, 0, &vec![line.clone(); 10])
            .unwrap();
    }

    drop_oldest_reports(&database.connection, 25).unwrap();

    let counts = ["old", "middle", "new"].map(|id| database.message_count(id).unwrap());
    assert_eq!(counts, [0, 10, 10]);
    assert_eq!(
        database.runs(Some("j"), 0, 10).unwrap().len(),
        3,
        "runs stay"
    );
}

#[test]
fn space_of_reports_that_went_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let database = AppDatabase::open(&folder.path().join("coffer.sqlite")).unwrap();
    let pages = || -> i64 {
        let count = database
            .connection
            .query_row("PRAGMA page_count", [], |row| row.get(0));
        count.unwrap()
    };
    let empty = pages();
    let line = MessageRow {
        level: 1,
        subject: "/a".repeat(500),
        text: "unreadable".into(),
    };
    database.put_run(&run("r")).unwrap();
    database.add_messages("r", 0, &vec![line; 1000]).unwrap();
    assert!(pages() > empty + 100);

    database.remove_run("r").unwrap();
    database.put_run(&run("next")).unwrap();

    assert!(pages() < empty + 10, "{empty} before, {} now", pages());
}

#[test]
fn a_write_that_fails_leaves_nothing_and_the_next_one_works() {
    let folder = tempfile::tempdir().unwrap();
    let database = AppDatabase::open(&folder.path().join("coffer.sqlite")).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON message WHEN NEW.text = 'bad'
                  BEGIN SELECT RAISE(ABORT, 'refused'); END;";
    database.connection.execute_batch(refuse).unwrap();
    let line = |text: &str| MessageRow {
        level: 0,
        subject: String::new(),
        text: text.into(),
    };

    let failed = database.add_messages("r", 0, &[line("good"), line("bad")]);

    assert!(failed.is_err());
    assert_eq!(database.message_count("r").unwrap(), 0);
    database.add_messages("r", 0, &[line("good")]).unwrap();
    assert_eq!(database.message_count("r").unwrap(), 1);
}

#[test]
fn a_state_is_changed_by_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("coffer.sqlite");
    let (one, other) = (
        AppDatabase::open(&path).unwrap(),
        AppDatabase::open(&path).unwrap(),
    );
    one.put_job("j", "{}").unwrap();

    one.change_job_state("j", |before| before + "1").unwrap();
    other.change_job_state("j", |before| before + "2").unwrap();
    one.change_job_state("no such job", |before| before + "3")
        .unwrap();

    assert_eq!(one.job_state("j").unwrap().unwrap(), "{}12");
}

#[test]
fn a_job_goes_with_its_runs_and_their_reports() {
    let folder = tempfile::tempdir().unwrap();
    let database = AppDatabase::open(&folder.path().join("coffer.sqlite")).unwrap();
    database.put_job("j", "{}").unwrap();
    let run = RunRow {
        id: "r".into(),
        job: Some("j".into()),
        started: 1,
        finished: None,
        body: "b".into(),
    };
    database.put_run(&run).unwrap();
    let line = MessageRow {
        level: 1,
        subject: "/a".into(),
        text: "unreadable".into(),
    };
    database
        .add_messages("r", 0, std::slice::from_ref(&line))
        .unwrap();

    assert_eq!(database.unfinished_runs().unwrap(), [run]);
    assert_eq!(database.messages("r", 0, 10).unwrap(), [line]);
    database.remove_job("j").unwrap();

    assert!(database.runs(Some("j"), 0, 10).unwrap().is_empty());
    assert!(database.messages("r", 0, 10).unwrap().is_empty());
}

#[test]
fn runs_of_no_job_are_apart_from_those_of_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let database = AppDatabase::open(&folder.path().join("coffer.sqlite")).unwrap();
    let loose = RunRow {
        job: None,
        ..run("loose")
    };
    for run in [&loose, &run("r")] {
        database.put_run(run).unwrap();
    }

    assert_eq!(
        database.runs(None, 0, 10).unwrap(),
        std::slice::from_ref(&loose)
    );
    assert_eq!(database.runs(Some("j"), 0, 10).unwrap(), [run("r")]);
    assert_eq!(database.run("loose").unwrap(), Some(loose));
}

#[test]
fn the_newest_run_is_the_one_added_last_also_after_the_clock_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let database = AppDatabase::open(&folder.path().join("coffer.sqlite")).unwrap();
    for (id, started) in [("z", 9), ("a", 9), ("m", 3)] {
        let run = RunRow {
            id: id.into(),
            job: Some("j".into()),
            started,
            finished: None,
            body: String::new(),
        };
        database.put_run(&run).unwrap();
        database.put_run(&run).unwrap();
    }

    let runs = database.runs(Some("j"), 0, 10).unwrap();

    let ids: Vec<_> = runs.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(ids, ["m", "a", "z"]);
}
