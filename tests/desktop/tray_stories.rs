use coffer_onedrive_sim::{Action, Fault, Op};

use crate::app::App;
use crate::desktop::Desktop;
use crate::form::create_backup;
use crate::tray::{TrayHost, TrayItem};

/// The app with a backup called "Papers", its icon, and the icon's picture while nothing runs.
async fn start_with_papers(desktop: &Desktop, host: &mut TrayHost) -> (App, TrayItem, Vec<u8>) {
    let source = desktop.home().join("Papers");
    coffer_testkit::write_files(&source, &[("one.txt", b"one".as_slice())]);
    let app = App::start(desktop).await;
    let item = host.next_item().await;
    let idle = item.picture().await;
    create_backup(desktop, &app, "Papers", &source).await;
    (app, item, idle)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tray_starts_a_job_and_its_icon_shows_the_status() {
    let desktop = Desktop::new().await;
    let mut host = TrayHost::start(desktop.bus().await).await;
    let (app, item, idle) = start_with_papers(&desktop, &mut host).await;

    desktop.microsoft.add_fault(Fault::new(
        Op::ContentPut,
        Action {
            stall_ms: Some(1500),
            ..Action::default()
        },
    ));
    item.choose("Papers").await;
    let running = item.picture_other_than(&[&idle]).await;
    app.see("Backed up").await;
    assert_eq!(item.picture_other_than(&[&running]).await, idle);

    desktop.microsoft.revoke("alex");
    desktop.microsoft.kill_access("alex");
    item.choose("Papers").await;
    let error = item.picture_other_than(&[&idle, &running]).await;
    app.see("Sign in again").await;
    assert_ne!(error, idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_window_comes_back_from_the_tray_and_quit_ends_the_app() {
    let desktop = Desktop::new().await;
    let mut host = TrayHost::start(desktop.bus().await).await;
    let app = App::start(&desktop).await;
    let (item, screen) = (host.next_item().await, desktop.screen());
    screen.wait_for_window("Coffer", true).await;

    screen.close_window("Coffer");
    screen.wait_for_window("Coffer", false).await;
    assert!(app.is_running());

    item.choose("Open Coffer").await;
    screen.wait_for_window("Coffer", true).await;

    item.choose("Quit").await;
    app.wait_for_end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quit_in_the_middle_of_an_upload_ends_the_app_and_the_next_start_resumes() {
    let desktop = Desktop::new().await;
    let mut host = TrayHost::start(desktop.bus().await).await;
    let (app, item, idle) = start_with_papers(&desktop, &mut host).await;
    // Longer than anybody waits for an app to end.
    let stalled = Action {
        stall_ms: Some(600_000),
        ..Action::default()
    };
    desktop
        .microsoft
        .add_fault(Fault::new(Op::ContentPut, stalled).times(0));
    item.choose("Papers").await;
    item.picture_other_than(&[&idle]).await;

    item.choose("Quit").await;
    app.wait_for_end().await;

    desktop.microsoft.clear_faults();
    let app = App::start(&desktop).await;
    app.see("Backed up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_tray_the_app_says_where_it_stays() {
    let desktop = Desktop::new().await;

    let app = App::start(&desktop).await;

    app.see("No tray on this desktop").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_library_for_tray_icons_the_app_works_in_its_window() {
    let desktop = Desktop::new().await;
    desktop.hide_tray_libraries();
    let _host = TrayHost::start(desktop.bus().await).await;

    let app = App::start(&desktop).await;

    app.see("No tray on this desktop").await;
    assert!(app.is_running());
}
