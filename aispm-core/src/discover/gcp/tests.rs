//! Exports as they come, read through the sniffer.

use std::fs;

use serde_json::{Value, json};

use crate::asset::{Asset, AssetKind, Authentication, Document, Exposure, Inventory};
use crate::discover::format::{Found, dispatch};
use crate::discover::{Discovery, discover};

const ENDPOINT: &str = "//aiplatform.googleapis.com/projects/acme/locations/eu/endpoints/7";

fn read(value: Value) -> Found {
    let mut found = Found::default();
    assert!(dispatch(&Document::json("g.json", &value.to_string()).unwrap(), &mut found), "{value}");
    found
}

fn files(files: &[(&str, String)]) -> Discovery {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    discover([folder.path()])
}

/// `from kind to @pointer` of every relation but those that only say where something lies.
fn relations(inventory: &Inventory) -> Vec<String> {
    let relation = |r: &crate::asset::Relation| {
        let place = r.evidence.first().and_then(|evidence| evidence.pointer.clone()).unwrap_or_default();
        format!("{} {} {} @{place}", short(r.from.as_str()), r.kind, short(r.to.as_str()))
    };
    inventory.relations().filter(|r| r.kind.as_str() != "contains").map(relation).collect()
}

fn short(id: &str) -> &str {
    match id.strip_prefix("//") {
        Some(_) => id.split("/projects/").nth(1).unwrap_or(id),
        None => id,
    }
}

fn asset<'a>(inventory: &'a Inventory, id: &str) -> &'a Asset {
    inventory
        .get(id)
        .unwrap_or_else(|| panic!("{id} not in {:?}", inventory.assets().map(|a| &a.id).collect::<Vec<_>>()))
}

fn contains(inventory: &Inventory, from: &str, to: &str) -> bool {
    inventory.outgoing(from).any(|r| r.kind.as_str() == "contains" && r.to.as_str() == to)
}

#[test]
fn an_asset_is_the_same_in_every_spelling() {
    let body = json!({
        "displayName": "fraud", "labels": {"owner": "risk", "env": "prod", "data-class": "customer"},
        "encryptionSpec": {"kmsKeyName": "projects/acme/locations/eu/keyRings/r/cryptoKeys/k"},
        "deployedModels": [{"model": "projects/acme/locations/eu/models/5@2", "serviceAccount": "s@acme.iam.gserviceaccount.com"}],
    });
    let snake = json!({
        "display_name": "fraud", "labels": body["labels"], "encryption_spec": {"kms_key_name": body["encryptionSpec"]["kmsKeyName"]},
        "deployed_models": [{"model": "projects/acme/locations/eu/models/5", "service_account": "s@acme.iam.gserviceaccount.com"}],
    });
    let row = |body: Value| {
        json!([{"name": ENDPOINT, "asset_type": "aiplatform.googleapis.com/Endpoint",
            "resource": {"data": body, "parent": "//cloudresourcemanager.googleapis.com/projects/acme"}}])
    };
    let mut rest = body.clone();
    rest["name"] = json!("projects/acme/locations/eu/endpoints/7");
    for (export, data) in [
        (row(body.clone()), "/0/resource/data/deployedModels/0/model"),
        (row(snake), "/0/resource/data/deployed_models/0/model"),
        // the export to BigQuery keeps the body as text
        (row(json!(body.to_string())), "/0/resource/data"),
        (
            json!({"asset": {"name": ENDPOINT, "assetType": "aiplatform.googleapis.com/Endpoint", "resource": {"data": body}},
            "priorAssetState": "PRESENT", "window": {}}),
            "/asset/resource/data/deployedModels/0/model",
        ),
        (json!({"endpoints": [rest]}), "/endpoints/0/deployedModels/0/model"),
        (rest.clone(), "/deployedModels/0/model"),
    ] {
        let found = read(export);
        let endpoint = asset(&found.inventory, ENDPOINT);
        assert_eq!((endpoint.kind, endpoint.ai, endpoint.name.as_str()), (AssetKind::Endpoint, true, "fraud"));
        assert_eq!((endpoint.owner.as_deref(), endpoint.environment.as_deref()), (Some("risk"), Some("prod")));
        assert!(endpoint.data_classes.contains("customer"));
        assert_eq!(endpoint.encryption.customer_key, Some(true));
        assert_eq!(
            (endpoint.exposure, endpoint.authentication),
            (Some(Exposure::Public), Some(Authentication::Identity))
        );
        assert_eq!(endpoint.text("gcp_type"), Some("aiplatform.googleapis.com/Endpoint"));
        let have = relations(&found.inventory);
        for want in [
            format!("acme/locations/eu/endpoints/7 serves acme/locations/eu/models/5 @{data}"),
            "acme/locations/eu/endpoints/7 runs_as serviceAccount:s@acme.iam.gserviceaccount.com".to_owned(),
            "acme/locations/eu/endpoints/7 uses acme/locations/eu/keyRings/r/cryptoKeys/k".to_owned(),
            "internet exposes acme/locations/eu/endpoints/7".to_owned(),
        ] {
            assert!(have.iter().any(|have| have.starts_with(&want)), "{want}: {have:#?}");
        }
        assert!(contains(&found.inventory, "//cloudresourcemanager.googleapis.com/projects/acme", ENDPOINT));
        assert_eq!(
            asset(&found.inventory, "//aiplatform.googleapis.com/projects/acme/locations/eu/models/5").kind,
            AssetKind::Model
        );
    }
}

