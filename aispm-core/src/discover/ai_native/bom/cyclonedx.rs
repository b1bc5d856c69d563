//! CycloneDX in JSON. What aispm wrote comes back as it was; of other documents, components and services are assets
//! that join others by package URL, hub address or digest, and vulnerabilities are other tools' findings.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::fields::{self, EVIDENCE, PREFIX, RELATION, TIME};
use super::identity;
use crate::asset::{Asset, AssetKind, Document, Evidence, ExternalFinding, Relation, RelationKind, Severity, own_name};
use crate::discover::format::{Found, Structured};
use crate::discover::model_ref;

pub(in crate::discover) const CYCLONEDX: Structured = Structured {
    name: "cyclonedx",
    critical: true,
    in_parts: false,
    markers: &["\"bomFormat\"", "CycloneDX"],
    matches: |value| value.get("bomFormat").and_then(Value::as_str) == Some("CycloneDX"),
    read,
};

/// Most properties of somebody else's that are kept of one component.
const FOREIGN_PROPERTIES: usize = 64;

fn read(document: &Document, found: &mut Found) {
    let mut bom = Bom { document, found, ids: HashMap::new() };
    let main = bom.element("/metadata/component", None);
    let mut top = bom.elements("", "components", None);
    top.extend(bom.elements("", "services", None));
    bom.main(main.as_deref(), &top);
    bom.dependencies();
    bom.vulnerabilities();
    for (_, value) in fields::properties(&document.value).filter(|(name, _)| *name == RELATION) {
        bom.relation(None, value);
    }
}

/// A document on its way into an inventory.
struct Bom<'a> {
    document: &'a Document,
    found: &'a mut Found,
    /// From an element's `bom-ref` to its asset, and whether that is somebody else's.
    ids: HashMap<&'a str, (String, bool)>,
}

impl<'a> Bom<'a> {
    /// Every component or service of a list; returns the ids of those that are somebody else's. Nesting is bounded by
    /// what a document may nest.
    fn elements(&mut self, above: &str, list: &str, parent: Option<&str>) -> Vec<String> {
        let pointer = format!("{above}/{list}");
        let count = self.document.value.pointer(&pointer).and_then(Value::as_array).map_or(0, Vec::len);
        (0..count).filter_map(|i| self.element(&format!("{pointer}/{i}"), parent)).collect()
    }

    fn element(&mut self, pointer: &str, parent: Option<&str>) -> Option<String> {
        let element = self.document.value.pointer(pointer).filter(|element| element.is_object())?;
        let asset_fields = fields::asset_fields(element);
        let ours = asset_fields.contains_key("kind");
        let asset = if ours { self.own(element, asset_fields) } else { self.foreign(element, asset_fields, pointer) }?;
        let id = asset.id.to_string();
        // some tools refer to components by their package URL
        for reference in ["purl", "bom-ref"].iter().filter_map(|key| element.get(key)?.as_str()) {
            self.ids.insert(reference, (id.clone(), !ours));
        }
        if !ours {
            let evidence = self.document.evidence(pointer);
            if let Some(parent) = parent.filter(|parent| *parent != id) {
                self.found.relate(parent, RelationKind::Contains, &id, &evidence);
            }
            self.services(element, &asset, &evidence);
        }
        self.found.inventory.add(asset);
        for list in ["components", "services"] {
            if element.get(list).is_some() {
                self.elements(pointer, list, Some(&id));
            }
        }
        (!ours).then_some(id)
    }

    /// An element that aispm wrote.
    fn own(&mut self, element: &Value, mut asset: Map<String, Value>) -> Option<Asset> {
        let id = element.get("bom-ref")?.as_str()?;
        asset.insert("id".to_owned(), id.into());
        if !asset.contains_key("ai") {
            let kind: Option<AssetKind> = asset.get("kind").and_then(Value::as_str).and_then(|kind| kind.parse().ok());
            asset.insert("ai".to_owned(), kind.is_some_and(AssetKind::is_ai).into());
        }
        for (_, value) in fields::properties(element).filter(|(name, _)| *name == RELATION) {
            self.relation(Some(id), value);
        }
        fields::into_asset(asset)
    }

    fn relation(&mut self, from: Option<&str>, text: &str) {
        let Ok(Value::Object(mut relation)) = serde_json::from_str(text) else { return };
        if let Some(from) = from {
            relation.insert("from".to_owned(), from.into());
        }
        if let Ok(relation) = serde_json::from_value::<Relation>(relation.into()) {
            self.found.inventory.relate(relation);
        }
    }

