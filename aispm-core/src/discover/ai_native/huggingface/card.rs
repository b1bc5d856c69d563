//! Model cards, data set cards and Spaces: `README.md` with a front matter whose keys tell which.

use serde_json::Value;

use super::{derived_from, hub_dataset};
use crate::asset::{Asset, AssetKind, Document, Error, ModelType, RelationKind};
use crate::discover::ai_native::{keep, list, strings, text};
use crate::discover::container::append;
use crate::discover::format::{Found, Source, Textual};
use crate::discover::walk::{folder_name, parent};

pub(in crate::discover::ai_native) const CARD: Textual = Textual {
    name: "huggingface-card",
    critical: false,
    matches: |source| {
        let name = source.name().to_ascii_lowercase();
        let named = ["readme.md", "modelcard.md", "model_card.md", "model-card.md", "dataset_card.md"];
        named.iter().any(|known| name.ends_with(known))
            && front_matter(source.text).is_some_and(|yaml| keys(&yaml).is_some())
    },
    read,
};

/// What the front matter of a card describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Card {
    Model,
    Dataset,
    Space,
}

/// The lines between the first `---` and the next, with the lines before them kept empty.
pub(in crate::discover::ai_native) fn front_matter(text: &str) -> Option<String> {
    let mut lines = text.lines();
    if lines.next()?.trim_start_matches('\u{feff}').trim_end() != "---" {
        return None;
    }
    let mut yaml = String::from("\n");
    for line in lines.take(4096) {
        if line.trim_end() == "---" {
            return Some(yaml);
        }
        yaml.push_str(line);
        yaml.push('\n');
    }
    None
}

/// Which card the top-level keys make it.
fn keys(yaml: &str) -> Option<Card> {
    const SPACE: &[&str] = &["app_file", "sdk_version"];
    const DATASET: &[&str] =
        &["task_categories", "size_categories", "dataset_info", "annotations_creators", "source_datasets", "task_ids"];
    const MODEL: &[&str] = &[
        "pipeline_tag",
        "library_name",
        "base_model",
        "base_model_relation",
        "model-index",
        "model_name",
        "inference",
        "datasets",
        "quantized_by",
        "license_name",
        "widget",
        "co2_eq_emissions",
    ];
    let has = |names: &[&str]| {
        yaml.lines().any(|line| line.split_once(':').is_some_and(|(key, _)| names.contains(&key.trim_end())))
    };
    [(SPACE, Card::Space), (DATASET, Card::Dataset), (MODEL, Card::Model)]
        .iter()
        .find(|(names, _)| has(names))
        .map(|c| c.1)
}

fn read(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let Some(yaml) = front_matter(source.text) else { return Ok(()) };
    let (documents, error) = Document::yaml(source.path, &yaml);
    if let (Some(document), Some(card)) = (documents.first(), keys(&yaml)) {
        describe(document, card, source.text, found);
    }
    error.map_or(Ok(()), Err)
}

fn describe(document: &Document, card: Card, body: &str, found: &mut Found) {
    let value = &document.value;
    let folder = parent(document.path());
    let id = format!("file:{folder}");
    let kind = match card {
        Card::Model => AssetKind::Model,
        Card::Dataset => AssetKind::Dataset,
        Card::Space => AssetKind::Application,
    };
    let name = text(value, "model_name").or_else(|| text(value, "pretty_name")).or_else(|| text(value, "title"));
    let mut asset = Asset::new(&id, kind, name.map_or_else(|| folder_name(folder), str::to_owned)).ai();
    let keys = [
        "tags",
        "language",
        "library_name",
        "pipeline_tag",
        "metrics",
        "task_categories",
        "size_categories",
        "pretty_name",
        "license",
        "license_name",
        "annotations_creators",
        "sdk",
        "app_file",
        "base_model_relation",
        "extra_gated_prompt",
    ];
    keep(value, &keys, &mut asset);
    asset.properties.insert("card".into(), true.into());
    if let Some(task) = text(value, "pipeline_tag") {
        asset.properties.insert("task".into(), task.into());
    }
    // CycloneDX has metrics as objects: what the model's index tells of them
    if let Some(metrics) = asset.properties.remove("metrics") {
        asset.properties.insert("metric_names".into(), metrics);
    }
    asset.provenance.licence = strings(value, "license").first().map(|(_, licence)| (*licence).to_owned());
    results(value, &mut asset);
    if card == Card::Model {
        sections(body, &mut asset);
    }
    let relation = if card == Card::Space { RelationKind::Uses } else { RelationKind::TrainedOn };
    for (pointer, name) in strings(value, "datasets").into_iter().chain(strings(value, "source_datasets")) {
        if matches!(name, "original" | "extended") || name.contains(char::is_whitespace) {
            continue;
        }
        let dataset = hub_dataset(name.trim_start_matches("extended|"));
        let evidence = document.evidence(&pointer).excerpt(name);
        let relation = if card == Card::Dataset { RelationKind::DerivedFrom } else { relation };
        found.relate(&id, relation, dataset.id.as_str(), &evidence);
        found.inventory.add(dataset.seen(evidence));
    }
    for (pointer, base) in strings(value, "base_model") {
        asset.model_type = Some(ModelType::FineTuned);
        derived_from(&id, base, &pointer, document, found);
    }
    for (pointer, model) in strings(value, "models") {
        let model = crate::discover::model_ref::hugging_face(model);
        let evidence = document.evidence(&pointer);
        found.relate(&id, RelationKind::Uses, model.id.as_str(), &evidence);
        found.inventory.add(model.seen(evidence));
    }
    found.inventory.add(asset.seen(document.evidence("").excerpt("card")));
}

/// What the card says of its use and limits, under the names that CycloneDX has for them. Linear.
fn sections(body: &str, asset: &mut Asset) {
    const KEPT: usize = 500;
    const SECTIONS: &[(&str, &[&str])] = &[
        ("use_cases", &["intended use", "direct use", "downstream use", "use case"]),
        ("technical_limitations", &["limitation", "out-of-scope", "out of scope", "risks"]),
    ];
    let mut lines = body.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(title) = line.strip_prefix('#').map(|title| title.trim_matches(['#', ' ', '*']).to_lowercase()) else {
            continue;
        };
        let mut said = String::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            said.extend([line.trim(), " "]);
        }
        let said: String = said.trim().chars().take(KEPT).collect();
        // the template of the hub has this where nothing was filled in
        if said.is_empty() || said.contains("More Information Needed") {
            continue;
        }
        for (property, words) in SECTIONS {
            if words.iter().any(|word| title.contains(word)) {
                append(asset, property, &said);
            }
        }
    }
}

/// The results of a model's index, as CycloneDX has performance metrics.
fn results(value: &Value, asset: &mut Asset) {
    let mut metrics = Vec::new();
    for (_, entry) in list(value, "model-index") {
        for (_, result) in list(entry, "results") {
            let slice = result.pointer("/dataset/name").and_then(Value::as_str);
            for (_, metric) in list(result, "metrics") {
                let number = metric.get("value").map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
                if let (Some(kind), Some(number)) = (text(metric, "type"), number) {
                    let mut kept = serde_json::json!({ "type": kind, "value": number });
                    if let (Some(slice), Value::Object(map)) = (slice, &mut kept) {
                        map.insert("slice".into(), slice.into());
                    }
                    metrics.push(kept);
                }
            }
        }
    }
    if !metrics.is_empty() {
        metrics.truncate(64);
        asset.properties.insert("metrics".into(), metrics.into());
    }
}
