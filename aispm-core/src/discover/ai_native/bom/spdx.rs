//! SPDX documents in JSON: 3.0 (JSON-LD, with its AI and Dataset profiles) and 2.x.

use std::collections::HashMap;

use serde_json::Value;

use super::identity;
use crate::asset::{Asset, AssetKind, Document, Evidence, ExternalFinding, RelationKind, Severity, pointer_key};
use crate::discover::format::{Found, Structured};
use crate::discover::model_ref;

pub(in crate::discover) const SPDX_3: Structured = Structured {
    name: "spdx-3",
    critical: true,
    in_parts: false,
    markers: &["\"@graph\"", "spdx.org"],
    matches: |value| {
        let context = |context: &Value| context.as_str().is_some_and(|context| context.contains("spdx.org/rdf/3"));
        let listed = |list: &Vec<Value>| list.iter().any(context);
        value.get("@graph").is_some_and(Value::is_array)
            && value.get("@context").is_some_and(|c| context(c) || c.as_array().is_some_and(listed))
    },
    read: read_3,
};

pub(in crate::discover) const SPDX_2: Structured = Structured {
    name: "spdx",
    critical: true,
    in_parts: false,
    markers: &["\"spdxVersion\""],
    matches: |value| {
        value.get("spdxVersion").and_then(Value::as_str).is_some_and(|version| version.starts_with("SPDX-2"))
    },
    read: read_2,
};

fn read_3(document: &Document, found: &mut Found) {
    let Some(graph) = document.value.get("@graph").and_then(Value::as_array) else { return };
    // licences by the id of their element
    let keys = ["simplelicensing_licenseExpression", "licenseExpression", "name"];
    let named = |element| Some((spdx_id(element)?, keys.iter().find_map(|key| element.get(key)?.as_str())?));
    let names: HashMap<&str, &str> = graph.iter().filter_map(named).collect();
    let mut graph3 = Spdx { document, found, ids: HashMap::new() };
    for (i, element) in graph.iter().enumerate() {
        graph3.element(element, &format!("/@graph/{i}"));
    }
    for (i, element) in graph.iter().enumerate().filter(|(_, e)| type_of(e).ends_with("Relationship")) {
        graph3.relationship(element, &names, &document.evidence(&format!("/@graph/{i}")));
    }
}

/// An element's type without its profile: `ai_AIPackage` is `AIPackage`.
fn type_of(element: &Value) -> &str {
    let full = element.get("type").or_else(|| element.get("@type")).and_then(Value::as_str).unwrap_or_default();
    full.rsplit(['_', '/']).next().unwrap_or(full)
}

fn spdx_id(element: &Value) -> Option<&str> {
    element.get("spdxId").or_else(|| element.get("@id"))?.as_str()
}

struct Spdx<'a> {
    document: &'a Document,
    found: &'a mut Found,
    ids: HashMap<&'a str, String>,
}

impl<'a> Spdx<'a> {
    fn element(&mut self, element: &'a Value, pointer: &str) {
        let kind = match type_of(element) {
            "AIPackage" => AssetKind::Model,
            "DatasetPackage" => AssetKind::Dataset,
            "Package" => AssetKind::Package,
            "File" => AssetKind::Resource,
            _ => return,
        };
        let text = |key: &str| element.get(key).and_then(Value::as_str);
        let (Some(spdx), Some(name)) = (spdx_id(element), text("name")) else { return };
        let identifiers = element.get("externalIdentifier").and_then(Value::as_array).into_iter().flatten();
        let purl = identifiers
            .filter(|id| {
                id.get("externalIdentifierType").and_then(Value::as_str).is_some_and(|t| t.ends_with("packageURL"))
            })
            .find_map(|id| id.get("identifier")?.as_str());
        let purl = text("software_packageUrl").or_else(|| text("packageUrl")).or(purl);
        let location = text("software_downloadLocation").or_else(|| text("downloadLocation"));
        let evidence = self.document.evidence(pointer).excerpt(name);
        let mut asset = asset(kind, purl, location, name, spdx, self.document.path()).seen(evidence);
        asset.properties.insert("bom".into(), self.document.path().into());
        asset.properties.insert("spdx_type".into(), type_of(element).into());
        for key in PROPERTIES {
            let full = ["ai_", "dataset_", ""].iter().find_map(|profile| element.get(format!("{profile}{key}")));
            if let Some(value) = full.filter(|value| !value.is_null()) {
                asset.properties.insert(snake(key), value.clone());
            }
        }
        asset.provenance.version =
            text("software_packageVersion").or_else(|| text("packageVersion")).map(str::to_owned);
        asset.provenance.source = location.filter(|l| l.contains("://")).map(str::to_owned).or(asset.provenance.source);
        if let Some(description) = text("description").or_else(|| text("summary")) {
            asset.properties.insert("description".into(), description.into());
        }
        let personal = ["ai_useSensitivePersonalInformation", "dataset_hasSensitivePersonalInformation"];
        if personal.iter().any(|key| text(key) == Some("yes")) {
            asset.data_classes.insert("personal".to_owned());
        }
        if let Some(level) = text("dataset_confidentialityLevel") {
            asset.data_classes.insert(if level == "clear" { "public" } else { "confidential" }.to_owned());
        }
        for hash in element.get("verifiedUsing").and_then(Value::as_array).into_iter().flatten() {
            if let (Some(algorithm), Some(digest)) =
                (hash.get("algorithm").and_then(Value::as_str), hash.get("hashValue").and_then(Value::as_str))
            {
                asset.provenance.digests.insert(algorithm.to_lowercase(), digest.to_ascii_lowercase());
                asset.provenance.pinned = Some(true);
            }
        }
        self.ids.insert(spdx, asset.id.to_string());
        self.found.inventory.add(asset);
    }

