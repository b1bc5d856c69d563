//! Dockerfiles and compose files.

mod compose;
mod dockerfile;

use super::format::{Structured, Textual};

pub(super) const TEXTS: &[Textual] = &[dockerfile::DOCKERFILE];

pub(super) const FORMATS: &[Structured] = &[compose::COMPOSE];

/// A text with its variables filled in: from `known`, else the default that `${NAME:-default}` gives; others stay.
pub(super) fn filled<'a>(text: &str, known: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        whole.push_str(before);
        let name_end = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        // a brace that is not closed nearby is none, so that filling in stays linear
        let braced = after.strip_prefix('{').and_then(|inner| {
            let end = inner.bytes().take(512).position(|byte| byte == b'}')?;
            Some((inner.get(..end)?, inner.get(end + 1..)?))
        });
        let (name, default, next) = match braced {
            Some((inner, next)) => {
                let (name, operator) = inner.split_at_checked(name_end(inner)).unwrap_or((inner, ""));
                (name, operator.strip_prefix(":-").or_else(|| operator.strip_prefix('-')), next)
            }
            None => {
                let (name, next) = after.split_at_checked(name_end(after)).unwrap_or((after, ""));
                (name, None, next)
            }
        };
        match known(name).or(default) {
            Some(value) => whole.push_str(value),
            None => whole.push_str(rest.get(before.len()..rest.len() - next.len()).unwrap_or_default()),
        }
        rest = next;
    }
    whole.push_str(rest);
    whole
}

#[cfg(test)]
mod tests;
