//! What a finding of another tool means: `data/discover/external_findings.yaml`.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::report::Report;
use crate::asset::{Asset, AssetId, AssetKind, Authentication, Document, Evidence, Exposure, RelationKind};
use crate::discover::declared::like;
use crate::discover::format::Found;

/// One thing that findings can mean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meaning {
    means: Means,
    #[serde(default)]
    access: Access,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    titles: Vec<String>,
    #[serde(default)]
    kinds: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Means {
    Public,
    NoAuth,
    KeyAuth,
    UnencryptedRest,
    UnencryptedTransit,
    NoCustomerKey,
    Admin,
    HardcodedSecret,
    NoMfa,
    NoLogging,
    Nothing,
}

/// What the public may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Access {
    #[default]
    Unknown,
    Read,
    Write,
}

#[derive(Debug, Default)]
struct Table {
    meanings: Vec<Meaning>,
    /// Places in `meanings` by rule, lower case.
    by_rule: HashMap<String, usize>,
}

const TABLE: &str = include_str!("../../../data/discover/external_findings.yaml");

fn table() -> &'static Table {
    static MEANINGS: OnceLock<Table> = OnceLock::new();
    // the built-in table is checked by a test; an empty one would only keep findings from being facts
    MEANINGS.get_or_init(|| {
        let meanings: Vec<Meaning> = Document::config("external_findings.yaml", TABLE).unwrap_or_default();
        let rules =
            meanings.iter().enumerate().flat_map(|(i, m)| m.rules.iter().map(move |rule| (rule.to_lowercase(), i)));
        let by_rule = rules.collect();
        Table { meanings, by_rule }
    })
}

impl Meaning {
    fn fits(&self, kind: AssetKind) -> bool {
        self.kinds.is_empty()
            || self.kinds.iter().any(|word| match word.as_str() {
                "data" => kind.is_data() && kind != AssetKind::Secret,
                "network" => matches!(
                    kind,
                    AssetKind::Endpoint
                        | AssetKind::Function
                        | AssetKind::Workload
                        | AssetKind::Application
                        | AssetKind::Agent
                        | AssetKind::McpServer
                        | AssetKind::Tool
                ),
                word => word == kind.as_str(),
            })
    }
}

/// Makes what a finding means a fact of its asset.
pub(super) fn apply(report: &Report<'_>, asset: &mut Asset, evidence: &Evidence, found: &mut Found) {
    for meaning in meanings(report, asset.kind) {
        match meaning.means {
            Means::Public => public(access(report, meaning.access), asset, evidence, found),
            Means::NoAuth => asset.authentication = Some(Authentication::None),
            Means::KeyAuth => asset.authentication = Some(Authentication::Key),
            Means::UnencryptedRest => asset.encryption.at_rest = Some(false),
            Means::UnencryptedTransit => asset.encryption.in_transit = Some(false),
            Means::NoCustomerKey => asset.encryption.customer_key = Some(false),
            Means::Admin => set(asset, "admin_privileges", true),
            Means::HardcodedSecret => hardcoded_secret(report, asset, evidence, found),
            Means::NoMfa => set(asset, "mfa", false),
            Means::NoLogging => set(asset, "logging", false),
            Means::Nothing => {}
        }
    }
}

