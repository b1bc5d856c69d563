//! Attack paths as Cytoscape.js takes them: `cytoscape(JSON.parse(text))`. One edge for each source of each step of each
//! path, so that a path can be picked out by its id.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Report, certainty, escape, sources};
use crate::asset::AssetId;
use crate::path::AttackPath;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let paths = &report.assessment.paths;
    let mut nodes: BTreeMap<&AssetId, (bool, bool)> = BTreeMap::new();
    let mut edges = Vec::new();
    for path in paths {
        for id in path.assets() {
            nodes.entry(id).or_default();
        }
        nodes.entry(&path.source).or_default().0 = true;
        nodes.entry(&path.target).or_default().1 = true;
        for (n, step) in (1..).zip(&path.steps) {
            for (i, from) in sources(step).iter().enumerate() {
                let fixes = path.fixes.iter().filter(|fix| fix.step == n);
                let evidence: Vec<String> = step.evidence.iter().map(|evidence| evidence.location()).collect();
                edges.push(json!({"data": {
                    "id": format!("{}-{n}-{i}", path.id),
                    "source": from,
                    "target": step.to,
                    "label": format!("{n}. {}", escape::plain(&step.description)),
                    "path": path.id,
                    "title": escape::plain(&report.title(path)),
                    "consequence": path.consequence,
                    "step": n,
                    "text": escape::plain(&step.description),
                    "technique": step.technique,
                    "rule": step.rule,
                    "conditions": step.conditions,
                    "evidence": evidence,
                    "fixes": fixes.map(|fix| &fix.action).collect::<Vec<_>>(),
                }}));
            }
        }
    }
    let node = |(id, (source, target)): (&AssetId, (bool, bool))| {
        let (name, kind) = (escape::plain(report.name(id)).into_owned(), report.kind(id));
        let ai = report.asset(id).is_some_and(|asset| asset.ai);
        json!({"data": {"id": id, "label": format!("{name}\n{kind}"), "name": name, "kind": kind.as_str(), "ai": ai,
            "is_source": source, "is_target": target}})
    };
    let nodes: Vec<Value> = nodes.into_iter().map(node).collect();
    let told = |path: &AttackPath| {
        json!({"id": path.id, "title": escape::plain(&report.title(path)), "consequence": path.consequence,
            "source": path.source, "target": path.target, "severity": path.severity, "risk": path.risk,
            "status": certainty(path.status)})
    };
    let document = json!({
        "data": {"generator": "aispm", "paths": paths.iter().map(told).collect::<Vec<_>>()},
        "elements": {"nodes": nodes, "edges": edges},
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)?;
    out.flush()
}