    /// A component or service that somebody else describes, and the asset that its addresses make it.
    fn foreign(&mut self, element: &'a Value, mut known: Map<String, Value>, pointer: &str) -> Option<Asset> {
        let text = |key: &str| element.get(key).and_then(Value::as_str);
        let name = text("name").filter(|name| !name.is_empty()).or_else(|| text("bom-ref"))?;
        let base = identity::identify(element, name, self.document.path());
        known.remove("evidence");
        for (key, value) in [("id", base.id.as_str()), ("kind", base.kind.as_str()), ("name", &base.name)] {
            known.insert(key.to_owned(), value.into());
        }
        let mut asset = fields::into_asset(known)?.seen(self.document.evidence(pointer).excerpt(name));
        asset.data_classes = asset.data_classes.iter().map(|class| class.to_lowercase()).collect();
        // of images, a digest may stand where the version does
        asset.provenance.version = asset.provenance.version.filter(|version| !version.starts_with("sha256:"));
        if let Some(sha256) = asset.provenance.digests.get("sha256") {
            let digest = format!("sha256:{sha256}");
            asset.provenance.pinned = Some(true);
            asset = asset.alias(digest);
        }
        if asset.provenance.publisher.is_none() {
            let supplier = element.pointer("/supplier/name").or_else(|| element.pointer("/manufacturer/name"));
            asset.provenance.publisher = supplier.and_then(Value::as_str).map(str::to_owned);
        }
        asset.purpose = asset.properties.get("use_cases").and_then(|cases| cases.get(0)?.as_str()).map(str::to_owned);
        asset.properties.insert("bom".to_owned(), self.document.path().into());
        asset.properties.insert("cyclonedx_type".to_owned(), text("type").unwrap_or("service").into());
        for key in ["group", "purl", "cpe", "scope"] {
            if let Some(value) = text(key).filter(|value| *value != asset.id.as_str()) {
                asset.properties.insert(key.to_owned(), value.into());
            }
        }
        let card = element.get("modelCard").unwrap_or(&Value::Null);
        let own =
            fields::properties(element).chain(fields::properties(card)).filter(|(name, _)| !name.starts_with(PREFIX));
        for (name, value) in own.take(FOREIGN_PROPERTIES) {
            asset.properties.entry(own_name(name)).or_insert_with(|| value.into());
        }
        self.datasets(element, &asset, pointer);
        self.found.inventory.add(asset);
        Some(base)
    }

    /// Data sets that a model card names, by reference or in place.
    fn datasets(&mut self, element: &Value, model: &Asset, pointer: &str) {
        let list = element.pointer("/modelCard/modelParameters/datasets").and_then(Value::as_array);
        for (i, data) in list.into_iter().flatten().enumerate() {
            let evidence = self.document.evidence(&format!("{pointer}/modelCard/modelParameters/datasets/{i}"));
            // references are resolved when every component is known
            let Some(name) = data.get("name").and_then(Value::as_str) else { continue };
            let mut asset = identity::dataset(data, name, self.document.path()).seen(evidence.clone().excerpt(name));
            asset.data_classes.extend(data.get("classification").and_then(Value::as_str).map(str::to_lowercase));
            self.found.relate(model.id.as_str(), RelationKind::TrainedOn, asset.id.as_str(), &evidence);
            self.found.inventory.add(asset);
        }
    }

