//! Attacks through small estates of Google Cloud and Azure, from exports to paths.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::asking::{ask, rules};
use crate::asset::RelationKind;
use crate::discover::discover;
use crate::path::*;

/// The inventory of some documents.
fn estate(documents: &[(&str, Value)]) -> Inventory {
    let folder = tempfile::tempdir().unwrap();
    for (name, document) in documents {
        std::fs::write(folder.path().join(name), document.to_string()).unwrap();
    }
    let discovery = discover([folder.path()]);
    assert_eq!(discovery.incomplete, []);
    discovery.inventory
}

fn declared(text: &str) -> Inventory {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.tf"), text).unwrap();
    discover([folder.path()]).inventory
}

/// Every premise that a path's fixes name makes it vanish.
fn vanishes(inventory: &Inventory, path: &AttackPath) {
    assert!(!path.fixes.is_empty(), "{path:#?}");
    for fix in &path.fixes {
        let changes: Vec<Change> = fix.premise.without.iter().map(|text| Change::parse(text).unwrap()).collect();
        let (left, unmet) = without(inventory, &changes);
        assert!(unmet.is_empty(), "{unmet:?}");
        let query = Query { from: vec![path.source.clone()], to: vec![], k: 1, ..Query::default() };
        let ids: BTreeSet<String> = solve(&left, &query).paths.into_iter().map(|path| path.id).collect();
        assert!(!ids.contains(&path.id), "{} still there without {:?}", path.title, fix.premise.without);
    }
}

const EVE: &str = "user:eve@acme.example";
const SERVE: &str = "serviceAccount:serve@acme-ml.iam.gserviceaccount.com";
const ROWS: &str = "//storage.googleapis.com/acme-rows";

fn asset(name: &str, kind: &str, data: Value, bindings: Value) -> Value {
    let mut row = json!({"name": name, "assetType": kind, "resource": {"data": data, "parent": "//cloudresourcemanager.googleapis.com/projects/12"},
        "ancestors": ["projects/12", "folders/2", "organizations/1"]});
    if bindings.is_array() {
        row["iamPolicy"] = json!({"bindings": bindings});
    }
    row
}

fn bind(role: &str, member: &str) -> Value {
    json!({"role": role, "members": [member]})
}

/// A project with two accounts, a bucket, a service that acts with the default account, and these bindings on it.
fn google(project: Value, more: Vec<Value>) -> Inventory {
    let account = |name: &str| {
        let email = format!("{name}@acme-ml.iam.gserviceaccount.com");
        asset(
            &format!("//iam.googleapis.com/projects/acme-ml/serviceAccounts/{name}"),
            "iam.googleapis.com/ServiceAccount",
            json!({"email": email}),
            Value::Null,
        )
    };
    let mut rows = vec![
        asset(
            "//cloudresourcemanager.googleapis.com/projects/12",
            "cloudresourcemanager.googleapis.com/Project",
            json!({"projectId": "acme-ml", "projectNumber": "12", "lifecycleState": "ACTIVE"}),
            project,
        ),
        account("serve"),
        account("deploy"),
        asset(
            "//storage.googleapis.com/acme-rows",
            "storage.googleapis.com/Bucket",
            json!({"name": "acme-rows", "labels": {"data_class": "pii"}}),
            json!([bind("roles/storage.objectViewer", SERVE)]),
        ),
        asset(
            "//run.googleapis.com/projects/acme-ml/locations/eu/services/front",
            "run.googleapis.com/Service",
            json!({"ingress": "INGRESS_TRAFFIC_ALL", "template": {"containers": [{"image": "i"}]}}),
            Value::Null,
        ),
    ];
    rows.extend(more);
    estate(&[("assets.json", rows.into())])
}

#[test]
fn passing_an_account_needs_every_permission_in_its_project() {
    let with = |roles: &[&str]| google(roles.iter().map(|role| bind(role, EVE)).collect(), vec![]);
    let (act_as, run) = ("roles/iam.serviceAccountUser", "roles/run.developer");
    let both = with(&[act_as, run]);
    let path = ask(&both, EVE, ROWS).unwrap();
    assert_eq!(
        (path.status, rules(Some(path.clone()))),
        (PathStatus::Confirmed, vec!["gcp-run-as-service".into(), "gcp-read-bucket".into()])
    );
    vanishes(&both, &path);
    for missing in [act_as, run] {
        assert!(ask(&with(&[missing]), EVE, ROWS).is_none(), "{missing} alone");
    }
    assert_eq!(rules(ask(&with(&[act_as, "roles/aiplatform.user"]), EVE, ROWS)), ["vertex-job", "gcp-read-bucket"]);
    assert!(ask(&with(&["roles/viewer"]), EVE, ROWS).is_none());
}

