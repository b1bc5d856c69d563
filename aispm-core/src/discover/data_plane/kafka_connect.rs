//! Kafka Connect: connectors that read a system into topics or write topics into one, Debezium's among them.

use serde_json::Value;

use super::names::{add, derive};
use super::system;
use crate::asset::{Asset, AssetKind, Evidence, RelationKind};
use crate::discover::at::{first, text};
use crate::discover::format::{Found, Structured};

/// A connector as it is created and listed: `{"name", "config": {…}}`.
pub(super) const CONNECTOR: Structured = Structured {
    name: "kafka-connect",
    critical: false,
    in_parts: false,
    markers: &["\"connector.class\""],
    matches: |value| {
        value.pointer("/config/connector.class").is_some() || value.pointer("/info/config/connector.class").is_some()
    },
    read: |document, found| {
        let base = if document.value.get("info").is_some() { "/info/config" } else { "/config" };
        let name = first(&document.value, &["/name", "/info/name"]);
        if let Some(config) = document.value.pointer(base) {
            read(config, name, &document.evidence(base), found);
        }
    },
};

/// Its settings alone.
pub(super) const CONFIG: Structured = Structured {
    name: "kafka-connect-config",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| value.get("connector.class").is_some_and(Value::is_string),
    read: |document, found| read(&document.value, None, &document.evidence(""), found),
};

fn read(config: &Value, name: Option<&str>, evidence: &Evidence, found: &mut Found) {
    let Some(class) = text(config, "/connector.class") else { return };
    let name = name.or_else(|| text(config, "/name")).unwrap_or(class);
    let id = format!("kafka-connect:{name}");
    let pipeline = Asset::new(&id, AssetKind::Pipeline, name).with("tool", "kafka-connect").with("connector", class);
    let lower = class.to_ascii_lowercase();
    let sink = lower.contains("sink") || config.get("topics").is_some() || config.get("topics.regex").is_some();
    let product = class.rsplit('.').next().unwrap_or(class);
    let product = if system::is_known(product) { product } else { class };
    let systems: Vec<Asset> =
        system::of(product, config, name).map(|system| tables(&system, config)).unwrap_or_default();
    let prefix = first(config, &["/topic.prefix", "/database.server.name", "/topics.prefix"]);
    let listed = first(config, &["/topics", "/topic", "/kafka.topic", "/topics.regex"]).unwrap_or_default().split(',');
    let listed = listed.map(str::trim).filter(|topic| !topic.is_empty()).map(str::to_owned);
    let captured =
        text(config, "/table.include.list").unwrap_or_default().split(',').map(str::trim).filter(|t| !t.is_empty());
    let captured = captured.filter_map(|table| prefix.map(|prefix| format!("{prefix}.{table}")));
    let mut topics: Vec<Asset> =
        listed.chain(captured).map(|topic| Asset::new(format!("kafka:{topic}"), AssetKind::Dataset, topic)).collect();
    if let (true, Some(prefix)) = (topics.is_empty() && !sink, prefix) {
        topics.push(Asset::new(format!("kafka:{prefix}"), AssetKind::Dataset, prefix));
    }
    let (inputs, outputs) = if sink { (&topics, &systems) } else { (&systems, &topics) };
    for (list, verb) in [(inputs, RelationKind::Reads), (outputs, RelationKind::Writes)] {
        for asset in list {
            found.relate(&id, verb, asset.id.as_str(), evidence);
            add(asset.clone(), evidence, found);
        }
    }
    derive(inputs, outputs, evidence, found);
    found.inventory.add(pipeline.seen(evidence.clone().excerpt(class)));
}

/// The tables of a database that are listed, else the database.
fn tables(system: &Asset, config: &Value) -> Vec<Asset> {
    let listed =
        first(config, &["/table.include.list", "/table.whitelist", "/collection.include.list"]).unwrap_or_default();
    let names = listed.split(',').map(str::trim).filter(|name| !name.is_empty() && system.kind == AssetKind::Database);
    let tables: Vec<Asset> =
        names.map(|name| Asset::new(format!("{}.{name}", system.id), AssetKind::Database, name)).collect();
    if tables.is_empty() { vec![system.clone()] } else { tables }
}
