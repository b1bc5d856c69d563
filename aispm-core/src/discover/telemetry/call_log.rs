//! JSON rows of gateways, SDKs and providers that record one call to a model each, by the table in `traffic.yaml`.

use serde_json::Value;

use super::shape::{Role, tables};
use super::time;
use super::traffic::{Address, Call, Caller, Target, add, count, note_of};
use crate::asset::{Asset, AssetKind, Document, ModelCall, RelationKind};
use crate::discover::catalog::Provider;
use crate::discover::conversation;
use crate::discover::format::{Found, Structured};
use crate::discover::walk::file_name;

pub(super) const ROW: Structured = Structured {
    name: "llm-log",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| tables().calls.of(value).is_some(),
    read,
};

/// Whether a row is of no product's own format, so that what it says counts before what it calls.
pub(super) fn is_any(row: &Value) -> bool {
    tables().calls.of(row).is_some_and(|shape| shape.name == "llm-call")
}

fn read(document: &Document, found: &mut Found) {
    let row = &document.value;
    let Some(shape) = tables().calls.of(row) else { return };
    let text = |role: Role| shape.text(row, role);
    let evidence = document.evidence("").excerpt(&shape.name);
    let tables = found.tables.clone();
    let model = text(Role::Model).map(|name| {
        name.split_once('/').map_or(name, |(first, rest)| {
            // a gateway writes `PROVIDER/MODEL`
            if tables.provider_by_name(first).is_some() { rest } else { name }
        })
    });
    let provider = text(Role::Provider).or_else(|| text(Role::Model)?.split_once('/').map(|(first, _)| first));
    let by_url = || Target::of(&tables, Address { path: "/v1/completions", ..Address::url(text(Role::Url)?) });
    let by_name = || tables.provider_by_name(provider?).map(Target::provider);
    let by_model = || tables.provider_by_model(model?).filter(|_| text(Role::Provider).is_none()).map(Target::provider);
    let target = by_url().or_else(by_name).or_else(by_model).unwrap_or_default();
    let user = shape.written(row, Role::User).unwrap_or_default();
    let caller = Caller { user: &user, ip: text(Role::Ip).unwrap_or_default(), ..Caller::default() }.asset();
    let time = shape.value(row, Role::Time).and_then(time::of);
    let app = shape
        .written(row, Role::App)
        .map(|name| Asset::new(format!("service:{name}"), AssetKind::Application, name).ai());
    if let (Some(app), Some(caller)) = (&app, &caller) {
        found.happened(caller.id.as_str(), RelationKind::Uses, app.id.as_str(), time.as_deref(), &evidence);
        add(caller.clone(), &evidence, found);
    }
    let log = || {
        let path = document.path();
        Asset::new(format!("file:{path}"), AssetKind::LogSink, file_name(path)).ai().with("format", shape.name.as_str())
    };
    let source = app.or(caller).unwrap_or_else(log);
    let (actor, person) = (source.id.to_string(), source.kind == AssetKind::User || source.kind == AssetKind::Node);
    let tokens = [Role::InputTokens, Role::OutputTokens].into_iter().filter_map(|role| shape.number(row, role)).sum();
    let known = shape.written(row, Role::Key);
    let counted = ModelCall {
        time: time.as_deref(),
        caller: known.as_deref().or(Some(&user)),
        region: text(Role::Region),
        model,
        user_agent: text(Role::UserAgent),
        tokens,
        failed: shape.value(row, Role::Error).is_some_and(is_error),
        millis: shape.number(row, Role::Millis),
    };
    let provider = target.known().map(Provider::id);
    let call = Call { source, target, model, time: time.as_deref(), blocked: false };
    let (id, model) = call.tell(&evidence, found);
    // one person's calls are too few for a habit
    let counts_for = if person { provider.as_deref() } else { Some(id.as_str()) };
    counts_for.into_iter().for_each(|id| found.calls.record(id, counted, &evidence));
    if let Some(key) = text(Role::Key) {
        note_of(id.as_str(), "keys", key, found);
    }
    if let (Some(model), Some(answered)) = (&model, text(Role::AnsweredBy)) {
        note_of(model.as_str(), "answered_by", answered, found);
    }
    for (key, role) in [("input_tokens", Role::InputTokens), ("output_tokens", Role::OutputTokens)] {
        for id in [Some(id.as_str()), model.as_ref().map(|id| id.as_str())].into_iter().flatten() {
            count(id, key, shape.number(row, role), found);
        }
    }
    let mut texts = conversation::Spoken::default();
    for body in [Some(row), row.get("request"), row.get("body"), row.get("inputs")].into_iter().flatten() {
        conversation::request(body, &mut texts);
    }
    for body in
        [Some(row), row.get("response"), row.pointer("/response/body"), row.get("outputs")].into_iter().flatten()
    {
        conversation::response(body, &mut texts);
    }
    texts.dedup();
    // what is said is said to the application or the model, not by the person to himself
    let asked = model.as_ref().map(|id| id.as_str()).filter(|_| person).unwrap_or(&actor);
    let user = Some(user.as_str()).filter(|user| !user.is_empty());
    conversation::keep(texts, asked, time.as_deref(), user, &evidence, found);
}