#[test]
fn whoever_writes_policies_makes_himself_owner() {
    let inventory = google(json!([bind("roles/resourcemanager.projectIamAdmin", EVE)]), vec![]);
    let path = ask(&inventory, EVE, "admin").unwrap();
    assert_eq!((rules(Some(path.clone())), path.target.as_str()), (vec!["gcp-grant-self".into()], EVE));
    vanishes(&inventory, &path);
    assert_eq!(rules(ask(&inventory, EVE, ROWS)), ["gcp-govern", "governs-reads"]);
    let owner = google(json!([bind("roles/owner", EVE)]), vec![]);
    assert_eq!(solve(&owner, &Query::default()).admins, [AssetId::from(EVE)]);
}

#[test]
fn accounts_lead_to_accounts() {
    let admin = bind("roles/resourcemanager.projectIamAdmin", "serviceAccount:deploy@acme-ml.iam.gserviceaccount.com");
    for (role, rule) in [
        ("roles/iam.serviceAccountTokenCreator", "gcp-access-token"),
        ("roles/iam.serviceAccountKeyAdmin", "gcp-account-key"),
        ("roles/iam.serviceAccountAdmin", "gcp-account-policy"),
    ] {
        let inventory = google(json!([admin, bind(role, EVE)]), vec![]);
        let path = ask(&inventory, EVE, "admin").unwrap();
        assert_eq!(rules(Some(path.clone())), [rule, "gcp-grant-self"], "{role}");
        vanishes(&inventory, &path);
    }
    let condition = json!({"role": "roles/iam.serviceAccountTokenCreator", "members": [EVE], "condition": {"expression": "request.time < timestamp('2030-01-01T00:00:00Z')"}});
    let path = ask(&google(json!([admin, condition]), vec![]), EVE, "admin").unwrap();
    assert_eq!(path.status, PathStatus::Conditional);
    assert!(path.conditions[0].contains("request.time"), "{:?}", path.conditions);
}

#[test]
fn a_denial_closes_the_way_that_it_denies() {
    let bindings = json!([
        bind("roles/resourcemanager.projectIamAdmin", "serviceAccount:deploy@acme-ml.iam.gserviceaccount.com"),
        bind("roles/iam.serviceAccountKeyAdmin", EVE)
    ]);
    let deny = |principals: Value| {
        json!({"name": "policies/cloudresourcemanager.googleapis.com%2Fprojects%2F12/denypolicies/keys", "displayName": "keys", "rules": [
            {"denyRule": {"deniedPrincipals": ["principalSet://goog/public:all"], "exceptionPrincipals": principals, "deniedPermissions": ["iam.googleapis.com/serviceAccountKeys.create"]}}]})
    };
    let with = |principals: Value| google(bindings.clone(), vec![deny(principals)]);
    assert!(ask(&with(json!([])), EVE, "admin").is_none());
    assert!(ask(&with(json!(["principal://goog/subject/eve@acme.example"])), EVE, "admin").is_some());
}

#[test]
fn the_default_account_is_what_names_none() {
    let editor = bind("roles/editor", "serviceAccount:12-compute@developer.gserviceaccount.com");
    let inventory =
        google(json!([editor, bind("roles/run.developer", EVE), bind("roles/iam.serviceAccountUser", EVE)]), vec![]);
    let front = "//run.googleapis.com/projects/acme-ml/locations/eu/services/front";
    assert_eq!(rules(ask(&inventory, EVE, front)), ["gcp-service-image"]);
    let compute = "serviceAccount:12-compute@developer.gserviceaccount.com";
    assert!(inventory.outgoing(front).any(|r| r.kind == RelationKind::RunsAs && r.to.as_str() == compute));
}

