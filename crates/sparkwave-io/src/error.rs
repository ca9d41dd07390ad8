//! Why a file could not be read or written.

use sparkwave_core::progress::Cancelled;
use sparkwave_core::source::SourceError;
use std::path::{Path, PathBuf};

/// What was attempted on which file, what would have been right, and what was there instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} {}: expected {expected}, found {found}", path.display())]
pub struct Mismatch {
    /// The operation, as a verb: `"read"`, `"open"`, `"write"`.
    pub operation: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// Why a file could not be read or written. The variants tell who can mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused: the file is absent, protected, or the disk is full.
    #[error("{operation} {}: {source}", path.display())]
    Io {
        /// The operation, as a verb.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The answer of the operating system.
        source: std::io::Error,
    },
    /// The bytes contradict their own format: the file is damaged or truncated.
    #[error(transparent)]
    Malformed(Mismatch),
    /// The file is valid, but holds something that is not read or written here.
    #[error(transparent)]
    Unsupported(Mismatch),
    /// The file holds several things and the path does not say which one is meant.
    #[error(transparent)]
    Ambiguous(Mismatch),
    /// A size in the file goes beyond what will be allocated for it (see [`crate::limits`]).
    #[error(transparent)]
    Limit(Mismatch),
    /// The caller asked for something impossible: an unknown extension, blocks of a wrong shape, a taken name.
    #[error(transparent)]
    Refused(Mismatch),
    /// The source of a conversion failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The user asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

macro_rules! mismatch_constructors {
    ($($name:ident => $variant:ident),*) => {$(
        pub(crate) fn $name(
            operation: &'static str,
            path: impl AsRef<Path>,
            expected: impl Into<String>,
            found: impl Into<String>,
        ) -> Self {
            let path = path.as_ref().to_path_buf();
            Self::$variant(Mismatch { operation, path, expected: expected.into(), found: found.into() })
        }
    )*};
}

impl Error {
    pub(crate) fn io(operation: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { operation, path: path.as_ref().to_path_buf(), source: of_the_system(source) }
    }

    /// The same about another path: whoever writes under a temporary name speaks of the final one.
    pub(crate) fn about(self, path: &Path) -> Self {
        let renamed = |mismatch: Mismatch| Mismatch { path: path.to_path_buf(), ..mismatch };
        match self {
            Self::Io { operation, source, .. } => Self::Io { operation, path: path.to_path_buf(), source },
            Self::Malformed(m) => Self::Malformed(renamed(m)),
            Self::Unsupported(m) => Self::Unsupported(renamed(m)),
            Self::Ambiguous(m) => Self::Ambiguous(renamed(m)),
            Self::Limit(m) => Self::Limit(renamed(m)),
            Self::Refused(m) => Self::Refused(renamed(m)),
            other @ (Self::Source(_) | Self::Cancelled(_)) => other,
        }
    }

    mismatch_constructors!(
        malformed => Malformed, unsupported => Unsupported, ambiguous => Ambiguous, limit => Limit, refused => Refused
    );
}

/// The answer of the system without the temporary name that `tempfile` adds: the user knows the final one only.
fn of_the_system(error: std::io::Error) -> std::io::Error {
    let text = error.to_string();
    match text.rsplit_once(" at path \"") {
        Some((answer, name)) if name.ends_with(".part\"") => std::io::Error::new(error.kind(), answer),
        _ => error,
    }
}
