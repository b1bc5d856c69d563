use serde_json::{Value, json};

use crate::asset::{AssetKind, Authentication, Inventory, RelationKind, Severity};
use crate::discover::inventory_of;

fn read(value: Value) -> Inventory {
    inventory_of("bom.json", &value.to_string())
}

fn relations(inventory: &Inventory) -> Vec<(&str, &str, &str)> {
    inventory.relations().map(|r| (r.from.as_str(), r.kind.as_str(), r.to.as_str())).collect()
}

#[test]
fn components_of_others_join_by_their_addresses() {
    let inventory = read(json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5",
        "metadata": {"component": {"bom-ref": "app", "type": "application", "name": "Helper"}},
        "components": [
            {"bom-ref": "m", "type": "machine-learning-model", "name": "tiny", "group": "acme",
             "externalReferences": [{"type": "website", "url": "https://huggingface.co/acme/tiny"}],
             "hashes": [{"alg": "SHA-256", "content": "AB".repeat(32)}],
             "licenses": [{"license": {"id": "MIT"}}],
             "modelCard": {"modelParameters": {"task": "chat", "datasets": [
                {"type": "dataset", "name": "tickets", "classification": "Confidential"}, {"ref": "d"}]}}},
            {"bom-ref": "d", "type": "data", "name": "crm", "data": [{"type": "dataset", "contents": {"url": "s3://acme-crm/x"}}]},
            {"bom-ref": "p", "type": "library", "name": "openai", "purl": "pkg:pypi/openai@1.2.3?x=y",
             "components": [{"type": "library", "name": "inner"}]},
            {"bom-ref": "i", "type": "container", "name": "acme/bot", "version": "1"}],
        "services": [{"bom-ref": "s", "name": "chat", "endpoints": ["https://api.openai.com/v1"], "authenticated": false}],
        "dependencies": [{"ref": "app", "dependsOn": ["m", "i", "nowhere"]}],
        "vulnerabilities": [{"id": "CVE-1", "source": {"name": "NVD"}, "ratings": [{"score": 9.1}], "affects": [{"ref": "p"}]}],
    }));
    let get = |id: &str| inventory.get(id).unwrap();
    let model = get("https://huggingface.co/acme/tiny");
    assert_eq!((model.kind, model.text("task")), (AssetKind::Model, Some("chat")));
    assert_eq!((model.provenance.licence.as_deref(), model.provenance.pinned), (Some("MIT"), Some(true)));
    assert_eq!(model.provenance.digests["sha256"], "ab".repeat(32));
    assert_eq!(model.evidence[0].pointer.as_deref(), Some("/components/0"));
    assert!(get("file:bom.json#app").ai && get("file:bom.json#tickets").is_sensitive());
    let package = get("pkg:pypi/openai@1.2.3");
    assert_eq!((package.ai, package.text("role")), (true, Some("sdk")));
    assert_eq!(package.external_findings[0].severity, Severity::Critical);
    assert_eq!(get("file:bom.json#s").authentication, Some(Authentication::None));
    assert_eq!(
        relations(&inventory),
        [
            ("file:bom.json#app", "uses", "https://huggingface.co/acme/tiny"),
            ("file:bom.json#app", "runs_on", "pkg:docker/acme/bot@1"),
            ("file:bom.json#s", "uses", "ai-provider:openai"),
            ("https://huggingface.co/acme/tiny", "trained_on", "file:bom.json#tickets"),
            ("https://huggingface.co/acme/tiny", "trained_on", "s3://acme-crm/x"),
            ("pkg:pypi/openai@1.2.3", "contains", "file:bom.json#inner"),
        ]
    );
    let place = |kind| inventory.relations().find(|r| r.kind == kind).unwrap().evidence[0].pointer.clone().unwrap();
    assert_eq!(place(RelationKind::RunsOn), "/dependencies/0/dependsOn/1");
}

#[test]
fn a_bad_field_costs_only_itself() {
    let inventory = read(json!({"bomFormat": "CycloneDX", "components": [
        7, {"name": []},
        {"type": "machine-learning-model", "bom-ref": "x", "name": "x", "properties": [
            {"name": "aispm:kind", "value": "model"}, {"name": "aispm:exposure", "value": "everywhere"},
            {"name": "aispm:owner", "value": "acme"}, {"name": "aispm:relation", "value": "{"}]}]}));
    let asset = inventory.get("x").unwrap();
    assert_eq!((inventory.len(), asset.exposure, asset.owner.as_deref()), (1, None, Some("acme")));
}

#[test]
fn spdx_3_with_its_ai_profile() {
    let inventory = read(json!({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
        {"type": "ai_AIPackage", "spdxId": "urn:a#m", "name": "acme-llm", "ai_domain": ["support"],
         "software_downloadLocation": "https://huggingface.co/acme/llm", "ai_useSensitivePersonalInformation": "yes"},
        {"type": "dataset_DatasetPackage", "spdxId": "urn:a#d", "name": "tickets", "dataset_confidentialityLevel": "red"},
        {"type": "software_Package", "spdxId": "urn:a#p", "name": "torch", "software_packageUrl": "pkg:pypi/torch@2.1.0"},
        {"type": "Relationship", "from": "urn:a#m", "relationshipType": "trainedOn", "to": ["urn:a#d"]},
        {"type": "Relationship", "from": "urn:a#m", "relationshipType": "dependsOn", "to": ["urn:a#p"]},
        {"type": "Relationship", "from": "urn:a#m", "relationshipType": "hasDeclaredLicense", "to": ["urn:a#l"]},
        {"type": "simplelicensing_LicenseExpression", "spdxId": "urn:a#l", "simplelicensing_licenseExpression": "MIT"},
    ]}));
    let model = inventory.get("https://huggingface.co/acme/llm").unwrap();
    assert_eq!((model.kind, model.provenance.licence.as_deref()), (AssetKind::Model, Some("MIT")));
    assert!(model.data_classes.contains("personal") && inventory.get("file:bom.json#d").unwrap().is_sensitive());
    assert_eq!(
        relations(&inventory),
        [
            ("https://huggingface.co/acme/llm", "uses", "pkg:pypi/torch@2.1.0"),
            ("https://huggingface.co/acme/llm", "trained_on", "file:bom.json#d"),
        ]
    );
}

#[test]
fn spdx_2() {
    let inventory = read(json!({"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "packages": [
        {"SPDXID": "SPDXRef-a", "name": "app", "primaryPackagePurpose": "APPLICATION", "supplier": "Organization: Acme"},
        {"SPDXID": "SPDXRef-b", "name": "openai", "licenseConcluded": "MIT",
         "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:npm/openai@4.0.0"}]}],
        "relationships": [
            {"spdxElementId": "SPDXRef-b", "relationshipType": "DEPENDENCY_OF", "relatedSpdxElement": "SPDXRef-a"}]}));
    assert_eq!(relations(&inventory), [("file:bom.json#SPDXRef-a", "uses", "pkg:npm/openai@4.0.0")]);
    assert_eq!(inventory.get("file:bom.json#SPDXRef-a").unwrap().provenance.publisher.as_deref(), Some("Acme"));
    assert!(inventory.get("pkg:npm/openai@4.0.0").unwrap().ai);
}

#[test]
fn what_is_no_bill_of_materials() {
    for value in [json!({"components": []}), json!({"@graph": [], "@context": "https://schema.org"})] {
        assert!(read(value).is_empty());
    }
}