    /// What a service says of its reach, and whose it is.
    fn services(&mut self, element: &Value, asset: &Asset, evidence: &Evidence) {
        if element.get("type").is_some() {
            return;
        }
        for url in element.get("endpoints").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            let provider =
                model_ref::host(url).and_then(|host| Some(self.found.tables.provider_by_host(&host)?.asset()));
            if let Some(provider) = provider {
                let provider = provider.seen(evidence.clone());
                self.found.relate(asset.id.as_str(), RelationKind::Uses, provider.id.as_str(), evidence);
                self.found.inventory.add(provider);
            }
        }
    }

    /// What the document is about uses every component that it lists, unless its graph says more; with AI in it, it is
    /// AI itself.
    fn main(&mut self, main: Option<&str>, top: &[String]) {
        let Some(main) = main else { return };
        let inventory = &mut self.found.inventory;
        let ai = top.iter().any(|id| inventory.get(id).is_some_and(|asset| asset.ai));
        if let Some(asset) = inventory.get_mut(main).filter(|_| ai) {
            asset.ai = true;
        }
        if self.document.value.get("dependencies").and_then(Value::as_array).is_some_and(|graph| !graph.is_empty()) {
            return;
        }
        let evidence = self.document.evidence("/metadata/component");
        for id in top.iter().filter(|id| *id != main) {
            let verb = self.verb(main, id);
            self.found.relate(main, verb, id, &evidence);
        }
    }

    /// How one thing depends on another, as their kinds say.
    fn verb(&self, from: &str, to: &str) -> RelationKind {
        use AssetKind::{Application, ContainerImage, Dataset, Model, Workload};
        let kind = |id: &str| self.found.inventory.get(id).map_or(AssetKind::Resource, |asset| asset.kind);
        match (kind(from), kind(to)) {
            (Model, Dataset) => RelationKind::TrainedOn,
            (Model, Model) | (Dataset, Dataset) => RelationKind::DerivedFrom,
            (Workload | Application, ContainerImage) => RelationKind::RunsOn,
            (Workload, Model) => RelationKind::Serves,
            (Workload, Dataset) => RelationKind::Reads,
            _ => RelationKind::Uses,
        }
    }

    /// The graph of dependencies, and data sets that models refer to. Relations of our own documents are exact
    /// elsewhere.
    fn dependencies(&mut self) {
        let graph = self.document.value.get("dependencies").and_then(Value::as_array);
        for (i, entry) in graph.into_iter().flatten().enumerate() {
            let targets = entry.get("dependsOn").and_then(Value::as_array).into_iter().flatten();
            for (j, target) in targets.enumerate() {
                let evidence = self.document.evidence(&format!("/dependencies/{i}/dependsOn/{j}"));
                self.depends(entry.get("ref"), Some(target), &evidence);
            }
        }
        let components = self.document.value.get("components").and_then(Value::as_array);
        for (i, component) in components.into_iter().flatten().enumerate() {
            let list = component.pointer("/modelCard/modelParameters/datasets").and_then(Value::as_array);
            for (j, data) in list.into_iter().flatten().enumerate().filter(|(_, data)| data.get("ref").is_some()) {
                let pointer = format!("/components/{i}/modelCard/modelParameters/datasets/{j}");
                self.depends(component.get("bom-ref"), data.get("ref"), &self.document.evidence(&pointer));
            }
        }
    }

    fn depends(&mut self, from: Option<&Value>, to: Option<&Value>, evidence: &Evidence) {
        let resolve = |value: Option<&Value>| self.ids.get(value?.as_str()?);
        let (Some((from, true)), Some((to, _))) = (resolve(from), resolve(to)) else { return };
        if from != to {
            let (from, to) = (from.clone(), to.clone());
            let verb = self.verb(&from, &to);
            self.found.relate(&from, verb, &to, evidence);
        }
    }

    fn vulnerabilities(&mut self) {
        let list = self.document.value.get("vulnerabilities").and_then(Value::as_array);
        for (i, entry) in list.into_iter().flatten().enumerate() {
            let finding = self.finding(entry, &format!("/vulnerabilities/{i}"));
            let affected = entry.get("affects").and_then(Value::as_array).into_iter().flatten();
            for reference in affected.filter_map(|target| target.get("ref")?.as_str()) {
                // BOM-Links end in `#` and the element's own reference
                let link = || reference.strip_prefix("urn:cdx:")?.split_once('#').map(|(_, element)| element);
                let id = self.ids.get(reference).or_else(|| self.ids.get(link()?));
                let asset = id.and_then(|(id, _)| self.found.inventory.get_mut(id));
                if let Some(asset) = asset {
                    asset.report(finding.clone());
                }
            }
        }
    }

    fn finding(&self, entry: &Value, pointer: &str) -> ExternalFinding {
        let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str);
        let rule = text("/id").unwrap_or_default();
        let tool = text("/source/name")
            .or_else(|| text("/tools/components/0/name"))
            .or_else(|| text("/tools/0/name"))
            .unwrap_or("CycloneDX");
        let ratings = entry.get("ratings").and_then(Value::as_array).into_iter().flatten();
        let severity = ratings.filter_map(severity).max().unwrap_or(Severity::Info);
        let title = text("/description").or_else(|| text("/detail")).unwrap_or(rule);
        let mut finding =
            ExternalFinding::new(tool, rule, severity, title, self.document.evidence(pointer).excerpt(rule));
        finding.time = text("/updated").or_else(|| text("/published")).map(str::to_owned);
        for (name, value) in fields::properties(entry) {
            match name {
                EVIDENCE => finding.evidence = serde_json::from_str(value).unwrap_or(finding.evidence),
                TIME => finding.time = Some(value.to_owned()),
                _ => {}
            }
        }
        finding
    }
}

/// A rating's severity by name, or else by its CVSS score.
fn severity(rating: &Value) -> Option<Severity> {
    match rating.get("severity").and_then(Value::as_str) {
        Some("none" | "unknown") | None => rating.get("score").and_then(Value::as_f64).map(|score| match score {
            9.0.. => Severity::Critical,
            7.0.. => Severity::High,
            4.0.. => Severity::Medium,
            0.1.. => Severity::Low,
            _ => Severity::Info,
        }),
        Some(name) => name.parse().ok(),
    }
}
