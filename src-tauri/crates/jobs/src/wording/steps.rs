//! Next steps that depend on where a message is read.
//!
//! Messages are made with the app's words, which name what can be clicked there and never a command. The command line
//! passes them through [`for_command_line`], which names the command or option instead.

/// A part of a message, in the words of each face.
pub(super) struct Step {
    pub(super) app: &'static str,
    pub(super) command_line: &'static str,
}

macro_rules! steps {
    ($($name:ident { app: $app:literal, command_line: $command_line:literal })*) => {
        $(pub(super) const $name: Step = Step { app: $app, command_line: $command_line };)*

        pub(super) const ALL: &[Step] = &[$($name),*];
    };
}

/// The same message in the words of the command line.
pub fn for_command_line(message: &str) -> String {
    let mut message = message.to_owned();
    for step in ALL {
        message = message.replace(step.app, step.command_line);
    }
    message
}

steps! {
    ADOPT_VERSIONS {
        app: "If no other computer backs up to this folder, Coffer's command line can take them over for this computer.",
        command_line: "If no other computer backs up to this folder, run once with --adopt-versions to take them over for this computer."
    }
    ALLOW_EMPTY_SOURCE {
        app: "If this is intended, choose “Back up anyway”.",
        command_line: "If this is intended, run once with --allow-missing-source."
    }
    ALLOW_FULL_REMOVAL {
        app: "Choose a rule that keeps at least one version.",
        command_line: "Pass --allow-full-removal if this is intended."
    }
    ALLOW_MASS_DELETION {
        app: "If this is intended, choose “Delete old versions”.",
        command_line: "If this is intended, run once with --allow-mass-deletion."
    }
    ALLOW_NEW_DESTINATION {
        app: "To start over with an empty backup, choose “Start a new backup there”.",
        command_line: "To start over with an empty backup, run once with --allow-new-destination."
    }
    BLOCK_SIZES {
        app: "Block sizes range from",
        command_line: "Block sizes (--blocksize) range from"
    }
    CHECK_FILTERS {
        app: "check the filter rules.",
        command_line: "check the filters with `coffer test-filters`."
    }
    CHOOSE_SIGN_IN {
        app: "Choose one of them.",
        command_line: "Choose one with --account; `coffer auth list` shows them."
    }
    CHOOSE_TARGET {
        app: "Choose a folder to restore into.",
        command_line: "Choose a folder to restore into (--restore-path)."
    }
    DELETE_DAMAGED {
        app: "Make another backup first, or delete the damaged versions with Coffer's command line.",
        command_line: "Delete the damaged versions first with `coffer delete --version=<number>` (`coffer list-broken-files` \
                       lists them), make another backup, or pass --allow-full-removal if this is intended."
    }
    DELETE_FUTURE_VERSIONS {
        app: "If it is right, Coffer's command line can delete the versions dated in the future.",
        command_line: "If it is right, delete the versions dated in the future with `coffer delete --version=<number>`; \
                       `coffer list` shows their numbers."
    }
    DELETE_ONE_OF_TWO {
        app: "Coffer's command line can delete one of the two versions.",
        command_line: "Delete one of the two versions first with `coffer delete --version=<number>`."
    }
    DELETE_OTHERS {
        app: "Coffer's command line can delete them.",
        command_line: "To delete them, use `coffer delete --version=<number>`."
    }
    DELETE_UNREADABLE {
        app: "Restore the file from a copy if there is one; otherwise Coffer's command line can delete this version.",
        command_line: "Restore the file from a copy if there is one; otherwise delete this version with `coffer delete \
                       --version=<number>`; `coffer list` shows the numbers."
    }
    FREE_SPACE {
        app: "or keep fewer versions, then run again.",
        command_line: "or keep fewer versions, then run again. `coffer compact --now` reclaims unused space right away."
    }
    GPG_PROGRAM {
        app: "Volumes encrypted with GnuPG need this program. Install it.",
        command_line: "Volumes encrypted with GnuPG need this program. Install it, or name it with --gpg-program-path."
    }
    INVALID_OPTION {
        app: "cannot be used for the option ",
        command_line: "cannot be used for --"
    }
    LEFTOVER_INDEX {
        app: "A later backup deletes it.",
        command_line: "A later backup deletes it, as does `coffer compact --now`."
    }
    LIST_LOST {
        app: "Check the file at the destination.",
        command_line: "Check the file at the destination; `coffer list-broken-files` lists what is lost without it."
    }
    NEXT_BACKUP_REPAIRS {
        app: "The next backup writes it.",
        command_line: "The next backup, or `coffer repair`, writes it."
    }
    ENTER_PASSPHRASE {
        app: "Enter its passphrase.",
        command_line: "Leave out --no-encryption, and set PASSPHRASE or type the passphrase at the prompt."
    }
    NO_ENCRYPTION {
        app: "Turn off encryption for this backup, or choose another folder.",
        command_line: "Pass --no-encryption, or choose another folder."
    }
    ONE_RETENTION {
        app: "Only one retention rule can be used.",
        command_line: "Only one of --keep-versions, --keep-time and --retention-policy can be used."
    }
    PURGE_BROKEN {
        app: "If data is gone for good, Coffer's command line can list the affected files and remove them from the versions, \
              so that backups can continue.",
        command_line: "If data is gone for good, `coffer list-broken-files` lists the affected files, and \
                       `coffer purge-broken-files` removes them from the versions, so that backups can continue."
    }
    REPAIR {
        app: "Coffer's command line can check what is lost and repair what can be repaired.",
        command_line: "`coffer test` shows what is lost, and `coffer repair` repairs what can be repaired."
    }
    RESTORE_ANOTHER_VERSION {
        app: "Restore another version, or look for the file in the recycle bin of the drive.",
        command_line: "Restore another version (`coffer list` shows them; choose one with --version), or look for the file \
                       in the recycle bin of the drive. To delete a version that cannot be read, use `coffer delete --version=<number>`."
    }
    SECRETS_FROM_ENVIRONMENT {
        app: "Backups resume automatically after that.",
        command_line: "Secrets can be passed in the environment instead: PASSPHRASE, COFFER_AUTHID."
    }
    SIGN_IN {
        app: "Sign in with Microsoft, or get an AuthID from",
        command_line: "Sign in with `coffer auth login`, or pass --authid with an AuthID from"
    }
    STORED_SIGN_INS {
        app: "Choose one of the stored sign-ins.",
        command_line: "`coffer auth list` shows the stored ones; `coffer auth login` adds one."
    }
}
