/// What happens to an existing file with the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Conflict {
    Replace,
    /// The upload is refused.
    Fail,
}

impl Conflict {
    /// Graph's `conflictBehavior`.
    pub(super) fn behavior(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Fail => "fail",
        }
    }
}