#[test]
fn private_endpoints_are_internal() {
    for private in [
        json!({"network": "projects/1/global/networks/n"}),
        json!({"privateServiceConnectConfig": {"enablePrivateServiceConnect": true}}),
    ] {
        let mut body = private;
        body["name"] = json!("projects/acme/locations/eu/endpoints/7");
        let found = read(body);
        assert_eq!(asset(&found.inventory, ENDPOINT).exposure, Some(Exposure::Internal));
        assert!(found.inventory.get("internet").is_none());
    }
}

#[test]
fn lineage_from_data_to_model() {
    let found = read(json!([
        {"name": "projects/acme/locations/eu/tuningJobs/1", "baseModel": "gemini-9-flash", "serviceAccount": "t@acme.iam.gserviceaccount.com",
            "supervisedTuningSpec": {"trainingDatasetUri": "gs://acme-data/train.jsonl"},
            "tunedModel": {"model": "projects/acme/locations/eu/models/5@1", "endpoint": "projects/acme/locations/eu/endpoints/7"}},
        {"name": "projects/acme/locations/eu/models/6", "artifactUri": "gs://acme-models/m/1",
            "containerSpec": {"imageUri": "eu-docker.pkg.dev/acme/serve/vllm:1", "args": ["--model=acme/tiny"]}},
        {"name": "projects/acme/locations/eu/customJobs/2", "jobSpec": {
            "workerPoolSpecs": [{"containerSpec": {"imageUri": "eu-docker.pkg.dev/acme/train:1"}}],
            "baseOutputDirectory": {"outputUriPrefix": "gs://acme-models/m"}}},
        {"name": "projects/acme/locations/eu/batchPredictionJobs/3", "model": "publishers/google/models/gemini-9-flash",
            "inputConfig": {"bigquerySource": {"inputUri": "bq://acme.d.t"}},
            "outputConfig": {"gcsDestination": {"outputUriPrefix": "gs://acme-out/x/"}}},
        {"name": "projects/acme/locations/eu/trainingPipelines/4", "inputDataConfig": {"datasetId": "9"}},
    ]));
    let have = relations(&found.inventory);
    for want in [
        "acme/locations/eu/tuningJobs/1 reads gs://acme-data/train.jsonl @/0/supervisedTuningSpec/trainingDatasetUri",
        "acme/locations/eu/tuningJobs/1 writes acme/locations/eu/models/5 @/0/tunedModel/model",
        "acme/locations/eu/models/5 trained_on gs://acme-data/train.jsonl @/0/tunedModel/model",
        "acme/locations/eu/models/5 derived_from model:gemini-9-flash @/0/tunedModel/model",
        "acme/locations/eu/models/6 derived_from gs://acme-models/m/1 @/1/artifactUri",
        "acme/locations/eu/models/6 derived_from pkg:docker/acme/serve/vllm@1?repository_url=eu-docker.pkg.dev @/1/containerSpec/imageUri",
        "acme/locations/eu/models/6 derived_from https://huggingface.co/acme/tiny @/1/containerSpec/args/0",
        "acme/locations/eu/customJobs/2 writes gs://acme-models/m @/2/jobSpec/baseOutputDirectory/outputUriPrefix",
        "acme/locations/eu/batchPredictionJobs/3 invokes model:gemini-9-flash @/3/model",
        "acme/locations/eu/batchPredictionJobs/3 reads acme/datasets/d/tables/t @/3/inputConfig/bigquerySource/inputUri",
        "acme/locations/eu/batchPredictionJobs/3 writes gs://acme-out/x @/3/outputConfig/gcsDestination/outputUriPrefix",
        "acme/locations/eu/trainingPipelines/4 reads acme/locations/eu/datasets/9 @/4/inputDataConfig/datasetId",
    ] {
        assert!(have.contains(&want.to_owned()), "{want}: {have:#?}");
    }
    assert!(contains(&found.inventory, "gs://acme-data", "gs://acme-data/train.jsonl"));
    let kind = |id: &str| asset(&found.inventory, id).kind;
    assert_eq!(kind("gs://acme-data/train.jsonl"), AssetKind::Dataset);
    assert_eq!((kind("gs://acme-models/m"), kind("gs://acme-models/m/1")), (AssetKind::Model, AssetKind::Model));
    assert_eq!(asset(&found.inventory, "model:gemini-9-flash").provenance.publisher.as_deref(), Some("Google Gemini"));
}

