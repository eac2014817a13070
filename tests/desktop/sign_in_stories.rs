use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use coffer_testkit::write_files;

use crate::app::App;
use crate::browser::{accept_direct_sign_in, accept_sign_in};
use crate::desktop::Desktop;
use crate::form::{PASSPHRASE, create_backup};

/// The client ID of an app that a user registered at Microsoft.
const CLIENT_ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_sign_in_costs_two_clicks_and_another_account_is_refused() {
    let desktop = Desktop::new().await;
    let source = desktop.home().join("Papers");
    write_files(&source, &[("one.txt", b"one".as_slice())]);
    let app = App::start(&desktop).await;
    create_backup(&desktop, &app, "Papers", &source).await;
    desktop.microsoft.revoke("alex");
    desktop.microsoft.kill_access("alex");
    app.click("Back up now").await;

    app.click("Sign in again").await;
    accept_sign_in(&desktop, 2, "robin").await;
    app.see("You signed in as robin@").await;
    app.see("belong to alex@outlook.example").await;
    app.click("Try again").await;
    accept_sign_in(&desktop, 3, "alex").await;

    app.see("Backed up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_client_id_the_sign_in_needs_no_service_between() {
    let desktop = Desktop::new().await;
    let app = App::start(&desktop).await;
    app.click("Settings").await;
    app.open("Other ways to sign in").await;
    app.fill("Client ID", "no client id").await;
    app.click("Save").await;
    app.see("Microsoft does not accept the client ID").await;
    app.fill("Client ID", CLIENT_ID).await;
    app.click("Save").await;
    app.see("Saved. Applies to new sign-ins.").await;

    app.click("Add account").await;
    app.click("sign in with Microsoft directly").await;
    accept_direct_sign_in(&desktop, 1, "alex").await;

    app.see("alex@outlook.example").await;
    let secrets = desktop.kept_secrets().await;
    let is_direct = |secret: &String| secret.contains("\"msgraph\"") && secret.contains(CLIENT_ID);
    assert!(secrets.iter().any(is_direct), "{} secrets", secrets.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_signs_in_with_a_code_and_needs_no_auth_id_from_then_on() {
    let desktop = Desktop::new().await;
    let source = desktop.home().join("Papers");
    write_files(&source, &[("one.txt", b"one".as_slice())]);
    let coffer = |arguments: &[&str]| {
        let mut command = desktop.command(coffer_tests::tools::coffer());
        desktop.wire(&mut command);
        command.env("PASSPHRASE", PASSPHRASE).args(arguments);
        command
    };

    let mut login = coffer(&["auth", "login", "--device", "--client-id", CLIENT_ID])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(login.stderr.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    let first = lines.next().unwrap();
    let code = first.rsplit(' ').next().unwrap().to_owned();
    let page = lines.next().unwrap();
    let form = [("user_code", code.as_str()), ("account", "alex")];
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let typed = reqwest::Client::new().post(page).form(&form).send().await;
    assert!(typed.unwrap().status().is_success(), "{first}");
    assert!(login.wait().unwrap().success());

    let url = "onedrivev2://Backups/Server";
    let backup = coffer(&["backup", url, source.to_str().unwrap()]).output();
    let backup = backup.unwrap();
    let stderr = String::from_utf8_lossy(&backup.stderr);
    assert!(backup.status.success(), "{stderr}");
    let list = coffer(&["auth", "list"]).output().unwrap();
    assert!(String::from_utf8_lossy(&list.stdout).contains("alex@outlook.example"));
}
