//! One small case per format, read through the sniffer: what it lands on, what it says, what passes is no finding.

use serde_json::{Value, json};

use crate::asset::{Asset, AssetKind, Document, Exposure, Severity};
use crate::discover::format::{Found, dispatch};

fn read(value: &Value) -> Found {
    let mut found = Found::default();
    assert!(dispatch(&Document::json("f.json", &value.to_string()).unwrap(), &mut found), "{value}");
    let bare = found.inventory.assets().find(|asset| asset.evidence.is_empty());
    assert!(bare.is_none(), "no evidence: {bare:?}");
    assert!(found.inventory.relations().all(|r| !r.evidence.is_empty()));
    found
}

fn asset<'a>(found: &'a Found, id: &str) -> &'a Asset {
    let ids = || found.inventory.assets().map(|a| a.id.to_string()).collect::<Vec<_>>();
    found.inventory.get(id).unwrap_or_else(|| panic!("no {id} in {:?}", ids()))
}

/// Tool and rule of every finding on an asset.
fn findings(asset: &Asset) -> Vec<String> {
    asset.external_findings.iter().map(|f| format!("{} {}", f.tool, f.rule)).collect()
}

fn relations(found: &Found) -> Vec<String> {
    found.inventory.relations().map(|r| format!("{} {} {}", r.from, r.kind, r.to)).collect()
}

fn classes(asset: &Asset) -> Vec<&str> {
    asset.data_classes.iter().map(String::as_str).collect()
}

fn asff(control: &str, status: &str, id: &str, kind: &str) -> Value {
    json!({
        "SchemaVersion": "2018-10-08", "Id": "x", "AwsAccountId": "111111111111",
        "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub", "ProductName": "Security Hub",
        "GeneratorId": format!("security-control/{control}"), "Title": control, "Severity": {"Label": "HIGH"},
        "UpdatedAt": "2025-01-01T00:00:00Z", "Compliance": {"Status": status, "SecurityControlId": control},
        "Workflow": {"Status": "NEW"}, "RecordState": "ACTIVE",
        "Resources": [{"Type": kind, "Id": id, "Region": "eu-west-1", "Tags": {"Owner": "ml", "data-classification": "PII"}}]
    })
}

#[test]
fn security_hub() {
    let found = read(&json!({"Findings": [
        asff("S3.3", "FAILED", "arn:aws:s3:::acme-train", "AwsS3Bucket"),
        asff("RDS.3", "PASSED", "arn:aws:rds:eu-west-1:111111111111:db:acme", "AwsRdsDbInstance"),
    ]}));
    let bucket = asset(&found, "arn:aws:s3:::acme-train");
    assert_eq!(findings(bucket), ["Security Hub S3.3"]);
    assert_eq!(bucket.evidence[0].pointer.as_deref(), Some("/Findings/0/Resources/0"));
    assert_eq!(
        (bucket.exposure, bucket.owner.as_deref(), classes(bucket)),
        (Some(Exposure::Public), Some("ml"), vec!["personal"])
    );
    assert_eq!(
        relations(&found),
        ["internet writes arn:aws:s3:::acme-train", "internet exposes arn:aws:s3:::acme-train"]
    );
    let database = asset(&found, "arn:aws:rds:eu-west-1:111111111111:db:acme");
    assert!(database.external_findings.is_empty() && database.kind == AssetKind::Database && !database.ai);

    let mut archived = asff("S3.2", "FAILED", "arn:aws:s3:::acme", "AwsS3Bucket");
    archived["RecordState"] = "ARCHIVED".into();
    let found = read(&json!({"source": "aws.securityhub", "detail": {"findings": [archived]}}));
    assert_eq!(asset(&found, "arn:aws:s3:::acme").exposure, None);
}

