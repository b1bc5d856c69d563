//! Configurations of AI gateways: LiteLLM, Kong, Apache APISIX, Portkey, Cloudflare AI Gateway. Which models and providers
//! they pass requests to, what protects them, and what they log. Values of keys are never kept.

use serde_json::Value;

use crate::asset::{Asset, AssetKind, Authentication, Document, Evidence, RelationKind, flag, pointer_key};
use crate::discover::format::{Found, Structured};
use crate::discover::model_ref;
use crate::discover::telemetry::traffic::{Address, Target, add, note_of};

pub(super) const LITELLM: Structured = Structured {
    name: "litellm-config",
    critical: true,
    in_parts: false,
    markers: &["model_list:", "litellm_params:"],
    matches: |value| {
        let first = value.get("model_list").and_then(Value::as_array);
        first.is_some_and(|list| list.iter().take(4).any(|model| model.get("litellm_params").is_some()))
    },
    read: litellm,
};

pub(super) const KONG: Structured = Structured {
    name: "kong-config",
    critical: true,
    in_parts: false,
    markers: &["_format_version", "ai-proxy"],
    matches: |value| {
        value.get("_format_version").is_some()
            && ["services", "routes", "plugins", "consumers"].iter().any(|key| value.get(key).is_some())
    },
    read: |document, found| plugins(document, "kong", found),
};

pub(super) const APISIX: Structured = Structured {
    name: "apisix-config",
    critical: true,
    in_parts: false,
    markers: &["routes:", "ai-proxy"],
    matches: |value| {
        let list = ["routes", "services"].iter().find_map(|key| value.get(key)?.as_array());
        list.is_some_and(|list| {
            list.iter().any(|route| {
                (route.get("uri").is_some() || route.get("uris").is_some()) && ai_plugins(route.get("plugins"))
            })
        }) || value.get("uri").is_some() && ai_plugins(value.get("plugins"))
    },
    read: |document, found| plugins(document, "apisix", found),
};

pub(super) const PORTKEY: Structured = Structured {
    name: "portkey-config",
    critical: true,
    in_parts: false,
    markers: &["\"strategy\"", "\"targets\""],
    matches: |value| {
        let target =
            |target: &Value| ["provider", "virtual_key", "override_params"].iter().any(|key| target.get(key).is_some());
        value.pointer("/strategy/mode").is_some()
            && value.get("targets").and_then(Value::as_array).is_some_and(|list| list.iter().any(target))
    },
    read: portkey,
};

pub(super) const CLOUDFLARE: Structured = Structured {
    name: "cloudflare-ai-gateway",
    critical: true,
    in_parts: false,
    markers: &["\"collect_logs\"", "\"rate_limiting_limit\""],
    matches: |value| {
        value.get("collect_logs").is_some() && value.get("rate_limiting_limit").is_some() && value.get("id").is_some()
    },
    read: cloudflare,
};

/// Deepest place of a plugin below a configuration.
const DEPTH: usize = 8;

/// A gateway of a file, and what it passes on.
struct Gateway {
    id: String,
}

impl Gateway {
    fn new(document: &Document, name: &str) -> (Self, Asset) {
        let id = format!("file:{}#{name}", document.path());
        let asset = Asset::new(&id, AssetKind::NetworkEntry, name).ai().with("gateway", name);
        (Self { id }, asset)
    }