#[test]
fn bindings_that_configurations_declare() {
    let text = |member: &str| {
        format!(
            r#"
provider "google" {{ project = "acme-ml" }}
resource "google_service_account" "deploy" {{ account_id = "deploy" }}
resource "google_project_iam_member" "admin" {{
  project = "acme-ml"
  role    = "roles/resourcemanager.projectIamAdmin"
  member  = "serviceAccount:${{google_service_account.deploy.email}}"
}}
resource "google_service_account_iam_binding" "tokens" {{
  service_account_id = google_service_account.deploy.name
  role               = "roles/iam.serviceAccountTokenCreator"
  members            = ["{member}"]
}}
"#
        )
    };
    assert_eq!(rules(ask(&declared(&text(EVE)), EVE, "admin")), ["gcp-access-token", "gcp-grant-self"]);
    assert!(ask(&declared(&text("user:al@acme.example")), EVE, "admin").is_none());
}

const SUBSCRIPTION: &str = "/subscriptions/11111111-1111-1111-1111-111111111111";
const ANA: &str = "entra:00000000-0000-0000-0000-00000000000a";
const CI: &str = "entra:00000000-0000-0000-0000-00000000000c";

fn resource(kind: &str, name: &str) -> String {
    format!("{SUBSCRIPTION}/resourceGroups/ml/providers/{kind}/{name}")
}

