use serde_json::{Value, json};

use crate::asset::{AssetKind, Authentication, Document, Exposure, RelationKind};
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

#[test]
fn flags_are_read_as_text_too_and_what_is_open_is_unknown() {
    let of = |kind: &str, values: Value| {
        let inventory = discovered(&[(kind, values)]);
        let asset = inventory.assets().find(|asset| asset.text("terraform_type") == Some(kind)).unwrap();
        (asset.exposure, asset.authentication, asset.encryption.customer_key)
    };
    let account = |public: Value, local: Value| {
        let (exposure, authentication, _) = of(
            "azurerm_cognitive_account",
            json!({"name": "a", "public_network_access_enabled": public, "local_auth_enabled": local}),
        );
        (exposure, authentication)
    };
    let closed = (Some(Exposure::Internal), Some(Authentication::Identity));
    assert_eq!(account(json!(false), json!(false)), closed);
    assert_eq!(account(json!("false"), json!("False")), closed);
    let open = (Some(Exposure::Public), Some(Authentication::Key));
    assert_eq!(account(json!("true"), json!("true")), open);
    assert_eq!(account(json!(null), json!(null)), open, "the provider's defaults");
    assert_eq!(account(json!("${var.public}"), json!("${var.local}")), (None, None));
    let key = |key: Value| of("aws_sagemaker_domain", json!({"domain_name": "d", "kms_key_id": key})).2;
    assert_eq!(key(json!(null)), Some(false));
    assert_eq!(key(json!("arn:aws:kms:eu-west-1:111111111111:key/k")), Some(true));
    assert_eq!(key(json!("${var.key}")), None);
    let balancer = |internal: Value| of("aws_lb", json!({"name": "l", "internal": internal})).0;
    assert_eq!(balancer(json!("false")), Some(Exposure::Public));
    assert_eq!((balancer(json!("true")), balancer(json!("${var.internal}"))), (None, None));
}

fn read_document(value: &Value) -> crate::asset::Inventory {
    let mut found = Found::default();
    let document = Document::json("tf.json", &value.to_string()).unwrap();
    assert!(crate::discover::format::dispatch(&document, &mut found));
    found.inventory
}

/// The pointer that shows a relation, if it is there.
fn pointer(inventory: &crate::asset::Inventory, from: &str, kind: RelationKind, to: &str) -> String {
    let mut relations = inventory.outgoing(from).filter(|r| r.kind == kind && r.to.as_str() == to);
    let relation = relations.next().unwrap_or_else(|| panic!("{from} {kind} {to}"));
    relation.evidence[0].pointer.clone().unwrap_or_default()
}

#[test]
fn a_plan_relates_what_it_does_not_know_yet() {
    let resource = |kind: &str, values: Value| json!({"address": format!("module.m.{kind}.x"), "mode": "managed", "type": kind, "values": values});
    let inventory = read_document(&json!({
        "format_version": "1.2", "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"child_modules": [{"address": "module.m", "resources": [
            resource("aws_sagemaker_notebook_instance", json!({"name": "n", "kms_key_id": null})),
        ]}], "resources": [
            {"address": "aws_iam_role.r", "mode": "managed", "type": "aws_iam_role", "values": {"name": "r"}},
            {"address": "aws_sagemaker_model.m", "mode": "managed", "type": "aws_sagemaker_model",
             "values": {"name": "m", "primary_container": [{"image": "acme/x:1"}]}},
        ]}},
        "configuration": {"root_module": {
            "resources": [{"address": "aws_sagemaker_model.m", "expressions": {
                "execution_role_arn": {"references": ["aws_iam_role.r.arn", "aws_iam_role.r"]},
                "primary_container": [{"model_data_url": {"references": ["aws_s3_bucket.b.id", "aws_s3_bucket.b"]}}],
            }}],
            "module_calls": {"m": {
                "expressions": {"role": {"references": ["aws_iam_role.r.arn", "aws_iam_role.r"]}},
                "module": {"resources": [{"address": "aws_sagemaker_notebook_instance.x", "expressions": {
                    "role_arn": {"references": ["var.role"]}, "kms_key_id": {"references": ["aws_iam_role.r"]},
                }}]},
            }},
        }},
    }));
    let (notebook, role) = ("file:tf.json#module.m.aws_sagemaker_notebook_instance.x", "file:tf.json#aws_iam_role.r");
    let at = "/planned_values/root_module/child_modules/0/resources/0/values/role_arn";
    assert_eq!(pointer(&inventory, notebook, RelationKind::RunsAs, role), at);
    assert!(inventory.get(notebook).unwrap().properties["kms_key_id"].is_null());
    let at = "/planned_values/root_module/resources/1/values/execution_role_arn";
    assert_eq!(pointer(&inventory, "file:tf.json#aws_sagemaker_model.m", RelationKind::RunsAs, role), at);
}

