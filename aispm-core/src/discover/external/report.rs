//! What every tool's finding comes down to, and how it lands on its asset.

use super::meaning;
use crate::asset::{Asset, AssetKind, Evidence, ExternalFinding, RelationKind, Severity};
use crate::discover::data_class::classes;
use crate::discover::format::Found;
use crate::discover::resource;

/// One finding of one tool, borrowed from its export.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report<'a> {
    /// The product.
    pub(super) tool: &'a str,
    /// Its own id of the check.
    pub(super) rule: &'a str,
    /// What the check is called.
    pub(super) title: &'a str,
    /// What it says of this resource; may tell what the title leaves open.
    pub(super) detail: &'a str,
    pub(super) severity: Severity,
    /// When it was seen last.
    pub(super) time: Option<&'a str>,
    /// Whether something is wrong; what passed or was suppressed only shows that the resource is there.
    pub(super) fails: bool,
}

impl Report<'_> {
    /// Adds the finding's asset, with the finding if it is one, and what the finding means.
    pub(super) fn land(&self, mut asset: Asset, evidence: &Evidence, found: &mut Found) {
        let title = if self.title.is_empty() { self.rule } else { self.title };
        let evidence = evidence.clone().excerpt(if self.fails { title } else { asset.name.as_str() });
        if self.fails {
            let rule = if self.rule.is_empty() { title } else { self.rule };
            let mut finding = ExternalFinding::new(self.tool, rule, self.severity, title, evidence.clone());
            finding.time = self.time.map(str::to_owned);
            asset.report(finding);
            meaning::apply(self, &mut asset, &evidence, found);
        }
        add(asset.seen(evidence.clone()), &evidence, found);
    }
}

/// Adds an asset, and the bucket that holds it if it is an object in one.
pub(super) fn add(asset: Asset, evidence: &Evidence, found: &mut Found) {
    if asset.kind == AssetKind::Dataset
        && let Some(mut bucket) = resource::bucket_of(asset.id.as_str())
    {
        found.relate(bucket.id.as_str(), RelationKind::Contains, asset.id.as_str(), evidence);
        // what an object holds, its bucket holds
        bucket.data_classes.clone_from(&asset.data_classes);
        found.inventory.add(bucket.seen(evidence.clone()));
    }
    found.inventory.add(asset);
}

/// Adds the classes that a label stands for; whether there is one.
pub(super) fn classify<'a>(asset: &mut Asset, label: impl Into<Option<&'a str>>) -> bool {
    let before = asset.data_classes.len();
    asset.data_classes.extend(label.into().into_iter().flat_map(classes).map(str::to_owned));
    asset.data_classes.len() > before
}

/// A severity by its name in any tool's words.
pub(super) fn severity(name: &str) -> Severity {
    match name.trim().to_ascii_lowercase().as_str() {
        "critical" | "fatal" | "very high" => Severity::Critical,
        "high" | "error" | "important" | "severity_high" => Severity::High,
        "medium" | "moderate" | "warning" | "severity_moderate" => Severity::Medium,
        "low" | "minor" | "negligible" | "note" | "severity_low" => Severity::Low,
        "" | "unknown" | "severity_unspecified" => Severity::Medium,
        _ => Severity::Info,
    }
}

/// A severity by a CVSS-like score from 0 to 10.
pub(super) fn by_score(score: f64) -> Severity {
    match score {
        s if s >= 9.0 => Severity::Critical,
        s if s >= 7.0 => Severity::High,
        s if s >= 4.0 => Severity::Medium,
        s if s > 0.0 => Severity::Low,
        _ => Severity::Info,
    }
}

/// A file that a tool points at: the one among the files read whose path ends so, else the path as written.
pub(super) fn file(uri: &str, found: &Found) -> Asset {
    let path = uri.strip_prefix("file://").unwrap_or(uri).trim_start_matches("./");
    let path = found.tree.ending_in(path).unwrap_or(path);
    let name = resource::last(path);
    let kind = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("ipynb") => AssetKind::Notebook,
        Some(
            "pkl" | "pickle" | "pt" | "pth" | "ckpt" | "safetensors" | "onnx" | "gguf" | "h5" | "keras" | "joblib"
            | "tflite" | "pb" | "npy",
        ) => AssetKind::ModelFile,
        _ => AssetKind::Resource,
    };
    Asset::new(format!("file:{path}"), kind, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_in_many_words() {
        assert_eq!(
            ["FATAL", "Important", "Moderate", "note", "INFORMATIONAL", ""].map(severity),
            [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info, Severity::Medium]
        );
    }
}
