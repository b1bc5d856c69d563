use serde_json::json;

use super::saved::mlmodel;
use super::*;
use crate::asset::ModelType;
use crate::discover::format::Source;
use crate::discover::inventory_of;

fn relations(inventory: &crate::asset::Inventory) -> Vec<(&str, &str, &str)> {
    inventory.relations().map(|r| (r.from.as_str(), r.kind.as_str(), r.to.as_str())).collect()
}

#[test]
fn a_registry_export_and_its_lineage() {
    let run = "0123456789abcdef0123456789abcdef";
    let inventory = inventory_of("r.json", &json!({
        "registered_models": [{"name": "churn", "tags": [{"key": "owner", "value": "acme-ml"}],
            "aliases": [{"alias": "champion", "version": "2"}]}],
        "model_versions": [{"name": "churn", "version": "2", "run_id": run, "current_stage": "Production",
            "source": format!("s3://acme-ml/1/{run}/artifacts/model"), "params": {"dataset": "s3://acme-crm/x.parquet"}}],
    }).to_string());
    let get = |id: &str| inventory.get(id).unwrap();
    assert_eq!(get("models:/churn").owner.as_deref(), Some("acme-ml"));
    let version = get("models:/churn/2");
    assert_eq!(
        (version.environment.as_deref(), version.provenance.version.as_deref()),
        (Some("production"), Some("2"))
    );
    assert!(version.aliases.contains("models:/churn@champion"));
    assert!(version.evidence.iter().any(|e| e.pointer.as_deref() == Some("/model_versions/0")));
    let source = format!("s3://acme-ml/1/{run}/artifacts/model");
    let job = format!("runs:/{run}");
    let expected = [
        ("arn:aws:s3:::acme-crm", "contains", "s3://acme-crm/x.parquet"),
        ("arn:aws:s3:::acme-ml", "contains", &source),
        ("models:/churn", "contains", "models:/churn/2"),
        ("models:/churn/2", "trained_on", "s3://acme-crm/x.parquet"),
        ("models:/churn/2", "derived_from", &source),
        (&job, "writes", "models:/churn/2"),
        (&job, "writes", &source),
    ];
    assert_eq!(relations(&inventory), expected);
}

#[test]
fn a_run_reads_data_and_writes_models() {
    let source = json!({"uri": "s3://acme-crm/t.csv"}).to_string();
    let history = json!([{"artifact_path": "model"}]).to_string();
    let inventory = inventory_of("r.json", &json!({"runs": [{
        "info": {"run_id": "r1", "experiment_id": "0", "run_name": "fit", "user_id": "ann"},
        "data": {"tags": [{"key": "mlflow.log-model.history", "value": history}], "params": []},
        "inputs": {"dataset_inputs": [{"dataset": {"name": "t", "digest": "d", "source_type": "s3", "source": source}}]},
    }]}).to_string());
    assert_eq!(inventory.get("runs:/r1").unwrap().owner.as_deref(), Some("ann"));
    let all = relations(&inventory);
    for expected in [
        ("runs:/r1", "reads", "s3://acme-crm/t.csv"),
        ("runs:/r1", "writes", "runs:/r1/model"),
        ("runs:/r1/model", "trained_on", "s3://acme-crm/t.csv"),
    ] {
        assert!(all.contains(&expected), "{all:?}");
    }
}

#[test]
fn a_saved_model_and_its_packages() {
    let text = "flavors:\n  sklearn:\n    sklearn_version: 1.5.0\n    serialization_format: cloudpickle\nrun_id: r1\nartifact_path: model\n";
    let source = Source { path: "m/MLmodel", text };
    assert!((MLMODEL.matches)(&source));
    let mut found = Found::default();
    mlmodel(&source, &mut found).unwrap();
    let model = found.inventory.get("runs:/r1/model").unwrap();
    assert_eq!((model.model_type, model.evidence[0].line), (Some(ModelType::Classical), Some(1)));
    let expected =
        [("runs:/r1", "writes", "runs:/r1/model"), ("runs:/r1/model", "uses", "pkg:pypi/scikit-learn@1.5.0")];
    assert_eq!(relations(&found.inventory), expected);
}

#[test]
fn unity_catalog_and_pages() {
    let found = crate::discover::discovery_of(&[("r.json", &json!({
        "model_versions": [{"model_name": "m", "catalog_name": "c", "schema_name": "s", "version": 3, "created_by": "ann"}],
        "next_page_token": "x",
    }).to_string())]);
    assert_eq!(found.inventory.get("models:/c.s.m/3").unwrap().owner.as_deref(), Some("ann"));
    assert_eq!(found.incomplete.len(), 1);
}

#[test]
fn what_is_none() {
    for value in
        [json!({"runs": [{"tool": {}}]}), json!({"models": [{"name": "m"}]}), json!({"name": "x", "version": "1"})]
    {
        assert!(Kind::of(&value).is_none() && members(&value).is_empty(), "{value}");
    }
}
