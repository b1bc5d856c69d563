//! What guardrails hold back: of Amazon Bedrock, of Azure's content filters, of Google's Model Armor.

use serde_json::{Map, Value};

use super::{at, field, is_on, objects, type_of};
use crate::asset::{Asset, is_open};

pub(super) fn facts(asset: &Asset) -> Vec<(&'static str, Value)> {
    let settings = &asset.properties;
    match type_of(asset).to_ascii_lowercase() {
        name if name.contains("bedrock") && name.contains("guardrail") => bedrock(settings),
        name if name.contains("rai_policy") || name.contains("raipolicies") => azure(settings),
        name if name.contains("model_armor") || name.contains("modelarmor") => model_armor(settings),
        _ => Vec::new(),
    }
}

/// A list names guardrails without their policies; whoever describes one tells what it says when it blocks.
fn bedrock(settings: &Map<String, Value>) -> Vec<(&'static str, Value)> {
    let policies =
        ["contentpolicy", "topicpolicy", "wordpolicy", "sensitiveinformationpolicy", "contextualgroundingpolicy"];
    let described = policies.into_iter().chain(["blockedinputmessaging"]).any(|key| field(settings, key).is_some());
    if !described {
        return Vec::new();
    }
    let filters = || objects(at(settings, &["contentpolicy", "filters"]));
    let word =
        |filter: &Map<String, Value>, key| field(filter, key).and_then(Value::as_str).map(str::to_ascii_uppercase);
    let attack = filters().find(|filter| word(filter, "type").as_deref() == Some("PROMPT_ATTACK"));
    let strength = attack.and_then(|filter| word(filter, "inputstrength")).unwrap_or_else(|| "NONE".to_owned());
    let holds = |path: &[&str]| objects(at(settings, path)).next().is_some();
    let entities = ["piientities", "regexes"].iter().any(|key| holds(&["sensitiveinformationpolicy", key]));
    let grounding = objects(at(settings, &["contextualgroundingpolicy", "filters"]))
        .any(|filter| word(filter, "type").as_deref() == Some("GROUNDING"));
    vec![
        ("prompt_attack_filter", strength.into()),
        ("sensitive_information_filter", entities.into()),
        ("grounding_check", grounding.into()),
    ]
}

/// What a policy does not list, it takes from the one that it is based on.
fn azure(settings: &Map<String, Value>) -> Vec<(&'static str, Value)> {
    let filters = || objects(field(settings, "contentfilters")).chain(objects(field(settings, "contentfilter")));
    let state = |wanted: &[&str]| {
        let mut named = filters().filter(|filter| {
            let name = field(filter, "name").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
            wanted.iter().any(|word| name.contains(word))
        });
        let on = |filter: &Map<String, Value>, keys: [&str; 2]| {
            let set = keys.iter().find_map(|key| field(filter, key));
            (!set.is_some_and(is_open)).then(|| set.is_none_or(is_on))
        };
        let filter = named.next()?;
        Some(on(filter, ["enabled", "filterenabled"])? && on(filter, ["blocking", "blockenabled"])?)
    };
    let attack = state(&["jailbreak"]).map(|on| ("prompt_attack_filter", if on { "HIGH" } else { "NONE" }.into()));
    let personal = state(&["pii", "personal"]).map(|on| ("sensitive_information_filter", on.into()));
    let grounding = state(&["ungrounded", "groundedness"]).map(|on| ("grounding_check", on.into()));
    attack.into_iter().chain(personal).chain(grounding).collect()
}

/// The lower the confidence asked for, the more is held back.
fn model_armor(settings: &Map<String, Value>) -> Vec<(&'static str, Value)> {
    let Some(filter) = field(settings, "filter").and_then(Value::as_object) else { return Vec::new() };
    let attack = |key| at(filter, &["piandjailbreakfiltersettings", key]);
    let strength = match (attack("filterenforcement"), attack("confidencelevel")) {
        (Some(open), _) if is_open(open) => None,
        (Some(enforced), level) if is_on(enforced) => match level {
            Some(open) if is_open(open) => None,
            Some(level) if level == "HIGH" => Some("LOW"),
            Some(level) if level == "LOW_AND_ABOVE" => Some("HIGH"),
            _ => Some("MEDIUM"),
        },
        _ => Some("NONE"),
    };
    let basic = at(filter, &["sdpsettings", "basic", "filterenforcement"]);
    let personal = at(filter, &["sdpsettings", "advanced"]).is_some() || basic.is_some_and(is_on);
    let personal =
        (personal || !basic.is_some_and(is_open)).then_some(("sensitive_information_filter", personal.into()));
    let strength = strength.map(|strength| ("prompt_attack_filter", strength.into()));
    strength.into_iter().chain(personal).collect()
}
