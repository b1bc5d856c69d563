//! No document of ours, however broken, stops the reader.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::discover::inventory_of;

/// What tells each format.
const HEADS: &[&str] = &[
    r#"{"bomFormat": "CycloneDX"}"#,
    r#"{"spdxVersion": "SPDX-2.3"}"#,
    r#"{"@context": "https://spdx.org/rdf/3.0.1/c", "@graph": []}"#,
    r#"{"registered_models": [{"name": "m"}]}"#,
    r#"{"info": {"run_id": "r", "experiment_id": "e"}}"#,
    r#"{"peft_type": "LORA", "base_model_name_or_path": "a/b"}"#,
    r#"{"modelId": "a/b", "tags": [], "downloads": 1, "likes": 1}"#,
    r#"{"nodes": [{"type": "a.b", "name": "n"}], "connections": {}}"#,
    r#"{"nodes": [{"data": {"category": "c", "inputs": {}}}], "edges": []}"#,
    r#"{"id": "a", "object": "assistant", "created_at": 1}"#,
    r#"{"name": "a", "url": "u", "skills": [], "capabilities": {}}"#,
    r#"{"name": "a", "packages": [{"registryType": "npm"}]}"#,
    r#"{"mcpServers": {}}"#,
    r#"{"lockfileVersion": 3}"#,
    r#"{"_meta": {}, "default": {}}"#,
];

/// Keys that the readers look below.
const KEYS: &[&str] = &[
    "components",
    "services",
    "metadata",
    "component",
    "properties",
    "name",
    "value",
    "bom-ref",
    "type",
    "modelCard",
    "modelParameters",
    "datasets",
    "dependencies",
    "ref",
    "dependsOn",
    "vulnerabilities",
    "affects",
    "hashes",
    "licenses",
    "purl",
    "evidence",
    "occurrences",
    "packages",
    "relationships",
    "@graph",
    "from",
    "to",
    "model_versions",
    "version",
    "source",
    "run_id",
    "tags",
    "data",
    "params",
    "inputs",
    "dataset_inputs",
    "dataset",
    "cardData",
    "siblings",
    "nodes",
    "connections",
    "parameters",
    "credentials",
    "main",
    "tools",
    "function",
    "model",
    "edges",
    "command",
    "args",
    "env",
];

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        proptest::sample::select(
            &[
                "pkg:",
                "pkg:npm/%40a/b@1",
                "pkg:oci/x@sha256%3Aff?repository_url=h/x",
                "%e2%82",
                "a/b@c",
                "aispm:kind",
                "model",
                "https://huggingface.co/a",
                "application"
            ][..]
        )
        .prop_map(str::to_owned),
        ".{0,6}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let key = proptest::sample::select(KEYS).prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_document_is_read_to_its_end(
        head in proptest::sample::select(HEADS),
        rest in proptest::collection::vec((proptest::sample::select(KEYS), value()), 0..6),
    ) {
        let mut document: Map<String, Value> = serde_json::from_str(head).unwrap();
        for (key, value) in rest {
            document.entry(key).or_insert(value);
        }
        let once = inventory_of("d/f.json", &json!(document).to_string());
        prop_assert_eq!(once, inventory_of("d/f.json", &json!(document).to_string()));
    }
}
