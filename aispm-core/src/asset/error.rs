//! One error type for the whole library: what went wrong, where, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

/// Deepest nesting of a document that is read.
pub(super) const DEPTH_LIMIT: usize = 128;

/// What kind of thing went wrong. The codes ([`ErrorKind::code`]) are stable and the same in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file or folder could not be read.
    Unreadable,
    /// Text that is not what it claims to be: bad JSON, YAML, TOML, encoding, or cut short.
    Malformed,
    /// A well-formed document with a wrong value: an unknown key, a bad CEL expression, a wrong type.
    Invalid,
    /// A budget was used up: nesting, aliases, size, work.
    Budget,
    /// The caller asked for something that does not exist or does not fit.
    Usage,
}

impl ErrorKind {
    /// The stable code of this kind, e.g. `"malformed"`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::Budget => "budget",
            Self::Usage => "usage",
        }
    }
}

/// An error with its place: file, line and column (both from 1) or byte offset (from 0), as far as known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub struct Error {
    /// What kind of error.
    pub kind: ErrorKind,
    /// What is wrong and, where it helps, what to do; no place in it.
    pub message: String,
    /// The file, as the caller named it.
    pub path: Option<PathBuf>,
    /// Line from 1.
    pub line: Option<usize>,
    /// Column from 1, in code points.
    pub column: Option<usize>,
    /// Byte offset from 0, for binary input.
    pub byte: Option<u64>,
    /// The cause below, if any.
    #[source]
    pub source: Option<std::io::Error>,
}

/// `Result` with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error without a place.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), path: None, line: None, column: None, byte: None, source: None }
    }

    /// A failed read of `path`.
    pub fn unreadable(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        let mut error = Self::new(ErrorKind::Unreadable, source.to_string()).at(path);
        error.source = Some(source);
        error
    }

    /// The same error, in this file.
    #[must_use]
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.path = Some(path.as_ref().to_path_buf());
        self
    }

    /// The same error, at this line and column (both from 1).
    #[must_use]
    pub fn at_line(mut self, line: usize, column: usize) -> Self {
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// The same error, at this byte (from 0).
    #[must_use]
    pub fn at_byte(mut self, byte: u64) -> Self {
        self.byte = Some(byte);
        self
    }

    /// The message with its line or byte but without the file: what `skipped` and `incomplete` entries carry.
    #[must_use]
    pub fn reason(&self) -> String {
        match (self.line, self.column, self.byte) {
            (Some(line), Some(column), _) => format!("{} (line {line}, column {column})", self.message),
            (Some(line), None, _) => format!("{} (line {line})", self.message),
            (None, _, Some(byte)) => format!("{} (byte {byte})", self.message),
            _ => self.message.clone(),
        }
    }
}

impl fmt::Display for Error {
    /// `file:line:column: message`, with what is known of the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}:", path.display())?;
        }
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if let Some(column) = self.column {
            write!(f, "{column}:")?;
        }
        if let Some(byte) = self.byte {
            write!(f, "byte {byte}:")?;
        }
        if self.path.is_some() || self.line.is_some() || self.byte.is_some() {
            f.write_str(" ")?;
        }
        f.write_str(&self.message)
    }
}

impl From<serde_json::Error> for Error {
    /// A JSON error keeps its line and column.
    fn from(error: serde_json::Error) -> Self {
        use serde_json::error::Category;
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        // serde_json appends " at line L column C", which we carry as fields
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned();
        // serde_json names its limit nowhere; it is ours as well
        let deep = message.contains("recursion limit");
        let message = if deep { format!("nested deeper than {DEPTH_LIMIT} levels") } else { message };
        let kind = match error.classify() {
            Category::Data => ErrorKind::Invalid,
            _ if deep => ErrorKind::Budget,
            _ => ErrorKind::Malformed,
        };
        let error = Self::new(kind, message);
        if line > 0 { error.at_line(line, column) } else { error }
    }
}
