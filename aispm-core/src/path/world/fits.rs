//! Whether an asset is what a rule asks for.

use serde_json::Value;

use super::{Ix, World};
use crate::asset::{Asset, AssetId, AssetKind, is_open, same};
use crate::identity::Platform;
use crate::identity::aws::account_of;
use crate::path::rules::{Rule, Test};

impl World<'_> {
    /// Whether an asset is what a test asks for.
    pub(in crate::path) fn passes(&self, ix: Ix, test: &Test) -> bool {
        let Some(node) = self.node(ix) else { return false };
        let asset = node.asset;
        let text = |key| asset.and_then(|a| a.text(key));
        (test.kind.is_empty() || test.kind.contains(&node.kind))
            && (test.r#type.is_empty() || node.r#type.as_ref().is_some_and(|t| test.r#type.contains(t)))
            && (test.name.is_empty() || test.name.iter().any(|name| *name == node.name))
            && !test.other_than.iter().any(|name| *name == node.name)
            && test.set.iter().flatten().all(|(key, wanted)| asset.is_some_and(|asset| says(asset, key, wanted)))
            && !test.unset.iter().flatten().any(|(key, wanted)| asset.is_some_and(|asset| says(asset, key, wanted)))
            && (test.authentication.is_empty()
                || asset.and_then(|a| a.authentication).is_some_and(|a| test.authentication.contains(&a)))
            && (!test.authentication_unknown || asset.is_none_or(|a| a.authentication.is_none()))
            && (test.public_access.is_empty()
                || text("public_access").is_some_and(|access| test.public_access.iter().any(|known| known == access)))
            && (!test.sensitive || asset.is_some_and(Asset::is_sensitive))
            && (!test.instance_profile || self.principal(ix).is_some_and(|p| p.instance_profile))
            && (!test.broader_version || asset.is_some_and(crate::identity::aws::has_broader_version))
            && (!test.internet || node.id.as_str() == AssetId::INTERNET)
            && (test.has.is_empty()
                || asset.is_some_and(|a| test.has.iter().any(|key| a.properties.get(key).is_some_and(|v| !is_open(v)))))
            && (test.word.is_empty() || asset.is_some_and(|a| speaks(a, &test.word)))
            && (node.kind != AssetKind::Policy
                || account_of(node.id.as_str()).is_some()
                || node.platform.is_some_and(|platform| platform != Platform::Aws))
            && (!node.kind.is_data() || node.interesting)
    }

    /// Whether a rule may start from an asset.
    pub(in crate::path) fn passes_start(&self, ix: Ix, rule: &Rule) -> bool {
        self.passes(ix, &rule.start)
    }
}

/// Whether a property, or an entry of it if it is a list, is one of these values. A key that begins with `/` is a
/// pointer below the properties.
fn says(asset: &Asset, key: &str, wanted: &[Value]) -> bool {
    let (first, rest) = match key.strip_prefix('/') {
        Some(pointer) => pointer.split_once('/').map_or((pointer, None), |(first, rest)| (first, Some(rest))),
        None => (key, None),
    };
    let property = asset.properties.get(first);
    let value = match rest {
        Some(rest) => property.and_then(|value| value.pointer(&format!("/{rest}"))),
        None => property,
    };
    let is = |value: &Value| is_one_of(value, wanted);
    value.is_some_and(|value| value.as_array().map_or_else(|| is(value), |list| list.iter().any(is)))
}

/// Whether a value is one of these; of a text a `*` at the end stands for anything. What a template leaves open is none.
pub(in crate::path) fn is_one_of(value: &Value, wanted: &[Value]) -> bool {
    wanted.iter().any(|wanted| match (wanted.as_str(), value.as_str()) {
        (Some("*"), _) => !value.is_null() && !is_open(value),
        (Some(wanted), Some(text)) => wanted.strip_suffix('*').map_or(wanted == text, |start| text.starts_with(start)),
        _ => same(wanted, value),
    })
}

/// Whether an asset's name, type or capabilities hold one of these words as a whole.
fn speaks(asset: &Asset, words: &[String]) -> bool {
    let capabilities = asset.properties.get("capabilities").map(ToString::to_string).unwrap_or_default();
    let described = [asset.name.as_str(), asset.text("terraform_type").unwrap_or_default(), &capabilities];
    let text = spaced(&described.join(" "));
    words.iter().any(|word| text.contains(&spaced(word)))
}

/// Lower case, with a space around each word: `runShell_cmd` is ` run shell cmd `.
fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    out.push(' ');
    let mut letters = text.chars().peekable();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        let next_small = letters.peek().is_some_and(char::is_ascii_lowercase);
        let starts =
            letter.is_ascii_uppercase() && (before.is_ascii_lowercase() || (before.is_ascii_uppercase() && next_small));
        if (starts || !letter.is_alphanumeric()) && !out.ends_with(' ') {
            out.push(' ');
        }
        if letter.is_alphanumeric() {
            out.push(letter.to_ascii_lowercase());
        }
        before = letter;
    }
    if !out.ends_with(' ') {
        out.push(' ');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole() {
        let speaks = |name: &str, word: &str| speaks(&Asset::new("t", AssetKind::Tool, name), &[word.to_owned()]);
        for (name, word) in
            [("PythonREPLTool", "python_repl"), ("run-shell", "shell"), ("runCommand", "run_command"), ("web", "web")]
        {
            assert!(speaks(name, word), "{name} {word}");
        }
        assert!(!speaks("webhook", "web") && !speaks("executive_summary", "exec"));
    }
}
