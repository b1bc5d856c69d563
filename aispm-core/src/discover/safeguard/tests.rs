use serde_json::{Value, json};

use crate::asset::{Asset, AssetKind, Inventory, Relation, RelationKind};
use crate::discover::{discovery_of, inventory_of};

fn facts(asset: &Asset, keys: &[&str]) -> Vec<Value> {
    keys.iter().map(|key| asset.properties.get(*key).cloned().unwrap_or_default()).collect()
}

const GUARD: &[&str] = &["prompt_attack_filter", "sensitive_information_filter", "grounding_check"];

fn guard(of: &str, settings: Value) -> Vec<Value> {
    let mut asset = Asset::new("g", AssetKind::Guardrail, "g").with("aws_type", of);
    asset.properties.extend(settings.as_object().cloned().unwrap_or_default());
    let mut inventory = Inventory::new();
    inventory.add(asset);
    super::join(&mut inventory);
    facts(inventory.get("g").unwrap(), GUARD)
}

#[test]
fn bedrock_in_three_spellings() {
    let api = json!({
        "contentPolicy": {"filters": [{"type": "PROMPT_ATTACK", "inputStrength": "MEDIUM", "outputStrength": "NONE"}]},
        "sensitiveInformationPolicy": {"piiEntities": [{"type": "EMAIL", "action": "ANONYMIZE"}]},
        "contextualGroundingPolicy": {"filters": [{"type": "GROUNDING", "threshold": 0.8}]},
    });
    assert_eq!(guard("AWS::Bedrock::Guardrail", api), [json!("MEDIUM"), json!(true), json!(true)]);
    let template = json!({
        "BlockedInputMessaging": "no",
        "ContentPolicyConfig": {"FiltersConfig": [{"Type": "PROMPT_ATTACK", "InputStrength": "HIGH"}]},
        "SensitiveInformationPolicyConfig": {"RegexesConfig": [{"Name": "id", "Pattern": "x", "Action": "BLOCK"}]},
    });
    assert_eq!(guard("AWS::Bedrock::Guardrail", template), [json!("HIGH"), json!(true), json!(false)]);
    let state = json!({
        "content_policy_config": [{"filters_config": [{"type": "HATE", "input_strength": "HIGH"}]}],
        "contextual_grounding_policy_config": [{"filters_config": [{"type": "RELEVANCE", "threshold": 0.5}]}],
    });
    assert_eq!(guard("aws_bedrock_guardrail", state), [json!("NONE"), json!(false), json!(false)]);
    // a list gives names only
    assert_eq!(guard("AWS::Bedrock::Guardrail", json!({"name": "g"})), [Value::Null, Value::Null, Value::Null]);
}

#[test]
fn content_filters_of_azure_and_model_armor() {
    let policy = json!({"contentFilters": [
        {"name": "Hate", "enabled": true, "blocking": true, "source": "Prompt"},
        {"name": "Jailbreak", "enabled": true, "blocking": false, "source": "Prompt"},
    ]});
    assert_eq!(
        guard("Microsoft.CognitiveServices/accounts/raiPolicies", policy),
        [json!("NONE"), Value::Null, Value::Null]
    );
    let policy = json!({"content_filter": [{"name": "Jailbreak", "filter_enabled": true, "block_enabled": true}]});
    assert_eq!(guard("azurerm_cognitive_account_rai_policy", policy)[0], json!("HIGH"));
    let armor = json!({"filter_config": [{"pi_and_jailbreak_filter_settings": [{"filter_enforcement": "ENABLED", "confidence_level": "HIGH"}],
        "sdp_settings": [{"basic_config": [{"filter_enforcement": "ENABLED"}]}]}]});
    assert_eq!(guard("google_model_armor_template", armor), [json!("LOW"), json!(true), Value::Null]);
    let armor = json!({"filterConfig": {"raiSettings": {}}});
    assert_eq!(guard("modelarmor.googleapis.com/Template", armor)[0], json!("NONE"));
}

#[test]
fn logging_and_monitors() {
    let config = r#"
resource "azurerm_cognitive_account" "a" {
  name = "a"
  kind = "OpenAI"
}
resource "azurerm_cognitive_account" "b" {
  name = "b"
  kind = "OpenAI"
}
resource "azurerm_cognitive_account" "speech" {
  name = "s"
  kind = "SpeechServices"
}
resource "azurerm_monitor_diagnostic_setting" "b" {
  target_resource_id         = azurerm_cognitive_account.b.id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.w.id
}
resource "azurerm_log_analytics_workspace" "w" { name = "w" }
resource "aws_sagemaker_endpoint" "e" { name = "e" }
"#;
    let inventory = discovery_of(&[("main.tf", config)]).inventory;
    let of = |address: &str, key: &str| {
        let asset = inventory.assets().find(|asset| asset.text("terraform_address") == Some(address)).unwrap();
        asset.properties.get(key).cloned().unwrap_or_default()
    };
    let logging = |name: &str| of(&format!("azurerm_cognitive_account.{name}"), "invocation_logging");
    assert_eq!([logging("a"), logging("b"), logging("speech")], [json!(false), json!(true), Value::Null]);
    assert_eq!(of("aws_sagemaker_endpoint.e", "monitored"), json!(false));

    let mut inventory = inventory_of("e.json", &json!({"EndpointName": "e", "EndpointArn": "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/e", "EndpointStatus": "InService"}).to_string());
    let id = inventory.assets().find(|asset| asset.kind == AssetKind::Endpoint).unwrap().id.clone();
    super::join(&mut inventory);
    assert_eq!(facts(inventory.get(id.as_str()).unwrap(), &["monitored"]), [Value::Null]);
    inventory.add(Asset::new("m", AssetKind::Evaluation, "m").with("aws_type", "AWS::SageMaker::MonitoringSchedule"));
    inventory.relate(Relation::new("m", RelationKind::AppliesTo, id.clone()));
    super::join(&mut inventory);
    assert_eq!(facts(inventory.get(id.as_str()).unwrap(), &["monitored"]), [json!(true)]);
}

