//! How an asset stands in CycloneDX, in both directions. One table of fields serves the report that writes bills of
//! materials and the format that reads them; what CycloneDX has no place for stands in properties named `aispm:…`.

use serde_json::{Map, Value, json};

use super::convert::{
    approach, classes, datasets, digests, flows, hashes, is_url, licence, licences, records, references, renamed,
    source, string, texts, version,
};
use crate::asset::{Asset, AssetKind};

/// The namespace of our properties.
pub(crate) const PREFIX: &str = "aispm:";
/// The property that holds a relation: of its `from`, or of the document where that is no asset.
pub(crate) const RELATION: &str = "aispm:relation";
/// The property of a vulnerability that holds where it was seen.
pub(crate) const EVIDENCE: &str = "aispm:evidence";
/// The property of a vulnerability that holds its time where that is no RFC 3339 date and time.
pub(crate) const TIME: &str = "aispm:time";

/// Parts of an asset's JSON whose keys become properties of their own.
const NESTED: &[&str] = &["provenance", "encryption", "properties"];

type Fields = Map<String, Value>;

/// What may stand in an element; it follows from the element's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Service,
    Component,
    Model,
    Data,
}

impl Shape {
    fn of(component_type: Option<&str>) -> Self {
        match component_type {
            None => Self::Service,
            Some("machine-learning-model") => Self::Model,
            Some("data") => Self::Data,
            Some(_) => Self::Component,
        }
    }
}

/// The component type for an asset; `None` for what is a service.
fn component_type(asset: &Asset) -> Option<&'static str> {
    use AssetKind as Kind;
    Some(match asset.kind {
        Kind::Endpoint | Kind::McpServer | Kind::AiProvider | Kind::SaasApp | Kind::ModelRegistry => return None,
        Kind::Model => "machine-learning-model",
        Kind::Package if matches!(asset.text("role"), Some("framework" | "agent")) => "framework",
        Kind::Package | Kind::Tool => "library",
        Kind::ContainerImage => "container",
        Kind::ModelFile | Kind::McpConfig | Kind::Notebook => "file",
        Kind::AccessKey | Kind::Secret => "cryptographic-asset",
        Kind::Node => "device",
        Kind::Account | Kind::Cluster | Kind::NetworkEntry | Kind::Resource => "platform",
        Kind::System
        | Kind::Application
        | Kind::Agent
        | Kind::TrainingJob
        | Kind::Evaluation
        | Kind::Pipeline
        | Kind::Workload
        | Kind::Function
        | Kind::Guardrail => "application",
        Kind::Repository
        | Kind::PromptTemplate
        | Kind::Dataset
        | Kind::FeatureStore
        | Kind::VectorStore
        | Kind::Bucket
        | Kind::Database
        | Kind::LogSink
        | Kind::User
        | Kind::Role
        | Kind::ServiceAccount
        | Kind::Group
        | Kind::Policy
        | Kind::Team => "data",
    })
}

/// A field of an asset's JSON and its place in an element.
struct Field {
    on: &'static [Shape],
    /// Top-level key, and key inside it or nothing.
    asset: (&'static str, &'static str),
    element: &'static [&'static str],
    /// The value as CycloneDX has it; `None` where it does not fit and stays a property.
    write: fn(&Value) -> Option<Value>,
    read: fn(&Value) -> Option<Value>,
}

const ALL: &[Shape] = &[Shape::Service, Shape::Component, Shape::Model, Shape::Data];
const COMPONENTS: &[Shape] = &[Shape::Component, Shape::Model, Shape::Data];