    /// That it passes requests to this model at this provider or address.
    fn passes(
        &self,
        provider: Option<&str>,
        model: Option<&str>,
        url: Option<&str>,
        evidence: &Evidence,
        found: &mut Found,
    ) {
        let tables = found.tables.clone();
        let by_name = || provider.and_then(|name| tables.provider_by_name(name)).map(Target::provider);
        let by_model = || model.and_then(|name| tables.provider_by_model(name)).map(Target::provider);
        let by_url = || Target::of(&tables, Address { path: "/v1/chat/completions", ..Address::url(url?) });
        let target = by_url().or_else(by_name).or_else(by_model).unwrap_or_default();
        let to = target.id();
        let name = target.known().map(|provider| provider.name.clone());
        for asset in target.assets() {
            found.relate(&self.id, RelationKind::Invokes, asset.id.as_str(), evidence);
            add(asset, evidence, found);
        }
        let Some(mut model) = model.and_then(|name| model_ref::model(name, &self.id)) else { return };
        if let Some(name) = name {
            model.properties.entry("provider").or_insert_with(|| name.into());
        }
        found.relate(&self.id, RelationKind::Invokes, model.id.as_str(), evidence);
        if let Some(to) = to {
            found.relate(&to, RelationKind::Serves, model.id.as_str(), evidence);
        }
        add(model, evidence, found);
    }

    fn guards(&self, name: &str, mode: Option<&str>, evidence: &Evidence, found: &mut Found) {
        let mut guard = Asset::new(format!("{}/guardrail/{name}", self.id), AssetKind::Guardrail, name);
        if let Some(mode) = mode {
            guard.properties.insert("mode".into(), mode.into());
        }
        found.relate(guard.id.as_str(), RelationKind::AppliesTo, &self.id, evidence);
        add(guard, evidence, found);
    }
}

fn litellm(document: &Document, found: &mut Found) {
    let config = &document.value;
    let (gateway, mut asset) = Gateway::new(document, "litellm");
    let settings = |key: &str| {
        config.get("general_settings").and_then(|s| s.get(key)).or_else(|| config.get("litellm_settings")?.get(key))
    };
    asset.authentication = Some(match (settings("enable_jwt_auth").and_then(flag), settings("master_key")) {
        (Some(true), _) => Authentication::Identity,
        (_, Some(key)) if !key.is_null() => Authentication::Key,
        _ => Authentication::None,
    });
    for (key, property) in [
        ("max_budget", "max_budget"),
        ("budget_duration", "budget_duration"),
        ("max_parallel_requests", "max_parallel_requests"),
        ("global_max_parallel_requests", "global_max_parallel_requests"),
        ("success_callback", "success_callback"),
        ("failure_callback", "failure_callback"),
        ("callbacks", "callbacks"),
        ("drop_params", "drop_params"),
        ("turn_off_message_logging", "turn_off_message_logging"),
        ("store_prompts_in_spend_logs", "store_prompts_in_spend_logs"),
        ("cache", "cache"),
    ] {
        if let Some(value) = settings(key) {
            asset.properties.insert(property.to_owned(), value.clone());
        }
    }
    add(asset, &document.evidence("/model_list").excerpt("LiteLLM"), found);
    let tables = found.tables.clone();
    for (i, entry) in list(config, "model_list") {
        let Some(parameters) = entry.get("litellm_params") else { continue };
        let text = |key: &str| parameters.get(key).and_then(Value::as_str);
        let Some(model) = text("model") else { continue };
        let evidence = document.evidence(&format!("/model_list/{i}/litellm_params/model")).excerpt(model);
        let (provider, name) = match model.split_once('/') {
            Some((provider, name)) if tables.provider_by_name(provider).is_some() || is_own_prefix(provider) => {
                (Some(provider), name)
            }
            _ => (text("custom_llm_provider"), model),
        };
        let base = text("api_base").filter(|url| url.contains("://"));
        gateway.passes(provider, Some(name), base, &evidence, found);
        // `os.environ/NAME` names a variable; anything else would be the key itself
        match text("api_key") {
            Some(key) if key.starts_with("os.environ/") => {
                note_of(&gateway.id, "key_variables", key.trim_start_matches("os.environ/"), found)
            }
            Some(_) => note_of(
                &gateway.id,
                "hardcoded_keys",
                entry.get("model_name").and_then(Value::as_str).unwrap_or(name),
                found,
            ),
            None => {}
        }
        for limit in ["rpm", "tpm", "max_budget"] {
            if parameters.get(limit).is_some() {
                note_of(&gateway.id, "limits", limit, found);
            }
        }
    }
    for (i, guard) in list(config, "guardrails") {
        let Some(name) = guard.get("guardrail_name").and_then(Value::as_str) else { continue };
        let mode = guard.pointer("/litellm_params/mode").and_then(Value::as_str);
        gateway.guards(name, mode, &document.evidence(&format!("/guardrails/{i}")).excerpt(name), found);
    }
    for key in ["success_callback", "failure_callback", "callbacks"] {
        for name in settings(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if let Some(provider) = tables.provider_by_name(name) {
                let evidence = document.evidence(&format!("/litellm_settings/{key}")).excerpt(name);
                found.relate(&gateway.id, RelationKind::LogsTo, &provider.id(), &evidence);
                add(provider.asset(), &evidence, found);
            }
        }
    }
}

