//! Trivy's JSON: flaws, misconfigurations and secrets of an image, a file system, a repository or a cluster.

use serde_json::Value;

use super::report::{Report, file, severity};
use super::vulnerability::{self, Package};
use crate::asset::{Asset, AssetKind, Document, RelationKind};
use crate::discover::at::{first, has, items, text};
use crate::discover::container::image_asset;
use crate::discover::format::{Found, Structured};
use crate::discover::resource::{self, Context};

pub(super) const REPORT: Structured = Structured {
    name: "trivy",
    critical: false,
    in_parts: false,
    markers: &["\"ArtifactName\"", "\"Results\""],
    matches: |value| {
        has(value, &["ArtifactName", "Results"]) || has(value, &["ArtifactName", "ArtifactType", "SchemaVersion"])
    },
    read: |document, found| {
        let target = target(&document.value);
        results(document, "", &target, found);
        let evidence = document.evidence("/ArtifactName");
        found.inventory.add(target.seen(evidence));
    },
};

/// `trivy k8s`.
pub(super) const CLUSTER: Structured = Structured {
    name: "trivy-cluster",
    critical: false,
    in_parts: false,
    markers: &["\"ClusterName\"", "\"Results\""],
    matches: |value| {
        value.get("ClusterName").is_some() && (value.get("Resources").is_some() || value.get("Findings").is_some())
    },
    read: |document, found| {
        let value = &document.value;
        for list in ["/Resources", "/Findings", "/Vulnerabilities", "/Misconfigurations"] {
            for (pointer, item) in items(value, list) {
                let context = Context {
                    kind: text(item, "/Kind").unwrap_or_default(),
                    provider: "kubernetes",
                    account: text(value, "/ClusterName").unwrap_or_default(),
                    region: text(item, "/Namespace").unwrap_or_default(),
                };
                let Some(asset) = text(item, "/Name").and_then(|name| resource::by_name(name, context)) else {
                    continue;
                };
                results(document, &pointer, &asset, found);
                found.inventory.add(asset.seen(document.evidence(&pointer)));
            }
        }
    },
};

fn target(value: &Value) -> Asset {
    let name = text(value, "/ArtifactName").unwrap_or_default();
    match text(value, "/ArtifactType") {
        Some("container_image") | None => {
            let mut asset = image_asset(name);
            for (_, digest) in items(value, "/Metadata/RepoDigests") {
                if let Some(reference) = digest.as_str() {
                    asset = asset.alias(image_asset(reference).id);
                }
            }
            asset
        }
        Some("repository") => Asset::new(name, AssetKind::Repository, resource::last(name)),
        _ => Asset::new(format!("file:{name}"), AssetKind::Resource, resource::last(name)),
    }
}

fn results(document: &Document, base: &str, target: &Asset, found: &mut Found) {
    let value = document.value.pointer(base).unwrap_or(&Value::Null);
    for (below, result) in items(value, "/Results") {
        let path = text(result, "/Target").unwrap_or_default();
        let ecosystem = text(result, "/Type").unwrap_or_default();
        for (deeper, flaw) in items(result, "/Vulnerabilities") {
            let id = text(flaw, "/VulnerabilityID").unwrap_or_default();
            let report = Report {
                tool: "Trivy",
                rule: id,
                title: first(flaw, &["/Title", "/Description"]).unwrap_or(id),
                detail: "",
                severity: severity(text(flaw, "/Severity").unwrap_or_default()),
                time: text(&document.value, "/CreatedAt"),
                fails: !matches!(text(flaw, "/Status"), Some("not_affected")),
            };
            let Some(name) = text(flaw, "/PkgName") else { continue };
            let version = text(flaw, "/InstalledVersion").unwrap_or_default();
            let mut package = Package { purl: text(flaw, "/PkgIdentifier/PURL"), ecosystem, name, version }.asset();
            let evidence = document.evidence(&format!("{base}{below}{deeper}"));
            vulnerability::note(&mut package, id);
            vulnerability::hold(target, &package, &evidence, found);
            report.land(package, &evidence, found);
        }
        // what stands in a file of the target is told of the file, of a cluster's object of the object
        let place = |found: &Found| match target.kind {
            AssetKind::Workload | AssetKind::ContainerImage => target.clone(),
            _ if target.id.as_str().starts_with("k8s://") => target.clone(),
            _ => file(path, found),
        };
        for (deeper, flaw) in items(result, "/Misconfigurations") {
            let rule = first(flaw, &["/AVDID", "/ID"]).unwrap_or_default();
            let report = Report {
                tool: "Trivy",
                rule,
                title: text(flaw, "/Title").unwrap_or(rule),
                detail: text(flaw, "/Message").unwrap_or_default(),
                severity: severity(text(flaw, "/Severity").unwrap_or_default()),
                time: text(&document.value, "/CreatedAt"),
                fails: text(flaw, "/Status").is_none_or(|status| status == "FAIL"),
            };
            let cause = text(flaw, "/CauseMetadata/Resource").unwrap_or_default();
            let asset =
                resource::by_id(cause).or_else(|| terraform(path, cause, found)).unwrap_or_else(|| place(found));
            report.land(asset, &document.evidence(&format!("{base}{below}{deeper}")), found);
        }
        for (deeper, secret) in items(result, "/Secrets") {
            let rule = text(secret, "/RuleID").unwrap_or_default();
            let title = text(secret, "/Title").unwrap_or(rule);
            let evidence = document.evidence(&format!("{base}{below}{deeper}"));
            let holder = place(found);
            let id = format!("{}#{rule}", holder.id);
            let key = Asset::new(&id, AssetKind::AccessKey, title).with("hardcoded", true);
            found.relate(holder.id.as_str(), RelationKind::Uses, &id, &evidence);
            found.inventory.add(key.seen(evidence.clone().excerpt(title)));
            let report = Report {
                tool: "Trivy",
                rule,
                title,
                detail: "",
                severity: severity(text(secret, "/Severity").unwrap_or_default()),
                time: text(&document.value, "/CreatedAt"),
                fails: true,
            };
            report.land(holder, &evidence, found);
        }
    }
}

/// A resource of Terraform's configuration, by its address, as reading the configuration itself names it.
pub(super) fn terraform(path: &str, address: &str, found: &Found) -> Option<Asset> {
    let (kind, name) = address.split_once('.').filter(|(kind, _)| kind.contains('_'))?;
    let file = file(path, found);
    let known = crate::discover::terraform::known(kind);
    let mut asset =
        Asset::new(format!("{}#{address}", file.id), known.map_or(AssetKind::Resource, |(kind, _)| kind), name);
    asset.ai |= known.is_some_and(|(_, ai)| ai);
    asset.properties.insert("terraform_type".to_owned(), kind.into());
    asset.properties.insert("terraform_address".to_owned(), address.into());
    Some(asset)
}