fn ocsf(rule: &str, code: &str, resource: Value) -> Value {
    json!({
        "class_uid": 2003, "class_name": "Compliance Finding", "severity_id": 4, "status": "New", "status_id": 1,
        "status_code": code, "status_detail": "said of it", "time_dt": "2025-01-01T00:00:00Z",
        "metadata": {"event_code": rule, "product": {"name": "Prowler", "vendor_name": "Prowler"}, "version": "1.3.0"},
        "finding_info": {"title": format!("check {rule}"), "uid": "u", "desc": "d"},
        "cloud": {"provider": "gcp", "account": {"uid": "acme-1"}, "region": "eu"},
        "resources": [resource]
    })
}

#[test]
fn ocsf_of_any_provider() {
    let bucket = json!({"uid": "acme-gcs", "name": "acme-gcs", "type": "storage.googleapis.com/Bucket", "labels": ["team:data"]});
    let azure = json!({"uid": "/subscriptions/S/resourceGroups/R/providers/Microsoft.MachineLearningServices/workspaces/W", "type": "x"});
    let mut object = ocsf(
        "core_minimize_privileged_containers",
        "FAIL",
        json!({"uid": "0-1", "name": "serve", "type": "Deployment", "namespace": "ml"}),
    );
    object["cloud"] = Value::Null;
    let found = read(&json!([
        ocsf("cloudstorage_bucket_public_access", "FAIL", bucket),
        ocsf("ml_workspace", "PASS", azure),
        object,
    ]));
    let bucket = asset(&found, "gs://acme-gcs");
    assert_eq!(
        (findings(bucket), bucket.owner.as_deref()),
        (vec!["Prowler cloudstorage_bucket_public_access".into()], Some("data"))
    );
    assert_eq!(
        (bucket.kind, bucket.exposure, bucket.text("public_access")),
        (AssetKind::Bucket, Some(Exposure::Public), Some("unknown"))
    );
    assert_eq!(bucket.external_findings[0].severity, Severity::High);
    let workspace = "/subscriptions/s/resourcegroups/r/providers/microsoft.machinelearningservices/workspaces/w";
    assert!(asset(&found, workspace).external_findings.is_empty() && asset(&found, workspace).ai);
    assert_eq!(findings(asset(&found, "k8s://cluster/ml/Deployment/serve")).len(), 1);
}

#[test]
fn ocsf_vulnerabilities_and_data_security() {
    let mut flaw =
        ocsf("x", "", json!({"uid": "arn:aws:ecr:eu-west-1:111111111111:repository/acme", "type": "AwsEcrRepository"}));
    flaw["class_uid"] = 2002.into();
    flaw["vulnerabilities"] = json!([{"cve": {"uid": "CVE-2025-0001"}, "severity": "Critical",
        "affected_packages": [{"name": "torch", "version": "2.0.0", "purl": "pkg:pypi/torch@2.0.0"}]}]);
    let mut data = ocsf("x", "", json!({"uid": "arn:aws:s3:::acme", "data_classification": {"category": "Personal"}}));
    data["class_uid"] = 2006.into();
    let found = read(&json!([flaw, data]));
    let package = asset(&found, "pkg:pypi/torch@2.0.0");
    assert!(package.ai && findings(package) == ["Prowler CVE-2025-0001"]);
    assert_eq!(classes(asset(&found, "arn:aws:s3:::acme")), ["personal"]);
    assert!(!dispatch(&Document::json("f", r#"{"class_uid": 6003, "api": {}}"#).unwrap(), &mut Found::default()));
}

#[test]
fn prowler_rows() {
    let row = json!({"Provider": "aws", "CheckID": "s3_bucket_public_list_acl", "CheckTitle": "t", "Status": "FAIL", "StatusExtended": "e",
        "Severity": "critical", "ResourceType": "AwsS3Bucket", "AccountId": "1", "Region": "r", "ResourceId": "acme", "ResourceArn": "arn:aws:s3:::acme"});
    let bucket = read(&json!([row]));
    assert_eq!(asset(&bucket, "arn:aws:s3:::acme").text("public_access"), Some("read"));
    let csv = json!({"PROVIDER": "azure", "CHECK_ID": "c", "CHECK_TITLE": "t", "STATUS": "FAIL", "MUTED": "True", "SEVERITY": "low",
        "RESOURCE_TYPE": "x", "RESOURCE_UID": "/subscriptions/s/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/acme"});
    let found = read(&json!([csv]));
    let account = asset(&found, "/subscriptions/s/resourcegroups/r/providers/microsoft.storage/storageaccounts/acme");
    assert!(account.external_findings.is_empty());
}

#[test]
fn sarif() {
    let result = |rule: &str, more: Value| {
        let mut result = json!({"ruleId": rule, "message": {"text": "m"}, "locations": [{"physicalLocation":
            {"artifactLocation": {"uri": "src/serve.py"}, "region": {"startLine": 7}}}]});
        result.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        result
    };
    let found = read(&json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Semgrep", "rules": [
        {"id": "eval", "shortDescription": {"text": "eval of input"}, "properties": {"security-severity": "9.1"}}]}},
        "results": [result("eval", json!({})), result("b", json!({"level": "note", "kind": "pass"})),
            result("c", json!({"suppressions": [{"kind": "inSource"}]}))]}]}));
    let file = asset(&found, "file:src/serve.py");
    assert_eq!(findings(file), ["Semgrep eval"]);
    assert_eq!(file.external_findings[0].severity, Severity::Critical);
    assert!(file.evidence.iter().any(|e| &*e.path == "src/serve.py" && e.line == Some(7)));
}