/// Whether the first part of a LiteLLM model is one of its own words for servers of one's own, not an organisation.
fn is_own_prefix(prefix: &str) -> bool {
    matches!(
        prefix,
        "hosted_vllm"
            | "vllm"
            | "ollama"
            | "ollama_chat"
            | "lm_studio"
            | "llamafile"
            | "xinference"
            | "custom_openai"
            | "openai_like"
            | "litellm_proxy"
            | "text-completion-codestral"
            | "triton"
    )
}

/// Every AI plugin of a Kong or APISIX configuration, wherever it hangs.
fn plugins(document: &Document, name: &'static str, found: &mut Found) {
    let mut seen = Vec::new();
    walk(&document.value, String::new(), DEPTH, &mut seen);
    let ai = seen.iter().any(|(_, name, _)| is_ai(name));
    if !ai {
        return;
    }
    let (gateway, mut asset) = Gateway::new(document, name);
    let has = |names: &[&str]| seen.iter().any(|(_, name, _)| names.contains(name));
    asset.authentication =
        Some(if has(&["openid-connect", "jwt", "jwt-auth", "mtls-auth", "ldap-auth", "oauth2", "authz-keycloak"]) {
            Authentication::Identity
        } else if has(&["key-auth", "basic-auth", "hmac-auth", "key-auth-enc"]) {
            Authentication::Key
        } else {
            Authentication::None
        });
    if has(&[
        "rate-limiting",
        "rate-limiting-advanced",
        "ai-rate-limiting-advanced",
        "ai-rate-limiting",
        "limit-count",
        "limit-req",
    ]) {
        asset.properties.insert("rate_limit".into(), true.into());
    }
    let plugins: Vec<Value> = seen.iter().map(|(_, name, _)| Value::from(*name)).take(32).collect();
    asset.properties.insert("plugins".into(), plugins.into());
    add(asset, &document.evidence("").excerpt(name), found);
    for (pointer, plugin, config) in &seen {
        let evidence = document.evidence(pointer).excerpt(plugin);
        if plugin.starts_with("ai-")
            && ["guard", "moderation", "sanitizer", "semantic-prompt"].iter().any(|word| plugin.contains(word))
        {
            gateway.guards(plugin, None, &evidence, found);
        }
        if matches!(
            *plugin,
            "ai-proxy" | "ai-proxy-multi" | "ai-proxy-advanced" | "ai-request-transformer" | "ai-response-transformer"
        ) {
            let targets = ["targets", "instances"].iter().find_map(|key| config.get(key)?.as_array());
            let single = std::slice::from_ref(*config);
            for target in targets.map_or(single, Vec::as_slice) {
                let text = |pointers: &[&str]| pointers.iter().find_map(|pointer| target.pointer(pointer)?.as_str());
                let provider = text(&["/model/provider", "/llm/model/provider", "/provider"]);
                let model = text(&["/model/name", "/llm/model/name", "/options/model", "/model/model"]);
                let url =
                    text(&["/model/options/upstream_url", "/override/endpoint", "/llm/model/options/upstream_url"]);
                gateway.passes(provider, model, url, &evidence, found);
            }
        }
    }
}

fn is_ai(plugin: &str) -> bool {
    plugin.starts_with("ai-")
}

