//! An example of each reason that is a part of other messages.

use std::sync::Arc;

use coffer_destination::{NameProblem, RegistrationProblem, SignInOutage, SignInProblem};
use coffer_engine::{
    CompactObstacle, FaultKind, FilterProblem, Incomplete, OptionProblem, ReadFailure,
};
use coffer_onedrive::{AuthIdProblem, FolderProblem, SignInRefusal};
use coffer_volume::{Defect, EntryPart, Error as VolumeError, Structure};

use super::super::names::{folder_problem, name_problem};
use super::super::options::{filter_problem, option_problem};
use super::super::sign_in::{
    auth_id_problem, registration_problem, sign_in_outage, sign_in_problem, sign_in_refusal,
    sign_in_step,
};
use super::super::volumes::{compact_obstacle, defect, read_failure, volume};
use super::example_table::examples;
use super::messages::Messages;
use super::values::{dblock, dlist, place, said, why};
use crate::wording;

pub(super) fn add(messages: &mut Messages) {
    of_sign_ins(messages);
    messages.section("What is wrong with a name");
    for (name, problem) in name_problems() {
        messages.sentence(name, &name_problem("it", problem));
    }
    for (name, problem) in folder_problems() {
        messages.sentence(name, &folder_problem(&problem));
    }
    messages.section("What is wrong with a filter or an option");
    for (name, problem) in filter_problems() {
        messages.sentence(name, &filter_problem(&problem));
    }
    for (name, problem) in option_problems() {
        messages.sentence(name, option_problem(problem));
    }
    messages.section("What is wrong with a volume");
    for (name, failure) in read_failures() {
        messages.sentence(name, &read_failure(&failure));
    }
    for (name, why) in defects() {
        messages.sentence(name, &defect(&why));
    }
    for (name, what) in structures() {
        let why = Defect::CutShort;
        messages.sentence(name, &volume(&VolumeError::Malformed { what, why }));
    }
    for (name, what) in incomplete() {
        messages.sentence(name, &wording::fault(&FaultKind::Incomplete(what)));
    }
    for (name, obstacle) in compact_obstacles() {
        messages.sentence(name, &compact_obstacle(&obstacle, &place()));
    }
}

fn of_sign_ins(messages: &mut Messages) {
    messages.section("What is wrong with a sign-in");
    for (name, problem) in sign_in_problems() {
        messages.sentence(name, &sign_in_problem(problem, Some(70_008)));
        messages.line(sign_in_step(problem));
    }
    for (name, problem) in registration_problems() {
        messages.sentence(name, &registration_problem(problem, None));
    }
    for (name, outage) in sign_in_outages() {
        messages.sentence(name, &sign_in_outage(&outage));
    }
    for (name, refusal) in sign_in_refusals() {
        messages.sentence(name, &sign_in_refusal(&refusal));
    }
    for (name, problem) in auth_id_problems() {
        messages.sentence(name, auth_id_problem(problem));
    }
}

examples! {
    name_problems: NameProblem {
        NameProblem::Empty => NameProblem::Empty;
        NameProblem::NotPlain => NameProblem::NotPlain;
        NameProblem::Dots => NameProblem::Dots;
        NameProblem::ForbiddenCharacter => NameProblem::ForbiddenCharacter;
        NameProblem::BadEnds => NameProblem::BadEnds;
        NameProblem::Reserved => NameProblem::Reserved;
        NameProblem::LeadingTilde => NameProblem::LeadingTilde;
        NameProblem::LeadingTildeDollar => NameProblem::LeadingTildeDollar;
        NameProblem::TooLong { .. } => NameProblem::TooLong { longest: 255 };
        NameProblem::PathTooLong { .. } => NameProblem::PathTooLong { characters: 412, longest: 400 };
        NameProblem::PathRefused => NameProblem::PathRefused;
    }
}

examples! {
    folder_problems: FolderProblem {
        FolderProblem::TooLong { .. } => FolderProblem::TooLong { longest: 336 };
        FolderProblem::Part { .. } => FolderProblem::Part { part: "con".to_owned(), why: NameProblem::Reserved };
    }
}

