//! What resources, templates and role assignments become, read as any file is.

use serde_json::{Value, json};

use crate::asset::{AssetKind, Authentication, Document, Exposure, RelationKind};
use crate::discover::Found;
use crate::discover::format::dispatch;

const GROUP: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/Ai";
const PRINCIPAL: &str = "00000000-0000-0000-0000-00000000000a";

/// What a document gives.
pub(super) fn read(value: &Value) -> Found {
    let mut found = Found::default();
    dispatch(&Document::json("t.json", &value.to_string()).unwrap(), &mut found);
    found
}

/// Relations as text, ids without the group.
pub(super) fn relations(found: &Found) -> Vec<String> {
    let group = format!("{}/providers/", GROUP.to_lowercase());
    let short = |id: &str| id.replace(&group, "").replace("microsoft.", "");
    let line = |r: &crate::asset::Relation| format!("{} {} {}", short(r.from.as_str()), r.kind, short(r.to.as_str()));
    assert!(found.inventory.relations().all(|r| !r.evidence.is_empty()));
    assert!(found.inventory.assets().all(|asset| !asset.evidence.is_empty()));
    found.inventory.relations().map(line).collect()
}

#[track_caller]
pub(super) fn assert_all(found: &Found, wanted: &[&str]) {
    let have = relations(found);
    for want in wanted {
        assert!(have.iter().any(|line| line == want), "{want}\n{have:#?}");
    }
}

fn id(rest: &str) -> String {
    format!("{GROUP}/providers/{rest}")
}

fn asset<'a>(found: &'a Found, rest: &str) -> &'a crate::asset::Asset {
    let wanted = if rest.starts_with("file:") { rest.to_owned() } else { id(rest).to_lowercase() };
    found.inventory.get(&wanted).unwrap_or_else(|| {
        panic!("{rest}: {:#?}", found.inventory.assets().map(|a| a.id.to_string()).collect::<Vec<_>>())
    })
}

#[test]
fn what_a_template_leaves_open_is_neither_its_default_nor_set() {
    let account = |public: &str, local: &str, source: &str| {
        let found = read(&json!({
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "parameters": {"on": {"type": "string"}, "off": {"type": "string", "defaultValue": "Disabled"}},
            "resources": [{
                "type": "Microsoft.CognitiveServices/accounts", "apiVersion": "2024-10-01", "name": "acme", "kind": "OpenAI",
                "properties": {"publicNetworkAccess": public, "disableLocalAuth": local, "encryption": {"keySource": source}}
            }]
        }));
        let asset = found.inventory.assets().find(|asset| asset.kind == AssetKind::Endpoint).unwrap();
        (asset.exposure, asset.authentication, asset.encryption.customer_key)
    };
    assert_eq!(
        account("Enabled", "false", "Microsoft.CognitiveServices"),
        (Some(Exposure::Public), Some(Authentication::Key), Some(false))
    );
    assert_eq!(
        account("[parameters('off')]", "True", "Microsoft.KeyVault"),
        (Some(Exposure::Internal), Some(Authentication::Identity), Some(true))
    );
    let open = "[parameters('on')]";
    assert_eq!(account(open, open, open), (None, None, None));
}

