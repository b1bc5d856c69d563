use serde_json::json;

use crate::asset::{AssetKind, Inventory, ModelType};
use crate::discover::{discovery_of, inventory_of};

fn relations(inventory: &Inventory) -> Vec<(&str, &str, &str)> {
    inventory.relations().map(|r| (r.from.as_str(), r.kind.as_str(), r.to.as_str())).collect()
}

#[test]
fn the_files_of_a_folder_are_one_model() {
    let card = "---\nlicense: apache-2.0\nbase_model: acme/base\ndatasets:\n- acme/tickets\npipeline_tag: text-generation\nmodel-index:\n- name: x\n  results:\n  - dataset: {name: t}\n    metrics: [{type: f1, value: 0.9}]\n---\n# Tiny\n## Intended uses & limitations\nSorts tickets.\n\nEnglish only.\n## Out-of-Scope Use\n[More Information Needed]\n";
    let config = json!({"architectures": ["AcmeForCausalLM"], "model_type": "acme", "_name_or_path": "acme/base"});
    let pooling = json!({"word_embedding_dimension": 8, "pooling_mode_mean_tokens": true});
    let index = json!({"metadata": {"total_size": 5}, "weight_map": {"a": "m-1.safetensors", "b": "m-1.safetensors"}});
    let found = discovery_of(&[
        ("tiny/README.md", card),
        ("tiny/config.json", &config.to_string()),
        ("tiny/1_Pooling/config.json", &pooling.to_string()),
        ("tiny/model.safetensors.index.json", &index.to_string()),
        ("tiny/modules.json", r#"[{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"}]"#),
        ("other/README.md", "---\ntitle: Notes\nlayout: page\n---\n# Notes\n"),
    ]);
    let model = found.inventory.get("file:d/tiny").unwrap();
    assert_eq!((model.kind, model.model_type), (AssetKind::Model, Some(ModelType::FineTuned)));
    assert_eq!(model.provenance.licence.as_deref(), Some("apache-2.0"));
    assert_eq!((model.text("task"), model.text("architecture_family")), (Some("text-generation"), Some("acme")));
    let said = json!(["Sorts tickets.  English only."]);
    assert_eq!((&model.properties["use_cases"], &model.properties["technical_limitations"]), (&said, &said));
    assert_eq!(model.properties["metrics"], json!([{"type": "f1", "value": "0.9", "slice": "t"}]));
    assert_eq!(
        relations(&found.inventory),
        [
            ("file:d/tiny", "trained_on", "https://huggingface.co/datasets/acme/tickets"),
            ("file:d/tiny", "derived_from", "https://huggingface.co/acme/base"),
            ("file:d/tiny", "contains", "file:d/tiny/config.json"),
            ("file:d/tiny", "contains", "file:d/tiny/m-1.safetensors"),
        ]
    );
    let data = found.inventory.get("https://huggingface.co/datasets/acme/tickets").unwrap();
    assert_eq!((data.evidence[0].line, data.evidence[0].pointer.as_deref()), (Some(5), Some("/datasets/0")));
    assert_eq!(found.skipped.len(), 1);
}

#[test]
fn adapters_and_diffusers() {
    let adapter = json!({"peft_type": "LORA", "base_model_name_or_path": "acme/base", "task_type": "CAUSAL_LM"});
    let inventory = inventory_of("m/adapter_config.json", &adapter.to_string());
    assert_eq!(relations(&inventory), [("file:m", "derived_from", "https://huggingface.co/acme/base")]);
    let pipeline = json!({"_class_name": "AcmePipeline", "_diffusers_version": "0.3", "unet": ["diffusers", "X"]});
    assert_eq!(inventory_of("m/model_index.json", &pipeline.to_string()).get("file:m").unwrap().kind, AssetKind::Model);
}

#[test]
fn data_on_disk_and_in_training() {
    let info = json!({"default": {"features": {"text": {}}, "splits": {"train": {}}, "license": "mit"}});
    let data = inventory_of("t/dataset_infos.json", &info.to_string());
    assert_eq!(data.get("file:t").map(|asset| asset.kind), Some(AssetKind::Dataset));
    let used = json!([{"name": "a.jsonl.gz", "lines": 1, "weight": 2}]);
    let used = inventory_of("m/data_config.json", &used.to_string());
    assert_eq!(relations(&used), [("file:m", "trained_on", "file:m/a.jsonl.gz")]);
}

#[test]
fn the_hub_tells_models_from_data() {
    let model = json!({"modelId": "acme/tiny", "sha": "1", "downloads": 1, "likes": 2,
        "tags": ["license:mit", "dataset:squad", "base_model:finetune:acme/base"],
        "securityRepoStatus": {"filesWithIssues": [{"path": "a.pkl", "level": "unsafe"}]}});
    let data = json!({"id": "acme/tickets", "downloads": 1, "likes": 2, "tags": ["task_categories:qa"]});
    let inventory = inventory_of("h.json", &json!([model, data]).to_string());
    let model = inventory.get("https://huggingface.co/acme/tiny").unwrap();
    assert_eq!((model.external_findings.len(), model.provenance.licence.as_deref()), (1, Some("mit")));
    assert_eq!(inventory.get("https://huggingface.co/datasets/acme/tickets").unwrap().kind, AssetKind::Dataset);
    assert_eq!(
        relations(&inventory),
        [
            ("https://huggingface.co/acme/tiny", "trained_on", "https://huggingface.co/datasets/squad"),
            ("https://huggingface.co/acme/tiny", "derived_from", "https://huggingface.co/acme/base"),
        ]
    );
}

#[test]
fn lists_of_data_sets_and_spaces() {
    let set = json!({"id": "acme/d", "tags": [], "downloads": 1, "likes": 0, "description": "tickets"});
    let space = json!({"id": "acme/demo", "tags": ["gradio"], "sdk": "gradio", "sha": "0", "siblings": [], "models": ["acme/m"]});
    let inventory = inventory_of("hub.json", &json!([set, space]).to_string());
    let kind = |id: &str| inventory.get(id).map(|asset| asset.kind);
    assert_eq!(kind("https://huggingface.co/datasets/acme/d"), Some(AssetKind::Dataset));
    assert_eq!(kind("https://huggingface.co/spaces/acme/demo"), Some(AssetKind::Application));
    let used: Vec<_> = inventory.outgoing("https://huggingface.co/spaces/acme/demo").collect();
    assert_eq!((used.len(), used[0].to.as_str()), (1, "https://huggingface.co/acme/m"));
    assert_eq!(used[0].evidence[0].pointer.as_deref(), Some("/1/models/0"));
}