fn ai_plugins(plugins: Option<&Value>) -> bool {
    plugins.and_then(Value::as_object).is_some_and(|map| map.keys().any(|name| is_ai(name)))
}

/// Plugins with their names and settings: Kong lists them, APISIX has a map.
fn walk<'a>(value: &'a Value, pointer: String, depth: usize, out: &mut Vec<(String, &'a str, &'a Value)>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                let below = format!("{pointer}/{}", pointer_key(key));
                match (key.as_str(), child) {
                    ("plugins", Value::Array(list)) => {
                        for (i, plugin) in list.iter().enumerate() {
                            let Some(name) = plugin.get("name").and_then(Value::as_str) else { continue };
                            out.push((format!("{below}/{i}"), name, plugin.get("config").unwrap_or(plugin)));
                        }
                    }
                    ("plugins", Value::Object(map)) => {
                        out.extend(
                            map.iter().map(|(name, config)| {
                                (format!("{below}/{}", pointer_key(name)), name.as_str(), config)
                            }),
                        );
                    }
                    _ => walk(child, below, depth, out),
                }
            }
        }
        Value::Array(list) => {
            for (i, child) in list.iter().enumerate() {
                walk(child, format!("{pointer}/{i}"), depth, out);
            }
        }
        _ => {}
    }
}

fn portkey(document: &Document, found: &mut Found) {
    let config = &document.value;
    let (gateway, mut asset) = Gateway::new(document, "portkey");
    for (pointer, property) in
        [("/strategy/mode", "strategy"), ("/cache/mode", "cache"), ("/retry/attempts", "retries")]
    {
        if let Some(value) = config.pointer(pointer) {
            asset.properties.insert(property.to_owned(), value.clone());
        }
    }
    add(asset, &document.evidence("/strategy").excerpt("Portkey"), found);
    for (i, target) in list(config, "targets") {
        let evidence = document.evidence(&format!("/targets/{i}"));
        let text = |pointer: &str| target.pointer(pointer).and_then(Value::as_str);
        gateway.passes(
            text("/provider").map(|name| name.trim_start_matches('@')),
            text("/override_params/model"),
            text("/custom_host"),
            &evidence,
            found,
        );
    }
    for key in ["input_guardrails", "output_guardrails", "before_request_hooks", "after_request_hooks"] {
        for (i, guard) in list(config, key) {
            let name = guard.as_str().or_else(|| guard.get("id")?.as_str()).unwrap_or(key);
            gateway.guards(name, Some(key), &document.evidence(&format!("/{key}/{i}")), found);
        }
    }
}

