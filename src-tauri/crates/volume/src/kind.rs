use std::fmt;

/// What a volume holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VolumeKind {
    /// Blocks.
    Dblock,
    /// Which blocks a dblock holds.
    Dindex,
    /// The files of one version.
    Dlist,
}

impl VolumeKind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Dblock => "dblock",
            Self::Dindex => "dindex",
            Self::Dlist => "dlist",
        }
    }
}

impl fmt::Display for VolumeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