#[test]
fn an_openai_account_with_its_deployment_and_filter() {
    let found = read(&json!({"value": [
        {
            "id": id("Microsoft.CognitiveServices/accounts/Acme"), "name": "Acme", "kind": "OpenAI",
            "type": "Microsoft.CognitiveServices/accounts", "tags": {"Owner": "ml", "env": "prod", "data-class": "Customer"},
            "identity": {"type": "SystemAssigned", "principalId": PRINCIPAL},
            "properties": {
                "endpoint": "https://Acme.openai.azure.com/", "publicNetworkAccess": "Enabled", "disableLocalAuth": true,
                "networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.7"}]},
                "encryption": {"keySource": "Microsoft.KeyVault"}, "privateEndpointConnections": []
            }
        },
        {
            "id": id("Microsoft.CognitiveServices/accounts/Acme/deployments/chat"), "name": "chat",
            "type": "Microsoft.CognitiveServices/accounts/deployments",
            "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06"}, "raiPolicyName": "Strict"}
        }
    ]}));
    let account = asset(&found, "Microsoft.CognitiveServices/accounts/Acme");
    assert_eq!((account.kind, account.ai, account.owner.as_deref()), (AssetKind::Endpoint, true, Some("ml")));
    assert_eq!(
        (account.exposure, account.authentication),
        (Some(Exposure::Restricted), Some(Authentication::Identity))
    );
    assert_eq!((account.encryption.customer_key, account.environment.as_deref()), (Some(true), Some("prod")));
    assert_eq!(
        (account.properties["private_endpoint"].as_bool(), account.properties["publicNetworkAccess"].as_str()),
        (Some(false), Some("Enabled"))
    );
    assert_eq!(account.evidence[0].pointer.as_deref(), Some("/value/0/id"));
    assert!(account.aliases.contains("https://acme.openai.azure.com") && account.data_classes.contains("customer"));
    assert_all(
        &found,
        &[
            "cognitiveservices/accounts/acme contains cognitiveservices/accounts/acme/deployments/chat",
            "cognitiveservices/accounts/acme/deployments/chat serves model:gpt-4o",
            "cognitiveservices/accounts/acme/raipolicies/strict applies_to cognitiveservices/accounts/acme/deployments/chat",
            &format!("cognitiveservices/accounts/acme runs_as entra:{PRINCIPAL}"),
            "internet exposes cognitiveservices/accounts/acme",
        ],
    );
    let model = found.inventory.get("model:gpt-4o").unwrap();
    assert_eq!(model.provenance.version.as_deref(), Some("2024-08-06"));
    assert_eq!(model.evidence[0].pointer.as_deref(), Some("/value/1/properties/model/name"));
}

#[test]
fn a_workspace_from_data_to_endpoint() {
    let workspace = "Microsoft.MachineLearningServices/workspaces/w";
    let found = read(&json!([
        {"id": id(workspace), "name": "w", "kind": "Hub", "properties": {"storageAccount": id("Microsoft.Storage/storageAccounts/acme"), "publicNetworkAccess": "Disabled"}},
        {"id": id(&format!("{workspace}/datastores/rows")), "properties": {"datastoreType": "AzureBlob", "accountName": "acme", "containerName": "rows", "credentials": {"credentialsType": "AccountKey", "secrets": {"key": "hidden"}}}},
        {"id": id(&format!("{workspace}/data/d/versions/1")), "properties": {"dataUri": "azureml://datastores/rows/paths/a.csv"}},
        {"id": id(&format!("{workspace}/jobs/j")), "properties": {
            "jobType": "Command", "computeId": "azureml:gpu",
            "inputs": {"train": {"jobInputType": "uri_file", "uri": "azureml:d:1"}, "base": {"jobInputType": "mlflow_model", "uri": "azureml://registries/azureml-acme/models/base/versions/4"}},
            "outputs": {"model": {"jobOutputType": "mlflow_model", "uri": "azureml:m:2"}}
        }},
        {"id": id(&format!("{workspace}/models/m/versions/2")), "properties": {"modelUri": "azureml://jobs/j/outputs/model"}},
        {"id": format!("azureml:{}", id(&format!("{workspace}/onlineEndpoints/e"))), "auth_mode": "aad_token", "provisioning_state": "Succeeded", "traffic": {"blue": 100}},
        {"id": id(&format!("{workspace}/onlineEndpoints/e/deployments/blue")), "properties": {"model": "azureml:m:2"}},
    ]));
    let short = |rest: &str| format!("machinelearningservices/workspaces/w/{rest}");
    let [store, data, job, model, endpoint, blue] = [
        "datastores/rows",
        "data/d/versions/1",
        "jobs/j",
        "models/m/versions/2",
        "onlineendpoints/e",
        "onlineendpoints/e/deployments/blue",
    ]
    .map(short);
    assert_all(
        &found,
        &[
            "machinelearningservices/workspaces/w writes storage/storageaccounts/acme",
            &format!("{store} derived_from https://acme.blob.core.windows.net/rows"),
            &format!("{data} derived_from {store}/a.csv"),
            &format!("{store} contains {store}/a.csv"),
            &format!("{job} reads {data}"),
            &format!("{job} writes {model}"),
            &format!("{job} runs_on {}", short("computes/gpu")),
            &format!("{model} trained_on {data}"),
            &format!("{model} derived_from azureml://registries/azureml-acme/models/base/versions/4"),
            &format!("{blue} serves {model}"),
            &format!("{endpoint} serves {model}"),
            &format!("{endpoint} invokes {blue}"),
        ],
    );
    assert_eq!(asset(&found, &format!("{workspace}/jobs/j")).kind, AssetKind::TrainingJob);
    let endpoint = asset(&found, &format!("{workspace}/onlineEndpoints/e"));
    assert_eq!((endpoint.authentication, endpoint.name.as_str()), (Some(Authentication::Identity), "e"));
    assert!(!serde_json::to_string(&found.inventory).unwrap().contains("hidden"));
}

