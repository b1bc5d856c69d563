//! The JSON files of a model's folder. All of one folder describe one model.

use serde_json::Value;

use super::derived_from;
use crate::asset::{Asset, AssetKind, Document, ModelType, RelationKind};
use crate::discover::ai_native::{keep, list, text};
use crate::discover::format::{Found, Structured};
use crate::discover::walk::{file_name, folder_name, parent};

/// `adapter_config.json` of PEFT: a model trained further.
pub(in crate::discover::ai_native) const ADAPTER: Structured = Structured {
    name: "huggingface-adapter",
    critical: true,
    in_parts: false,
    markers: &["\"peft_type\""],
    matches: |value| value.get("peft_type").is_some() && value.get("base_model_name_or_path").is_some(),
    read: |document, found| {
        let mut model = folder_model(document, found);
        model.model_type = Some(ModelType::FineTuned);
        keep(&document.value, &["peft_type", "task_type", "revision"], &mut model);
        if let Some(base) = text(&document.value, "base_model_name_or_path") {
            derived_from(model.id.as_str(), base, "/base_model_name_or_path", document, found);
        }
        found.inventory.add(model);
    },
};

/// `model_index.json` of Diffusers: a pipeline of parts.
pub(in crate::discover::ai_native) const PIPELINE: Structured = Structured {
    name: "diffusers",
    critical: true,
    in_parts: false,
    markers: &["\"_diffusers_version\""],
    matches: |value| value.get("_class_name").is_some() && value.get("_diffusers_version").is_some(),
    read: |document, found| {
        let mut model = folder_model(document, found);
        keep(&document.value, &["_class_name", "_diffusers_version", "_name_or_path"], &mut model);
        if let Some(base) = text(&document.value, "_name_or_path") {
            derived_from(model.id.as_str(), base, "/_name_or_path", document, found);
        }
        found.inventory.add(model);
    },
};

/// `modules.json` of Sentence Transformers.
pub(in crate::discover::ai_native) const MODULES: Structured = Structured {
    name: "sentence-transformers",
    critical: true,
    in_parts: false,
    markers: &["sentence_transformers."],
    matches: |value| {
        let module = |module: &Value| text(module, "type").is_some_and(|t| t.starts_with("sentence_transformers."));
        value.as_array().is_some_and(|list| list.first().is_some_and(module))
    },
    read: |document, found| {
        let types = document.value.as_array().into_iter().flatten().filter_map(|module| text(module, "type"));
        let model = folder_model(document, found).with("modules", types.collect::<Vec<_>>());
        found.inventory.add(model.with("library_name", "sentence-transformers"));
    },
};

/// Files that complete a model: what tells each, and what is kept of it.
const PARTS: &[(&[&str], &[&str])] = &[
    (&["word_embedding_dimension", "pooling_mode_mean_tokens"], &["word_embedding_dimension"]),
    (&["weight_map", "metadata"], &[]),
    (&["feature_extractor_type"], &["feature_extractor_type"]),
    (&["image_processor_type"], &["image_processor_type"]),
    (&["processor_class", "image_mean"], &["processor_class"]),
    (&["_from_model_config", "transformers_version"], &["transformers_version"]),
    (&["eos_token_id", "transformers_version"], &["transformers_version"]),
    (&["__version__", "prompts"], &["similarity_fn_name"]),
    (&["max_seq_length", "do_lower_case"], &["max_seq_length"]),
    (&["added_tokens", "pre_tokenizer", "model"], &[]),
    (&["unk_token", "cls_token"], &[]),
    (&["bits", "group_size"], &["bits", "group_size", "quant_method"]),
    (&["log_history", "global_step"], &["global_step", "best_model_checkpoint"]),
    (&["architecture", "pretrained_cfg"], &["architecture"]),
    (&["dim", "n_layers", "n_heads"], &["dim", "n_layers", "vocab_size"]),
];

