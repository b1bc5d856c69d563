//! The graph of attack paths for graph tools: Graphviz DOT and GraphML. Nodes are assets with name and kind, edges moves
//! with their techniques. Ids are the assets' own.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::html::Safe;
use super::{Report, escape};
use crate::asset::AssetId;

pub(super) fn dot(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let moves = report.moves();
    writeln!(out, "digraph paths {{\n  rankdir=LR;\n  node [shape=box];")?;
    for id in nodes(&moves) {
        let label = format!("{}\n{}", report.name(id), report.kind(id));
        writeln!(out, "  {} [label={}];", quoted(id.as_str()), quoted(&label))?;
    }
    for (from, to, techniques) in &moves {
        writeln!(out, "  {} -> {} [label={}];", quoted(from.as_str()), quoted(to.as_str()), quoted(techniques))?;
    }
    writeln!(out, "}}")?;
    out.flush()
}

/// A DOT string: quotes and backslashes escaped, line ends as `\n`, what no terminal should get as `\u{…}`.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if escape::is_unsafe(c) => {
                quoted.push('\\');
                quoted.extend(c.escape_unicode());
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

pub(super) fn graphml(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let moves = report.moves();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">")?;
    for (key, domain) in [("name", "node"), ("kind", "node"), ("techniques", "edge")] {
        writeln!(out, "  <key id=\"{key}\" for=\"{domain}\" attr.name=\"{key}\" attr.type=\"string\"/>")?;
    }
    writeln!(out, "  <graph id=\"paths\" edgedefault=\"directed\">")?;
    for id in nodes(&moves) {
        let (name, kind) = (Safe(report.name(id)), report.kind(id));
        writeln!(out, "    <node id=\"{}\">", Safe(id.as_str()))?;
        writeln!(out, "      <data key=\"name\">{name}</data>\n      <data key=\"kind\">{kind}</data>\n    </node>")?;
    }
    for (from, to, techniques) in &moves {
        let (from, to) = (Safe(from.as_str()), Safe(to.as_str()));
        writeln!(out, "    <edge source=\"{from}\" target=\"{to}\">")?;
        writeln!(out, "      <data key=\"techniques\">{}</data>\n    </edge>", Safe(techniques))?;
    }
    writeln!(out, "  </graph>\n</graphml>")?;
    out.flush()
}

fn nodes<'a>(moves: &[(&'a AssetId, &'a AssetId, String)]) -> BTreeSet<&'a AssetId> {
    moves.iter().flat_map(|(from, to, _)| [*from, *to]).collect()
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn dot_strings_cannot_be_left() {
        assert_eq!(quoted("a\"] b\\"), r#""a\"] b\\""#);
        assert_eq!(quoted("two\nlines\u{1}"), r#""two\nlines\\u{1}""#);
    }
}