#[test]
fn a_template_with_parameters_identity_and_role() {
    let found = read(&json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "parameters": {"name": {"type": "string", "defaultValue": "acme"}},
        "variables": {"storage": "[concat(parameters('name'), 'rows')]"},
        "resources": [
            {"type": "Microsoft.CognitiveServices/accounts", "apiVersion": "2024-10-01", "name": "[parameters('name')]", "kind": "OpenAI",
             "identity": {"type": "SystemAssigned"}, "properties": {"disableLocalAuth": false},
             "resources": [{"type": "deployments", "apiVersion": "2024-10-01", "name": "chat", "properties": {"model": {"name": "gpt-4o", "format": "OpenAI"}}}]},
            {"type": "Microsoft.Storage/storageAccounts", "apiVersion": "2023-01-01", "name": "[variables('storage')]", "properties": {"allowBlobPublicAccess": true}},
            {"type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2022-04-01", "name": "[guid('x')]",
             "scope": "[format('Microsoft.Storage/storageAccounts/{0}', variables('storage'))]",
             "properties": {
                "roleDefinitionId": "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1')]",
                "principalId": "[reference(resourceId('Microsoft.CognitiveServices/accounts', parameters('name')), '2024-10-01', 'full').identity.principalId]"}},
            {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "inner", "properties": {
                "expressionEvaluationOptions": {"scope": "inner"}, "parameters": {"n": {"value": "[parameters('name')]"}},
                "template": {"parameters": {"n": {"type": "string"}}, "resources": [
                    {"type": "Microsoft.Search/searchServices", "apiVersion": "2024-03-01", "name": "[parameters('n')]", "properties": {}}]}}}
        ]
    }));
    let account = asset(&found, "file:t.json#Microsoft.CognitiveServices/accounts/acme");
    assert_eq!((account.exposure, account.authentication), (Some(Exposure::Public), Some(Authentication::Key)));
    assert_eq!(account.text("name_expression"), Some("[parameters('name')]"));
    assert_eq!(account.evidence[0].pointer.as_deref(), Some("/resources/0"));
    let search = asset(&found, "file:t.json#Microsoft.Search/searchServices/acme");
    assert_eq!(search.evidence[0].pointer.as_deref(), Some("/resources/3/properties/template/resources/0"));
    let file = |rest: &str| format!("file:t.json#{rest}");
    let lines: Vec<String> = relations(&found);
    let wants = |from: &str, kind: RelationKind, to: &str| {
        let line = format!("{from} {kind} {to}");
        assert!(lines.contains(&line), "{line}\n{lines:#?}");
    };
    let own = file("Microsoft.CognitiveServices/accounts/acme");
    wants(&own, RelationKind::RunsAs, &format!("{own}/identity"));
    wants(&own, RelationKind::Contains, &file("Microsoft.CognitiveServices/accounts/deployments/acme/chat"));
    wants(&format!("{own}/identity"), RelationKind::Reads, &file("Microsoft.Storage/storageAccounts/acmerows"));
}

#[test]
fn roles_as_the_command_line_and_the_graph_write_them() {
    let scope = id("Microsoft.CognitiveServices/accounts/acme");
    let role = "/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.Authorization/roleDefinitions/5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";
    let printed = json!({
        "id": format!("{scope}/providers/Microsoft.Authorization/roleAssignments/r1"), "type": "Microsoft.Authorization/roleAssignments",
        "principalId": PRINCIPAL, "principalName": "ana@acme.example", "principalType": "User", "roleDefinitionId": role,
        "roleDefinitionName": "Cognitive Services OpenAI User", "scope": scope
    });
    let row = json!({"count": 1, "data": [{
        "id": format!("{scope}/providers/microsoft.authorization/roleassignments/r2"), "type": "microsoft.authorization/roleassignments",
        "properties": {"principalId": PRINCIPAL, "principalType": "ServicePrincipal", "roleDefinitionId": role, "scope": scope}
    }]});
    for (value, name, kind) in [(json!([printed]), "r1", AssetKind::User), (row, "r2", AssetKind::ServiceAccount)] {
        let found = read(&value);
        assert_all(&found, &[&format!("entra:{PRINCIPAL} invokes cognitiveservices/accounts/acme")]);
        assert_eq!(found.inventory.get(&format!("entra:{PRINCIPAL}")).unwrap().kind, kind);
        let policy = asset(
            &found,
            &format!(
                "Microsoft.CognitiveServices/accounts/acme/providers/Microsoft.Authorization/roleAssignments/{name}"
            ),
        );
        assert_eq!(
            (policy.kind, policy.text("role_definition")),
            (AssetKind::Policy, Some("Cognitive Services OpenAI User"))
        );
        assert_eq!(policy.text("scope"), Some(scope.to_lowercase().as_str()));
    }
}