    fn relationship(&mut self, element: &Value, names: &HashMap<&str, &str>, evidence: &Evidence) {
        let from = element.get("from").and_then(Value::as_str);
        let verb = element.get("relationshipType").and_then(Value::as_str).unwrap_or_default();
        let verb = verb.rsplit('/').next().unwrap_or(verb);
        let targets = match element.get("to") {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one.as_str()],
            _ => Vec::new(),
        };
        for to in targets {
            if verb.ends_with("License") {
                self.licence(from, to, names, verb);
            } else {
                self.relate(from, verb, Some(to), evidence);
            }
        }
    }

    fn licence(&mut self, of: Option<&str>, to: &str, names: &HashMap<&str, &str>, verb: &str) {
        let listed =
            to.strip_prefix("https://spdx.org/licenses/").or_else(|| to.strip_prefix("http://spdx.org/licenses/"));
        let expression = || names.get(to).copied();
        let (Some(licence), Some(id)) = (listed.or_else(expression), of.and_then(|of| self.ids.get(of))) else {
            return;
        };
        if let Some(asset) = self.found.inventory.get_mut(id)
            && (verb == "hasConcludedLicense" || asset.provenance.licence.is_none())
        {
            asset.provenance.licence = Some(licence.to_owned());
        }
    }

    /// A relation in the words of SPDX 3 or 2; `SCREAMING_CASE` of version 2 is compared without its case and `_`.
    fn relate(&mut self, from: Option<&str>, verb: &str, to: Option<&str>, evidence: &Evidence) {
        let resolve = |id: Option<&str>| self.ids.get(id?).cloned();
        let (Some(from), Some(to)) = (resolve(from), resolve(to)) else { return };
        let verb: String = verb.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect();
        let kind = |id: &str| self.found.inventory.get(id).map(|asset| asset.kind);
        let (kind, forward) = match verb.as_str() {
            "trainedon" | "finetunedon" => (RelationKind::TrainedOn, true),
            "testedon" | "validatedon" => (RelationKind::Reads, true),
            "contains" | "hasdistributionartifact" => (RelationKind::Contains, true),
            "containedby" => (RelationKind::Contains, false),
            "dependson"
            | "hasoptionaldependency"
            | "hasprovideddependency"
            | "usestool"
            | "hasdatafile"
            | "hasprerequisite"
            | "dynamiclink"
            | "staticlink"
            | "datafileof" => match (kind(&from), kind(&to)) {
                (Some(AssetKind::Model), Some(AssetKind::Dataset)) => (RelationKind::TrainedOn, true),
                (Some(AssetKind::Model), Some(AssetKind::Model)) => (RelationKind::DerivedFrom, true),
                _ => (RelationKind::Uses, true),
            },
            "dependencyof" | "buildtoolof" | "devdependencyof" | "runtimedependencyof" | "prerequisitefor" => {
                (RelationKind::Uses, false)
            }
            "descendantof"
            | "ancestorof"
            | "generates"
            | "variantof"
            | "copyof"
            | "modifiedby"
            | "generatedfrom"
            | "expandedfromarchive" => {
                (RelationKind::DerivedFrom, !matches!(verb.as_str(), "ancestorof" | "generates"))
            }
            _ => return,
        };
        let (from, to) = if forward { (from, to) } else { (to, from) };
        if from != to {
            self.found.relate(&from, kind, &to, evidence);
        }
    }
}

/// What the AI and Dataset profiles say that rules or people ask for.
const PROPERTIES: &[&str] = &[
    "autonomyType",
    "domain",
    "hyperparameter",
    "informationAboutApplication",
    "informationAboutTraining",
    "limitation",
    "metric",
    "metricDecisionThreshold",
    "modelDataPreprocessing",
    "modelExplainability",
    "safetyRiskAssessment",
    "standardCompliance",
    "typeOfModel",
    "energyConsumption",
    "useSensitivePersonalInformation",
    "anonymizationMethodUsed",
    "confidentialityLevel",
    "dataCollectionProcess",
    "dataPreprocessing",
    "datasetAvailability",
    "datasetNoise",
    "datasetSize",
    "datasetType",
    "hasSensitivePersonalInformation",
    "intendedUse",
    "knownBias",
    "sensor",
    "primaryPurpose",
    "copyrightText",
];

