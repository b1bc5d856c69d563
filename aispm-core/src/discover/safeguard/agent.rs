//! What tools do to the world, whether a person must agree, and whether agents come to an end.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::{at, field, is_on, objects};
use crate::asset::{Asset, AssetKind, Document, Inventory, RelationKind, is_open};

const TABLE: &str = include_str!("../../../data/discover/safeguards.yaml");

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// Verbs of tools' names by what they do; `read` does nothing.
    verbs: BTreeMap<String, Vec<String>>,
    /// Settings that ask a person.
    approvals: Vec<String>,
    /// Settings that end a run.
    limits: Vec<String>,
}

fn table() -> &'static Table {
    static WORDS: LazyLock<Table> =
        // checked by a test; an empty one would only tell less
        LazyLock::new(|| Document::config("safeguards.yaml", TABLE).unwrap_or_default());
    &WORDS
}

pub(super) fn tool(asset: &Asset) -> Vec<(&'static str, Value)> {
    let mut facts = Vec::new();
    if let Some(effect) = effect(asset) {
        facts.push(("effect", effect.into()));
    }
    // an action group of Bedrock asks function by function
    let functions = || objects(at(&asset.properties, &["functionschema", "functions"]));
    let confirmed =
        |function: &serde_json::Map<String, Value>| field(function, "requireconfirmation").is_some_and(is_on);
    if asks(asset) || functions().next().is_some() && functions().all(confirmed) {
        facts.push(("human_approval", true.into()));
    }
    facts
}

pub(super) fn agent(asset: &Asset, inventory: &Inventory) -> Vec<(&'static str, Value)> {
    // what a program sets where it starts its agents holds for them
    let programs = inventory.incoming(asset.id.as_str()).filter(|relation| relation.kind == RelationKind::Contains);
    let programs = programs.filter_map(|relation| inventory.get(relation.from.as_str()));
    let around: Vec<&Asset> = programs.filter(|program| program.kind == AssetKind::Application).collect();
    let mut facts = Vec::new();
    let executor = asset.text("executor_type").filter(|executor| *executor != "local");
    let docker = asset.properties.get("use_docker").is_some_and(is_on).then_some("docker");
    if let Some(sandbox) = executor.or(docker) {
        facts.push(("sandbox", sandbox.into()));
    }
    if asks(asset) || around.iter().any(|program| set(program, &INTERRUPTS)) {
        facts.push(("human_approval", true.into()));
    }
    if ends(asset) || around.iter().any(|program| ends(program)) {
        facts.push(("loop_limit", true.into()));
    }
    facts
}

/// Settings of the graph that runs a program's agents, which make it wait for a person.
const INTERRUPTS: [&str; 4] = ["interrupt_before", "interrupt_on", "interruptBefore", "interruptOn"];

/// Whether a setting makes a person agree.
fn asks(asset: &Asset) -> bool {
    set(asset, &table().approvals)
}

/// Whether a setting bounds a run.
fn ends(asset: &Asset) -> bool {
    set(asset, &table().limits)
}

fn set<K: AsRef<str>>(asset: &Asset, keys: &[K]) -> bool {
    keys.iter().filter_map(|key| asset.properties.get(key.as_ref())).any(|value| match value {
        Value::Bool(on) => *on,
        open if is_open(open) => false,
        Value::String(word) => !matches!(word.to_ascii_lowercase().as_str(), "" | "never" | "none" | "null" | "false"),
        Value::Null => false,
        _ => true,
    })
}

/// What calling a tool does: as its annotations say, or else the first verb of its name that is known.
fn effect(asset: &Asset) -> Option<&'static str> {
    let hint = |name| asset.properties.get("annotations").and_then(|hints| hints.get(name)).and_then(Value::as_bool);
    if hint("readOnlyHint") == Some(true) {
        return None;
    }
    let words = words(&asset.name);
    let verb = words.iter().find_map(|word| {
        table().verbs.iter().find(|(_, verbs)| verbs.iter().any(|verb| verb == word)).map(|(effect, _)| effect.as_str())
    });
    match verb {
        Some("read") | None if hint("destructiveHint") == Some(true) => Some("delete"),
        None if asset.text("capability") == Some("mail") => Some("send"),
        verb => verb.filter(|effect| *effect != "read"),
    }
}

/// `sendEmail`, `send_email` and `Send-Email` are the words send and email.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || c.is_uppercase() && lower {
            words.push(String::new());
        }
        lower = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