const FIELDS: &[Field] = &[
    text(ALL, ("name", ""), &["name"]),
    text(ALL, ("properties", "description"), &["description"]),
    Field { write: version, ..text(ALL, ("provenance", "version"), &["version"]) },
    text(COMPONENTS, ("provenance", "publisher"), &["publisher"]),
    text(&[Shape::Service], ("provenance", "publisher"), &["provider", "name"]),
    Field { on: ALL, asset: ("provenance", "licence"), element: &["licenses"], write: licences, read: licence },
    Field {
        on: ALL,
        asset: ("provenance", "source"),
        element: &["externalReferences"],
        write: references,
        read: source,
    },
    Field { on: COMPONENTS, asset: ("provenance", "digests"), element: &["hashes"], write: hashes, read: digests },
    Field {
        on: COMPONENTS,
        asset: ("evidence", ""),
        element: &["evidence", "occurrences"],
        write: |places| renamed(places, false),
        read: |places| renamed(places, true),
    },
    Field { on: &[Shape::Data], asset: ("data_classes", ""), element: &["data"], write: datasets, read: classes },
    Field { on: &[Shape::Service], asset: ("data_classes", ""), element: &["data"], write: flows, read: classes },
    text(&[Shape::Model], ("properties", "task"), &["modelCard", "modelParameters", "task"]),
    text(
        &[Shape::Model],
        ("properties", "architecture_family"),
        &["modelCard", "modelParameters", "architectureFamily"],
    ),
    text(&[Shape::Model], ("properties", "model_architecture"), &["modelCard", "modelParameters", "modelArchitecture"]),
    Field {
        write: approach,
        ..text(
            &[Shape::Model],
            ("properties", "learning_approach"),
            &["modelCard", "modelParameters", "approach", "type"],
        )
    },
    card("inputs", &["modelCard", "modelParameters", "inputs"], |v| records(v, &["format"])),
    card("outputs", &["modelCard", "modelParameters", "outputs"], |v| records(v, &["format"])),
    card("metrics", &["modelCard", "quantitativeAnalysis", "performanceMetrics"], |v| {
        records(v, &["type", "value", "slice"])
    }),
    card("users", &["modelCard", "considerations", "users"], texts),
    card("use_cases", &["modelCard", "considerations", "useCases"], texts),
    card("technical_limitations", &["modelCard", "considerations", "technicalLimitations"], texts),
    card("performance_tradeoffs", &["modelCard", "considerations", "performanceTradeoffs"], texts),
    card("ethical_considerations", &["modelCard", "considerations", "ethicalConsiderations"], |v| {
        records(v, &["name", "mitigationStrategy"])
    }),
    card("fairness_assessments", &["modelCard", "considerations", "fairnessAssessments"], |v| {
        records(v, &["groupAtRisk", "benefits", "harms", "mitigationStrategy"])
    }),
];

