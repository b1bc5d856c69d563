//! A Mermaid flowchart: attack paths as solid arrows, lineage among AI assets as dotted ones.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::{Report, escape};
use crate::asset::{AssetId, AssetKind, RelationKind, Severity, fingerprint};

/// Renderers refuse charts with more edges (`maxEdges`, 500) or text (`maxTextSize`, 50,000), and ignore attempts of
/// the chart to lift that.
const EDGES: usize = 480;
const TEXT: usize = 48_000;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut chart = Chart { report, text: "flowchart LR\n".to_owned(), nodes: BTreeSet::new(), edges: 0, left_out: 0 };
    chart.attack_paths();
    chart.lineage();
    chart.classes();
    out.write_all(chart.text.as_bytes())?;
    out.flush()
}

struct Chart<'a> {
    report: &'a Report<'a>,
    text: String,
    nodes: BTreeSet<&'a AssetId>,
    edges: usize,
    left_out: usize,
}

impl<'a> Chart<'a> {
    fn attack_paths(&mut self) {
        for (from, to, techniques) in self.report.moves() {
            self.edge(from, to, &techniques, "-->");
        }
    }

    fn lineage(&mut self) {
        let inventory = &self.report.assessment.inventory;
        let is_ai = |id: &AssetId| inventory.get(id.as_str()).is_some_and(|asset| asset.ai);
        for relation in inventory.relations() {
            let lineage = match relation.kind {
                RelationKind::TrainedOn
                | RelationKind::DerivedFrom
                | RelationKind::Serves
                | RelationKind::RetrievesFrom
                | RelationKind::HasTool => true,
                RelationKind::Uses => is_ai(&relation.from) && is_ai(&relation.to),
                _ => false,
            };
            if lineage {
                self.edge(&relation.from, &relation.to, relation.kind.as_str(), "-.->");
            }
        }
    }

    fn edge(&mut self, from: &'a AssetId, to: &'a AssetId, label: &str, arrow: &str) {
        if self.edges >= EDGES || self.text.len() >= TEXT {
            self.left_out += 1;
            return;
        }
        self.edges += 1;
        self.node(from);
        self.node(to);
        let label = if label.is_empty() { String::new() } else { format!("|\"{}\"|", escape::mermaid(label)) };
        // writing to a String cannot fail
        let _ = writeln!(self.text, "  {} {arrow}{label} {}", node_id(from), node_id(to));
    }

    fn node(&mut self, id: &'a AssetId) {
        if !self.nodes.insert(id) {
            return;
        }
        let kind = self.report.kind(id);
        let (open, close) = match kind {
            AssetKind::NetworkEntry => ("([", "])"),
            kind if kind.is_data() => ("[(", ")]"),
            kind if kind.is_identity() => ("{{", "}}"),
            _ => ("[", "]"),
        };
        // names have no bound, and the chart has
        let name: String = self.report.name(id).chars().take(80).collect();
        let _ = writeln!(self.text, "  {}{open}\"{}<br/>{kind}\"{close}", node_id(id), escape::mermaid(&name));
    }

    /// Sources and targets of paths stand out.
    fn classes(&mut self) {
        let paths = &self.report.assessment.paths;
        let ends = |pick: fn(&'a crate::path::AttackPath) -> &'a AssetId, grave: bool| {
            let chosen = paths.iter().filter(|path| !grave || path.severity >= Severity::High);
            let ids: BTreeSet<String> = chosen.map(pick).filter(|id| self.nodes.contains(id)).map(node_id).collect();
            ids.into_iter().collect::<Vec<_>>().join(",")
        };
        let (sources, targets) = (ends(|path| &path.source, false), ends(|path| &path.target, true));
        if !sources.is_empty() {
            let _ = writeln!(self.text, "  classDef source stroke-width:3px\n  class {sources} source");
        }
        if !targets.is_empty() {
            let _ = writeln!(self.text, "  classDef target stroke:#c0392b,stroke-width:3px\n  class {targets} target");
        }
        if self.left_out > 0 {
            let _ = writeln!(self.text, "  %% {} more edges left out: renderers refuse larger charts", self.left_out);
        }
    }
}

/// The same for the same asset in every chart.
fn node_id(id: &AssetId) -> String {
    let mut name = fingerprint(&[id.as_str()]);
    name.truncate(12);
    name.insert(0, 'n');
    name
}
