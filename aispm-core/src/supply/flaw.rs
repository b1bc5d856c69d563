//! Flaws that are known of an estate's packages and images, as properties that rules read.

use rayon::prelude::*;
use serde_json::Value;

use super::version::Version;
use super::{Advisories, Flaw, image, package_url};
use crate::asset::{Asset, AssetId, AssetKind, Evidence, ExternalFinding, Inventory, RelationKind, Severity};

/// Beginnings of the ids that flaws have in public databases.
const DATABASES: [&str; 6] = ["CVE-", "GHSA-", "PYSEC-", "RUSTSEC-", "GO-", "MAL-"];

/// Most ids in a summary.
const SUMMED_UP: usize = 3;

/// Notes on packages and images what is known to be wrong with them, by these advisories and by the scanners whose
/// reports were read: `vulnerabilities` (ids, worst first), `vulnerability_severity` (of the worst), `vulnerability_summary`
/// and, where all are mended later, `fixed_in`; and on images whose base is known, `support_ends`. What advisories say is
/// kept as findings of the tool `OSV`. `vulnerabilities_checked` stands where something else than the few built-in
/// advisories could tell a flaw, or one was found. Linear in packages and in what is known of each.
pub(crate) fn mark(builtin: &Advisories, given: &[&Advisories], inventory: &mut Inventory) {
    let advisories: Vec<&Advisories> = std::iter::once(builtin).chain(given.iter().copied()).collect();
    let whole = given.iter().any(|given| !given.is_empty());
    let assets: Vec<&Asset> = inventory.assets().filter(|asset| is_software(asset)).collect();
    let known: Vec<(AssetId, String, Vec<Flaw>)> = assets
        .into_par_iter()
        .filter_map(|asset| {
            let (ecosystem, name, version) = package(asset)?;
            let flaws: Vec<Flaw> = advisories.iter().flat_map(|all| all.of(&ecosystem, &name, &version)).collect();
            (!flaws.is_empty()).then(|| (asset.id.clone(), ecosystem, flaws))
        })
        .collect();
    for (id, ecosystem, flaws) in known {
        if let Some(asset) = inventory.get_mut(id.as_str()) {
            report(asset, &ecosystem, flaws);
        }
    }
    hold(inventory);
    for asset in inventory.assets_mut().filter(|asset| is_software(asset)) {
        if sum_up(asset) || whole && package(asset).is_some() {
            asset.properties.insert("vulnerabilities_checked".to_owned(), true.into());
        }
        let image = asset.text("image").filter(|_| asset.kind == AssetKind::ContainerImage);
        if let Some(day) = image.and_then(image::support_ends) {
            asset.properties.insert("support_ends".to_owned(), day.into());
        }
    }
}

/// Critical flaws of the packages in an image are the image's: there are too many lesser ones in any base.
fn hold(inventory: &mut Inventory) {
    let mut held: Vec<(AssetId, ExternalFinding)> = Vec::new();
    for relation in inventory.relations().filter(|relation| relation.kind == RelationKind::Contains) {
        let of_kind = |id: &AssetId, kind| inventory.get(id.as_str()).filter(|asset| asset.kind == kind);
        if let (Some(image), Some(package)) =
            (of_kind(&relation.from, AssetKind::ContainerImage), of_kind(&relation.to, AssetKind::Package))
        {
            let grave = package.external_findings.iter().filter(|f| f.severity == Severity::Critical && is_flaw(f));
            held.extend(grave.map(|finding| (image.id.clone(), finding.clone())));
        }
    }
    for (id, finding) in held {
        if let Some(image) = inventory.get_mut(id.as_str()) {
            image.report(finding);
        }
    }
}

fn is_flaw(finding: &ExternalFinding) -> bool {
    DATABASES.iter().any(|prefix| finding.rule.starts_with(prefix))
}

fn is_software(asset: &Asset) -> bool {
    matches!(asset.kind, AssetKind::Package | AssetKind::ContainerImage)
}

/// The package that an asset is, or is a release of: ecosystem, name, version.
fn package(asset: &Asset) -> Option<(String, String, String)> {
    if asset.kind == AssetKind::Package {
        let (ecosystem, name, version) = package_url(asset.id.as_str())?;
        return Some((ecosystem.to_owned(), name, version));
    }
    let (ecosystem, name, version) = asset.text("image").and_then(image::package)?;
    Some((ecosystem.to_owned(), name.to_owned(), version))
}

fn report(asset: &mut Asset, ecosystem: &str, flaws: Vec<Flaw>) {
    let evidence = asset.evidence.first().cloned().unwrap_or_else(|| Evidence::file(asset.id.as_str()));
    // advice that mends only some of them would be no advice
    if let Some(versions) = flaws.iter().map(|flaw| flaw.fixed.as_deref()).collect::<Option<Vec<_>>>()
        && let Some(last) = last(ecosystem, versions)
    {
        asset.properties.insert("fixed_in".to_owned(), last.into());
    }
    for flaw in flaws {
        let title = match &flaw.fixed {
            Some(version) => format!("known flaw, fixed in {version}"),
            None => "known flaw".to_owned(),
        };
        asset.report(ExternalFinding::new("OSV", &*flaw.id, flaw.severity, title, evidence.clone()));
    }
}