/// What the rule means, or else everything that the title does.
fn meanings(report: &Report<'_>, kind: AssetKind) -> Vec<&'static Meaning> {
    let table = table();
    let by_rule = table.by_rule.get(&report.rule.to_lowercase()).and_then(|i| table.meanings.get(*i));
    if let Some(meaning) = by_rule {
        return Some(meaning).filter(|meaning| meaning.fits(kind)).into_iter().collect();
    }
    let texts = [report.title.to_lowercase(), report.rule.to_lowercase()];
    let mut all: Vec<&Meaning> = Vec::new();
    for meaning in table.meanings.iter().filter(|meaning| meaning.fits(kind)) {
        if meaning.titles.iter().any(|title| texts.iter().any(|text| like(title, text))) {
            match meaning.means {
                Means::Nothing => break,
                means if all.iter().any(|known| known.means == means) => {}
                _ => all.push(meaning),
            }
        }
    }
    all
}

fn set(asset: &mut Asset, key: &str, value: bool) {
    asset.properties.insert(key.to_owned(), value.into());
}

/// What the public may do; where the check leaves it open, what it says of this resource may tell.
fn access(report: &Report<'_>, access: Access) -> Access {
    if access != Access::Unknown {
        return access;
    }
    let detail = report.detail.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    if !says(&["public", "anyone", "everyone", "allusers", "anonymous", "internet"]) {
        Access::Unknown
    } else if says(&[
        "writable",
        "write access",
        "public write",
        "full_control",
        "full control",
        "putobject",
        "objectcreator",
        "objectadmin",
        "can write",
        "allows write",
    ]) {
        Access::Write
    } else if says(&[
        "readable",
        "read access",
        "public read",
        "getobject",
        "objectviewer",
        "can read",
        "allows read",
        "listable",
    ]) {
        Access::Read
    } else {
        Access::Unknown
    }
}

/// The internet reaches it; of a store, reads or writes it as far as the check says.
fn public(access: Access, asset: &mut Asset, evidence: &Evidence, found: &mut Found) {
    asset.exposure = Some(Exposure::Public);
    let id = asset.id.as_str();
    found.relate(AssetId::INTERNET, RelationKind::Exposes, id, evidence);
    if asset.kind.is_data() {
        let word = match access {
            Access::Unknown => "unknown",
            Access::Read => "read",
            Access::Write => "write",
        };
        match access {
            Access::Unknown => {}
            Access::Read => found.relate(AssetId::INTERNET, RelationKind::Reads, id, evidence),
            Access::Write => found.relate(AssetId::INTERNET, RelationKind::Writes, id, evidence),
        }
        asset.properties.insert("public_access".to_owned(), word.into());
    }
}

/// The credential itself is an asset, which the holder uses; its value is nowhere kept.
fn hardcoded_secret(report: &Report<'_>, asset: &Asset, evidence: &Evidence, found: &mut Found) {
    let rule = if report.rule.is_empty() { "secret" } else { report.rule };
    let id = format!("{}#{rule}", asset.id);
    let key = Asset::new(&id, AssetKind::AccessKey, rule).with("hardcoded", true).with("reported_by", report.tool);
    found.relate(asset.id.as_str(), RelationKind::Uses, &id, evidence);
    found.inventory.add(key.seen(evidence.clone()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::external::report::severity;

    fn facts(rule: &str, title: &str, detail: &str, kind: AssetKind) -> (Asset, Vec<String>) {
        let report = Report { tool: "T", rule, title, detail, severity: severity("high"), time: None, fails: true };
        let mut found = Found::default();
        report.land(Asset::new("x", kind, "x"), &Evidence::file("f"), &mut found);
        let relations = found.inventory.relations().map(|r| format!("{} {} {}", r.from, r.kind, r.to)).collect();
        (found.inventory.get("x").unwrap().clone(), relations)
    }

    #[test]
    fn the_table_loads_and_names_kinds() {
        let meanings = Document::config::<Vec<Meaning>>("external_findings.yaml", TABLE).unwrap();
        let mut rules = std::collections::BTreeSet::new();
        for meaning in meanings {
            for kind in meaning.kinds.iter().filter(|kind| !matches!(kind.as_str(), "data" | "network")) {
                kind.parse::<AssetKind>().unwrap();
            }
            for rule in &meaning.rules {
                assert!(rules.insert(rule.to_lowercase()), "{rule} twice");
            }
            assert!(meaning.titles.iter().all(|title| *title == title.to_lowercase()));
        }
    }

    #[test]
    fn public_stores() {
        for (rule, title, detail, access) in [
            ("s3_bucket_policy_public_write_access", "", "", "write"),
            ("S3.2", "S3 general purpose buckets should block public read access", "", "read"),
            ("S3.8", "S3 general purpose buckets should block public access", "", "unknown"),
            ("PUBLIC_BUCKET_ACL", "", "", "unknown"),
            ("s3_bucket_public_access", "", "Bucket x has public write access", "write"),
            ("BKT-7", "Bucket is publicly writable", "", "write"),
            ("BKT-8", "Storage bucket can be read by the public", "", "unknown"),
            ("guid", "Storage account public access should be disallowed", "", "unknown"),
        ] {
            let (asset, relations) = facts(rule, title, detail, AssetKind::Bucket);
            assert_eq!(asset.text("public_access"), Some(access), "{rule} {title}");
            assert_eq!(asset.exposure, Some(Exposure::Public));
            assert_eq!(relations.contains(&"internet writes x".to_owned()), access == "write", "{rule}");
        }
    }

    #[test]
    fn other_meanings() {
        let (asset, _) =
            facts("", "Lambda function is publicly accessible without authentication", "", AssetKind::Function);
        assert_eq!((asset.authentication, asset.exposure), (Some(Authentication::None), Some(Exposure::Public)));
        let (asset, _) = facts("RDS.3", "", "", AssetKind::Database);
        assert_eq!(asset.encryption.at_rest, Some(false));
        let (asset, relations) = facts("awslambda_function_no_secrets_in_variables", "", "", AssetKind::Function);
        assert_eq!(relations, ["x uses x#awslambda_function_no_secrets_in_variables"]);
        assert_eq!(asset.exposure, None);
        let (asset, _) = facts("s3_bucket_versioning", "S3 bucket versioning", "", AssetKind::Bucket);
        assert!(asset.exposure.is_none() && asset.properties.is_empty());
        let (asset, _) =
            facts("x", "S3 bucket should have block public access settings enabled", "", AssetKind::Bucket);
        assert_eq!(asset.exposure, None);
        let (asset, _) = facts("S3.3", "", "", AssetKind::Account);
        assert_eq!(asset.exposure, None);
    }
}