examples! {
    sign_in_problems: SignInProblem {
        SignInProblem::Unused => SignInProblem::Unused;
        SignInProblem::PasswordChanged => SignInProblem::PasswordChanged;
        SignInProblem::PasswordExpired => SignInProblem::PasswordExpired;
        SignInProblem::Revoked => SignInProblem::Revoked;
        SignInProblem::OtherSignIn => SignInProblem::OtherSignIn;
        SignInProblem::ConsentRemoved => SignInProblem::ConsentRemoved;
        SignInProblem::SecondFactor => SignInProblem::SecondFactor;
        SignInProblem::NotFromHere => SignInProblem::NotFromHere;
        SignInProblem::AccountDisabled => SignInProblem::AccountDisabled;
        SignInProblem::AccountGone => SignInProblem::AccountGone;
        SignInProblem::AccountLocked => SignInProblem::AccountLocked;
        SignInProblem::ApprovalRequired => SignInProblem::ApprovalRequired;
        SignInProblem::NotAccepted => SignInProblem::NotAccepted;
        SignInProblem::ClaimsRequired => SignInProblem::ClaimsRequired;
        SignInProblem::TokensRefused => SignInProblem::TokensRefused;
        SignInProblem::UnknownCredential => SignInProblem::UnknownCredential;
        SignInProblem::NotStored => SignInProblem::NotStored;
        SignInProblem::Registration(_) => SignInProblem::Registration(RegistrationProblem::Mismatch);
    }
}

examples! {
    registration_problems: RegistrationProblem {
        RegistrationProblem::NotAClientId => RegistrationProblem::NotAClientId;
        RegistrationProblem::NotATenant => RegistrationProblem::NotATenant;
        RegistrationProblem::SecretRequired => RegistrationProblem::SecretRequired;
        RegistrationProblem::RedirectNotRegistered => RegistrationProblem::RedirectNotRegistered;
        RegistrationProblem::UnknownApp => RegistrationProblem::UnknownApp;
        RegistrationProblem::NotPublic => RegistrationProblem::NotPublic;
        RegistrationProblem::Mismatch => RegistrationProblem::Mismatch;
    }
}

examples! {
    sign_in_outages: SignInOutage {
        SignInOutage::OverQuota => SignInOutage::OverQuota;
        SignInOutage::LimitedForAnHour => SignInOutage::LimitedForAnHour;
        SignInOutage::Limited => SignInOutage::Limited;
        SignInOutage::Store { .. } => SignInOutage::Store { said: why() };
        SignInOutage::StoreFailed => SignInOutage::StoreFailed;
    }
}

examples! {
    sign_in_refusals: SignInRefusal {
        SignInRefusal::Account { .. } => SignInRefusal::Account { problem: SignInProblem::AccountGone, code: Some(50_034) };
        SignInRefusal::FilesNotGranted => SignInRefusal::FilesNotGranted;
        SignInRefusal::StayingNotGranted => SignInRefusal::StayingNotGranted;
        SignInRefusal::ForNow { .. } => SignInRefusal::ForNow { why: why() };
        SignInRefusal::Service { .. } => SignInRefusal::Service { said: why() };
    }
}

examples! {
    auth_id_problems: AuthIdProblem {
        AuthIdProblem::Empty => AuthIdProblem::Empty;
        AuthIdProblem::TooLong => AuthIdProblem::TooLong;
        AuthIdProblem::NoColon => AuthIdProblem::NoColon;
        AuthIdProblem::NothingBeforeColon => AuthIdProblem::NothingBeforeColon;
        AuthIdProblem::NothingAfterColon => AuthIdProblem::NothingAfterColon;
        AuthIdProblem::ControlCharacters => AuthIdProblem::ControlCharacters;
    }
}

examples! {
    filter_problems: FilterProblem {
        FilterProblem::Empty => FilterProblem::Empty;
        FilterProblem::NoSuchGroup { .. } => FilterProblem::NoSuchGroup { name: "Music".to_owned() };
        FilterProblem::Expression { .. } => FilterProblem::Expression { said: why() };
    }
}

examples! {
    option_problems: OptionProblem {
        OptionProblem::NotASpan => OptionProblem::NotASpan;
        OptionProblem::SpanTooLong => OptionProblem::SpanTooLong;
        OptionProblem::SpanNotPositive => OptionProblem::SpanNotPositive;
        OptionProblem::NotAPolicy => OptionProblem::NotAPolicy;
        OptionProblem::NegativeSpan => OptionProblem::NegativeSpan;
        OptionProblem::IntervalTooLong => OptionProblem::IntervalTooLong;
        OptionProblem::NotASymlinkPolicy => OptionProblem::NotASymlinkPolicy;
        OptionProblem::NotAHardlinkPolicy => OptionProblem::NotAHardlinkPolicy;
    }
}

