//! OSV records, as osv.dev and the advisory databases of PyPA, GitHub, Go and others publish them.

use cvss::Cvss;
use serde_json::Value;

use super::advisory::{Affected, Bound, Record};
use super::package_key;
use crate::asset::Severity;

/// Whether a document is an OSV record.
pub(crate) fn is_record(value: &Value) -> bool {
    value.get("id").is_some_and(Value::is_string)
        && value.get("modified").is_some_and(Value::is_string)
        && (value.get("affected").is_some_and(Value::is_array) || value.get("schema_version").is_some())
}

/// An OSV record; `None` for one that was withdrawn or names no package of a registry known here.
pub(super) fn read(value: &Value) -> Option<Record> {
    if value.get("withdrawn").is_some() {
        return None;
    }
    let id = text(value, "id")?;
    let packages: Vec<_> = list(value, "affected").filter_map(affected).collect();
    let known = !packages.is_empty();
    known.then(|| Record { id: known_as(id, value).to_owned(), severity: severity(id, value), packages })
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// The id that other databases share: the CVE's, or else GitHub's, so that one flaw is told once.
fn known_as<'v>(id: &'v str, value: &'v Value) -> &'v str {
    let names = || std::iter::once(id).chain(list(value, "aliases").filter_map(Value::as_str));
    names()
        .find(|name| name.starts_with("CVE-"))
        .or_else(|| names().find(|name| name.starts_with("GHSA-")))
        .unwrap_or(id)
}

/// How bad the flaw is: in words where the record has them, or else by its CVSS vectors; medium where it says nothing.
fn severity(id: &str, value: &Value) -> Severity {
    // a package made to do harm
    if id.starts_with("MAL-") {
        return Severity::Critical;
    }
    let entries = || std::iter::once(value).chain(list(value, "affected"));
    let word = entries().flat_map(|entry| [entry.get("database_specific"), entry.get("ecosystem_specific")]).find_map(
        |specific| {
            Some(match text(specific?, "severity")?.to_ascii_lowercase().as_str() {
                "critical" => Severity::Critical,
                "high" | "important" => Severity::High,
                "moderate" | "medium" => Severity::Medium,
                "low" => Severity::Low,
                _ => return None,
            })
        },
    );
    let vectors = entries().flat_map(|entry| list(entry, "severity")).filter_map(|score| text(score, "score"));
    let rated = || vectors.filter_map(|vector| Some(rating(&vector.parse().ok()?))).max();
    word.or_else(rated).unwrap_or(Severity::Medium)
}

fn rating(vector: &Cvss) -> Severity {
    match vector.severity() {
        cvss::Severity::None => Severity::Info,
        cvss::Severity::Low => Severity::Low,
        cvss::Severity::Medium => Severity::Medium,
        cvss::Severity::High => Severity::High,
        cvss::Severity::Critical => Severity::Critical,
    }
}

/// The package, by its key, and which of its versions are affected.
fn affected(entry: &Value) -> Option<(String, Affected)> {
    let package = entry.get("package")?;
    // Debian:12 and the like are packages of a distribution, whose versions say nothing of what is upstream
    let ecosystem = match text(package, "ecosystem")? {
        "PyPI" => "pypi",
        "npm" => "npm",
        "crates.io" => "cargo",
        "Go" => "golang",
        "Maven" => "maven",
        "RubyGems" => "gem",
        "NuGet" => "nuget",
        "Packagist" => "composer",
        _ => return None,
    };
    let ranges = list(entry, "ranges").filter(|range| text(range, "type") != Some("GIT"));
    let ranges: Vec<Vec<Bound>> = ranges
        .map(|range| list(range, "events").filter_map(bound).collect())
        .filter(|range: &Vec<_>| !range.is_empty())
        .collect();
    let versions: Vec<String> =
        list(entry, "versions").filter_map(|version| version.as_str().map(str::to_owned)).collect();
    let package = package_key(ecosystem, text(package, "name")?);
    (!ranges.is_empty() || !versions.is_empty()).then_some((package, Affected { ranges, versions }))
}

fn bound(event: &Value) -> Option<Bound> {
    let at = |key| text(event, key).map(str::to_owned);
    at("introduced")
        .map(Bound::From)
        .or_else(|| at("fixed").map(Bound::Before))
        .or_else(|| at("last_affected").map(Bound::Through))
}