/// Words of a status or level of a call that did not fail.
const FINE: &[&str] = &["", "success", "succeeded", "ok", "completed", "default", "debug", "info", "warning", "none"];

/// Whether a field says that a call failed: a status above 399, a word for failure, an error that is told.
fn is_error(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_u64().is_some_and(|status| status >= 400),
        Value::String(text) => match text.parse::<u64>() {
            Ok(status) => status >= 400,
            Err(_) => !FINE.contains(&text.to_ascii_lowercase().as_str()),
        },
        Value::Bool(failed) => *failed,
        Value::Object(map) => !map.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{lines, relations};
    use crate::asset::TextRole;

    #[test]
    fn rows_of_many_makes() {
        for (row, relation) in [
            (
                json!({"call_type": "acompletion", "model": "gpt-4o", "custom_llm_provider": "openai", "user": "ann", "prompt_tokens": 3, "messages": [{"role": "user", "content": "hi"}]}),
                "user:ann invokes model:gpt-4o",
            ),
            (
                json!({"provider": "workers-ai", "model": "@cf/x/y", "tokens_in": 1, "tokens_out": 2}),
                "file:log.jsonl invokes ai-provider:cloudflare-workers-ai",
            ),
            (
                json!({"object": "organization.usage.completions.result", "model": "gpt-4o", "num_model_requests": 2, "project_id": "proj_1"}),
                "service:proj_1 invokes ai-provider:openai",
            ),
            (
                json!({"run_type": "llm", "trace_id": "t", "name": "n", "tags": [], "session_name": "desk", "extra": {"metadata": {"ls_provider": "anthropic", "ls_model_name": "claude-x"}}}),
                "service:desk invokes model:claude-x",
            ),
            (
                json!({"model": "llama3:8b", "created_at": "2025-01-01T00:00:00Z", "done": true, "response": "x"}),
                "file:log.jsonl invokes model:llama3:8b",
            ),
            (
                json!({"ai": {"proxy": {"meta": {"provider_name": "mistral", "request_model": "mistral-small-1"}}}, "request": {}, "service": {"name": "chat"}}),
                "service:chat invokes ai-provider:mistral-ai",
            ),
        ] {
            let found = lines(std::slice::from_ref(&row));
            assert!(relations(&found).contains(&relation.to_owned()), "{row}: {:?}", relations(&found));
        }
    }

    #[test]
    fn calls_are_counted_with_what_became_of_them() {
        let row = |status: u64| json!({"model": "gpt-4o", "provider": "openai", "prompt_tokens": 3, "completion_tokens": 4, "app": "desk", "timestamp": "2026-01-02T03:04:05Z", "status_code": status, "latency_ms": 70, "user_agent": "curl/8", "region": "eu"});
        let found = lines(&[row(200), row(429)]);
        assert_eq!(found.calls.assets.keys().map(|id| id.as_str()).collect::<Vec<_>>(), ["service:desk"]);
        let calls = &found.calls.assets["service:desk"];
        let hour = calls.hours.values().next().unwrap();
        assert_eq!((hour.calls, hour.tokens, hour.failed, hour.millis), (2, 14, 1, 140));
        assert_eq!(
            calls.values.values().map(|values| values.keys().next().unwrap().as_str()).collect::<Vec<_>>(),
            ["eu", "gpt-4o", "curl"]
        );
    }

    #[test]
    fn tokens_add_up_and_texts_are_events() {
        let row = json!({"call_type": "completion", "model": "openai/gpt-4o", "user": "ann", "prompt_tokens": 3, "messages": [{"role": "user", "content": "hi"}], "response": {"choices": [{"message": {"content": "ho"}}]}});
        let found = lines(&[row.clone(), row]);
        assert_eq!(found.inventory.get("model:gpt-4o").unwrap().properties["input_tokens"], 6);
        let texts: Vec<_> = found.events.iter().map(|e| (e.role, e.text.as_str())).take(2).collect();
        assert_eq!(texts, [(TextRole::Prompt, "hi"), (TextRole::Output, "ho")]);
        let relation = found.inventory.outgoing("user:ann").next().unwrap();
        assert_eq!(relation.activity.as_ref().unwrap().count, 2);
    }
}