const fn text(on: &'static [Shape], asset: (&'static str, &'static str), element: &'static [&'static str]) -> Field {
    Field { on, asset, element, write: string, read: string }
}

/// A list of a model card, kept as CycloneDX writes it.
const fn card(property: &'static str, element: &'static [&'static str], write: fn(&Value) -> Option<Value>) -> Field {
    Field { on: &[Shape::Model], asset: ("properties", property), element, write, read: |v| Some(v.clone()) }
}

/// An asset as a component, or as a service, which has no `type`. External findings are left out: they stand beside it
/// as vulnerabilities. `relations` become properties.
pub(crate) fn element(asset: &Asset, relations: impl Iterator<Item = Value>) -> Fields {
    let Ok(Value::Object(mut rest)) = serde_json::to_value(asset) else { return Fields::new() };
    let component_type = component_type(asset);
    let shape = Shape::of(component_type);
    let mut element = Fields::new();
    if let Some(component_type) = component_type {
        element.insert("type".to_owned(), component_type.into());
    }
    if let Some(id) = rest.remove("id") {
        element.insert("bom-ref".to_owned(), id);
    }
    for field in FIELDS.iter().filter(|field| field.on.contains(&shape)) {
        let written = lookup(&rest, field.asset).and_then(field.write);
        if let Some(written) = written {
            take(&mut rest, field.asset);
            put(&mut element, field.element, written);
        }
    }
    rest.remove("external_findings");
    if rest.get("ai") == Some(&asset.kind.is_ai().into()) {
        rest.remove("ai");
    }
    derive(asset, shape, &mut element);
    let mut properties: Vec<(String, String)> = Vec::new();
    for (key, value) in rest {
        match value {
            Value::Object(map) if NESTED.contains(&key.as_str()) => {
                properties.extend(map.iter().map(|(inner, value)| (format!("{PREFIX}{key}:{inner}"), encode(value))));
            }
            value => properties.push((format!("{PREFIX}{key}"), encode(&value))),
        }
    }
    properties.sort_unstable();
    properties.extend(relations.map(|relation| (RELATION.to_owned(), relation.to_string())));
    element.insert("properties".to_owned(), properties.into_iter().map(property).collect());
    element
}

/// Lists the data sets that a model was trained on in its model card.
pub(crate) fn name_datasets(element: &mut Fields, ids: &[&str]) {
    if !ids.is_empty() && element.get("type").and_then(Value::as_str) == Some("machine-learning-model") {
        let references: Vec<Value> = ids.iter().map(|id| json!({ "ref": id })).collect();
        put(element, &["modelCard", "modelParameters", "datasets"], references.into());
    }
}

/// What other tools look for although it follows from the rest.
fn derive(asset: &Asset, shape: Shape, element: &mut Fields) {
    if shape == Shape::Service {
        if let Some(authentication) = asset.authentication {
            let authenticated = authentication != crate::asset::Authentication::None;
            element.insert("authenticated".to_owned(), authenticated.into());
        }
        if let Some(exposure) = asset.exposure {
            element.insert("x-trust-boundary".to_owned(), (exposure > crate::asset::Exposure::Internal).into());
        }
        if let Some(url) = asset.text("url").or(Some(asset.id.as_str())).filter(|url| is_url(url)) {
            element.insert("endpoints".to_owned(), json!([url]));
        }
    } else if asset.id.as_str().starts_with("pkg:") {
        element.insert("purl".to_owned(), asset.id.as_str().into());
    } else if let Some(name) = asset.id.as_str().strip_prefix("https://huggingface.co/")
        && shape == Shape::Model
    {
        let revision = asset.provenance.revision.as_ref().map(|revision| format!("@{revision}"));
        let purl = format!("pkg:huggingface/{name}{}", revision.unwrap_or_default().to_ascii_lowercase());
        element.insert("purl".to_owned(), purl.into());
    }
}

/// A property as CycloneDX writes it.
pub(crate) fn property((name, value): (String, String)) -> Value {
    json!({ "name": name, "value": value })
}

/// An element's fields in the names of an asset's JSON, but for id and kind where they are not ours.
pub(super) fn asset_fields(element: &Value) -> Fields {
    let shape = Shape::of(element.get("type").and_then(Value::as_str));
    let mut fields = Fields::new();
    for field in FIELDS.iter().filter(|field| field.on.contains(&shape)) {
        let place = field.element.iter().try_fold(element, |value, key| value.get(key));
        if let Some(value) = place.and_then(field.read) {
            set(&mut fields, field.asset, value);
        }
    }
    for (name, value) in properties(element) {
        match name.strip_prefix(PREFIX).map(|name| name.split_once(':').unwrap_or((name, ""))) {
            Some((key, inner)) if inner.is_empty() != NESTED.contains(&key) && name != RELATION => {
                set(&mut fields, (key, inner), decode(value));
            }
            // an inner key may be empty
            Some((key, "")) if NESTED.contains(&key) && name.ends_with(':') => {
                let inner = fields.entry(key).or_insert_with(|| json!({}));
                if let Value::Object(inner) = inner {
                    inner.insert(String::new(), decode(value));
                }
            }
            _ => {}
        }
    }
    fields
}

/// Names and values of the properties of an element.
pub(super) fn properties(element: &Value) -> impl Iterator<Item = (&str, &str)> {
    let list = element.get("properties").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|p| Some((p.get("name")?.as_str()?, p.get("value").and_then(Value::as_str).unwrap_or_default())))
}

/// Fields as an asset. One that is of the wrong type costs only itself.
pub(super) fn into_asset(fields: Fields) -> Option<Asset> {
    let fields = Value::Object(fields);
    if let Ok(asset) = serde_json::from_value::<Asset>(fields.clone()) {
        return Some(asset);
    }
    let Value::Object(fields) = fields else { return None };
    let mut good: Fields =
        ["id", "kind", "name"].iter().filter_map(|key| fields.get_key_value(*key)).map(own).collect();
    for entry in &fields {
        let (key, value) = own(entry);
        good.insert(key.clone(), value);
        if serde_json::from_value::<Asset>(Value::Object(good.clone())).is_err() {
            good.remove(&key);
        }
    }
    serde_json::from_value(Value::Object(good)).ok()
}

fn own((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

/// A value as a property's text: a string as it is unless it reads as JSON, anything else as JSON.
fn encode(value: &Value) -> String {
    match value {
        Value::String(text) if serde_json::from_str::<Value>(text).is_err() => text.clone(),
        value => value.to_string(),
    }
}

/// The inverse of [`encode`].
fn decode(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn lookup<'a>(fields: &'a Fields, (key, inner): (&str, &str)) -> Option<&'a Value> {
    let value = fields.get(key)?;
    if inner.is_empty() { Some(value) } else { value.get(inner) }
}

fn take(fields: &mut Fields, (key, inner): (&str, &str)) {
    match fields.get_mut(key) {
        Some(Value::Object(map)) if !inner.is_empty() => map.remove(inner),
        _ => fields.remove(key),
    };
}

fn set(fields: &mut Fields, (key, inner): (&str, &str), value: Value) {
    if inner.is_empty() {
        fields.insert(key.to_owned(), value);
    } else if let Value::Object(map) = fields.entry(key).or_insert_with(|| json!({})) {
        map.insert(inner.to_owned(), value);
    }
}

/// Sets a value at a path of objects.
fn put(element: &mut Fields, path: &[&str], value: Value) {
    match path {
        [] => {}
        [key] => {
            element.insert((*key).to_owned(), value);
        }
        [key, rest @ ..] => {
            if let Value::Object(below) = element.entry(*key).or_insert_with(|| json!({})) {
                put(below, rest, value);
            }
        }
    }
}
