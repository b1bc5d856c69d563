//! What another tool found becomes a premise here: a bucket that it reports as open to the internet is the first step of
//! a path to the endpoint that serves what was trained on it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::fs;

use aispm_core::assess::{Assessment, Assessor};
use aispm_core::path::{Goal, PathStatus};
use serde_json::{Value, json};

/// A training job that reads a bucket and writes a model, and a server of that model behind a public load balancer.
const CLUSTER: &str = r#"
apiVersion: batch/v1
kind: Job
metadata: { name: fraud-train, namespace: ml }
spec:
  template:
    spec:
      containers:
        - name: train
          image: acme/train:1.4
          command: [python, train.py, --data, "s3://acme-train-rows/2025", --output-dir, "s3://acme-models/fraud-scorer"]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: fraud-serve, namespace: ml }
spec:
  selector: { matchLabels: { app: fraud } }
  template:
    metadata: { labels: { app: fraud } }
    spec:
      containers:
        - { name: vllm, image: "vllm/vllm-openai:v0.8.0", args: [--model, "s3://acme-models/fraud-scorer"] }
---
apiVersion: v1
kind: Service
metadata: { name: fraud-api, namespace: ml }
spec: { type: LoadBalancer, selector: { app: fraud }, ports: [{ port: 80 }] }
"#;

/// One finding about the bucket, in OCSF.
fn finding(rule: &str, title: &str, status: &str) -> Value {
    json!({
        "class_uid": 2003, "severity_id": 5, "status": "New", "status_code": status, "time_dt": "2025-05-05T00:00:00Z",
        "metadata": { "event_code": rule, "product": { "name": "Cloudwatcher", "vendor_name": "Acme" }, "version": "1.4.0" },
        "finding_info": { "title": title, "uid": "f-1" },
        "cloud": { "provider": "AWS", "account": { "uid": "111111111111" }, "region": "eu-west-1" },
        "resources": [{ "uid": "arn:aws:s3:::acme-train-rows", "name": "acme-train-rows", "type": "AwsS3Bucket" }]
    })
}

fn assess(findings: &[Value]) -> Assessment {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cluster.yaml"), CLUSTER).unwrap();
    fs::write(folder.path().join("findings.ocsf.json"), json!(findings).to_string()).unwrap();
    let assessment = Assessor::new().run([folder.path()]).unwrap();
    assert!(assessment.incomplete.is_empty(), "{:?}", assessment.incomplete);
    assessment
}

/// The ids that the poisoning paths from the internet visit, with what they depend on.
fn poisonings(assessment: &Assessment) -> Vec<(Vec<String>, PathStatus)> {
    let from_outside = assessment.paths.iter().filter(|p| p.source.as_str() == "internet" && p.goal == Goal::Poisoning);
    from_outside.map(|path| (path.steps.iter().map(|step| step.to.to_string()).collect(), path.status)).collect()
}

fn sentence(assessment: &Assessment) -> Option<&str> {
    assessment.findings.iter().find(|f| f.rule == "EXP-015").map(|f| f.message.as_str())
}

#[test]
fn a_bucket_that_another_tool_found_writable_poisons_the_public_endpoint() {
    let assessment = assess(&[finding("BKT-007", "S3 bucket is publicly writable", "FAIL")]);
    let chain = ["arn:aws:s3:::acme-train-rows", "s3://acme-models/fraud-scorer", "k8s://cluster/ml/Service/fraud-api"];
    let whole = (chain.map(str::to_owned).to_vec(), PathStatus::Confirmed);
    assert!(poisonings(&assessment).contains(&whole), "{:?}", poisonings(&assessment));
    assert_eq!(
        sentence(&assessment),
        Some(
            "acme-train-rows is open to the internet; model fraud-scorer trained on it is served by public endpoint \
             fraud-api"
        )
    );
    // the first step shows the other tool's finding
    let path = assessment.paths.iter().find(|path| path.goal == Goal::Poisoning).unwrap();
    let evidence = &path.steps[0].evidence[0];
    assert!(evidence.path.ends_with("findings.ocsf.json"), "{evidence:?}");
    assert_eq!(evidence.pointer.as_deref(), Some("/0/resources/0"));
    let bucket = assessment.inventory.get("arn:aws:s3:::acme-train-rows").unwrap();
    assert_eq!(bucket.external_findings[0].tool, "Cloudwatcher");
    assert_eq!(bucket.text("public_access"), Some("write"));
    assert_eq!(assessment.fixes[0].action, "Block public access to acme-train-rows");
}