#[test]
fn bodies_of_other_apis() {
    let link = |path: &str| format!("https://www.googleapis.com/{path}");
    for (body, id, kind, ai, exposure) in [
        (
            json!({"kind": "storage#bucket", "name": "acme-data", "iamConfiguration": {"publicAccessPrevention": "enforced"}}),
            "gs://acme-data",
            AssetKind::Bucket,
            false,
            Some(Exposure::Internal),
        ),
        (
            json!({"name": "acme-data", "storage_url": "gs://acme-data/", "default_storage_class": "STANDARD"}),
            "gs://acme-data",
            AssetKind::Bucket,
            false,
            None,
        ),
        (
            json!({"kind": "storage#bucket", "name": "acme-data", "acl": [{"entity": "allUsers", "role": "READER"}]}),
            "gs://acme-data",
            AssetKind::Bucket,
            false,
            Some(Exposure::Public),
        ),
        (
            json!({"kind": "bigquery#table", "tableReference": {"projectId": "acme", "datasetId": "d", "tableId": "t"}}),
            "//bigquery.googleapis.com/projects/acme/datasets/d/tables/t",
            AssetKind::Database,
            false,
            None,
        ),
        (
            json!({"kind": "bigquery#dataset", "datasetReference": {"projectId": "acme", "datasetId": "d"},
            "access": [{"role": "READER", "specialGroup": "allAuthenticatedUsers"}, {"role": "OWNER", "userByEmail": "jo@acme.example"}]}),
            "//bigquery.googleapis.com/projects/acme/datasets/d",
            AssetKind::Database,
            false,
            Some(Exposure::Public),
        ),
        (
            json!({"kind": "compute#firewall", "selfLink": link("compute/v1/projects/acme/global/firewalls/f"),
            "direction": "INGRESS", "allowed": [{"IPProtocol": "tcp"}], "sourceRanges": ["0.0.0.0/0"]}),
            "//compute.googleapis.com/projects/acme/global/firewalls/f",
            AssetKind::NetworkEntry,
            false,
            Some(Exposure::Public),
        ),
        (
            json!({"name": "c", "selfLink": "https://container.googleapis.com/v1/projects/acme/locations/eu/clusters/c",
            "masterAuthorizedNetworksConfig": {"enabled": true}, "nodeConfig": {"serviceAccount": "default"}}),
            "//container.googleapis.com/projects/acme/locations/eu/clusters/c",
            AssetKind::Cluster,
            false,
            Some(Exposure::Restricted),
        ),
        (
            json!({"name": "projects/acme/locations/eu/services/api", "ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY",
            "template": {"containers": [{"image": "acme/api", "env": [{"name": "OPENAI_API_KEY", "value": "x"}]}]}}),
            "//run.googleapis.com/projects/acme/locations/eu/services/api",
            AssetKind::Workload,
            true,
            Some(Exposure::Internal),
        ),
        (
            json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "api", "namespace": "1",
            "labels": {"cloud.googleapis.com/location": "eu"}}, "spec": {"template": {"spec": {"containers": [{"image": "acme/api"}]}}}}),
            "//run.googleapis.com/projects/1/locations/eu/services/api",
            AssetKind::Workload,
            false,
            Some(Exposure::Public),
        ),
        (
            json!({"name": "projects/acme/locations/eu/functions/f", "serviceConfig": {"environmentVariables": {"OPENAI_API_KEY": "x"}}, "buildConfig": {}}),
            "//cloudfunctions.googleapis.com/projects/acme/locations/eu/functions/f",
            AssetKind::Function,
            true,
            Some(Exposure::Public),
        ),
        (
            json!({"name": "projects/acme/serviceAccounts/s@acme.iam.gserviceaccount.com", "email": "s@acme.iam.gserviceaccount.com", "uniqueId": "1"}),
            "serviceAccount:s@acme.iam.gserviceaccount.com",
            AssetKind::ServiceAccount,
            false,
            None,
        ),
        (
            json!({"name": "projects/acme/locations/eu-a/instances/nb", "gceSetup": {"disablePublicIp": true}}),
            "//notebooks.googleapis.com/projects/acme/locations/eu-a/instances/nb",
            AssetKind::Notebook,
            true,
            Some(Exposure::Internal),
        ),
        (
            json!({"name": "projects/1/services/aiplatform.googleapis.com", "state": "ENABLED", "config": {"name": "aiplatform.googleapis.com"}}),
            "//serviceusage.googleapis.com/projects/1/services/aiplatform.googleapis.com",
            AssetKind::Resource,
            true,
            None,
        ),
        (
            json!({"projectId": "acme", "projectNumber": "1", "lifecycleState": "ACTIVE"}),
            "//cloudresourcemanager.googleapis.com/projects/acme",
            AssetKind::Account,
            false,
            None,
        ),
        (
            json!({"kind": "compute#instanceAggregatedList", "items": {"zones/eu-a": {"instances": [
            {"kind": "compute#instance", "selfLink": link("compute/v1/projects/acme/zones/eu-a/instances/vm")}]}}}),
            "//compute.googleapis.com/projects/acme/zones/eu-a/instances/vm",
            AssetKind::Node,
            false,
            None,
        ),
    ] {
        let found = read(json!([body]));
        let asset = asset(&found.inventory, id);
        assert_eq!((asset.kind, asset.ai, asset.exposure), (kind, ai, exposure), "{id}");
        assert!(asset.evidence[0].pointer.as_deref().unwrap().starts_with("/0"), "{id}");
        assert!(!serde_json::to_string(&asset.properties).unwrap().contains("\"x\""), "{id}");
    }
}