#[test]
fn defender() {
    let storage = "/subscriptions/S/resourceGroups/R/providers/Microsoft.Storage/storageAccounts/Acme";
    let row = |title: &str, code: &str| {
        json!({
        "id": format!("{storage}/providers/Microsoft.Security/assessments/g"), "name": "g", "type": "microsoft.security/assessments",
        "properties": {"displayName": title, "status": {"code": code}, "resourceDetails": {"Source": "Azure", "Id": storage}, "metadata": {"severity": "High"}}})
    };
    let found = read(&json!({"value": [
        row("Storage account public access should be disallowed", "Unhealthy"),
        row("Secure transfer to storage accounts should be enabled", "Healthy"),
    ]}));
    let account = asset(&found, &storage.to_lowercase());
    assert_eq!((account.exposure, account.external_findings.len()), (Some(Exposure::Public), 1));
    assert_eq!((account.encryption.in_transit, account.text("resource_id")), (None, Some(storage)));
    let export = json!({"recommendationId": "/x/assessments/g", "recommendationDisplayName": "d", "resourceId": storage, "state": "Unhealthy", "severity": "Low"});
    assert_eq!(findings(asset(&read(&json!([export])), &storage.to_lowercase())), ["Defender for Cloud g"]);
}

#[test]
fn security_command_center() {
    let pair = |category: &str, state: &str| {
        json!({
        "finding": {"name": "organizations/1/sources/2/findings/3", "category": category, "state": state, "severity": "HIGH",
            "resourceName": "//storage.googleapis.com/acme-data", "eventTime": "2025-01-01T00:00:00Z"},
        "resource": {"name": "//storage.googleapis.com/acme-data", "type": "google.cloud.storage.Bucket", "projectDisplayName": "acme-1"}})
    };
    let found = read(
        &json!({"listFindingsResults": [pair("PUBLIC_BUCKET_ACL", "ACTIVE"), pair("BUCKET_LOGGING_DISABLED", "INACTIVE")]}),
    );
    let bucket = asset(&found, "gs://acme-data");
    assert_eq!(
        (findings(bucket), bucket.exposure),
        (vec!["Security Command Center PUBLIC_BUCKET_ACL".into()], Some(Exposure::Public))
    );
    assert_eq!(bucket.evidence[0].pointer.as_deref(), Some("/listFindingsResults/0/finding"));
}

