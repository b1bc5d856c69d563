//! A Mermaid flowchart: the worst path step by step in words, with where it can be cut; then all paths as solid arrows
//! and the lineage of their assets as dotted ones.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::{Report, chain, escape, loose_conditions, sources};
use crate::asset::{AssetId, AssetKind, Evidence, RelationKind, Severity, fingerprint};
use crate::path::AttackPath;

/// Renderers refuse charts with more edges (`maxEdges`, 500) or text (`maxTextSize`, 50,000), and ignore attempts of
/// the chart to lift that.
const EDGES: usize = 480;
const TEXT: usize = 48_000;
/// Cuts of the worst path that are drawn.
const CUTS: usize = 3;
/// Assets of the worst path up to which it is told step by step.
const TOLD: usize = 24;
/// Characters of a line in a box or on an arrow, where words allow: what renderers do not break again.
const LINE: usize = 23;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut chart = Chart { report, text: String::new(), nodes: BTreeSet::new(), edges: 0, left_out: 0 };
    let worst = report.assessment.paths.first().filter(|path| chain(path).len() <= TOLD);
    match worst {
        Some(worst) => {
            chart.text.push_str("flowchart TB\n");
            chart.worst(worst);
        }
        None => chart.text.push_str("flowchart LR\n"),
    }
    // what is told in words need not be drawn again
    if worst.is_none() || report.assessment.paths.len() > 1 {
        let title =
            if worst.is_some() { format!("All {} attack paths", report.assessment.paths.len()) } else { String::new() };
        chart.inside("paths", &title, Chart::attack_paths);
    }
    chart.inside("lineage", "", Chart::lineage);
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
    /// What `draw` draws in a frame with this title, or without one if it has none or is empty.
    fn inside(&mut self, id: &str, title: &str, draw: impl FnOnce(&mut Self)) {
        let before = self.text.len();
        draw(self);
        if !title.is_empty() && self.text.len() > before {
            let head = format!("  subgraph {id}[\"{}\"]\n    direction LR\n", escape::mermaid(title));
            self.text.insert_str(before, &head);
            self.text.push_str("  end\n");
        }
    }

    /// A path from top to bottom: every step in words with its place, what it ends in, and where it can be cut.
    fn worst(&mut self, path: &'a AttackPath) {
        let assets = chain(path);
        let place = |id: &AssetId| assets.iter().position(|known| *known == id).unwrap_or(0);
        let title = escape::mermaid(&self.report.title(path));
        let mut text = format!("  subgraph worst[\"{title}\"]\n    direction TB\n");
        for (n, id) in assets.iter().enumerate() {
            let (open, close) = shape(self.report.kind(id));
            let _ = writeln!(text, "    w{n}{open}\"{}\"{close}", self.label(id));
        }
        for (n, step) in (1..).zip(&path.steps) {
            let mut words = wrapped(&format!("Step {n}: {}", step.description));
            for condition in &step.conditions {
                words.extend(wrapped(&format!("if {condition}")));
            }
            words.extend(step.evidence.first().into_iter().flat_map(place_of));
            let label: Vec<String> = words.iter().map(|line| escape::mermaid(line)).collect();
            for from in sources(step) {
                let arrow = if step.conditions.is_empty() { "==>" } else { "-.->" };
                let _ =
                    writeln!(text, "    w{} {arrow}|\"{}\"| w{}", place(from), label.join("<br/>"), place(&step.to));
            }
        }
        let mut end = wrapped(&format!("Ends in {}", path.consequence.words()));
        end.push(format!("{}, risk rank {:.0} of 100", path.severity, path.risk));
        end.extend(loose_conditions(path).flat_map(|condition| wrapped(&format!("if {condition}"))));
        let end: Vec<String> = end.iter().map(|line| escape::mermaid(line)).collect();
        let _ = writeln!(text, "    w{} --> outcome[[\"{}\"]]", place(&path.target), end.join("<br/>"));
        let mut cut = BTreeSet::new();
        let cuts = path.fixes.iter().filter(|fix| cut.insert(fix.step)).take(CUTS);
        for (n, fix) in cuts.enumerate() {
            let Some(step) = path.steps.get(fix.step.saturating_sub(1)) else { continue };
            let mut words = vec![format!("Cut step {}:", fix.step)];
            words.extend(wrapped(&fix.action));
            words.extend(fix.evidence.first().into_iter().flat_map(place_of));
            let label: Vec<String> = words.iter().map(|line| escape::mermaid(line)).collect();
            let _ = writeln!(text, "    cut{n}([\"{}\"]) -.-x w{}", label.join("<br/>"), place(&step.to));
        }
        text.push_str("  end\n  classDef cut stroke:#2b8a3e,stroke-dasharray:5 3\n  classDef outcome stroke:#c0392b,stroke-width:3px\n");
        for n in 0..CUTS.min(cut.len()) {
            let _ = writeln!(text, "  class cut{n} cut");
        }
        text.push_str("  class outcome outcome\n");
        // a path that is too long to draw leaves the chart as it was
        if text.len() < TEXT / 2 {
            self.edges += path.steps.iter().map(|step| sources(step).len()).sum::<usize>() + 1 + CUTS;
            self.text.push_str(&text);
        }
    }

    fn label(&self, id: &AssetId) -> String {
        // names have no bound, and the chart has
        let name = clipped(self.report.name(id), 80);
        format!("{}<br/>{}", escape::mermaid(&name), self.report.kind(id).as_str().replace('-', " "))
    }

    fn attack_paths(&mut self) {
        for (from, to, techniques) in self.report.moves() {
            self.edge(from, to, &techniques, "-->");
        }
    }

    fn lineage(&mut self) {
        let inventory = &self.report.assessment.inventory;
        // beside paths, lineage is drawn as far as it touches them
        let passed: BTreeSet<&AssetId> = self.report.assessment.paths.iter().flat_map(AttackPath::assets).collect();
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
            let near = passed.is_empty() || passed.contains(&relation.from) || passed.contains(&relation.to);
            if lineage && near {
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
        let (open, close) = shape(self.report.kind(id));
        let label = self.label(id);
        let _ = writeln!(self.text, "  {}{open}\"{label}\"{close}", node_id(id));
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

/// The marks around a box, by what it is.
fn shape(kind: AssetKind) -> (&'static str, &'static str) {
    match kind {
        AssetKind::NetworkEntry => ("([", "])"),
        kind if kind.is_data() => ("[(", ")]"),
        kind if kind.is_identity() => ("{{", "}}"),
        _ => ("[", "]"),
    }
}

/// The end of a long text counts more: of a place, what it points at.
fn clipped(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    ['…'].into_iter().chain(text.chars().skip(length + 1 - most)).collect()
}

/// The file's name with the line, or the end of the pointer on a line of its own.
fn place_of(evidence: &Evidence) -> Vec<String> {
    let file = evidence.path.rsplit(['/', '\\']).next().unwrap_or_default();
    match (evidence.line, &evidence.pointer) {
        (Some(line), _) => vec![clipped(&format!("{file}:{line}"), 2 * LINE)],
        (None, Some(pointer)) => vec![clipped(file, 2 * LINE), clipped(pointer, LINE)],
        (None, None) => vec![clipped(file, 2 * LINE)],
    }
}

/// Lines of about [`LINE`] characters, at most nine.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in escape::plain(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < LINE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(clipped(word, 2 * LINE)),
        }
    }
    lines.truncate(9);
    lines
}

/// The same for the same asset in every chart.
fn node_id(id: &AssetId) -> String {
    let mut name = fingerprint(&[id.as_str()]);
    name.truncate(12);
    name.insert(0, 'n');
    name
}
