//! A row of the route table: the requests it matches and the handler that answers them.

use axum::http::Method;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::admin::Control;
use crate::fail::Fail;
use crate::faults::Op;
use crate::graph::access::{Asker, Place};
use crate::graph::address::DriveRef;
use crate::reply::{GraphError, Reply};
use crate::request::{Call, Pairs};
use crate::world::World;

/// Which paths a route's own path is among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Area {
    /// The API origin but for Graph.
    Api,
    /// Behind a version of Graph, as [`Target::segments`](crate::graph::address::Target::segments) spells it.
    Graph,
    /// The upload origin.
    Up,
    /// The download origin.
    Dl,
}

/// A route. The first in the table that takes a request is the one.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) area: Area,
    /// Separated by `|`; `*` is every one.
    methods: &'static str,
    /// `{…}` is any segment, `*` any number of them, `a*` one that begins with `a`; `?key` wants that key in the query.
    path: &'static str,
    /// What faults and the log know the requests as.
    pub(super) op: Op,
    pub(super) handler: Handler,
}

/// The handler, by what it requires.
#[derive(Debug)]
pub(super) enum Handler {
    /// Answers from the head.
    Head(fn(&World, &Call) -> Reply),
    /// Answers from the query.
    Query(fn(&World, &Pairs) -> Reply),
    /// Answers from the query and the tenant that the path begins with.
    Tenant(fn(&World, &Pairs, &str) -> Reply),
    /// Needs the form in the body.
    Form(fn(&World, &Call, &Pairs) -> Reply),
    /// Reads the body itself.
    Body(for<'a> fn(&'a World, &'a mut Call) -> Answer<'a>),
    /// Needs the admin's token and the JSON in the body.
    Admin(Control),
    /// Needs an access token.
    Graph(GraphHandler),
}

/// A handler of Graph, by what its path names.
#[derive(Debug)]
pub(super) enum GraphHandler {
    Any(fn(&Asker<'_>) -> Result<Value, GraphError>),
    Drive(fn(&Asker<'_>, &DriveRef) -> Result<Value, GraphError>),
    Site(fn(&Asker<'_>, &str) -> Result<Value, GraphError>),
    /// An item of a drive that the token reaches.
    Item(fn(&Place<'_>, &Call) -> Result<Reply, Fail>),
    /// The same, for those that read the body.
    ItemBody(for<'a> fn(&'a Place<'a>, &'a mut Call) -> Answer<'a>),
    /// Requests that find their own routes.
    Batch,
}

pub(super) type Answer<'a> = BoxFuture<'a, Result<Reply, Fail>>;

impl Route {
    pub(super) const fn new(
        area: Area,
        methods: &'static str,
        path: &'static str,
        op: Op,
        handler: Handler,
    ) -> Self {
        Self {
            area,
            methods,
            path,
            op,
            handler,
        }
    }

    /// The segments in the place of each `{…}`, when the route takes the request.
    pub(super) fn takes(
        &self,
        method: &Method,
        segments: &[String],
        query: &Pairs,
    ) -> Option<Vec<String>> {
        let mut methods = self.methods.split('|');
        if self.methods != "*" && !methods.any(|known| known == method.as_str()) {
            return None;
        }
        let (path, key) = match self.path.split_once('?') {
            Some((path, key)) => (path, Some(key)),
            None => (self.path, None),
        };
        if key.is_some_and(|key| query.get(key).is_none()) {
            return None;
        }
        let pattern: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let mut parts = Vec::new();
        fits(&pattern, segments, &mut parts).then_some(parts)
    }

    /// A method and an address that this route takes, unless one before it does.
    #[cfg(test)]
    pub(super) fn sample(&self) -> (String, String) {
        let method = self.methods.split('|').next().unwrap_or_default();
        let path = self
            .path
            .replace("/{", "/")
            .replace('}', "")
            .replace("/*", "/me");
        (method.replace('*', "TRACE"), path.replace('*', ""))
    }
}

fn fits(pattern: &[&str], segments: &[String], parts: &mut Vec<String>) -> bool {
    let Some((wanted, pattern)) = pattern.split_first() else {
        return segments.is_empty();
    };
    if *wanted == "*" {
        return (0..=segments.len()).any(|skipped| fits(pattern, &segments[skipped..], parts));
    }
    let Some((segment, segments)) = segments.split_first() else {
        return false;
    };
    let same = match wanted.strip_suffix('*') {
        Some(start) => segment.starts_with(start),
        None if wanted.starts_with('{') => {
            parts.push(segment.clone());
            true
        }
        None => segment == wanted,
    };
    same && fits(pattern, segments, parts)
}
