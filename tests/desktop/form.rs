use std::path::Path;

use crate::app::App;
use crate::browser::accept_sign_in;
use crate::desktop::Desktop;

pub(crate) const PASSPHRASE: &str = "a quiet harbor, seven lamps";

/// The steps, as a newcomer takes them; the backup goes to `Backups/<name>` of Alex's drive.
pub(crate) async fn create_backup(desktop: &Desktop, app: &App, name: &str, source: &Path) {
    open_form(app).await;
    app.fill("Name", name).await;
    app.click("Next").await;

    app.click("AuthID: sign in with Microsoft").await;
    app.see("Waiting for you to sign in with the browser").await;
    accept_sign_in(desktop, 1, "alex").await;
    app.see("Signed in as alex@outlook.example").await;
    assert!(
        !app.value("AuthID").await.is_empty(),
        "the field fills itself"
    );
    app.fill("Folder", &format!("Backups/{name}")).await;
    app.click("Test").await;
    app.see("New folder").await;
    finish(app, source).await;
}

/// The same, to a folder on this computer.
pub(crate) async fn create_local_backup(app: &App, name: &str, source: &Path, folder: &Path) {
    open_form(app).await;
    app.fill("Name", name).await;
    app.click("Next").await;

    app.choose("A folder on this computer").await;
    app.fill("Path", &folder.display().to_string()).await;
    app.click("Test").await;
    app.see("Empty folder").await;
    finish(app, source).await;
}

/// The five steps, which have every setting.
async fn open_form(app: &App) {
    app.click("Back up this computer").await;
    // This desktop has no folders of its own, so the whole home folder is suggested.
    app.choose("home").await;
    app.click("All settings, step by step").await;
}

/// From the passphrase on.
async fn finish(app: &App, source: &Path) {
    app.fill("Passphrase", PASSPHRASE).await;
    app.click("Next").await;

    app.fill("Path", &source.display().to_string()).await;
    app.click("Add path").await;
    app.see(&source.display().to_string()).await;
    app.click("Next").await;
    app.see("Run automatically").await;
    app.click("Next").await;
    app.see("Keep all versions").await;
    app.click("Next").await;
    app.click("Create backup").await;
    app.see("Save or print the recovery sheet, or retype the passphrase.")
        .await;
    app.fill("Or retype the passphrase", PASSPHRASE).await;
    app.see("Retyped correctly.").await;
    app.click("Create backup").await;
    app.see("Has not run yet").await;
}