/// Weights' index, pooling, generation, preprocessing and tokenizer files.
pub(in crate::discover::ai_native) const PART: Structured = Structured {
    name: "huggingface-part",
    critical: false,
    in_parts: false,
    markers: &["\"weight_map\""],
    matches: |value| {
        let foreign = ["architectures", "tokenizer_class", "chat_template", "auto_map"];
        value.is_object() && !foreign.iter().any(|key| value.get(key).is_some()) && part(value).is_some()
    },
    read: |document, found| {
        let mut model = folder_model(document, found);
        keep(&document.value, part(&document.value).unwrap_or_default(), &mut model);
        let size = document.value.pointer("/metadata/total_size").and_then(Value::as_u64);
        if let Some(size) = size {
            model.properties.insert("total_size".into(), size.into());
        }
        let mut shards: Vec<&str> = match document.value.get("weight_map") {
            Some(Value::Object(map)) => map.values().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        shards.sort_unstable();
        shards.dedup();
        for shard in shards {
            let id = format!("file:{}/{shard}", parent(document.path()));
            let evidence = document.evidence("/weight_map").excerpt(shard);
            found.relate(model.id.as_str(), RelationKind::Contains, &id, &evidence);
            found.inventory.add(Asset::new(id, AssetKind::ModelFile, shard).seen(evidence));
        }
        found.inventory.add(model);
    },
};

/// `data_config.json`: the files a model was trained on, with their weights.
pub(in crate::discover::ai_native) const TRAINING_DATA: Structured = Structured {
    name: "huggingface-training-data",
    critical: false,
    in_parts: false,
    markers: &["\"weight\"", "\"lines\""],
    matches: |value| {
        let row = |row: &Value| ["name", "lines", "weight"].iter().all(|key| row.get(key).is_some());
        value.as_array().is_some_and(|list| list.first().is_some_and(row))
    },
    read: |document, found| {
        let model = folder_model(document, found);
        for (i, row) in document.value.as_array().into_iter().flatten().enumerate() {
            let Some(name) = text(row, "name") else { continue };
            let evidence = document.evidence(&format!("/{i}")).excerpt(name);
            let id = format!("file:{}/{name}", parent(document.path()));
            let data = Asset::new(&id, AssetKind::Dataset, name).ai();
            found.relate(model.id.as_str(), RelationKind::TrainedOn, &id, &evidence);
            found.inventory.add(data.seen(evidence));
        }
        found.inventory.add(model);
    },
};

/// `dataset_info.json` and `dataset_infos.json`: a data set on disk.
pub(in crate::discover::ai_native) const DATASET_INFO: Structured = Structured {
    name: "huggingface-dataset",
    critical: false,
    in_parts: false,
    markers: &["\"features\"", "\"splits\""],
    matches: |value| {
        let info = |value: &Value| value.get("features").is_some() && value.get("splits").is_some_and(Value::is_object);
        info(value) || value.as_object().is_some_and(|map| !map.is_empty() && map.values().all(info))
    },
    read: |document, found| {
        let folder = parent(document.path());
        let value = match document.value.get("features") {
            Some(_) => Some(&document.value),
            None => document.value.as_object().and_then(|configurations| configurations.values().next()),
        };
        let Some(value) = value else { return };
        let name = text(value, "dataset_name").map_or_else(|| folder_name(folder), str::to_owned);
        let mut asset = Asset::new(format!("file:{folder}"), AssetKind::Dataset, name).ai();
        asset.provenance.licence = text(value, "license").map(str::to_owned);
        keep(value, &["description", "homepage", "config_name", "dataset_size"], &mut asset);
        if let Some(Value::Object(features)) = value.get("features") {
            let names: Vec<&str> = features.keys().take(256).map(String::as_str).collect();
            asset.properties.insert("features".into(), names.into());
        }
        found.inventory.add(asset.seen(document.evidence("").excerpt(file_name(document.path()))));
    },
};

fn part(value: &Value) -> Option<&'static [&'static str]> {
    PARTS.iter().find(|(keys, _)| keys.iter().all(|key| value.get(key).is_some())).map(|(_, kept)| *kept)
}

/// The model that the folder of a file holds, seen there.
///
/// Parts lie in folders such as `1_Pooling` or, of a Diffusers pipeline, `unet`: they belong to the folder above.
fn folder_model(document: &Document, found: &Found) -> Asset {
    let mut folder = parent(document.path());
    let numbered =
        file_name(folder).split_once('_').is_some_and(|(n, _)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let above = parent(folder);
    if folder.contains('/') && (numbered || found.tree.holds(&format!("{above}/model_index.json"))) {
        folder = above;
    }
    let file = file_name(document.path());
    Asset::new(format!("file:{folder}"), AssetKind::Model, folder_name(folder))
        .seen(document.evidence("").excerpt(file))
}

/// What `config.json` says of its model, for the folder's asset.
pub(in crate::discover) fn describe(document: &Document, found: &mut Found) {
    let value = &document.value;
    let mut model = folder_model(document, found);
    keep(value, &["model_type", "architectures", "transformers_version", "torch_dtype", "vocab_size"], &mut model);
    if let Some(family) = text(value, "model_type") {
        model.properties.insert("architecture_family".into(), family.into());
    }
    if value.get("auto_map").is_some() {
        model.properties.insert("trust_remote_code".into(), true.into());
    }
    if let Some((_, Value::String(architecture))) = list(value, "architectures").next() {
        model.properties.insert("model_architecture".into(), architecture.as_str().into());
    }
    for key in ["_name_or_path", "name_or_path"] {
        // a plain word or a path of the trainer's machine names nothing
        if let Some(base) = text(value, key).filter(|base| base.contains('/') && !base.starts_with(['/', '.'])) {
            derived_from(model.id.as_str(), base, &format!("/{key}"), document, found);
        }
    }
    found.relate(
        model.id.as_str(),
        RelationKind::Contains,
        &format!("file:{}", document.path()),
        &document.evidence(""),
    );
    found.inventory.add(model);
}
