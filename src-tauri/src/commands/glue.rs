//! Lets a command call a method directly: the method's own types decide how it takes its arguments, and whether it
//! answers immediately or asynchronously.

use std::future::{Future, ready};

use coffer_ipc::CommandError;
use secrecy::{ExposeSecret as _, SecretString};

/// Result of a command.
pub(super) type Reply<T> = Result<T, CommandError>;

/// A received argument.
pub(super) struct Held<A>(Option<A>);

impl<A> Held<A> {
    pub(super) fn new(argument: A) -> Self {
        Self(Some(argument))
    }

    fn lent(&self) -> &A {
        self.0.as_ref().expect("an argument is given once")
    }
}

/// Passes an argument as a `T`: itself or a reference. Secrets are not copied.
pub(super) trait Give<'a, T> {
    fn give(&'a mut self) -> T;
}

impl<A> Give<'_, A> for Held<A> {
    fn give(&mut self) -> A {
        self.0.take().expect("an argument is given once")
    }
}

impl<'a, A> Give<'a, &'a A> for Held<A> {
    fn give(&'a mut self) -> &'a A {
        self.lent()
    }
}

impl<'a> Give<'a, &'a str> for Held<String> {
    fn give(&'a mut self) -> &'a str {
        self.lent()
    }
}

impl<'a> Give<'a, &'a str> for Held<SecretString> {
    fn give(&'a mut self) -> &'a str {
        self.lent().expose_secret()
    }
}

impl<'a> Give<'a, Option<&'a str>> for Held<Option<String>> {
    fn give(&'a mut self) -> Option<&'a str> {
        self.lent().as_deref()
    }
}

/// What a method that answers with a `T` gives. `Kind` keeps the ways apart; the compiler finds it.
pub(super) trait Outcome<Kind, T> {
    fn outcome(self) -> impl Future<Output = Reply<T>> + Send;
}

pub(super) struct AtOnce;
pub(super) struct AtOnceAlways;
pub(super) struct Later;
pub(super) struct LaterAlways;

impl<T: Send> Outcome<AtOnce, T> for Result<T, CommandError> {
    fn outcome(self) -> impl Future<Output = Self> + Send {
        ready(self)
    }
}

impl<T: Send> Outcome<AtOnceAlways, T> for T {
    fn outcome(self) -> impl Future<Output = Reply<T>> + Send {
        ready(Ok(self))
    }
}

impl<T, F: Future<Output = Reply<T>> + Send> Outcome<Later, T> for F {
    fn outcome(self) -> impl Future<Output = Reply<T>> + Send {
        self
    }
}

impl<T, F: Future<Output = T> + Send> Outcome<LaterAlways, T> for F {
    async fn outcome(self) -> Reply<T> {
        Ok(self.await)
    }
}

/// Converts a method's result to a command's answer.
pub(super) fn outcome<T, Kind, O: Outcome<Kind, T>>(
    given: O,
) -> impl Future<Output = Reply<T>> + Send {
    given.outcome()
}
