//! TensorFlow SavedModel and GraphDef: operators that leave the graph, sought at any depth.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use serde::Deserialize;

use super::protobuf::{Field, Fields};
use super::rule::Rule;
use super::scan::Scan;
use crate::asset::Severity;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    operator: Vec<Operator>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Operator {
    what: String,
    severity: Severity,
    names: Vec<String>,
}

struct Operators {
    search: AhoCorasick,
    /// Name, what it does, how bad, by pattern.
    known: Vec<(String, String, Severity)>,
}

static OPERATORS: LazyLock<Option<Operators>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../../data/artifact/tensorflow.toml")).ok()?;
    let known: Vec<(String, String, Severity)> = file
        .operator
        .into_iter()
        .flat_map(|group| group.names.into_iter().map(move |name| (name, group.what.clone(), group.severity)))
        .collect();
    // NodeDef.op: field 2, length, name
    let patterns = known.iter().map(|(name, ..)| {
        let mut pattern = vec![0x12, u8::try_from(name.len()).unwrap_or_default()];
        pattern.extend(name.as_bytes());
        pattern
    });
    let search = AhoCorasick::builder().match_kind(aho_corasick::MatchKind::LeftmostLongest).build(patterns).ok()?;
    Some(Operators { search, known })
});

/// Whether the bytes are a SavedModel (2 graphs), a MetaGraphDef (2 graph) or a GraphDef (1 nodes).
pub(super) fn starts(bytes: &[u8]) -> bool {
    // a model may be given only in part, which leaves its outer fields unfinished
    is_graph(bytes) || below(bytes, is_graph) || below(bytes, |graphs| below(graphs, is_graph))
}

/// Whether one of the first fields is number 2 and holds what `is` says.
fn below(bytes: &[u8], is: impl Fn(&[u8]) -> bool) -> bool {
    Fields::new(bytes).map_while(Result::ok).take(4).any(|field| matches!(field, (2, Field::Bytes(inner)) if is(inner)))
}

/// The first field is a node: 1 name, 2 operator.
fn is_graph(bytes: &[u8]) -> bool {
    let Some(Ok((1, Field::Bytes(node)))) = Fields::new(bytes).next() else { return false };
    let mut fields = Fields::new(node).map_while(Result::ok);
    matches!(fields.next(), Some((1, Field::Bytes(name))) if is_name(name))
        && matches!(fields.next(), Some((2, Field::Bytes(op))) if is_name(op))
}

fn is_name(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| b.is_ascii_graphic())
}

/// Linear in the bytes.
pub(super) fn scan(scan: &mut Scan, bytes: &[u8]) {
    let Some(operators) = OPERATORS.as_ref() else { return scan.unread("the operator list could not be read") };
    for hit in operators.search.find_iter(bytes) {
        if let Some((name, what, severity)) = operators.known.get(hit.pattern().as_usize()) {
            let message = format!("operator {name} {what}");
            scan.found_as(Rule::ExternalAccess, *severity, Some(hit.start()), name, message);
        }
    }
    if let Some(Err(at)) = Fields::new(bytes).find(Result::is_err) {
        scan.found(Rule::MalformedModel, Some(at), "truncated", "the model breaks off inside a field");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_list_parses() {
        assert!(OPERATORS.as_ref().is_some_and(|operators| operators.known.len() > 20));
    }
}