examples! {
    read_failures: ReadFailure {
        ReadFailure::Missing => ReadFailure::Missing;
        ReadFailure::DoesNotOpen => ReadFailure::DoesNotOpen;
        ReadFailure::BlockOfOtherSize => ReadFailure::BlockOfOtherSize;
        ReadFailure::Damaged(_) => ReadFailure::Damaged(Arc::new(VolumeError::DamagedCiphertext));
        ReadFailure::Corrupted { .. } => ReadFailure::Corrupted { name: dblock(), why: why() };
        ReadFailure::Refused { .. } => ReadFailure::Refused { said: why() };
        ReadFailure::Unavailable { .. } => ReadFailure::Unavailable { said: why() };
        ReadFailure::System { .. } => said();
    }
}

examples! {
    incomplete: Incomplete {
        Incomplete::BlocksMissing { .. } => Incomplete::BlocksMissing {
            entries: 2,
            example: "/home/me/x".to_owned(),
        };
        Incomplete::BlocksDamaged { .. } => Incomplete::BlocksDamaged { damaged: 2, expected: 52 };
        Incomplete::OtherLength { .. } => Incomplete::OtherLength { dblock: dblock() };
        Incomplete::DescribesNothing => Incomplete::DescribesNothing;
        Incomplete::NotDescribed => Incomplete::NotDescribed;
    }
}

examples! {
    compact_obstacles: CompactObstacle {
        CompactObstacle::DataMissing => CompactObstacle::DataMissing;
        CompactObstacle::VersionUnreadable { .. } => CompactObstacle::VersionUnreadable {
            number: 3,
            name: dlist(),
        };
        CompactObstacle::Unreadable { .. } => CompactObstacle::Unreadable {
            name: dblock(),
            why: said(),
        };
        CompactObstacle::VolumesMissing { .. } => CompactObstacle::VolumesMissing {
            names: vec![dblock()],
        };
    }
}

examples! {
    defects: Defect {
        Defect::CutShort => Defect::CutShort;
        Defect::TooLong => Defect::TooLong;
        Defect::Length(_) => Defect::Length(7);
        Defect::Undecodable { .. } => Defect::Undecodable { said: why() };
        Defect::Padding => Defect::Padding;
        Defect::NotAesCrypt => Defect::NotAesCrypt;
        Defect::ReservedByte => Defect::ReservedByte;
        Defect::EndlessExtensions => Defect::EndlessExtensions;
        Defect::NoSeparator => Defect::NoSeparator;
        Defect::Iterations(_) => Defect::Iterations(7);
        Defect::EntryMissing => Defect::EntryMissing;
        Defect::EntryTooLarge(_) => Defect::EntryTooLarge(7);
        Defect::TooManyEntries => Defect::TooManyEntries;
        Defect::HeaderCutShort => Defect::HeaderCutShort;
        Defect::NamelessHeader => Defect::NamelessHeader;
        Defect::HeaderWithoutLength => Defect::HeaderWithoutLength;
        Defect::NotAFile => Defect::NotAFile;
        Defect::OutOfOrder => Defect::OutOfOrder;
        Defect::EntryWithout(_) =>
            Defect::EntryWithout(EntryPart::Metadata),
            Defect::EntryWithout(EntryPart::MetadataBytes),
            Defect::EntryWithout(EntryPart::Content),
            Defect::EntryWithout(EntryPart::Time);
        Defect::FileWithoutContent => Defect::FileWithoutContent;
        Defect::PathTooLong(_) => Defect::PathTooLong(7);
        Defect::TooManyBlocklists(_) => Defect::TooManyBlocklists(7);
        Defect::WrongParts(_) => Defect::WrongParts(7);
        Defect::NotBase64 => Defect::NotBase64;
        Defect::NotUrlSafeBase64 => Defect::NotUrlSafeBase64;
    }
}

examples! {
    structures: Structure {
        Structure::Volume => Structure::Volume;
        Structure::AesCryptStream => Structure::AesCryptStream;
        Structure::AesCryptHeader => Structure::AesCryptHeader;
        Structure::Archive => Structure::Archive;
        Structure::Manifest => Structure::Manifest;
        Structure::IndexVolume => Structure::IndexVolume;
        Structure::FileList => Structure::FileList;
        Structure::Blocklist => Structure::Blocklist;
        Structure::Metadata => Structure::Metadata;
        Structure::Hash => Structure::Hash;
    }
}