#[test]
fn a_state_file_of_azure_and_google() {
    let subscription = "/subscriptions/00000000-0000-0000-0000-000000000001";
    let group = format!("{subscription}/resourceGroups/Acme/providers");
    let account = format!("{group}/Microsoft.CognitiveServices/accounts/Acme-AI");
    let inventory = read_document(&json!({
        "version": 4, "terraform_version": "1.9.0", "serial": 3, "lineage": "x", "outputs": {},
        "resources": [
            {"mode": "managed", "type": "azurerm_cognitive_account", "name": "ai", "provider": "p", "instances": [
                {"schema_version": 1, "attributes": {"id": account, "name": "Acme-AI", "kind": "OpenAI",
                 "endpoint": "https://acme-ai.openai.azure.com/", "primary_access_key": "0123456789",
                 "local_auth_enabled": false, "public_network_access_enabled": false,
                 "tags": {"team": "ml"}, "identity": [{"principal_id": "p-1", "type": "SystemAssigned"}]}}]},
            {"mode": "managed", "type": "azurerm_role_assignment", "name": "u", "instances": [
                {"attributes": {"scope": account, "principal_id": "p-2", "principal_type": "User",
                 "role_definition_name": "Cognitive Services OpenAI User"}}]},
            {"module": "module.v", "mode": "managed", "type": "google_vertex_ai_endpoint", "name": "e", "instances": [
                {"index_key": "a", "attributes": {"id": "projects/acme/locations/europe-west1/endpoints/7", "name": "7",
                 "display_name": "chat", "project": "acme", "encryption_spec": [{"kms_key_name": "projects/acme/locations/x/keyRings/r/cryptoKeys/k"}]}}]},
            {"mode": "managed", "type": "google_project_iam_binding", "name": "b", "instances": [
                {"attributes": {"project": "acme", "role": "roles/aiplatform.user", "members": ["group:ml@acme.example"]}}]},
            {"mode": "managed", "type": "google_storage_bucket_iam_member", "name": "p", "instances": [
                {"attributes": {"bucket": "acme-open", "role": "roles/storage.objectViewer", "member": "allUsers"}}]},
        ],
    }));
    let id = account.to_ascii_lowercase();
    let asset = inventory.get(&id).unwrap();
    assert!(asset.aliases.contains("https://acme-ai.openai.azure.com"));
    assert_eq!((asset.exposure, asset.authentication), (Some(Exposure::Internal), Some(Authentication::Identity)));
    assert_eq!((asset.owner.as_deref(), asset.text("primary_access_key")), (Some("ml"), Some("(sensitive)")));
    assert_eq!(
        pointer(&inventory, &id, RelationKind::RunsAs, "entra:p-1"),
        "/resources/0/instances/0/attributes/identity/0/principal_id"
    );
    assert_eq!(inventory.get("entra:p-2").unwrap().kind, AssetKind::User);
    pointer(&inventory, "entra:p-2", RelationKind::Invokes, &id);
    let endpoint =
        inventory.get("//aiplatform.googleapis.com/projects/acme/locations/europe-west1/endpoints/7").unwrap();
    assert_eq!(endpoint.text("terraform_address"), Some("module.v.google_vertex_ai_endpoint.e[\"a\"]"));
    assert_eq!(endpoint.encryption.customer_key, Some(true));
    let project = "//cloudresourcemanager.googleapis.com/projects/acme";
    assert_eq!(
        pointer(&inventory, "group:ml@acme.example", RelationKind::Invokes, project),
        "/resources/3/instances/0/attributes/members/0"
    );
    assert_eq!(inventory.get("gs://acme-open").unwrap().exposure, Some(Exposure::Public));
}

#[test]
fn documents_of_others_are_left_alone() {
    for value in [
        json!({"version": 4, "resources": []}),
        json!({"terraform_version": "1.9.0"}),
        json!({"values": {"root_module": {}}}),
    ] {
        let document = Document::json("x.json", &value.to_string()).unwrap();
        assert!(!super::FORMATS.iter().any(|format| (format.matches)(&document.value)), "{value}");
    }
}

#[test]
fn secrets_are_named_and_not_kept() {
    let task = json!([{"image": "acme/app:1", "environment": [{"name": "OPENAI_API_KEY", "value": "hush-1"}]}]);
    let inventory = discovered(&[
        ("aws_ecs_task_definition", json!({"family": "f", "container_definitions": task.to_string()})),
        ("aws_ssm_parameter", json!({"name": "p", "value": "hush-2"})),
        ("aws_db_instance", json!({"identifier": "d", "password": "hush-3", "master_password": "${var.p}"})),
        ("aws_instance", json!({"id": "i-1", "user_data": "export KEY=hush-4"})),
    ]);
    let text = serde_json::to_string(&inventory).unwrap();
    assert!(!text.contains("hush") && text.contains("${var.p}"));
    assert!(inventory.assets().any(|asset| asset.ai && asset.kind == AssetKind::Workload));
}

#[test]
fn a_type_that_could_have_a_key_has_none_if_none_is_named() {
    let inventory = discovered(&[
        ("aws_sagemaker_notebook_instance", json!({"name": "a", "instance_type": "ml.t3.medium"})),
        (
            "aws_sagemaker_notebook_instance",
            json!({"name": "b", "kms_key_id": "arn:aws:kms:eu-west-1:111122223333:key/k"}),
        ),
        (
            "aws_sagemaker_data_quality_job_definition",
            json!({"name": "c", "network_config": [{"enable_inter_container_traffic_encryption": false}]}),
        ),
        ("aws_instance", json!({"tags": {"Name": "d"}})),
    ]);
    let encryption =
        |name: &str| inventory.assets().find(|asset| asset.name == name).map(|asset| asset.encryption.clone());
    assert_eq!(encryption("a").unwrap().customer_key, Some(false));
    assert_eq!(encryption("b").unwrap().customer_key, Some(true));
    assert_eq!(encryption("c").unwrap().in_transit, Some(false));
    assert!(encryption("d").is_none_or(|encryption| encryption.customer_key.is_none()));
}
