//! A recorded request to a model API and its answer: who was called, for which model, with which library, and what was
//! said.

use serde_json::Value;

use super::traffic::{Address, Call, Target, add, count, note_of};
use crate::asset::{Asset, AssetKind, Document, Evidence, RelationKind};
use crate::discover::conversation;
use crate::discover::format::Found;
use crate::discover::model_ref;
use crate::discover::package::Reference;
use crate::discover::walk::file_name;

/// What client libraries call themselves, in lower case, and the packages that they are.
const CLIENTS: &[(&str, &str, &str)] = &[
    ("openai/python", "pypi", "openai"),
    ("asyncopenai/python", "pypi", "openai"),
    ("azureopenai/python", "pypi", "openai"),
    ("asyncazureopenai/python", "pypi", "openai"),
    ("openai/js", "npm", "openai"),
    ("azureopenai/js", "npm", "openai"),
    ("anthropic/python", "pypi", "anthropic"),
    ("asyncanthropic/python", "pypi", "anthropic"),
    ("anthropicbedrock/python", "pypi", "anthropic"),
    ("anthropic/js", "npm", "@anthropic-ai/sdk"),
    ("groq/python", "pypi", "groq"),
    ("asyncgroq/python", "pypi", "groq"),
    ("groq/js", "npm", "groq-sdk"),
    ("together/python", "pypi", "together"),
    ("cerebras/python", "pypi", "cerebras-cloud-sdk"),
    ("mistral-client-python/", "pypi", "mistralai"),
    ("google-genai-sdk/", "pypi", "google-genai"),
    ("litellm/", "pypi", "litellm"),
    ("ollama-python/", "pypi", "ollama"),
    ("ollama-js/", "npm", "ollama"),
    ("cohere/", "pypi", "cohere"),
    ("replicate-python/", "pypi", "replicate"),
    ("boto3/", "pypi", "boto3"),
];

/// Reads the request and the answer at a pointer; whether they were a call to a model.
pub(in crate::discover) fn read(document: &Document, pointer: &str, found: &mut Found) -> bool {
    let Some(call) = document.value.pointer(pointer) else { return false };
    let Some((url, key)) = address(call) else { return false };
    let tables = found.tables.clone();
    let Some(target) = Target::of(&tables, Address::url(url)) else { return false };
    let request = call.get("request").unwrap_or(call);
    let bare = url.split(['?', '#']).next().unwrap_or(url);
    let evidence = document.evidence(&format!("{pointer}{key}")).excerpt(bare);
    let path = document.path();
    let source = Asset::new(format!("file:{path}"), AssetKind::Application, file_name(path))
        .ai()
        .with("format", "http-recording");
    let from = source.id.to_string();
    let (sent, answered) = (body(request), call.get("response").and_then(body));
    let text =
        |body: &Option<Value>, key: &str| body.as_ref().and_then(|body| Some(body.get(key)?.as_str()?.to_owned()));
    let deployment = bare.contains("/deployments/");
    let (asked, by) = (text(&sent, "model"), text(&answered, "model"));
    // what is asked of a deployment may be the deployment's own name
    let model = if deployment { by.clone().or(asked) } else { asked.or_else(|| by.clone()) };
    let time = call.get("recorded_at").or_else(|| call.get("startedDateTime")).and_then(Value::as_str);
    let (_, model) = Call { source, target, model: model.as_deref(), time, blocked: false }.tell(&evidence, found);
    client(request, &from, &evidence, found);
    let usage = answered.as_ref().and_then(|body| body.get("usage"));
    for (key, names) in
        [("input_tokens", ["prompt_tokens", "input_tokens"]), ("output_tokens", ["completion_tokens", "output_tokens"])]
    {
        let tokens = usage.and_then(|usage| names.iter().find_map(|name| usage.get(*name)?.as_u64()));
        for id in [Some(from.as_str()), model.as_ref().map(|id| id.as_str())].into_iter().flatten() {
            count(id, key, tokens, found);
        }
    }
    let other = |by: &String| model_ref::model(by, &from).is_some_and(|by| Some(by.id) != model);
    if let (Some(model), Some(by)) = (&model, by.as_ref().filter(|by| other(by))) {
        note_of(model.as_str(), "answered_by", by, found);
    }
    let mut texts = conversation::Spoken::default();
    sent.iter().for_each(|body| conversation::request(body, &mut texts));
    match &answered {
        Some(Value::String(stream)) => {
            texts.extend(conversation::streamed(stream).map(|text| (crate::asset::TextRole::Output, text)))
        }
        Some(body) => conversation::response(body, &mut texts),
        None => {}
    }
    conversation::keep(texts, &from, time, None, &document.evidence(pointer), found);
    model.is_some()
}

/// The URL that was called, and where below the pointer it stands.
fn address(call: &Value) -> Option<(&str, &'static str)> {
    ["/request/uri", "/request/url", "/request/url/raw"]
        .into_iter()
        .find_map(|key| Some((call.pointer(key)?.as_str()?, key)))
}

/// A body as JSON, as it is or in the text that a recorder keeps; a text that is no JSON stays one.
fn body(message: &Value) -> Option<Value> {
    let places = ["/body/string", "/body/data", "/postData/text", "/content/text", "/body", "/json", "/content"];
    let value = places.iter().find_map(|place| message.pointer(place).filter(|value| !value.is_null()))?;
    match value {
        Value::String(text) => Some(serde_json::from_str(text).unwrap_or_else(|_| value.clone())),
        value => Some(value.clone()),
    }
}