#[test]
fn gateways_that_keep_what_passes() {
    for (settings, expected) in [
        ("", false),
        ("litellm_settings: {success_callback: [langfuse]}\n", true),
        ("litellm_settings: {success_callback: [langfuse], turn_off_message_logging: true}\n", false),
        ("general_settings: {store_prompts_in_spend_logs: true}\n", true),
    ] {
        let text = format!("model_list:\n- {{model_name: a, litellm_params: {{model: openai/gpt-4o}}}}\n{settings}");
        let inventory = discovery_of(&[("litellm.yaml", &text)]).inventory;
        let gateway = inventory.assets().find(|asset| asset.text("gateway") == Some("litellm")).unwrap();
        assert_eq!(facts(gateway, &["invocation_logging"]), [json!(expected)], "{settings}");
    }
}

#[test]
fn effects_of_tools() {
    for (name, annotations, expected) in [
        ("sendEmail", json!(null), json!("send")),
        ("delete_file", json!(null), json!("delete")),
        ("get_payment_status", json!(null), Value::Null),
        ("RefundOrder", json!(null), json!("pay")),
        ("create-ticket", json!({"readOnlyHint": true}), Value::Null),
        ("frobnicate", json!({"destructiveHint": true}), json!("delete")),
        ("add", json!(null), Value::Null),
    ] {
        let mut inventory = Inventory::new();
        inventory.add(Asset::new("t", AssetKind::Tool, name).with("annotations", annotations));
        super::join(&mut inventory);
        assert_eq!(facts(inventory.get("t").unwrap(), &["effect"]), [expected], "{name}");
    }
}

#[test]
fn agents_that_ask_and_end() {
    let mut inventory = Inventory::new();
    let agent = |id: &str| Asset::new(id, AssetKind::Agent, id);
    inventory.add(agent("a").with("human_input_mode", "NEVER"));
    inventory.add(agent("b").with("human_input_mode", "ALWAYS").with("max_turns", "3"));
    inventory.add(agent("c").with("executor_type", "e2b"));
    inventory.add(Asset::new("app", AssetKind::Application, "app").with("recursion_limit", "20"));
    inventory.relate(Relation::new("app", RelationKind::Contains, "c"));
    super::join(&mut inventory);
    let of = |id: &str| facts(inventory.get(id).unwrap(), &["human_approval", "loop_limit"]);
    assert_eq!(of("a"), [Value::Null, Value::Null]);
    assert_eq!(of("b"), [json!(true), json!(true)]);
    assert_eq!(of("c"), [Value::Null, json!(true)]);
    assert_eq!(inventory.get("c").unwrap().text("sandbox"), Some("e2b"));
}

#[test]
fn what_a_template_leaves_open_says_nothing() {
    let of = |kind: &str, settings: Value| {
        let mut asset = Asset::new("g", AssetKind::Guardrail, "g").with("terraform_type", kind);
        asset.properties.extend(settings.as_object().unwrap().clone());
        let mut inventory = Inventory::new();
        inventory.add(asset);
        super::join(&mut inventory);
        facts(inventory.get("g").unwrap(), &["prompt_attack_filter", "sensitive_information_filter"])
    };
    let filter =
        |on: &str| json!({"content_filter": [{"name": "Jailbreak", "filter_enabled": on, "block_enabled": "true"}]});
    assert_eq!(of("azurerm_cognitive_account_rai_policy", filter("false")), [json!("NONE"), Value::Null]);
    assert_eq!(of("azurerm_cognitive_account_rai_policy", filter("True")), [json!("HIGH"), Value::Null]);
    assert_eq!(of("azurerm_cognitive_account_rai_policy", filter("${var.on}")), [Value::Null, Value::Null]);
    let armor = |on: &str| {
        json!({"filter_config": [{
            "pi_and_jailbreak_filter_settings": [{"filter_enforcement": on, "confidence_level": "HIGH"}],
            "sdp_settings": [{"basic_config": [{"filter_enforcement": on}]}]
        }]})
    };
    assert_eq!(of("google_model_armor_template", armor("ENABLED")), [json!("LOW"), json!(true)]);
    assert_eq!(of("google_model_armor_template", armor("DISABLED")), [json!("NONE"), json!(false)]);
    assert_eq!(of("google_model_armor_template", armor("${var.on}")), [Value::Null, Value::Null]);
}
