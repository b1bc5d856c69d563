//! Detection rules that carry sample events as tests (`Tests: [{Log: …}]`): the rule is a definition, its events are read
//! as what they are.

use serde_json::Value;

use crate::asset::{Asset, AssetKind, CallLog, Document, RelationKind};
use crate::discover::aws::SWITCHED_OFF;
use crate::discover::format::{Found, Structured, dispatch};

pub(super) const RULE: Structured = Structured {
    name: "detection-rule",
    critical: false,
    in_parts: false,
    markers: &["AnalysisType:", "Tests:"],
    matches: |value| {
        value.get("AnalysisType").is_some_and(Value::is_string)
            && (value.get("RuleID").is_some() || value.get("LogTypes").is_some())
    },
    read,
};

/// Most documents around a rule.
const DEPTH: usize = 4;

fn read(document: &Document, found: &mut Found) {
    let rule = &document.value;
    let text = |key: &str| rule.get(key).and_then(Value::as_str);
    let id = text("RuleID").or_else(|| text("Filename")).unwrap_or("rule");
    let types = rule.get("LogTypes").and_then(Value::as_array);
    let evidence = document.evidence("/RuleID").excerpt(id);
    let mut asset =
        Asset::new(format!("file:{}#{id}", document.path()), AssetKind::Policy, text("DisplayName").unwrap_or(id))
            .with("rule_id", id)
            .with("policy_type", "detection-rule")
            .seen(evidence.clone());
    for (key, property) in [("Severity", "severity"), ("LogTypes", "log_types"), ("Enabled", "enabled")] {
        if let Some(value) = rule.get(key) {
            asset.properties.insert(property.to_owned(), value.clone());
        }
    }
    // `OpenAI.Audit` and `AWS.Bedrock.…` name what the rule watches
    let names = types.into_iter().flatten().filter_map(Value::as_str).chain([id]).flat_map(|name| name.split('.'));
    let tables = found.tables.clone();
    let watched = |name: &str| tables.provider_by_name(name.split("ModelInvocation").next()?).filter(|_| name != "AWS");
    for provider in names.filter_map(watched) {
        asset.ai = true;
        found.relate(asset.id.as_str(), RelationKind::AppliesTo, &provider.id(), &evidence);
        found.inventory.add(provider.asset().seen(evidence.clone()));
    }
    found.inventory.add(asset);
    if found.depth >= DEPTH {
        return;
    }
    let mut examples = found.beside();
    examples.depth = found.depth + 1;
    for (i, test) in rule.get("Tests").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let pointer = format!("/Tests/{i}/Log");
        let event = match test.get("Log") {
            Some(Value::String(log)) => serde_json::from_str(log).ok().map(|log| document.inside(&pointer, log)),
            Some(log) => Some(document.part(&pointer, log.clone())),
            None => None,
        };
        if let Some(event) = event {
            dispatch(&event, &mut examples);
        }
    }
    // what a test makes up did not happen
    examples.events.clear();
    examples.calls = CallLog::default();
    let switched = examples.inventory.assets().filter(|asset| asset.properties.contains_key(SWITCHED_OFF));
    for id in switched.map(|asset| asset.id.clone()).collect::<Vec<_>>() {
        examples.inventory.get_mut(id.as_str()).and_then(|asset| asset.properties.remove(SWITCHED_OFF));
    }
    found.extend(examples);
}

#[cfg(test)]
mod tests {
    use crate::asset::Document;
    use crate::discover::format::{Found, dispatch};

    #[test]
    fn events_inside_a_rule_keep_their_lines() {
        let text = "AnalysisType: rule\nRuleID: OpenAI.Acme\nLogTypes: [OpenAI.Audit]\nTests:\n  - Name: a\n    Log:\n      type: login.succeeded\n      effective_at: 1700000000\n      actor: {session: {user: {email: ann@acme.test}}}\n  - Name: b\n    Log: '{\"schemaType\": \"ModelInvocationLog\", \"modelId\": \"amazon.nova-x\", \"identity\": {\"arn\": \"arn:aws:iam::111111111111:user/ann\"}}'\n";
        let (documents, error) = Document::yaml("r.yml", text);
        assert!(error.is_none());
        let mut found = Found::default();
        assert!(dispatch(&documents[0], &mut found));
        assert_eq!(found.inventory.get("user:ann@acme.test").unwrap().evidence[0].line, Some(7));
        assert_eq!(
            found.inventory.get("model:amazon.nova-x").unwrap().evidence[0].pointer.as_deref(),
            Some("/Tests/1/Log")
        );
        assert!(found.inventory.get("file:r.yml#OpenAI.Acme").unwrap().ai);
    }
}
