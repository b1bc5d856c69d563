//! What there is: AI assets by kind and one by one, and the files that told nothing.

use std::collections::BTreeMap;
use std::io;

use super::{Out, ROWS, Safe, heading, left_out};
use crate::asset::{Asset, Authentication, Exposure};
use crate::report::{Report, count};

/// A longer list is closed at first.
const OPEN: usize = 12;

pub(super) fn write(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let inventory = &report.assessment.inventory;
    let ai = report.ai_assets();
    let rest = count(inventory.len() - ai, "more asset");
    heading(out, "inventory", "AI inventory", &format!("{rest} give context."))?;
    if ai == 0 {
        writeln!(out, "<p>No AI assets.</p>")?;
    } else {
        kinds(report, out)?;
        let open = if ai <= OPEN { " open" } else { "" };
        write!(
            out,
            "<details class=\"framework\"{open}><summary><span class=\"title\">{}</span></summary>",
            count(ai, "AI asset")
        )?;
        write!(out, "<div class=\"inside\"><table class=\"assets\"><thead><tr>")?;
        for name in ["Name", "Kind", "Exposure", "Callers", "Data", "Owner", "Seen"] {
            write!(out, "<th scope=\"col\">{name}</th>")?;
        }
        writeln!(out, "</tr></thead><tbody>")?;
        for asset in inventory.assets().filter(|asset| asset.ai).take(ROWS) {
            row(out, asset)?;
        }
        writeln!(out, "</tbody></table>")?;
        left_out(out, ai, ROWS, "asset")?;
        writeln!(out, "</div></details>")?;
    }
    skipped(report, out)?;
    writeln!(out, "</section>")
}

/// `12 models, 3 endpoints`.
fn kinds(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let mut kinds = BTreeMap::<_, usize>::new();
    for asset in report.assessment.inventory.assets().filter(|asset| asset.ai) {
        *kinds.entry(asset.kind.as_str()).or_default() += 1;
    }
    let mut kinds: Vec<(&str, usize)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    write!(out, "<ul class=\"kinds\">")?;
    for (kind, n) in kinds {
        write!(out, "<li><b>{n}</b> {}</li>", kind.replace('-', " "))?;
    }
    writeln!(out, "</ul>")
}

fn row(out: Out<'_>, asset: &Asset) -> io::Result<()> {
    let Asset { id, kind, name, .. } = asset;
    let exposure = asset.exposure.map_or("", |exposure| exposure.as_str());
    let callers = match asset.authentication {
        Some(Authentication::None) => "anyone",
        other => other.map_or("", |authentication| authentication.as_str()),
    };
    let class = match (asset.exposure, asset.authentication) {
        (Some(Exposure::Public), Some(Authentication::None)) => "critical",
        (Some(Exposure::Public), _) => "high",
        _ => "",
    };
    let data = asset.data_classes.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let name = if name.is_empty() { id.as_str() } else { name };
    write!(out, "<tr><th scope=\"row\" title=\"{}\">{}</th><td>{kind}</td>", Safe(id.as_str()), Safe(name))?;
    write!(out, "<td class=\"{class}\">{exposure}</td><td class=\"{class}\">{callers}</td>")?;
    write!(out, "<td>{}</td><td>{}</td><td>", Safe(&data), Safe(asset.owner.as_deref().unwrap_or_default()))?;
    if let Some(evidence) = asset.evidence.first() {
        write!(out, "<code>{}</code>", Safe(&evidence.location()))?;
    }
    writeln!(out, "</td></tr>")
}

fn skipped(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let skipped = &report.assessment.skipped;
    if skipped.is_empty() {
        return Ok(());
    }
    let files = count(skipped.len(), "file");
    write!(out, "<details class=\"framework\" id=\"skipped\"><summary><span class=\"title\">Skipped</span>")?;
    writeln!(
        out,
        "<span class=\"more\">{files} of no known format</span></summary><div class=\"inside\"><ul class=\"places\">"
    )?;
    for unread in skipped.iter().take(ROWS) {
        writeln!(out, "<li><code>{}</code> {}</li>", Safe(&unread.path), Safe(&unread.reason))?;
    }
    writeln!(out, "</ul>")?;
    left_out(out, skipped.len(), ROWS, "file")?;
    writeln!(out, "</div></details>")
}