#[test]
fn policies_give_relations_and_stay_verbatim() {
    let binding = |role: &str, member: &str| json!({"role": role, "members": [member]});
    let account = "//iam.googleapis.com/projects/acme/serviceAccounts/s@acme.iam.gserviceaccount.com";
    let policy = json!({"bindings": [
        binding("roles/aiplatform.user", "group:ml@acme.example"),
        binding("roles/run.invoker", "allUsers"),
        {"role": "roles/viewer", "members": ["user:jo@acme.example", "deleted:user:x@acme.example?uid=1"],
            "condition": {"expression": "request.time < timestamp('2030-01-01T00:00:00Z')", "title": "t"}},
    ], "etag": "e"});
    let found = read(json!([
        {"resource": ENDPOINT, "assetType": "aiplatform.googleapis.com/Endpoint", "policy": policy},
        {"resource": account, "policy": {"bindings": [binding("roles/iam.serviceAccountTokenCreator", "user:jo@acme.example")]}},
        {"resource": "//cloudresourcemanager.googleapis.com/projects/acme",
            "policy": {"bindings": [binding("roles/iam.serviceAccountTokenCreator", "user:jo@acme.example")]}},
    ]));
    assert_eq!(
        relations(&found.inventory),
        [
            "group:ml@acme.example reads acme/locations/eu/endpoints/7 @/0/policy/bindings/0/members/0",
            "group:ml@acme.example invokes acme/locations/eu/endpoints/7 @/0/policy/bindings/0/members/0",
            "internet exposes acme/locations/eu/endpoints/7 @/0/policy/bindings/1/members/0",
            "user:jo@acme.example can_assume serviceAccount:s@acme.iam.gserviceaccount.com @/1/policy/bindings/0/members/0",
            "user:jo@acme.example reads acme/locations/eu/endpoints/7 @/0/policy/bindings/2/members/0",
        ]
    );
    let endpoint = asset(&found.inventory, ENDPOINT);
    assert_eq!(endpoint.properties["iam_policy"], policy);
    assert_eq!((endpoint.exposure, endpoint.authentication), (Some(Exposure::Public), Some(Authentication::None)));
    let reads = found.inventory.outgoing("user:jo@acme.example").find(|r| r.kind.as_str() == "reads").unwrap();
    assert_eq!(reads.evidence[0].excerpt.as_deref(), Some("roles/viewer, on a condition"));
}

