//! An inventory as a CycloneDX ML-BOM. `aispm discover` reads it back as it was.

use std::fmt;
use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::asset::{Asset, ExternalFinding, Inventory, Relation, RelationKind, hex};
use crate::discover::cyclonedx_fields::{EVIDENCE, RELATION, TIME, element, name_datasets, property};

/// A version of the CycloneDX specification.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpecVersion {
    /// 1.6 (ECMA-424, first edition).
    #[default]
    V1_6,
    /// 1.7 (ECMA-424, second edition).
    V1_7,
}

impl fmt::Display for SpecVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::V1_6 => "1.6",
            Self::V1_7 => "1.7",
        })
    }
}

/// An inventory about to be written as a CycloneDX bill of materials in JSON.
///
/// The same inventory gives the same bytes: the serial number is made from the content, and there is a timestamp only
/// if one is given.
///
/// ```
/// use aispm_core::asset::Inventory;
/// use aispm_core::report::{CycloneDx, SpecVersion};
///
/// let bom = CycloneDx::new(&Inventory::new()).spec_version(SpecVersion::V1_7).render();
/// assert!(bom.contains(r#""specVersion": "1.7""#));
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CycloneDx<'a> {
    inventory: &'a Inventory,
    spec_version: SpecVersion,
    timestamp: Option<&'a str>,
}

impl<'a> CycloneDx<'a> {
    /// In version 1.6, without a timestamp.
    #[must_use]
    pub fn new(inventory: &'a Inventory) -> Self {
        Self { inventory, spec_version: SpecVersion::default(), timestamp: None }
    }

    /// In this version of the specification.
    #[must_use]
    pub fn spec_version(mut self, version: SpecVersion) -> Self {
        self.spec_version = version;
        self
    }

