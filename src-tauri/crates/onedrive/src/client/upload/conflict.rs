/// What becomes of a file that has the name already.
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