#[test]
fn a_policy_alone_is_named_by_its_file() {
    let text =
        "bindings:\n- members:\n  - user:jo@acme.example\n  role: roles/editor\netag: e\nversion: 1\n".to_owned();
    let discovery = files(&[("acme-iam.yaml", text)]);
    let policy = discovery.inventory.assets().find(|asset| asset.kind == AssetKind::Policy).unwrap();
    assert_eq!(policy.name, "acme-iam");
    let writes = discovery.inventory.outgoing("user:jo@acme.example").find(|r| r.kind.as_str() == "writes").unwrap();
    assert_eq!((writes.to.as_str(), writes.evidence[0].line), (policy.id.as_str(), Some(3)));
}

#[test]
fn a_bucket_that_refuses_the_public_stays_closed() {
    let found = read(json!([{
        "name": "//storage.googleapis.com/acme-data", "assetType": "storage.googleapis.com/Bucket",
        "resource": {"data": {"iamConfiguration": {"publicAccessPrevention": "enforced"}}, "parent": "//cloudresourcemanager.googleapis.com/projects/1"},
        "iamPolicy": {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]},
    }]));
    assert_eq!(asset(&found.inventory, "gs://acme-data").exposure, Some(Exposure::Internal));
    assert!(contains(&found.inventory, "//cloudresourcemanager.googleapis.com/projects/1", "gs://acme-data"));
}