#[test]
fn macie() {
    let found = read(
        &json!({"findings": [{"category": "CLASSIFICATION", "type": "SensitiveData:S3Object/Multiple", "title": "t",
        "severity": {"description": "High", "score": 3}, "archived": false,
        "classificationDetails": {"result": {"sensitiveData": [{"category": "PERSONAL_INFORMATION", "detections": [{"type": "USA_SOCIAL_SECURITY_NUMBER", "count": 3}]}, {"category": "FINANCIAL_INFORMATION", "detections": []}]}},
        "resourcesAffected": {"s3Bucket": {"name": "acme", "arn": "arn:aws:s3:::acme", "tags": [{"key": "team", "value": "ml"}]}, "s3Object": {"key": "a/b.csv"}}}]}),
    );
    for id in ["arn:aws:s3:::acme", "s3://acme/a/b.csv"] {
        assert_eq!(classes(asset(&found, id)), ["financial", "personal"]);
    }
    assert_eq!(relations(&found), ["arn:aws:s3:::acme contains s3://acme/a/b.csv"]);
    assert_eq!(asset(&found, "s3://acme/a/b.csv").external_findings.len(), 1);
}

#[test]
fn dlp() {
    let table = "//bigquery.googleapis.com/projects/p/datasets/d/tables/t";
    let found = read(&json!({"jobs": [{"name": "projects/p/dlpJobs/i-1", "type": "INSPECT_JOB", "inspectDetails": {
        "requestedOptions": {"jobConfig": {"storageConfig": {"bigQueryOptions": {"tableReference": {"projectId": "p", "datasetId": "d", "tableId": "t"}}}}},
        "result": {"infoTypeStats": [{"infoType": {"name": "CREDIT_CARD_NUMBER"}, "count": "3"}]}}}]}));
    assert_eq!(classes(asset(&found, table)), ["payment"]);
    let finding = json!({"infoType": {"name": "EMAIL_ADDRESS"}, "likelihood": "LIKELY", "quote": "someone@acme.example",
        "location": {"contentLocations": [{"containerName": "gs://acme/x.csv"}]}});
    let found = read(&json!({"result": {"findings": [finding]}}));
    assert_eq!(classes(asset(&found, "gs://acme")), ["personal"]);
    assert!(!format!("{:?}", found.inventory).contains("someone@acme"));
    let found = read(
        &json!({"name": "projects/p/locations/l/tableDataProfiles/1", "datasetProjectId": "p", "datasetId": "d", "tableId": "t",
        "sensitivityScore": {"score": "SENSITIVITY_HIGH"}, "predictedInfoTypes": [{"infoType": {"name": "US_SOCIAL_SECURITY_NUMBER"}}], "resourceVisibility": "RESOURCE_VISIBILITY_PUBLIC"}),
    );
    assert_eq!(
        (classes(asset(&found, table)), asset(&found, table).exposure),
        (vec!["personal"], Some(Exposure::Public))
    );
}

#[test]
fn purview() {
    let found = read(
        &json!({"value": [{"id": "g", "name": "users.csv", "entityType": "azure_blob_path", "classification": ["MICROSOFT.PERSONAL.EMAIL"],
        "qualifiedName": "https://acme.blob.core.windows.net/raw/users.csv", "contact": [{"contactType": "Owner", "id": "o1"}]}]}),
    );
    let blob = asset(&found, "https://acme.blob.core.windows.net/raw/users.csv");
    assert_eq!((classes(blob), blob.owner.as_deref(), blob.kind), (vec!["personal"], Some("o1"), AssetKind::Dataset));
    let found = read(
        &json!({"entities": [{"typeName": "azure_sql_table", "attributes": {"qualifiedName": "mssql://acme.database.windows.net/crm/dbo/people", "name": "people"},
        "classifications": [{"typeName": "MICROSOFT.FINANCIAL.CREDIT_CARD_NUMBER"}]}]}),
    );
    assert_eq!(classes(asset(&found, "mssql://acme.database.windows.net/crm.dbo.people")), ["financial", "payment"]);
}