fn assign(role: &str, principal: &str, scope: &str) -> Value {
    json!({"id": format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}-{}", role.replace(' ', ""), principal.len()),
        "type": "Microsoft.Authorization/roleAssignments", "principalId": principal.trim_start_matches("entra:"), "principalType": "ServicePrincipal",
        "roleDefinitionId": format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/x"), "roleDefinitionName": role, "scope": scope})
}

/// A machine with a user-assigned identity that may assign roles, a storage account, a model's endpoint.
fn azure(assignments: Vec<Value>, more: Vec<Value>) -> Inventory {
    let identity = resource("Microsoft.ManagedIdentity/userAssignedIdentities", "deployer");
    let mut rows = vec![
        json!({"id": resource("Microsoft.Compute/virtualMachines", "trainer"), "type": "Microsoft.Compute/virtualMachines", "properties": {},
            "identity": {"type": "UserAssigned", "userAssignedIdentities": {&identity: {"principalId": "00000000-0000-0000-0000-00000000000d"}}}}),
        json!({"id": identity, "type": "Microsoft.ManagedIdentity/userAssignedIdentities", "properties": {"principalId": "00000000-0000-0000-0000-00000000000d"}}),
        json!({"id": resource("Microsoft.Storage/storageAccounts", "acmerows"), "type": "Microsoft.Storage/storageAccounts", "tags": {"data_class": "pii"}, "properties": {"allowSharedKeyAccess": true}}),
        json!({"id": resource("Microsoft.CognitiveServices/accounts", "acmeai/deployments/chat"), "type": "Microsoft.CognitiveServices/accounts/deployments", "properties": {"model": {"name": "gpt-4o"}}}),
    ];
    rows.extend(more);
    let owner = assign("User Access Administrator", "entra:00000000-0000-0000-0000-00000000000d", SUBSCRIPTION);
    let assignments: Vec<Value> = assignments.into_iter().chain([owner]).collect();
    estate(&[("resources.json", rows.into()), ("assignments.json", assignments.into())])
}

#[test]
fn machines_lend_their_identity() {
    let group = format!("{SUBSCRIPTION}/resourceGroups/ml");
    let inventory = azure(vec![assign("Virtual Machine Contributor", ANA, &group)], vec![]);
    let path = ask(&inventory, ANA, "admin").unwrap();
    assert_eq!(rules(Some(path.clone())), ["azure-run-command", "tool-home", "azure-grant-self"]);
    assert_eq!(path.status, PathStatus::Confirmed);
    vanishes(&inventory, &path);
    assert!(ask(&azure(vec![assign("Reader", ANA, &group)], vec![]), ANA, "admin").is_none());
    let elsewhere = format!("{SUBSCRIPTION}/resourceGroups/other");
    assert!(ask(&azure(vec![assign("Virtual Machine Contributor", ANA, &elsewhere)], vec![]), ANA, "admin").is_none());
}

#[test]
fn keys_federation_and_models() {
    let store = resource("Microsoft.Storage/storageAccounts", "acmerows").to_lowercase();
    let chat = resource("Microsoft.CognitiveServices/accounts", "acmeai/deployments/chat").to_lowercase();
    let with = |role: &str| azure(vec![assign(role, ANA, SUBSCRIPTION)], vec![]);
    let contributor = with("Contributor");
    assert_eq!(rules(ask(&contributor, ANA, "admin")), ["azure-federate", "azure-grant-self"]);
    assert!(rules(ask(&contributor, ANA, &store))[0].starts_with("azure-storage-keys-"));
    assert_eq!(rules(ask(&contributor, ANA, &chat)), ["azure-ai-replace-deployment"]);
    vanishes(&contributor, &ask(&contributor, ANA, &store).unwrap());
    assert_eq!(rules(ask(&with("Storage Blob Data Reader"), ANA, &store)), ["azure-read-blobs"]);
    assert_eq!(rules(ask(&with("Managed Identity Contributor"), ANA, "admin")), ["azure-federate", "azure-grant-self"]);
    assert!(ask(&with("Managed Identity Operator"), ANA, "admin").is_none(), "nothing that it could run on");
}

#[test]
fn a_deny_assignment_closes_the_way() {
    let deny = json!({"id": format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/denyAssignments/d"), "type": "Microsoft.Authorization/denyAssignments",
        "properties": {"denyAssignmentName": "d", "scope": SUBSCRIPTION, "principals": [{"id": "00000000-0000-0000-0000-000000000000", "type": "SystemDefined"}],
            "permissions": [{"actions": ["Microsoft.ManagedIdentity/userAssignedIdentities/*", "Microsoft.Compute/*", "Microsoft.Resources/deploymentScripts/*"]}]}});
    assert!(ask(&azure(vec![assign("Contributor", ANA, SUBSCRIPTION)], vec![deny]), ANA, "admin").is_none());
}

#[test]
fn roles_of_the_directory_lead_to_subscriptions() {
    let directory = |template: &str| json!({"id": "00000000-0000-0000-0000-0000000000aa", "displayName": "r", "roleTemplateId": template, "members": [{"id": ANA.trim_start_matches("entra:")}]});
    let application = json!({"id": CI.trim_start_matches("entra:"), "appId": "00000000-0000-0000-0000-0000000000bb", "displayName": "ci", "servicePrincipalType": "Application"});
    let with =
        |template: &str| azure(vec![assign("Owner", CI, SUBSCRIPTION)], vec![directory(template), application.clone()]);
    assert_eq!(rules(ask(&with("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"), ANA, "admin")), ["entra-add-credentials"]);
    assert_eq!(
        rules(ask(&with("62e90394-69f5-4237-9190-012177145e10"), ANA, "admin")).len(),
        1,
        "elevates, or takes the application"
    );
    assert!(ask(&with("fdd7a751-b60b-444a-984c-02652fe8fa1c"), ANA, "admin").is_none());
}

#[test]
fn assignments_that_configurations_declare() {
    let text = |role: &str| {
        format!(
            r#"
resource "azurerm_resource_group" "ml" {{
  name     = "ml"
  location = "westeurope"
}}
resource "azurerm_user_assigned_identity" "bot" {{
  name                = "bot"
  resource_group_name = azurerm_resource_group.ml.name
  location            = "westeurope"
}}
resource "azurerm_key_vault" "kv" {{
  name                      = "kv"
  resource_group_name       = azurerm_resource_group.ml.name
  enable_rbac_authorization = true
}}
resource "azurerm_role_assignment" "r" {{
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "{role}"
  principal_id         = azurerm_user_assigned_identity.bot.principal_id
}}
"#
        )
    };
    let reads = |role: &str| {
        let inventory = declared(&text(role));
        let id =
            |kind: &str| inventory.assets().find(|a| a.text("terraform_type") == Some(kind)).unwrap().id.to_string();
        rules(ask(&inventory, &id("azurerm_user_assigned_identity"), &id("azurerm_key_vault")))
    };
    assert_eq!(reads("Key Vault Secrets User"), ["azure-read-secret"]);
    assert!(reads("Key Vault Contributor").is_empty() || reads("Key Vault Contributor") == ["azure-vault-policy"]);
}
