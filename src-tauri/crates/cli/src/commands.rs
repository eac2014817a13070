//! The commands, one per file, each with its arguments.

mod auth;
mod backup;
mod compact;
mod compare;
mod delete;
mod find;
mod list;
mod list_broken_files;
mod purge;
mod purge_broken_files;
mod recreate;
mod repair;
mod restore;
mod status;
mod test;
mod test_connection;
mod test_filters;

use clap::Subcommand;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::stopping;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Back up files and folders as a new version
    Backup(Box<backup::Backup>),
    /// Restore files from a version
    Restore(Box<restore::Restore>),
    /// List versions, or the files in one
    List(Box<list::List>),
    /// Delete versions
    Delete(Box<delete::Delete>),
    /// Reclaim space used by unneeded data
    Compact(Box<compact::Compact>),
    /// Verify volumes and report damaged ones
    #[command(visible_alias = "verify")]
    Test(Box<test::Test>),
    /// Find files in all versions
    Find(Box<find::Find>),
    /// Show the differences between two versions
    Compare(Box<compare::Compare>),
    /// List files whose data is missing at the destination
    ListBrokenFiles(Box<list_broken_files::ListBrokenFiles>),
    /// Remove files from existing versions
    Purge(Box<purge::Purge>),
    /// Remove files with missing data from existing versions
    PurgeBrokenFiles(Box<purge_broken_files::PurgeBrokenFiles>),
    /// Rewrite missing or damaged index volumes
    Repair(Box<repair::Repair>),
    /// Rebuild the local index of a backup
    Recreate(Box<recreate::Recreate>),
    /// Show which paths are backed up and why
    TestFilters(Box<test_filters::TestFilters>),
    /// Check a destination and report what it contains
    TestConnection(Box<test_connection::TestConnection>),
    /// Show the status of the app's backups
    Status(Common),
    /// Sign in to OneDrive and store the sign-in in the keychain
    #[command(subcommand)]
    Auth(auth::Auth),
}

pub(crate) async fn run(command: Command) -> Exit {
    let cancel = stopping::listen();
    match command {
        Command::Backup(arguments) => arguments.run(&cancel).await,
        Command::Restore(arguments) => arguments.run(&cancel).await,
        Command::List(arguments) => arguments.run(&cancel).await,
        Command::Delete(arguments) => arguments.run(&cancel).await,
        Command::Compact(arguments) => arguments.run(&cancel).await,
        Command::Test(arguments) => arguments.run(&cancel).await,
        Command::Find(arguments) => arguments.run(&cancel).await,
        Command::Compare(arguments) => arguments.run(&cancel).await,
        Command::ListBrokenFiles(arguments) => arguments.run(&cancel).await,
        Command::Purge(arguments) => arguments.run(&cancel).await,
        Command::PurgeBrokenFiles(arguments) => arguments.run(&cancel).await,
        Command::Repair(arguments) => arguments.run(&cancel).await,
        Command::Recreate(arguments) => arguments.run(&cancel).await,
        Command::TestFilters(arguments) => arguments.run(&cancel).await,
        Command::TestConnection(arguments) => arguments.run(&cancel).await,
        Command::Status(common) => status::run(common),
        Command::Auth(arguments) => auth::run(arguments, &cancel).await,
    }
}