fn cloudflare(document: &Document, found: &mut Found) {
    let row = &document.value;
    let Some(name) = row.get("id").and_then(Value::as_str) else { return };
    let account = row.get("account_id").and_then(Value::as_str).unwrap_or("account");
    let evidence = document.evidence("/id").excerpt(name);
    let mut asset = Asset::new(format!("cloudflare:{account}/ai-gateway/{name}"), AssetKind::NetworkEntry, name)
        .ai()
        .with("gateway", "cloudflare");
    for key in [
        "collect_logs",
        "cache_ttl",
        "rate_limiting_interval",
        "rate_limiting_limit",
        "rate_limiting_technique",
        "authentication",
        "logpush",
        "dlp",
        "guardrails",
    ] {
        if let Some(value) = row.get(key).filter(|value| !value.is_null()) {
            asset.properties.insert(key.to_owned(), value.clone());
        }
    }
    let guarded = row.get("authentication").and_then(flag);
    asset.authentication = guarded.map(|guarded| if guarded { Authentication::Key } else { Authentication::None });
    let tables = found.tables.clone();
    if let Some(provider) = tables.provider_by_name("cloudflare") {
        found.relate(asset.id.as_str(), RelationKind::Uses, &provider.id(), &evidence);
        add(provider.asset(), &evidence, found);
    }
    add(asset, &evidence, found);
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().enumerate()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::discover::format::dispatch;
    use crate::discover::telemetry::tests::{read, relations};

    fn yaml(text: &str) -> Found {
        let (documents, error) = Document::yaml("g.yaml", text);
        assert!(error.is_none());
        let mut found = Found::default();
        assert!(dispatch(&documents[0], &mut found));
        found
    }

    #[test]
    fn litellm_names_models_and_keys_but_keeps_none() {
        let found = yaml(
            "model_list:\n  - model_name: chat\n    litellm_params: {model: azure/desk, api_base: 'https://acme.openai.azure.com', api_key: os.environ/AZURE_KEY}\n  - model_name: own\n    litellm_params: {model: hosted_vllm/acme/tiny, api_base: 'http://llm:8000/v1', api_key: hunter2}\nguardrails:\n  - {guardrail_name: pii, litellm_params: {mode: pre_call}}\nlitellm_settings: {success_callback: [langfuse]}\ngeneral_settings: {master_key: sk-hunter2}\n",
        );
        for relation in [
            "file:g.yaml#litellm invokes https://acme.openai.azure.com",
            "file:g.yaml#litellm invokes model:desk",
            "file:g.yaml#litellm invokes https://huggingface.co/acme/tiny",
            "http://llm:8000 serves https://huggingface.co/acme/tiny",
            "file:g.yaml#litellm/guardrail/pii applies_to file:g.yaml#litellm",
            "file:g.yaml#litellm logs_to ai-provider:langfuse",
        ] {
            assert!(relations(&found).contains(&relation.to_owned()), "{relation}: {:#?}", relations(&found));
        }
        let gateway = found.inventory.get("file:g.yaml#litellm").unwrap();
        assert_eq!(gateway.authentication, Some(Authentication::Key));
        assert_eq!(gateway.properties["key_variables"], json!(["AZURE_KEY"]));
        assert!(!serde_json::to_string(&found.inventory).unwrap().contains("hunter2"));
        assert_eq!(found.inventory.get("model:desk").unwrap().evidence[0].line, Some(3));
    }

    #[test]
    fn kong_and_apisix_plugins() {
        let found = yaml(
            "_format_version: '3.0'\nservices:\n  - name: s\n    routes:\n      - name: r\n        plugins:\n          - {name: ai-proxy, config: {model: {provider: openai, name: gpt-4o}}}\n          - {name: ai-prompt-guard, config: {}}\nplugins: [{name: key-auth}]\n",
        );
        assert!(relations(&found).contains(&"file:g.yaml#kong invokes model:gpt-4o".to_owned()));
        assert!(
            relations(&found)
                .contains(&"file:g.yaml#kong/guardrail/ai-prompt-guard applies_to file:g.yaml#kong".to_owned())
        );
        assert_eq!(found.inventory.get("file:g.yaml#kong").unwrap().authentication, Some(Authentication::Key));
        let found = yaml(
            "routes:\n  - uri: /chat\n    plugins:\n      ai-proxy-multi: {instances: [{provider: deepseek, options: {model: deepseek-chat}}]}\n",
        );
        assert!(relations(&found).contains(&"file:g.yaml#apisix invokes ai-provider:deepseek".to_owned()));
        assert!(yaml("_format_version: '3.0'\nservices: [{name: s, plugins: [{name: cors}]}]\n").inventory.is_empty());
    }

    #[test]
    fn portkey_and_cloudflare() {
        let found = read(
            &json!({"strategy": {"mode": "fallback"}, "targets": [{"provider": "anthropic", "override_params": {"model": "claude-x"}}]}),
        );
        assert!(relations(&found).contains(&"file:x.json#portkey invokes model:claude-x".to_owned()));
        let found = read(
            &json!({"success": true, "result": [{"id": "desk", "collect_logs": true, "rate_limiting_limit": 0, "authentication": false}]}),
        );
        let gateway = found.inventory.get("cloudflare:account/ai-gateway/desk").unwrap();
        assert_eq!((gateway.ai, gateway.authentication), (true, Some(Authentication::None)));
    }
}