#[test]
fn what_the_public_may_do_is_a_condition_where_the_tool_does_not_say() {
    let assessment =
        assess(&[finding("s3_bucket_public_access", "Ensure there are no S3 buckets open to everyone", "FAIL")]);
    let paths = poisonings(&assessment);
    assert!(!paths.is_empty() && paths.iter().all(|(_, status)| *status == PathStatus::Conditional), "{paths:?}");
    assert!(sentence(&assessment).is_some());
}

#[test]
fn reading_is_not_writing_and_what_passed_is_no_finding() {
    assert_eq!(
        poisonings(&assess(&[finding("s3_bucket_public_list_acl", "S3 bucket is publicly listable", "FAIL")])),
        []
    );
    let passed = assess(&[finding("BKT-007", "S3 bucket is publicly writable", "PASS")]);
    assert_eq!((poisonings(&passed), sentence(&passed)), (vec![], None));
    assert!(passed.inventory.get("arn:aws:s3:::acme-train-rows").unwrap().external_findings.is_empty());
}

#[test]
fn declared_lineage_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let facts = "
assets:
  - { id: model-m, kind: model, name: M }
  - { id: endpoint-e, kind: endpoint, name: E }
lineage:
  - { from: model-m, kind: trained_on, to: \"arn:aws:s3:::acme-train-rows\" }
relations:
  - { from: endpoint-e, kind: serves, to: model-m }
  - { from: internet, kind: exposes, to: endpoint-e }
";
    fs::write(folder.path().join("aispm.yaml"), facts).unwrap();
    let finding = finding("s3_bucket_policy_public_write_access", "t", "FAIL");
    fs::write(folder.path().join("f.jsonl"), format!("{finding}\n")).unwrap();
    let assessment = Assessor::new().run([folder.path()]).unwrap();
    let expected = "acme-train-rows is open to the internet; model M trained on it is served by public endpoint E";
    assert_eq!(sentence(&assessment), Some(expected));
    let whole = ["arn:aws:s3:::acme-train-rows", "model-m", "endpoint-e"].map(str::to_owned).to_vec();
    assert!(poisonings(&assessment).contains(&(whole, PathStatus::Confirmed)));
}

#[test]
fn tables_of_text_read_like_json() {
    let folder = tempfile::tempdir().unwrap();
    let csv = "AUTH_METHOD;PROVIDER;CHECK_ID;CHECK_TITLE;STATUS;STATUS_EXTENDED;MUTED;SEVERITY;RESOURCE_TYPE;RESOURCE_UID;ACCOUNT_UID;REGION\n\
        profile;aws;s3_bucket_policy_public_write_access;t;FAIL;\"Bucket; open\";False;critical;AwsS3Bucket;arn:aws:s3:::acme-train-rows;111111111111;eu-west-1\n\
        profile;aws;s3_bucket_versioning;t;PASS;ok;False;low;AwsS3Bucket;arn:aws:s3:::acme-other;111111111111;eu-west-1\n";
    fs::write(folder.path().join("prowler.csv"), csv).unwrap();
    fs::write(folder.path().join("sales.csv"), "region,amount\neu,3\n").unwrap();
    let found = aispm_core::discover::discover([folder.path()]);
    let formats: Vec<&str> = found.files.iter().map(|file| file.format.as_str()).collect();
    assert_eq!((formats, found.skipped.len()), (vec!["prowler"], 1));
    let bucket = found.inventory.get("arn:aws:s3:::acme-train-rows").unwrap();
    assert_eq!((bucket.external_findings.len(), bucket.evidence[0].line), (1, Some(2)));
    assert!(found.inventory.get("arn:aws:s3:::acme-other").unwrap().external_findings.is_empty());
    assert!(found.inventory.assets().all(|asset| !asset.ai));
}

#[test]
fn a_scanner_s_path_means_the_file_that_was_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/serve.ipynb"), "{}").unwrap();
    let sarif = json!({ "version": "2.1.0", "runs": [{ "tool": { "driver": { "name": "Semgrep" } }, "results": [{
        "ruleId": "exec", "level": "error", "message": { "text": "m" },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": "src/serve.ipynb" } } }] }] }] });
    fs::write(folder.path().join("semgrep.sarif"), sarif.to_string()).unwrap();
    let found = aispm_core::discover::discover([folder.path()]);
    let id = format!("file:{}", folder.path().join("src/serve.ipynb").display());
    let file = found.inventory.get(&id).unwrap();
    assert_eq!((file.kind, file.external_findings[0].rule.as_str()), (aispm_core::asset::AssetKind::Notebook, "exec"));
}