/// A header's value, whichever way a recorder keeps headers.
fn header<'a>(message: &'a Value, name: &str) -> Option<&'a str> {
    let first = |value: &'a Value| value.as_str().or_else(|| value.get(0)?.as_str());
    match message.get("headers")? {
        Value::Object(map) => first(map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1),
        Value::Array(list) => {
            let named = |entry: &&Value| {
                entry.get("name").and_then(Value::as_str).is_some_and(|key| key.eq_ignore_ascii_case(name))
            };
            list.iter().find(named)?.get("value")?.as_str()
        }
        _ => None,
    }
}

/// The library that made the call, as its headers name it.
fn client(request: &Value, from: &str, evidence: &Evidence, found: &mut Found) {
    let Some(agent) = header(request, "user-agent").or_else(|| header(request, "x-fern-sdk-name")) else { return };
    let lower = agent.to_ascii_lowercase();
    let fern = |name: &str| name.strip_suffix('/').is_some_and(|name| name == lower);
    let Some((start, ecosystem, package)) = CLIENTS.iter().find(|(start, ..)| lower.starts_with(start) || fern(start))
    else {
        return;
    };
    let word = agent.get(start.len()..).unwrap_or_default().trim_start_matches(['/', ' ']);
    let written =
        word.split([' ', ';', '(']).next().filter(|version| version.starts_with(|c: char| c.is_ascii_digit()));
    let version =
        header(request, "x-stainless-package-version").or_else(|| header(request, "x-fern-sdk-version")).or(written);
    let reference = match (*ecosystem, version) {
        ("npm", Some(version)) => Reference::npm(&format!("{package}@{version}")),
        ("npm", None) => Reference::npm(package),
        (_, version) => {
            let text = version.map_or_else(|| (*package).to_owned(), |version| format!("{package}=={version}"));
            let Some(reference) = Reference::pypi(&text) else { return };
            reference
        }
    };
    let mut asset = reference.asset();
    if let Some(runtime) = header(request, "x-stainless-runtime-version") {
        asset.properties.insert("runtime_version".into(), runtime.into());
    }
    found.relate(from, RelationKind::Uses, asset.id.as_str(), evidence);
    add(asset, &evidence.clone().excerpt(agent), found);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{read, relations};
    use crate::asset::TextRole;

    #[test]
    fn a_cassette_of_an_azure_deployment() {
        let found = read(&json!({"interactions": [{
            "request": {
                "uri": "https://acme.openai.azure.com/openai/deployments/chat/chat/completions?api-version=1", "method": "POST",
                "headers": {"User-Agent": ["AzureOpenAI/Python 1.2.3"], "x-stainless-package-version": ["1.2.3"], "api-key": ["s3cr3t"]},
                "body": "{\"model\": \"chat\", \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}",
            },
            "response": {"body": {"string": "{\"model\": \"gpt-4o-2024\", \"choices\": [{\"message\": {\"content\": \"ho\"}}], \"usage\": {\"prompt_tokens\": 3}}"}},
        }]}));
        for relation in [
            "file:x.json uses pkg:pypi/openai@1.2.3",
            "file:x.json invokes ai-provider:azure-openai",
            "file:x.json invokes https://acme.openai.azure.com/openai/deployments/chat",
            "https://acme.openai.azure.com/openai/deployments/chat serves model:gpt-4o-2024",
        ] {
            assert!(relations(&found).contains(&relation.to_owned()), "{relation}: {:#?}", relations(&found));
        }
        let texts: Vec<_> = found.events.iter().map(|event| (event.role, event.text.as_str())).collect();
        assert_eq!(texts, [(TextRole::Prompt, "hi"), (TextRole::Output, "ho")]);
        let relation = found.inventory.relations().next().unwrap();
        assert_eq!(relation.evidence[0].pointer.as_deref(), Some("/interactions/0/request/uri"));
        assert!(!serde_json::to_string(&found.inventory).unwrap().contains("s3cr3t"));
    }

    #[test]
    fn a_har_with_a_streamed_answer_and_other_traffic() {
        let entry = |url: &str, answer: &str| json!({"request": {"url": url, "headers": [{"name": "user-agent", "value": "OpenAI/JS 4.0.0"}], "postData": {"text": "{\"model\": \"acme/tiny\"}"}}, "response": {"content": {"text": answer}}});
        let stream = "data: {\"choices\": [{\"delta\": {\"content\": \"h\"}}]}\n\ndata: {\"choices\": [{\"delta\": {\"content\": \"o\"}}]}\n\ndata: [DONE]\n";
        let found = read(
            &json!({"log": {"version": "1.2", "entries": [entry("http://localhost:8000/v1/chat/completions", stream), entry("https://example.com/", "")]}}),
        );
        assert_eq!(
            relations(&found),
            [
                "file:x.json uses pkg:npm/openai@4.0.0",
                "file:x.json invokes http://localhost:8000",
                "file:x.json invokes https://huggingface.co/acme/tiny",
                "http://localhost:8000 serves https://huggingface.co/acme/tiny",
            ]
        );
        assert_eq!(found.events[0].text, "ho");
    }
}