/// The latest of these versions.
fn last(ecosystem: &str, versions: Vec<&str>) -> Option<String> {
    let parsed = versions.into_iter().map(|text| Some((Version::parse(ecosystem, text)?, text)));
    let parsed = parsed.collect::<Option<Vec<_>>>()?;
    let latest = parsed.into_iter().reduce(|a, b| if b.0.order(&a.0).is_some_and(|o| o.is_gt()) { b } else { a });
    latest.map(|(_, text)| text.to_owned())
}

/// Puts together what all tools found; whether that is anything.
fn sum_up(asset: &mut Asset) -> bool {
    let mut flaws: Vec<(Severity, &str)> = asset
        .external_findings
        .iter()
        .filter(|finding| is_flaw(finding))
        .map(|f| (f.severity, f.rule.as_str()))
        .collect();
    flaws.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let Some((worst, _)) = flaws.first().copied() else { return false };
    let mut ids: Vec<Value> = Vec::with_capacity(flaws.len());
    flaws.into_iter().for_each(|(_, id)| {
        if !ids.iter().any(|known| known == id) {
            ids.push(id.into());
        }
    });
    let told: Vec<&str> = ids.iter().filter_map(Value::as_str).take(SUMMED_UP).collect();
    let more = ids.len() - told.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    asset.properties.insert("vulnerability_summary".to_owned(), format!("{}{more} ({worst})", told.join(", ")).into());
    asset.properties.insert("vulnerabilities".to_owned(), ids.into());
    asset.properties.insert("vulnerability_severity".to_owned(), worst.as_str().into());
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Relation;

    #[test]
    fn packages_and_images_are_marked() {
        let text = "- { id: CVE-1, package: pypi/vllm, severity: high, fixed: \"0.6.0\" }\n\
                    - { id: CVE-2, package: pypi/vllm, severity: critical, from: \"0.5\", fixed: \"0.10.0\" }\n";
        let own = Advisories::read("a.yaml", text).unwrap();
        let mut inventory = Inventory::new();
        inventory.add(Asset::new("pkg:pypi/vllm@0.5.1", AssetKind::Package, "vllm"));
        inventory.add(Asset::new("pkg:pypi/vllm@0.4.0", AssetKind::Package, "vllm"));
        inventory.add(Asset::new("pkg:pypi/vllm", AssetKind::Package, "vllm"));
        let image = Asset::new("i", AssetKind::ContainerImage, "i").with("image", "vllm/vllm-openai:v0.7.0");
        inventory.add(image);
        inventory.add(Asset::new("b", AssetKind::ContainerImage, "b").with("image", "python:3.8"));
        let scanned = ExternalFinding::new("Trivy", "CVE-9", Severity::Low, "t", Evidence::file("f"));
        let mut package = Asset::new("pkg:pypi/other@1", AssetKind::Package, "other");
        package.report(scanned);
        inventory.add(package);
        inventory.add(Asset::new("own", AssetKind::ContainerImage, "own").with("image", "acme/app"));
        inventory.relate(Relation::new("own", RelationKind::Contains, "pkg:pypi/vllm@0.5.1"));
        inventory.relate(Relation::new("own", RelationKind::Contains, "pkg:pypi/other@1"));
        mark(&Advisories::default(), &[&own], &mut inventory);
        let told = |id: &str| {
            let asset = inventory.get(id).unwrap();
            let of = |key: &str| asset.properties.get(key).map(ToString::to_string).unwrap_or_default();
            format!("{} {} {}", of("vulnerabilities"), of("vulnerability_severity"), of("fixed_in"))
        };
        assert_eq!(told("pkg:pypi/vllm@0.5.1"), "[\"CVE-2\",\"CVE-1\"] \"critical\" \"0.10.0\"");
        assert_eq!(told("pkg:pypi/vllm@0.4.0"), "[\"CVE-1\"] \"high\" \"0.6.0\"");
        assert_eq!(told("pkg:pypi/vllm").trim(), "");
        assert_eq!(told("i"), "[\"CVE-2\"] \"critical\" \"0.10.0\"");
        assert_eq!(told("pkg:pypi/other@1"), "[\"CVE-9\"] \"low\" ");
        assert_eq!(told("own"), "[\"CVE-2\"] \"critical\" ");
        assert_eq!(inventory.get("b").unwrap().text("support_ends"), Some("2024-10-07"));
        assert_eq!(inventory.get("pkg:pypi/vllm@0.5.1").unwrap().external_findings.len(), 2);
    }
}