    /// Made at this time, an RFC 3339 date and time.
    #[must_use]
    pub fn timestamp(mut self, timestamp: &'a str) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// Writes the document, one element at a time. Linear in the inventory.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let document = Document {
            schema: format!("http://cyclonedx.org/schema/bom-{}.schema.json", self.spec_version),
            bom_format: "CycloneDX",
            spec_version: self.spec_version.to_string(),
            serial_number: self.serial_number()?,
            version: 1,
            metadata: self.metadata(),
            components: List(|| self.elements(true)),
            services: List(|| self.elements(false)),
            dependencies: List(|| self.dependencies()),
            vulnerabilities: List(|| self.vulnerabilities()),
            properties: List(|| self.loose_relations()),
        };
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)?;
        out.flush()
    }

    /// The document as a string.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = Vec::new();
        // a Vec takes every byte
        let _ = self.write(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// A UUID made from the content (version 8 of RFC 9562, since its hash is SHA-256).
    fn serial_number(&self) -> io::Result<String> {
        struct Hash(Sha256);
        impl Write for Hash {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.update(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut hash = Hash(Sha256::new());
        writeln!(hash, "{} {}", self.spec_version, self.timestamp.unwrap_or_default())?;
        serde_json::to_writer(&mut hash, self.inventory)?;
        let digits = hex(hash.0.finalize().as_slice().get(..16).unwrap_or_default());
        let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
        let (a, b, c, d, e) = (part(0..8), part(8..12), part(13..16), part(17..20), part(20..32));
        Ok(format!("urn:uuid:{a}-{b}-8{c}-8{d}-{e}"))
    }

    fn metadata(&self) -> Value {
        let tool = json!({ "type": "application", "name": "aispm", "version": env!("CARGO_PKG_VERSION") });
        let mut metadata = json!({ "tools": { "components": [tool] } });
        if let (Some(timestamp), Value::Object(map)) = (self.timestamp, &mut metadata) {
            map.insert("timestamp".to_owned(), timestamp.into());
        }
        metadata
    }

    /// Components, or services, which have no type.
    fn elements(&self, components: bool) -> impl Iterator<Item = Map<String, Value>> {
        let elements = self.inventory.assets().map(|asset| {
            let relations = || self.inventory.outgoing(asset.id.as_str());
            let mut element = element(asset, relations().map(without_from));
            let data = relations().filter(|relation| relation.kind == RelationKind::TrainedOn);
            let known = |id: &&str| self.inventory.get(id).is_some();
            name_datasets(&mut element, &data.map(|relation| relation.to.as_str()).filter(known).collect::<Vec<_>>());
            element
        });
        elements.filter(move |element| element.contains_key("type") == components)
    }

    /// What each asset relates to, as far as it is in the inventory; the kinds of relation are in the properties.
    fn dependencies(&self) -> impl Iterator<Item = Value> {
        self.inventory.assets().filter_map(|asset| {
            let known = |id: &&str| *id != asset.id.as_str() && self.inventory.get(id).is_some();
            let mut targets: Vec<&str> =
                self.inventory.outgoing(asset.id.as_str()).map(|relation| relation.to.as_str()).filter(known).collect();
            targets.sort_unstable();
            targets.dedup();
            (!targets.is_empty()).then(|| json!({ "ref": asset.id, "dependsOn": targets }))
        })
    }

    fn vulnerabilities(&self) -> impl Iterator<Item = Value> {
        self.inventory
            .assets()
            .flat_map(|asset| asset.external_findings.iter().map(move |finding| vulnerability(asset, finding)))
    }

    /// Relations that start at what is no asset, such as the internet.
    fn loose_relations(&self) -> impl Iterator<Item = Value> {
        let loose = self.inventory.relations().filter(|relation| self.inventory.get(relation.from.as_str()).is_none());
        loose.map(|relation| property((RELATION.to_owned(), json!(relation).to_string())))
    }
}

/// A relation that stands on its `from`.
fn without_from(relation: &Relation) -> Value {
    let mut value = json!(relation);
    if let Value::Object(map) = &mut value {
        map.remove("from");
    }
    value
}

fn vulnerability(asset: &Asset, finding: &ExternalFinding) -> Value {
    let ExternalFinding { tool, rule, title, severity, time, evidence } = finding;
    let mut properties = vec![(EVIDENCE.to_owned(), json!(evidence).to_string())];
    let date = time.as_deref().filter(|time| is_date_time(time));
    if let Some(time) = time.as_ref().filter(|_| date.is_none()) {
        properties.push((TIME.to_owned(), time.clone()));
    }
    let mut value = json!({
        "id": rule,
        "source": { "name": tool },
        "ratings": [{ "severity": severity }],
        "description": title,
        "affects": [{ "ref": asset.id }],
        "properties": properties.into_iter().map(property).collect::<Vec<_>>(),
    });
    if let (Some(date), Value::Object(map)) = (date, &mut value) {
        map.insert("updated".to_owned(), date.into());
    }
    value
}

/// Whether text is an RFC 3339 date and time of a day that every month has.
fn is_date_time(text: &str) -> bool {
    let number = |range: std::ops::Range<usize>, least: u32, most: u32| {
        let digits = text.get(range).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        digits.and_then(|digits| digits.parse().ok()).is_some_and(|number: u32| (least..=most).contains(&number))
    };
    let signs: String = text.bytes().take(20).filter(|b| !b.is_ascii_digit()).map(char::from).collect();
    let shape = text.len() == 20 && signs == "--T::Z";
    shape
        && number(0..4, 0, 9999)
        && number(5..7, 1, 12)
        && number(8..10, 1, 28)
        && number(11..13, 0, 23)
        && number(14..16, 0, 59)
        && number(17..19, 0, 59)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<C, S, D, V, P> {
    #[serde(rename = "$schema")]
    schema: String,
    bom_format: &'static str,
    spec_version: String,
    serial_number: String,
    version: u32,
    metadata: Value,
    components: C,
    services: S,
    dependencies: D,
    vulnerabilities: V,
    properties: P,
}

/// A list that is made while it is written.
struct List<F>(F);

impl<T: Serialize, I: Iterator<Item = T>, F: Fn() -> I> Serialize for List<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::asset::*;
    use crate::discover::inventory_of;

    /// Texts that could be taken for something else on the way.
    fn text() -> impl Strategy<Value = String> {
        const TRICKY: &[&str] = &[
            "",
            "true",
            "1.0",
            "null",
            "\"q\"",
            "[1]",
            "{}",
            "MIT",
            "apache-2.0",
            "MIT OR ISC",
            "https://acme.example/a?b#c",
            "supervised",
            "aispm:kind",
            "a:b",
            "2026-01-01T00:00:00Z",
        ];
        prop_oneof![proptest::sample::select(TRICKY).prop_map(str::to_owned), ".{0,8}"]
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e9..1e9_f64).prop_map(Value::from),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map(text(), inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn evidence() -> impl Strategy<Value = Evidence> {
        let parts = (text(), any::<Option<u64>>(), proptest::option::of(text()), proptest::option::of(text()));
        parts.prop_map(|(path, line, pointer, excerpt)| {
            let mut evidence = Evidence::file(path);
            (evidence.line, evidence.pointer, evidence.excerpt) = (line, pointer, excerpt);
            evidence
        })
    }

    fn one<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
        proptest::sample::select(all)
    }

    fn maybe<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = Option<T>> {
        proptest::option::of(one(all))
    }

    fn texts() -> impl Strategy<Value = BTreeSet<String>> {
        proptest::collection::btree_set(text(), 0..3)
    }

    fn id() -> impl Strategy<Value = String> {
        prop_oneof![
            proptest::sample::select(&["internet", "a", "pkg:pypi/x@1", "https://huggingface.co/a/b", "s3://a/b"][..])
                .prop_map(str::to_owned),
            ".{1,4}",
        ]
    }

    fn provenance() -> impl Strategy<Value = Provenance> {
        const DIGESTS: &[(&str, usize)] = &[("sha256", 64), ("md5", 32), ("sha256", 3), ("own", 4)];
        let digest = proptest::sample::select(DIGESTS).prop_map(|(name, n)| (name.to_owned(), "a1".repeat(n / 2)));
        let texts = std::array::from_fn::<_, 5, _>(|_| text()).map(proptest::option::of);
        (
            texts,
            any::<Option<bool>>(),
            any::<Option<bool>>(),
            proptest::collection::btree_map(digest.clone().prop_map(|d| d.0), Just(()), 0..2),
            digest,
        )
            .prop_map(|(texts, pinned, signed, names, (_, digest))| {
                let mut all = Provenance::default();
                [all.publisher, all.source, all.version, all.revision, all.licence] = texts;
                (all.pinned, all.signed) = (pinned, signed);
                all.digests = names.into_keys().map(|name| (name, digest.clone())).collect();
                all
            })
    }

    fn asset() -> impl Strategy<Value = Asset> {
        let keys = prop_oneof![
            proptest::sample::select(
                &["description", "url", "task", "inputs", "metrics", "use_cases", "learning_approach", "role"][..]
            )
            .prop_map(str::to_owned),
            text(),
        ];
        let properties = proptest::collection::btree_map(keys, value(), 0..4);
        let claim = (one(OwnerSource::ALL), text(), evidence());
        let finding = (text(), text(), one(Severity::ALL), text(), proptest::option::of(text()), evidence());
        let plain = (id(), one(AssetKind::ALL), text(), any::<bool>(), texts(), texts());
        let typed = (
            maybe(Exposure::ALL),
            maybe(Authentication::ALL),
            maybe(RiskClass::ALL),
            maybe(ModelType::ALL),
            any::<[Option<bool>; 3]>(),
            [text(), text(), text()].map(proptest::option::of),
        );
        let lists = (
            provenance(),
            properties,
            proptest::collection::vec(claim, 0..3),
            proptest::collection::vec(finding, 0..3),
            proptest::collection::vec(evidence(), 0..3),
            proptest::collection::vec((text(), id()), 0..2),
        );
        (plain, typed, lists).prop_map(|(plain, typed, lists)| {
            let (id, kind, name, ai, aliases, classes) = plain;
            let mut asset = Asset::new(id, kind, name);
            (asset.ai, asset.data_classes) = (ai, classes);
            asset.aliases = aliases.into_iter().map(AssetId::from).collect();
            (asset.exposure, asset.authentication, asset.risk_class, asset.model_type) =
                (typed.0, typed.1, typed.2, typed.3);
            [asset.encryption.at_rest, asset.encryption.in_transit, asset.encryption.customer_key] = typed.4;
            [asset.owner, asset.purpose, asset.environment] = typed.5;
            asset.provenance = lists.0;
            asset.properties = lists.1.into_iter().collect();
            for (source, owner, evidence) in lists.2 {
                asset.claim(OwnerClaim::new(source, owner, evidence));
            }
            for (tool, rule, severity, title, time, evidence) in lists.3 {
                let mut finding = ExternalFinding::new(tool, rule, severity, title, evidence);
                finding.time = time;
                asset.report(finding);
            }
            asset.evidence = lists.4;
            asset.inherited_classes =
                lists.5.into_iter().map(|(class, from)| InheritedClass::new(class, from)).collect();
            asset
        })
    }

    fn inventory() -> impl Strategy<Value = Inventory> {
        let relation = (id(), one(RelationKind::ALL), id(), proptest::option::of(text()), evidence());
        (proptest::collection::vec(asset(), 0..5), proptest::collection::vec(relation, 0..6)).prop_map(
            |(assets, relations)| {
                let mut inventory = Inventory::new();
                assets.into_iter().for_each(|asset| inventory.add(asset));
                for (from, kind, to, time, evidence) in relations {
                    let relation = Relation::new(from, kind, to).seen(evidence);
                    inventory.relate(if time.is_some() { relation.happened(time.as_deref()) } else { relation });
                }
                inventory
            },
        )
    }

    #[test]
    fn elements_stand_where_other_tools_look() {
        let place = || Evidence::file("a.tf").line(3).excerpt("x");
        let mut model = Asset::new("https://huggingface.co/acme/tiny", AssetKind::Model, "tiny").seen(place());
        model.provenance.licence = Some("MIT".to_owned());
        model.provenance.digests.insert("sha256".to_owned(), "ab".repeat(32));
        model.properties.insert("task".to_owned(), "chat".into());
        let mut data = Asset::new("s3://acme/x", AssetKind::Dataset, "x");
        data.data_classes.insert("personal".to_owned());
        let mut endpoint = Asset::new("https://acme.example/v1", AssetKind::Endpoint, "v1");
        (endpoint.exposure, endpoint.authentication) = (Some(Exposure::Public), Some(Authentication::None));
        endpoint.report(ExternalFinding::new("Prowler", "r", Severity::High, "open", place()));
        let mut inventory = Inventory::new();
        [model, data, endpoint].into_iter().for_each(|asset| inventory.add(asset));
        inventory.relate(Relation::new("https://huggingface.co/acme/tiny", RelationKind::TrainedOn, "s3://acme/x"));
        inventory.relate(Relation::new("internet", RelationKind::Exposes, "https://acme.example/v1"));
        let bom = CycloneDx::new(&inventory);
        assert_eq!(bom.render(), bom.render());
        assert_ne!(bom.timestamp("2026-01-01T00:00:00Z").render(), bom.render());
        let bom: Value = serde_json::from_str(&bom.render()).unwrap();
        let id = bom["serialNumber"].as_str().unwrap();
        assert!(id.starts_with("urn:uuid:") && id.len() == 45, "{id}");
        for (pointer, expected) in [
            ("/components/0/type", json!("machine-learning-model")),
            ("/components/0/purl", json!("pkg:huggingface/acme/tiny")),
            ("/components/0/licenses/0/license/id", json!("MIT")),
            ("/components/0/hashes/0/alg", json!("SHA-256")),
            ("/components/0/modelCard/modelParameters", json!({"task": "chat", "datasets": [{"ref": "s3://acme/x"}]})),
            ("/components/0/evidence/occurrences/0", json!({"location": "a.tf", "line": 3, "additionalContext": "x"})),
            ("/components/1/data/0/classification", json!("personal")),
            ("/services/0/endpoints/0", json!("https://acme.example/v1")),
            ("/services/0/authenticated", json!(false)),
            ("/services/0/x-trust-boundary", json!(true)),
            ("/dependencies", json!([{"ref": "https://huggingface.co/acme/tiny", "dependsOn": ["s3://acme/x"]}])),
            ("/vulnerabilities/0/affects/0/ref", json!("https://acme.example/v1")),
            ("/properties/0/name", json!("aispm:relation")),
        ] {
            assert_eq!(bom.pointer(pointer), Some(&expected), "{pointer}");
        }
    }

    proptest! {
        #[test]
        fn an_inventory_comes_back_as_it_was(inventory in inventory()) {
            for version in [SpecVersion::V1_6, SpecVersion::V1_7] {
                let bom = CycloneDx::new(&inventory).spec_version(version).render();
                prop_assert_eq!(&inventory_of("bom.json", &bom), &inventory, "{}", bom);
            }
        }
    }
}
