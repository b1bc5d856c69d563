//! Pointers into the input that show why something was said.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest excerpt kept, in code points.
const EXCERPT_LIMIT: usize = 160;

/// A place in the input: file with a line or a JSON pointer (RFC 6901), and a short excerpt.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Evidence {
    /// The argument as given joined with what lies below it.
    pub path: Arc<str>,
    /// Line from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// JSON pointer into the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// A few words of what stands there, one line, at most 160 code points; never a secret's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

impl Evidence {
    /// The file as a whole.
    pub fn file(path: impl Into<Arc<str>>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// The same file at this line (from 1).
    #[must_use]
    pub fn line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// The same file at this JSON pointer.
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// With these words, cut to one short line.
    #[must_use]
    pub fn excerpt(mut self, text: impl AsRef<str>) -> Self {
        let mut short = String::new();
        for (n, word) in text.as_ref().split_whitespace().enumerate() {
            if n > 0 {
                short.push(' ');
            }
            short.push_str(word);
            if short.len() > EXCERPT_LIMIT * 4 {
                break;
            }
        }
        if short.chars().count() > EXCERPT_LIMIT {
            short = short.chars().take(EXCERPT_LIMIT - 1).chain(['…']).collect();
        }
        self.excerpt = Some(short);
        self
    }

    /// `path:line` or `path#pointer`: how a person or an editor finds the place.
    #[must_use]
    pub fn location(&self) -> String {
        match (self.line, &self.pointer) {
            (Some(line), _) => format!("{}:{line}", self.path),
            (None, Some(pointer)) => format!("{}#{pointer}", self.path),
            (None, None) => self.path.to_string(),
        }
    }
}
