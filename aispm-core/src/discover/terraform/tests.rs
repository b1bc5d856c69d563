use serde_json::{Value, json};

use crate::asset::{AssetKind, Document, RelationKind};
use crate::discover::Found;

pub(super) fn discovered(resources: &[(&str, Value)]) -> crate::asset::Inventory {
    let resources: Vec<Value> = resources
        .iter()
        .enumerate()
        .map(|(i, (kind, values))| json!({"address": format!("{kind}.r{i}"), "type": kind, "values": values}))
        .collect();
    let value = json!({"terraform_version": "1.9.0", "values": {"root_module": {"resources": resources}}});
    let mut found = Found::default();
    let document = Document::json("tf.json", &value.to_string()).unwrap();
    assert!(crate::discover::format::dispatch(&document, &mut found));
    found.inventory
}

pub(super) fn related(inventory: &crate::asset::Inventory, from: &str, kind: RelationKind, to: &str) -> bool {
    inventory.outgoing(from).any(|r| r.kind == kind && r.to.as_str() == to)
}

#[test]
fn roles_buckets_and_models_are_joined() {
    let inventory = discovered(&[
        ("aws_lambda_function", json!({"function_name": "f", "role": "arn:aws:iam::111111111111:role/r"})),
        ("aws_s3_bucket", json!({"bucket": "b", "tags": {"DataClassification": "Customer"}})),
        ("aws_s3_bucket_policy", json!({"bucket": "b", "policy": "{\"Statement\": []}"})),
        ("aws_instance", json!({"id": "i-1", "iam_instance_profile": "ip"})),
        (
            "aws_sagemaker_model",
            json!({"name": "m", "execution_role_arn": "arn:aws:iam::111111111111:role/s",
            "primary_container": [{"model_data_url": "s3://b/m.tar.gz"}]}),
        ),
        ("aws_sagemaker_endpoint_configuration", json!({"name": "c", "production_variants": [{"model_name": "m"}]})),
        ("aws_sagemaker_endpoint", json!({"name": "e", "endpoint_config_name": "c"})),
    ]);
    let function = inventory.assets().find(|a| a.kind == AssetKind::Function).unwrap();
    assert!(related(&inventory, function.id.as_str(), RelationKind::RunsAs, "arn:aws:iam::111111111111:role/r"));
    let bucket = inventory.get("arn:aws:s3:::b").unwrap();
    assert!(bucket.is_sensitive() && bucket.properties.contains_key("policy"));
    let profile = "arn:aws:iam::111111111111:instance-profile/ip";
    assert!(inventory.incoming(profile).any(|r| r.kind == RelationKind::RunsAs));
    let endpoint = "arn:aws:sagemaker::111111111111:endpoint/e";
    assert!(related(&inventory, endpoint, RelationKind::Serves, "arn:aws:sagemaker::111111111111:model/m"));
    assert!(related(&inventory, endpoint, RelationKind::RunsAs, "arn:aws:iam::111111111111:role/s"));
}