/// `typeOfModel` as `type_of_model`.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// The asset that a package URL or a download location names, or one of this file.
fn asset(kind: AssetKind, purl: Option<&str>, location: Option<&str>, name: &str, spdx: &str, path: &str) -> Asset {
    let hub = location.and_then(|l| l.strip_prefix("https://huggingface.co/"));
    let mut asset = match (purl.and_then(identity::package), hub, kind) {
        (Some(asset), ..) => asset,
        (None, Some(hub), AssetKind::Model) if !hub.starts_with("datasets/") => model_ref::hugging_face(hub),
        (None, Some(hub), AssetKind::Dataset) => {
            Asset::new(format!("https://huggingface.co/{}", hub.trim_end_matches('/')), kind, name)
        }
        _ => {
            let short = spdx.rsplit(['/', '#']).next().unwrap_or(spdx);
            Asset::new(format!("file:{path}#{short}"), kind, name)
        }
    };
    if matches!(kind, AssetKind::Model | AssetKind::Dataset) {
        // a package of the AI profile is a model also where its address is that of a package
        asset.kind = kind;
        asset.ai |= kind.is_ai();
    }
    asset
}

fn read_2(document: &Document, found: &mut Found) {
    let mut spdx = Spdx { document, found, ids: HashMap::new() };
    for list in ["packages", "files"] {
        let entries = document.value.get(list).and_then(Value::as_array);
        for (i, entry) in entries.into_iter().flatten().enumerate() {
            spdx.entry(entry, &format!("/{}/{i}", pointer_key(list)));
        }
    }
    let relationships = document.value.get("relationships").and_then(Value::as_array);
    for (i, entry) in relationships.into_iter().flatten().enumerate() {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let evidence = document.evidence(&format!("/relationships/{i}"));
        let verb = text("relationshipType").unwrap_or_default();
        spdx.relate(text("spdxElementId"), verb, text("relatedSpdxElement"), &evidence);
    }
}

impl<'a> Spdx<'a> {
    /// A package or file of version 2. Files are kept only where they are models.
    fn entry(&mut self, entry: &'a Value, pointer: &str) {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| *text != "NOASSERTION");
        let (Some(spdx), Some(name)) = (text("SPDXID"), text("name").or_else(|| text("fileName"))) else { return };
        let purpose = text("primaryPackagePurpose").unwrap_or_default();
        let kind = match purpose {
            _ if entry.get("fileName").is_some() && identity::is_model_file(name) => AssetKind::ModelFile,
            _ if entry.get("fileName").is_some() => return,
            "APPLICATION" => AssetKind::Application,
            "CONTAINER" => AssetKind::ContainerImage,
            "FILE" | "OPERATING-SYSTEM" | "DEVICE" | "FIRMWARE" => AssetKind::Resource,
            "MODEL" => AssetKind::Model,
            "DATA" => AssetKind::Dataset,
            _ => AssetKind::Package,
        };
        let references = entry.get("externalRefs").and_then(Value::as_array).into_iter().flatten();
        let purl = references
            .filter(|r| r.get("referenceType").and_then(Value::as_str) == Some("purl"))
            .find_map(|r| r.get("referenceLocator")?.as_str());
        let location = text("downloadLocation").filter(|location| *location != "NONE");
        let evidence = self.document.evidence(pointer).excerpt(name);
        let mut asset = asset(kind, purl, location, name, spdx, self.document.path()).seen(evidence.clone());
        asset.provenance.version = text("versionInfo").map(str::to_owned).or(asset.provenance.version);
        asset.provenance.source = location.map(str::to_owned).or(asset.provenance.source);
        let supplier = text("supplier").or_else(|| text("originator"));
        let supplier = supplier.map(|s| s.split_once(": ").map_or(s, |(_, name)| name).to_owned());
        asset.provenance.publisher = supplier.or(asset.provenance.publisher);
        let licence = text("licenseConcluded").or_else(|| text("licenseDeclared")).filter(|licence| *licence != "NONE");
        asset.properties.insert("bom".into(), self.document.path().into());
        asset.provenance.licence = licence.map(str::to_owned);
        for checksum in entry.get("checksums").and_then(Value::as_array).into_iter().flatten() {
            if let (Some(algorithm), Some(digest)) = (
                checksum.get("algorithm").and_then(Value::as_str),
                checksum.get("checksumValue").and_then(Value::as_str),
            ) {
                asset.provenance.digests.insert(algorithm.to_lowercase(), digest.to_ascii_lowercase());
            }
        }
        if let Some(description) = text("description").or_else(|| text("summary")) {
            asset.properties.insert("description".into(), description.into());
        }
        for reference in entry.get("externalRefs").and_then(Value::as_array).into_iter().flatten() {
            let field = |key: &str| reference.get(key).and_then(Value::as_str);
            if field("referenceCategory") == Some("SECURITY") && field("referenceType") == Some("advisory") {
                let locator = field("referenceLocator").unwrap_or_default();
                asset.report(ExternalFinding::new("SPDX", locator, Severity::Info, locator, evidence.clone()));
            }
        }
        self.ids.insert(spdx, asset.id.to_string());
        self.found.inventory.add(asset);
    }
}