#[test]
fn audit_logs_count_what_happened() {
    let entry = |service: &str, method: &str, resource: &str, time: &str, code: i64| {
        json!({"protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": service, "methodName": method,
            "resourceName": resource, "status": {"code": code}, "authenticationInfo": {"principalEmail": "s@acme.iam.gserviceaccount.com"}},
            "timestamp": time, "logName": "projects/acme/logs/cloudaudit.googleapis.com%2Fdata_access"})
    };
    let predict = "google.cloud.aiplatform.v1.PredictionService.Predict";
    let rows = [
        entry(
            "aiplatform.googleapis.com",
            predict,
            "projects/acme/locations/eu/endpoints/7",
            "2026-01-02T00:00:00Z",
            0,
        ),
        entry(
            "aiplatform.googleapis.com",
            predict,
            "projects/acme/locations/eu/endpoints/7",
            "2026-01-01T00:00:00Z",
            0,
        ),
        entry(
            "aiplatform.googleapis.com",
            predict,
            "projects/acme/locations/eu/endpoints/8",
            "2026-01-01T00:00:00Z",
            7,
        ),
        entry(
            "aiplatform.googleapis.com",
            "x.PredictionService.GenerateContent",
            "projects/acme/locations/eu/publishers/google/models/gemini-9",
            "2026-01-01T00:00:00Z",
            0,
        ),
        entry(
            "storage.googleapis.com",
            "storage.objects.get",
            "projects/_/buckets/acme-data/objects/a.csv",
            "2026-01-01T00:00:00Z",
            0,
        ),
        entry(
            "storage.googleapis.com",
            "storage.objects.get",
            "projects/_/buckets/acme-data/objects/b.csv",
            "2026-01-01T00:00:00Z",
            0,
        ),
    ];
    let text = rows.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let discovery = files(&[("audit.jsonl", text)]);
    assert_eq!(discovery.files[0].format, "gcp-audit-log");
    let outgoing = discovery.inventory.outgoing("serviceAccount:s@acme.iam.gserviceaccount.com");
    let have: Vec<_> = outgoing
        .map(|r| {
            (short(r.to.as_str()).to_owned(), r.kind.as_str(), r.activity.as_ref().unwrap().count, r.evidence[0].line)
        })
        .collect();
    assert_eq!(
        have,
        [
            ("gs://acme-data".to_owned(), "reads", 2, Some(5)),
            ("acme/locations/eu/endpoints/7".to_owned(), "invokes", 2, Some(1)),
            ("model:gemini-9".to_owned(), "invokes", 1, Some(4)),
        ]
    );
    assert!(asset(&discovery.inventory, ENDPOINT).ai);
}

#[test]
fn objects_of_a_cluster_are_manifests() {
    let cluster = "//container.googleapis.com/projects/acme/locations/eu/clusters/c";
    let found = read(json!([{
        "name": format!("{cluster}/k8s/namespaces/serving/apps/deployments/llm"), "asset_type": "apps.k8s.io/Deployment",
        "resource": {"version": "v1", "data": {"metadata": {"name": "llm", "namespace": "serving"}, "spec": {"template": {"spec": {
            "containers": [{"name": "a", "image": "vllm/vllm-openai:v1"}]}}}}},
    }]));
    let id = "k8s://c/serving/Deployment/llm";
    assert!(asset(&found.inventory, id).ai && contains(&found.inventory, cluster, id));
    let place = asset(&found.inventory, id).evidence[0].pointer.clone().unwrap();
    assert!(place.starts_with("/0/resource/data"), "{place}");
}

#[test]
fn a_service_account_named_by_number_is_the_one_with_the_address() {
    let full = "//iam.googleapis.com/projects/acme/serviceAccounts/77";
    let kind = "iam.googleapis.com/ServiceAccount";
    let rows = json!([
        {"name": full, "assetType": kind, "resource": {"data": {"email": "s@acme.iam.gserviceaccount.com"}}},
        {"name": full, "assetType": kind, "iamPolicy": {"bindings": [
            {"role": "roles/iam.serviceAccountUser", "members": ["user:jo@acme.example"]}]}},
    ]);
    let discovery = files(&[("cai.json", rows.to_string())]);
    let account = asset(&discovery.inventory, "serviceAccount:s@acme.iam.gserviceaccount.com");
    assert!(account.properties.contains_key("iam_policy") && discovery.inventory.get(full).is_none());
    assert_eq!(account.name, "s@acme.iam.gserviceaccount.com");
    let assumes = discovery.inventory.outgoing("user:jo@acme.example").next().unwrap();
    assert_eq!((assumes.kind.as_str(), &assumes.to), ("can_assume", &account.id));
}