#[test]
fn trivy_and_grype() {
    let found = read(
        &json!({"SchemaVersion": 2, "ArtifactName": "acme/serve:1", "ArtifactType": "container_image", "Results": [
        {"Target": "Python", "Class": "lang-pkgs", "Type": "python-pkg", "Vulnerabilities": [{"VulnerabilityID": "CVE-2025-0001", "PkgName": "vllm", "InstalledVersion": "0.5.0", "Severity": "HIGH", "Title": "t"}]},
        {"Target": "app.env", "Class": "secret", "Secrets": [{"RuleID": "aws-access-key-id", "Severity": "CRITICAL", "Title": "AWS", "Match": "AKIA"}]}]}),
    );
    let image = "pkg:docker/acme/serve@1";
    assert_eq!(findings(asset(&found, "pkg:pypi/vllm@0.5.0")), ["Trivy CVE-2025-0001"]);
    assert!(relations(&found).contains(&format!("{image} contains pkg:pypi/vllm@0.5.0")));
    assert!(relations(&found).contains(&format!("{image} uses {image}#aws-access-key-id")));
    let found = read(
        &json!({"SchemaVersion": 2, "ArtifactName": "infra", "ArtifactType": "filesystem", "Results": [{"Target": "main.tf", "Class": "config", "Type": "terraform",
        "Misconfigurations": [{"ID": "AVD-AWS-0092", "AVDID": "AVD-AWS-0092", "Title": "t", "Severity": "HIGH", "Status": "FAIL", "CauseMetadata": {"Resource": "aws_s3_bucket.data"}},
            {"ID": "x", "Status": "PASS", "CauseMetadata": {"Resource": "aws_s3_bucket.other"}}]}]}),
    );
    assert_eq!(asset(&found, "file:main.tf#aws_s3_bucket.data").exposure, Some(Exposure::Public));
    assert!(asset(&found, "file:main.tf#aws_s3_bucket.other").external_findings.is_empty());

    let found = read(
        &json!({"matches": [{"vulnerability": {"id": "GHSA-1", "severity": "High"}, "artifact": {"name": "torch", "version": "2.0.0", "type": "python", "purl": "pkg:pypi/torch@2.0.0"}}],
        "source": {"type": "image", "target": {"userInput": "acme/train:2", "repoDigests": []}}, "descriptor": {"name": "grype"}}),
    );
    assert!(relations(&found).contains(&"pkg:docker/acme/train@2 contains pkg:pypi/torch@2.0.0".to_owned()));
    assert_eq!(findings(asset(&found, "pkg:pypi/torch@2.0.0")), ["Grype GHSA-1"]);
}

#[test]
fn checkov_and_kubernetes_scanners() {
    let check = |id: &str| json!({"check_id": id, "check_name": "n", "file_path": "/main.tf", "resource": "aws_s3_bucket.data", "severity": null});
    let found = read(
        &json!({"check_type": "terraform", "results": {"failed_checks": [check("CKV_AWS_57")], "passed_checks": [check("CKV_AWS_19")]}}),
    );
    assert_eq!(findings(asset(&found, "file:main.tf#aws_s3_bucket.data")), ["Checkov CKV_AWS_57"]);
    let found = read(
        &json!({"summaryDetails": {"controls": {}}, "resources": [], "results": [{"resourceID": "apps/v1/ml/Deployment/serve",
        "controls": [{"controlID": "C-0016", "name": "n", "status": {"status": "failed"}}, {"controlID": "C-1", "status": {"status": "passed"}}]}]}),
    );
    assert_eq!(findings(asset(&found, "k8s://cluster/ml/Deployment/serve")), ["Kubescape C-0016"]);
    let found = read(
        &json!({"Controls": [{"id": "1", "node_type": "master", "tests": [{"results": [{"test_number": "1.2.1", "test_desc": "t", "status": "FAIL"}, {"test_number": "1.2.2", "status": "PASS"}]}]}]}),
    );
    assert_eq!(findings(asset(&found, "k8s://cluster")), ["kube-bench 1.2.1"]);
}

#[test]
fn no_reader_minds_what_it_is_given() {
    let odd = [
        "null",
        "[]",
        "{}",
        "\"x\"",
        "[null, 1, {\"name\": \"é\"}]",
        "{\"name\": {}, \"id\": [], \"type\": \"é\", \"config\": \"\"}",
    ];
    for format in super::FORMATS {
        for text in odd {
            let document = Document::json("f.json", text).unwrap();
            let _ = (format.matches)(&document.value);
            (format.read)(&document, &mut Found::default());
        }
    }
}