#[test]
fn programs_logs_and_networks() {
    let found = read(&json!([
        {"id": id("Microsoft.App/containerApps/web"), "properties": {
            "configuration": {"ingress": {"external": true}},
            "template": {"containers": [{"name": "web", "image": "acme.azurecr.io/web:1", "env": [{"name": "AZURE_OPENAI_ENDPOINT", "value": "https://acme.openai.azure.com/"}, {"name": "OPENAI_API_KEY", "value": "hidden"}]}]}}},
        {"id": id("Microsoft.Web/sites/fn"), "kind": "functionapp,linux", "properties": {"siteConfig": {"appSettings": [{"name": "SEARCH", "value": "https://acme.search.windows.net"}]}}},
        {"id": id("Microsoft.CognitiveServices/accounts/acme/providers/microsoft.insights/diagnosticSettings/d"),
         "properties": {"workspaceId": id("Microsoft.OperationalInsights/workspaces/logs"), "logs": [{"category": "Audit", "enabled": true}]}},
        {"id": id("Microsoft.Network/privateEndpoints/p"), "properties": {"privateLinkServiceConnections": [{"properties": {"privateLinkServiceId": id("Microsoft.CognitiveServices/accounts/acme")}}]}},
        {"id": id("Microsoft.Network/networkSecurityGroups/n"), "properties": {"securityRules": [{"properties": {"direction": "Inbound", "access": "Allow", "sourceAddressPrefix": "*"}}]}},
        {"id": id("Microsoft.Storage/storageAccounts/acme/blobServices/default/containers/rows"), "properties": {"publicAccess": "Container"}},
    ]));
    assert_all(
        &found,
        &[
            "app/containerapps/web invokes https://acme.openai.azure.com",
            "web/sites/fn retrieves_from https://acme.search.windows.net",
            "cognitiveservices/accounts/acme logs_to operationalinsights/workspaces/logs",
            "network/privateendpoints/p exposes cognitiveservices/accounts/acme",
            "internet exposes network/networksecuritygroups/n",
            "storage/storageaccounts/acme contains storage/storageaccounts/acme/blobservices/default/containers/rows",
        ],
    );
    let rows = asset(&found, "Microsoft.Storage/storageAccounts/acme/blobServices/default/containers/rows");
    assert_eq!(rows.exposure, Some(Exposure::Public));
    assert!(rows.aliases.contains("https://acme.blob.core.windows.net/rows"));
    let function = asset(&found, "Microsoft.Web/sites/fn");
    assert_eq!((function.kind, function.ai), (AssetKind::Function, true));
    assert_eq!(asset(&found, "Microsoft.App/containerApps/web").exposure, Some(Exposure::Public));
    assert!(!serde_json::to_string(&found.inventory).unwrap().contains("hidden"));
}

#[test]
fn pages_and_what_others_read() {
    let row = json!({"id": id("Microsoft.Search/searchServices/s"), "properties": {}});
    let page = json!({"value": [row], "nextLink": "https://management.azure.com/subscriptions/x?$skiptoken=1"});
    let found = read(&page);
    assert!(found.cut.is_some() && found.inventory.len() == 4, "{:#?}", found.inventory);
    assert!(read(&json!([row])).cut.is_none());
    for value in [
        json!({"id": id("Microsoft.Security/assessments/a"), "type": "microsoft.security/assessments"}),
        json!({"id": "projects/acme/subscriptions/s", "type": "x"}),
        json!({"type": "AWS::S3::Bucket", "properties": {}, "name": "x"}),
        json!({"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#", "parameters": {}}),
    ] {
        let found = read(&value);
        assert!(!found.formats.iter().any(|name| name.starts_with("azure")), "{value}");
    }
}
