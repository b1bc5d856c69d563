//! Bedrock's model invocation logs: which identity called which model, under which guardrail, and what was said.

use serde_json::{Map, Value};

use super::time;
use super::traffic::{Call, Target, add, count};
use crate::asset::{Asset, AssetKind, Document, ModelCall, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::conversation;
use crate::discover::format::{Found, Structured};
use crate::discover::model_ref;

pub(super) const INVOCATION: Structured = Structured {
    name: "bedrock-invocation-log",
    critical: false,
    in_parts: false,
    markers: &["\"ModelInvocationLog\"", "\"modelId\""],
    matches: |value| value.get("schemaType").and_then(Value::as_str) == Some("ModelInvocationLog"),
    read,
};

fn read(document: &Document, found: &mut Found) {
    let row = &document.value;
    let text = |pointer: &str| row.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let evidence = document.evidence("/modelId").excerpt(text("/modelId"));
    let time = row.get("timestamp").and_then(time::of);
    let (caller, session) = (identity(text("/identity/arn")), text("/identity/arn"));
    let Some(source) = caller else { return };
    let from = source.id.clone();
    let (account, region) = (text("/accountId"), text("/region"));
    let provider = catalog().provider_by_service("bedrock");
    let target = provider.map(Target::provider).unwrap_or_default();
    let Some(mut model) = model(text("/modelId"), from.as_str()) else { return };
    if let Some(provider) = provider {
        model.properties.entry("provider").or_insert_with(|| provider.name.as_str().into());
    }
    let model_id = model.id.to_string();
    Call { source, target, model: None, time: time.as_deref(), blocked: false }.tell(&evidence, found);
    found.happened(from.as_str(), RelationKind::Invokes, &model_id, time.as_deref(), &evidence);
    if let Some(provider) = provider {
        found.relate(&provider.id(), RelationKind::Serves, &model_id, &evidence);
    }
    add(model, &evidence, found);
    let mut total = 0;
    for (key, places) in [
        ("input_tokens", ["/input/inputTokenCount", "/output/outputBodyJson/usage/inputTokens"]),
        ("output_tokens", ["/output/outputTokenCount", "/output/outputBodyJson/usage/outputTokens"]),
    ] {
        let tokens = places.iter().find_map(|place| row.pointer(place)?.as_u64().filter(|tokens| *tokens > 0));
        count(&model_id, key, tokens, found);
        count(from.as_str(), key, tokens, found);
        total += tokens.unwrap_or(0);
    }
    let call = ModelCall {
        time: time.as_deref(),
        caller: Some(from.as_str()),
        region: Some(region),
        model: Some(&model_id),
        tokens: total,
        failed: row.get("errorCode").is_some_and(|code| !code.is_null()),
        ..ModelCall::default()
    };
    if let Some(provider) = provider {
        found.calls.record(&provider.id(), call, &evidence);
    }
    for id in guardrails(row) {
        let arn = match (account, region) {
            (_, _) if id.starts_with("arn:") => id.to_owned(),
            (account, region) => format!("arn:aws:bedrock:{region}:{account}:guardrail/{id}"),
        };
        let evidence = document.evidence("/output");
        found.relate(&arn, RelationKind::AppliesTo, &model_id, &evidence);
        add(Asset::new(arn, AssetKind::Guardrail, id), &evidence, found);
    }
    let body = row.pointer("/output/outputBodyJson");
    let stopped = body.is_some_and(|body| {
        body.get("amazon-bedrock-guardrailAction").and_then(Value::as_str) == Some("INTERVENED")
            || body.get("stopReason").and_then(Value::as_str) == Some("guardrail_intervened")
    });
    count(&model_id, "guardrail_interventions", stopped.then_some(1), found);
    let mut texts = conversation::Spoken::default();
    row.pointer("/input/inputBodyJson").into_iter().for_each(|body| conversation::request(body, &mut texts));
    body.into_iter().for_each(|body| conversation::response(body, &mut texts));
    let evidence = document.evidence("/input");
    conversation::keep(
        texts,
        &model_id,
        time.as_deref(),
        Some(session).filter(|arn| !arn.is_empty()),
        &evidence,
        found,
    );
}

/// Who called: the role behind an assumed-role session, else the identity itself.
fn identity(arn: &str) -> Option<Asset> {
    if let Some((before, rest)) = arn.split_once(":assumed-role/") {
        let role = rest.split('/').next()?;
        let account = before.rsplit(':').next()?;
        let partition = before.split(':').nth(1)?;
        return Some(Asset::new(format!("arn:{partition}:iam::{account}:role/{role}"), AssetKind::Role, role));
    }
    let name = arn.rsplit(['/', ':']).next().filter(|name| !name.is_empty())?;
    let kind = if arn.contains(":user/") || arn.ends_with(":root") { AssetKind::User } else { AssetKind::Role };
    Some(Asset::new(arn, kind, name))
}

/// The model that an id or ARN names; profiles and provisioned throughput stand for themselves.
fn model(id: &str, owner: &str) -> Option<Asset> {
    let Some(resource) = id.strip_prefix("arn:").and_then(|arn| arn.splitn(5, ':').nth(4)) else {
        return model_ref::model(id, owner);
    };
    let name = resource.rsplit('/').next()?;
    if resource.starts_with("foundation-model/")
        || resource.starts_with("inference-profile/")
        || resource.contains(":foundation-model/")
        || resource.contains(":inference-profile/")
    {
        return model_ref::model(name, owner).map(|model| model.alias(id));
    }
    let kind = if resource.contains("model/") { AssetKind::Model } else { AssetKind::Endpoint };
    Some(Asset::new(id, kind, name).ai())
}

/// Ids of the guardrails that a call names or that assessed it.
fn guardrails(row: &Value) -> Vec<&str> {
    let named = ["/input/inputBodyJson/guardrailConfig/guardrailIdentifier", "/guardrailId", "/guardrailIdentifier"];
    let mut ids: Vec<&str> = named.iter().filter_map(|pointer| row.pointer(pointer)?.as_str()).collect();
    for place in ["amazon-bedrock-trace", "trace"] {
        let trace = row
            .pointer("/output/outputBodyJson")
            .and_then(|body| body.get(place))
            .and_then(|trace| trace.get("guardrail"));
        for key in ["input", "inputAssessment"] {
            let assessed = trace.and_then(|trace| trace.get(key)).and_then(Value::as_object);
            ids.extend(assessed.into_iter().flat_map(Map::keys).map(String::as_str));
        }
        for key in ["outputs", "outputAssessments"] {
            let assessed = trace.and_then(|trace| trace.get(key));
            let keys = assessed.and_then(Value::as_object).into_iter().flat_map(Map::keys);
            ids.extend(keys.map(String::as_str));
            let listed = assessed.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
            ids.extend(listed.flat_map(Map::keys).map(String::as_str));
        }
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{lines, relations};

    #[test]
    fn an_invocation_under_a_guardrail() {
        let found = lines(&[json!({
            "schemaType": "ModelInvocationLog", "timestamp": "2025-01-01T00:00:00Z", "accountId": "111111111111", "region": "eu-west-1",
            "identity": {"arn": "arn:aws:sts::111111111111:assumed-role/desk/ann"}, "operation": "Converse",
            "modelId": "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-x",
            "input": {"inputTokenCount": 5, "inputBodyJson": {"messages": [{"role": "user", "content": [{"text": "q"}]}]}},
            "output": {"outputBodyJson": {"stopReason": "guardrail_intervened", "output": {"message": {"role": "assistant", "content": [{"text": "no"}]}}, "trace": {"guardrail": {"inputAssessment": {"g1": {}}}}}}
        })]);
        assert_eq!(
            relations(&found),
            [
                "ai-provider:amazon-bedrock serves model:anthropic.claude-x",
                "arn:aws:bedrock:eu-west-1:111111111111:guardrail/g1 applies_to model:anthropic.claude-x",
                "arn:aws:iam::111111111111:role/desk invokes ai-provider:amazon-bedrock",
                "arn:aws:iam::111111111111:role/desk invokes model:anthropic.claude-x",
            ]
        );
        let model = found.inventory.get("model:anthropic.claude-x").unwrap();
        assert_eq!((model.properties["input_tokens"].as_u64(), model.aliases.len()), (Some(5), 1));
        assert_eq!(found.events.iter().map(|e| e.text.as_str()).collect::<Vec<_>>(), ["q", "no"]);
    }
}
