//! Whether services keep what is asked of them, and whether their models are watched.

use serde_json::Value;

use super::{at, field, is_configured, is_on, type_of};
use crate::asset::{Asset, AssetKind, Inventory, RelationKind, is_open};

/// Which clouds' monitors were among the input.
#[derive(Debug, Default)]
pub(super) struct Watched {
    sagemaker: bool,
}

impl Watched {
    pub(super) fn of(inventory: &Inventory) -> Self {
        let mut monitors = inventory.assets().filter(|asset| asset.kind == AssetKind::Evaluation);
        Self { sagemaker: monitors.any(|asset| type_of(asset).starts_with("AWS::SageMaker::MonitoringSchedule")) }
    }
}

/// A gateway that is told where to send what passes it.
pub(super) fn gateway(asset: &Asset) -> Vec<(&'static str, Value)> {
    if asset.text("gateway") != Some("litellm") {
        return Vec::new();
    }
    let on = |key: &str| asset.properties.get(key).is_some_and(is_on);
    let sends = |key: &str| asset.properties.get(key).and_then(Value::as_array).is_some_and(|to| !to.is_empty());
    let kept = sends("success_callback") || sends("callbacks") || on("store_prompts_in_spend_logs");
    vec![("invocation_logging", (kept && !on("turn_off_message_logging")).into())]
}

pub(super) fn facts(asset: &Asset, watched: &Watched, inventory: &Inventory) -> Vec<(&'static str, Value)> {
    let of = type_of(asset).to_ascii_lowercase();
    let logging = match of.as_str() {
        "aws_bedrock_model_invocation_logging_configuration" => Some(true),
        "aws::bedrock::modelinvocationloggingconfiguration" => asset.properties.get("logging_enabled").map(is_on),
        "aiplatform.googleapis.com/endpoint" | "google_vertex_ai_endpoint" => {
            let enabled = at(&asset.properties, &["predictrequestresponselogging", "enabled"]);
            // a list of endpoints without their settings says nothing
            let described =
                enabled.is_some() || field(&asset.properties, "createtime").is_some() || is_configured(asset);
            (described && !enabled.is_some_and(is_open)).then(|| enabled.is_some_and(is_on))
        }
        "azurerm_cognitive_account" | "azurerm_ai_services" | "microsoft.cognitiveservices/accounts" => {
            let answers = asset.text("kind").is_none_or(|kind| matches!(kind, "OpenAI" | "AIServices"));
            let logs = inventory.outgoing(asset.id.as_str()).any(|relation| relation.kind == RelationKind::LogsTo);
            (answers && (logs || is_configured(asset))).then_some(logs)
        }
        _ => None,
    };
    let monitors = || {
        inventory.incoming(asset.id.as_str()).any(|relation| {
            relation.kind == RelationKind::AppliesTo
                && inventory.get(relation.from.as_str()).is_some_and(|a| a.kind == AssetKind::Evaluation)
        })
    };
    let monitored = match of.as_str() {
        "aws::sagemaker::endpoint" | "aws_sagemaker_endpoint" => {
            (monitors() || watched.sagemaker || is_configured(asset)).then(monitors)
        }
        // an endpoint names its monitoring job
        "aiplatform.googleapis.com/endpoint" | "google_vertex_ai_endpoint" => {
            let serves = inventory.outgoing(asset.id.as_str()).any(|relation| relation.kind == RelationKind::Serves);
            (serves || monitors()).then(monitors)
        }
        _ => None,
    };
    let logging = logging.map(|on| ("invocation_logging", on.into()));
    logging.into_iter().chain(monitored.map(|on| ("monitored", on.into()))).collect()
}
