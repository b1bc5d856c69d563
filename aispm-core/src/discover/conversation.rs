//! What people and models say to each other, as model APIs, traces and logs write it: text for the guard, never for
//! the inventory.

use serde_json::Value;

use super::format::Found;
use crate::asset::{Event, Evidence, TextRole};

/// Keeps texts as events of an asset.
pub(super) fn keep(
    texts: Vec<(TextRole, String)>,
    asset: &str,
    time: Option<&str>,
    actor: Option<&str>,
    evidence: &Evidence,
    found: &mut Found,
) {
    for (role, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        let mut event = Event::new(asset, role, text);
        event.time = time.map(str::to_owned);
        event.actor = actor.map(str::to_owned);
        event.evidence = evidence.clone();
        found.events.push(event);
    }
}

/// The user's side of a request to a model API: OpenAI, Anthropic, Bedrock, Gemini, Cohere, Ollama.
pub(super) fn request(body: &Value, texts: &mut Vec<(TextRole, String)>) {
    for key in ["messages", "contents", "input", "chat_history"] {
        messages(body.get(key), texts);
    }
    for key in ["prompt", "input", "inputs", "inputText", "message", "query"] {
        texts.extend(body.get(key).filter(|v| v.is_string()).and_then(content).map(|text| (TextRole::Prompt, text)));
    }
}

/// The model's side: the answer, or each of several.
pub(super) fn response(body: &Value, texts: &mut Vec<(TextRole, String)>) {
    choices(body, texts);
    for pointer in ["/message", "/output/message"] {
        let text = body.pointer(pointer).and_then(|message| message.get("content")).and_then(content);
        texts.extend(text.map(|text| (TextRole::Output, text)));
    }
    for key in ["content", "completion", "response", "text", "generation", "outputText", "generated_text"] {
        texts.extend(body.get(key).and_then(content).map(|text| (TextRole::Output, text)));
    }
    for (list, key) in
        [("candidates", "content"), ("output", "content"), ("results", "outputText"), ("outputs", "text")]
    {
        for item in body.get(list).and_then(Value::as_array).into_iter().flatten() {
            texts.extend(item.get(key).and_then(content).map(|text| (TextRole::Output, text)));
        }
    }
}

/// Messages with roles, as most providers take them.
pub(super) fn messages(list: Option<&Value>, texts: &mut Vec<(TextRole, String)>) {
    for message in list.and_then(Value::as_array).into_iter().flatten() {
        let text = message.get("content").or_else(|| message.get("parts")).or_else(|| message.get("message"));
        let role = role(message.get("role").and_then(Value::as_str));
        texts.extend(role.and_then(|role| Some((role, content(text?)?))));
    }
}

/// The role of a message; what the developer wrote is neither prompt nor answer.
pub(super) fn role(name: Option<&str>) -> Option<TextRole> {
    match name? {
        "assistant" | "ai" | "model" | "ASSISTANT" | "CHATBOT" => Some(TextRole::Output),
        "tool" | "function" | "TOOL" => Some(TextRole::ToolResult),
        "system" | "developer" | "SYSTEM" => None,
        _ => Some(TextRole::Prompt),
    }
}

/// `choices` of an answer.
pub(super) fn choices(answer: &Value, texts: &mut Vec<(TextRole, String)>) {
    for choice in answer.get("choices").and_then(Value::as_array).into_iter().flatten() {
        let text = choice.pointer("/message/content").or_else(|| choice.get("text"));
        texts.extend(text.and_then(content).map(|text| (TextRole::Output, text)));
    }
}

/// A string, or the text parts of a list.
pub(super) fn content(value: &Value) -> Option<String> {
    let part = |part: &Value| -> Option<String> {
        let text = part.get("text").or_else(|| part.get("content")).unwrap_or(part);
        text.as_str().map(str::to_owned)
    };
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Vec<String> = parts.iter().filter_map(part).collect();
            (!texts.is_empty()).then(|| texts.join("\n"))
        }
        Value::Object(map) => content(map.get("parts").or_else(|| map.get("text"))?),
        _ => None,
    }
}

/// The text of a streamed answer: server-sent events whose data are pieces of it.
pub(super) fn streamed(body: &str) -> Option<String> {
    const PLACES: &[&str] =
        &["/choices/0/delta/content", "/choices/0/text", "/delta/text", "/delta", "/message/content"];
    let mut answer = String::new();
    for line in body.lines() {
        let data = line.trim().strip_prefix("data:").unwrap_or(line).trim();
        let Ok(value) = serde_json::from_str::<Value>(data) else { continue };
        if let Some(text) = PLACES.iter().find_map(|place| value.pointer(place)?.as_str()) {
            answer.push_str(text);
        }
    }
    (!answer.is_empty()).then_some(answer)
}