#[test]
fn request_logs_tell_the_model_and_the_messages() {
    let found = read(json!([{
        "endpoint": "projects/acme/locations/eu/endpoints/7", "logging_time": "2026-01-01T00:00:00Z",
        "model": "projects/acme/locations/eu/publishers/google/models/gemini-9",
        "full_request": json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}).to_string(),
        "full_response": {"candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}}]},
    }]));
    assert_eq!(relations(&found.inventory), ["acme/locations/eu/endpoints/7 serves model:gemini-9 @/0/model"]);
    let events: Vec<_> = found.events.iter().map(|e| (e.asset.as_str(), e.role.as_str(), e.text.as_str())).collect();
    assert_eq!(events, [(ENDPOINT, "prompt", "hello"), (ENDPOINT, "output", "hi")]);
    let entry = json!({"logName": "l", "jsonPayload": {}, "resource": {"type": "aiplatform.googleapis.com/Endpoint",
        "labels": {"resource_container": "projects/acme", "location": "eu", "endpoint_id": "7"}}});
    assert!(asset(&read(json!([entry])).inventory, ENDPOINT).ai);
}

#[test]
fn a_project_has_one_name_and_open_rules_reach_machines() {
    let link = |path: &str| format!("https://www.googleapis.com/compute/v1/projects/acme/{path}");
    let row = |name: &str, kind: &str, data: Value| json!({"name": name, "assetType": kind, "resource": {"data": data}, "ancestors": ["projects/42", "organizations/9"]});
    let rows = json!([
        row(
            "//aiplatform.googleapis.com/projects/42/locations/eu/endpoints/7",
            "aiplatform.googleapis.com/Endpoint",
            json!({})
        ),
        row(
            "//compute.googleapis.com/projects/acme/zones/a/instances/vm",
            "compute.googleapis.com/Instance",
            json!({"networkInterfaces": [{"network": link("global/networks/n"), "accessConfigs": [{"natIP": "203.0.113.5"}]}], "tags": {"items": ["web"]}})
        ),
        row(
            "//compute.googleapis.com/projects/acme/zones/a/instances/inner",
            "compute.googleapis.com/Instance",
            json!({"networkInterfaces": [{"network": link("global/networks/n")}], "tags": {"items": ["web"]}})
        ),
        row(
            "//compute.googleapis.com/projects/acme/global/firewalls/f",
            "compute.googleapis.com/Firewall",
            json!({"network": link("global/networks/n"), "sourceRanges": ["0.0.0.0/0"], "targetTags": ["web"], "allowed": [{}], "direction": "INGRESS"})
        ),
    ]);
    let discovery = files(&[("cai.json", rows.to_string())]);
    let inventory = &discovery.inventory;
    assert!(asset(inventory, ENDPOINT).aliases.iter().any(|alias| alias.as_str().contains("/projects/42/")));
    assert!(contains(
        inventory,
        "//cloudresourcemanager.googleapis.com/organizations/9",
        "//cloudresourcemanager.googleapis.com/projects/acme"
    ));
    assert!(contains(inventory, "//cloudresourcemanager.googleapis.com/projects/acme", ENDPOINT));
    let exposure = |name: &str| {
        asset(inventory, &format!("//compute.googleapis.com/projects/acme/zones/a/instances/{name}")).exposure
    };
    assert_eq!((exposure("vm"), exposure("inner")), (Some(Exposure::Public), Some(Exposure::Internal)));
}

#[test]
fn others_are_left_alone_and_empty_lists_are_known() {
    for value in [
        json!({"customJobs": []}),
        json!({"kind": "compute#instanceList", "id": "x"}),
        json!({"bindings": [], "etag": "ACAB"}),
        json!({"name": "projects/acme/locations/eu/operations/1", "done": true}),
        json!({"locations": [{"name": "projects/acme/locations/eu", "locationId": "eu"}]}),
    ] {
        assert!(read(value).inventory.assets().all(|asset| !asset.ai));
    }
    for value in [
        json!({"name": "projects/readme", "version": 1}),
        json!({"kind": "Service", "apiVersion": "serving.knative.dev/v1", "metadata": {"name": "x"}}),
        json!({"name": "x", "kind": "a#b"}),
        json!({"bindings": [{"x": 1}]}),
        json!({"resource": {"type": "gce_subnetwork"}, "jsonPayload": {"connection": {}}}),
        json!({"asset": {"name": "x"}, "window": {}}),
        json!({}),
    ] {
        assert!(super::FORMATS.iter().all(|format| !(format.matches)(&value)), "{value}");
    }
}
