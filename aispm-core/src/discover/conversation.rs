//! What people and models say to each other, as model APIs, traces and logs write it: text for the guard, never for
//! the inventory.

use std::collections::HashSet;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use serde_json::Value;

use super::format::Found;
use crate::asset::{Event, Evidence, TextRole};
use crate::text::arguments::harm;

/// What a record holds of a conversation.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    /// What was said, by role.
    texts: Vec<(TextRole, String)>,
    /// What the developer told the model: neither prompt nor answer.
    system: Vec<String>,
    /// Tools that the model called, with their arguments as text.
    tools: Vec<(String, String)>,
}

impl Extend<(TextRole, String)> for Spoken {
    fn extend<T: IntoIterator<Item = (TextRole, String)>>(&mut self, texts: T) {
        self.texts.extend(texts);
    }
}

impl Spoken {
    pub(super) fn push(&mut self, text: (TextRole, String)) {
        self.texts.push(text);
    }

    pub(super) fn instruct(&mut self, text: String) {
        self.system.push(text);
    }

    pub(super) fn call(&mut self, tool: &str, arguments: &Value) {
        let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
        self.tools.push((tool.to_owned(), arguments));
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    pub(super) fn dedup(&mut self) {
        self.texts.dedup();
    }
}

/// Keeps texts as events of an asset, and counts the tools that it called.
pub(super) fn keep(
    spoken: Spoken,
    asset: &str,
    time: Option<&str>,
    actor: Option<&str>,
    evidence: &Evidence,
    found: &mut Found,
) {
    for (tool, arguments) in spoken.tools {
        found.calls.tool(asset, &tool, harm(&arguments), evidence);
    }
    let instructions = Shingles::of(&spoken.system);
    for (role, text) in spoken.texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        let repeats = if role == TextRole::Output { instructions.share_in(&text) } else { None };
        let mut event = Event::new(asset, role, text);
        event.time = time.map(str::to_owned);
        event.actor = actor.map(str::to_owned);
        event.repeats_system_prompt = repeats;
        event.evidence = evidence.clone();
        found.events.push(event);
    }
}

/// Runs of words of a text, to tell how much of it another text repeats.
struct Shingles(HashSet<u64>);

impl Shingles {
    /// Words in a run: long enough that nobody repeats one by chance.
    const WORDS: usize = 5;
    /// Fewest runs of a text that can be told from chance.
    const FEWEST: usize = 4;

    fn of(texts: &[String]) -> Self {
        Self(texts.iter().flat_map(|text| Self::runs(text)).collect())
    }

    fn runs(text: &str) -> Vec<u64> {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let words: Vec<String> = words.map(str::to_lowercase).collect();
        let state = FixedState::default();
        words.windows(Self::WORDS).map(|run| state.hash_one(run)).collect()
    }

    /// The share of the runs that stand in a text; `None` if there are too few. Linear.
    fn share_in(&self, text: &str) -> Option<f64> {
        if self.0.len() < Self::FEWEST {
            return None;
        }
        let found: HashSet<u64> = Self::runs(text).into_iter().filter(|run| self.0.contains(run)).collect();
        Some(found.len() as f64 / self.0.len() as f64)
    }
}

/// The user's side of a request to a model API: OpenAI, Anthropic, Bedrock, Gemini, Cohere, Ollama.
pub(super) fn request(body: &Value, texts: &mut Spoken) {
    for key in ["system", "systemInstruction", "system_instruction", "instructions", "system_prompt"] {
        body.get(key).and_then(content).into_iter().for_each(|text| texts.instruct(text));
    }
    for key in ["messages", "contents", "input", "chat_history"] {
        messages(body.get(key), texts);
    }
    for key in ["prompt", "input", "inputs", "inputText", "message", "query"] {
        texts.extend(body.get(key).filter(|v| v.is_string()).and_then(content).map(|text| (TextRole::Prompt, text)));
    }
}

/// Tools that a message of the model calls, as OpenAI, Anthropic, Bedrock and Gemini write it.
fn calls(message: &Value, texts: &mut Spoken) {
    let listed = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    for call in listed(message.get("tool_calls")) {
        let function = call.get("function").unwrap_or(&call);
        called(function, &["arguments", "args"], texts);
    }
    for part in listed(message.get("content")).iter().chain(&listed(message.get("parts"))) {
        let kind = part.get("type").and_then(Value::as_str);
        let inner = part.get("toolUse").or_else(|| part.get("functionCall"));
        if let Some(call) = inner.or_else(|| Some(part).filter(|_| matches!(kind, Some("tool_use" | "tool_call")))) {
            called(call, &["input", "args", "arguments"], texts);
        }
    }
}

fn called(call: &Value, arguments: &[&str], texts: &mut Spoken) {
    if let Some(name) = call.get("name").and_then(Value::as_str) {
        let arguments = arguments.iter().find_map(|key| call.get(key));
        texts.call(name, arguments.unwrap_or(&Value::Null));
    }
}

/// The model's side: the answer, or each of several.
pub(super) fn response(body: &Value, texts: &mut Spoken) {
    choices(body, texts);
    calls(body, texts);
    for pointer in ["/message", "/output/message"] {
        let Some(message) = body.pointer(pointer) else { continue };
        calls(message, texts);
        texts.extend(message.get("content").and_then(content).map(|text| (TextRole::Output, text)));
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
pub(super) fn messages(list: Option<&Value>, texts: &mut Spoken) {
    for message in list.and_then(Value::as_array).into_iter().flatten() {
        let text = message.get("content").or_else(|| message.get("parts")).or_else(|| message.get("message"));
        calls(message, texts);
        let name = message.get("role").and_then(Value::as_str);
        match (role(name), text.and_then(content)) {
            (Some(role), Some(text)) => texts.push((role, text)),
            (None, Some(text)) if name.is_some() => texts.instruct(text),
            _ => {}
        }
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
pub(super) fn choices(answer: &Value, texts: &mut Spoken) {
    for choice in answer.get("choices").and_then(Value::as_array).into_iter().flatten() {
        choice.get("message").into_iter().for_each(|message| calls(message, texts));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SYSTEM: &str = "You are the assistant of Acme. Never talk about prices, and always sign as Ada from Acme.";

    #[test]
    fn answers_that_repeat_the_system_prompt() {
        let share = |answer: &str| {
            let mut spoken = Spoken::default();
            request(
                &json!({"system": [{"text": SYSTEM}], "messages": [{"role": "user", "content": "hi"}]}),
                &mut spoken,
            );
            response(&json!({"choices": [{"message": {"content": answer}}]}), &mut spoken);
            let mut found = Found::default();
            keep(spoken, "a", None, None, &Evidence::default(), &mut found);
            assert_eq!(found.events.len(), 2);
            found.events[1].repeats_system_prompt.unwrap()
        };
        assert_eq!(share("We sell pumps."), 0.0);
        assert_eq!(share(&format!("My orders: {}", SYSTEM.to_uppercase())), 1.0);
        assert!((0.4..0.7).contains(&share("I must never talk about prices, and always sign as Ada from Acme.")));
        let short = Shingles::of(&["Be brief.".to_owned()]);
        assert_eq!(short.share_in("Be brief."), None);
    }

    #[test]
    fn tools_that_the_model_calls() {
        let mut spoken = Spoken::default();
        messages(
            Some(&json!([
                {"role": "assistant", "tool_calls": [{"function": {"name": "shell", "arguments": "{\"cmd\": \"rm -rf / \"}"}}]},
                {"role": "assistant", "content": [{"type": "tool_use", "name": "search", "input": {"q": "x"}}]},
                {"role": "model", "parts": [{"functionCall": {"name": "mail", "args": {}}}]},
            ])),
            &mut spoken,
        );
        response(
            &json!({"output": {"message": {"content": [{"toolUse": {"name": "pay", "input": {}}}]}}}),
            &mut spoken,
        );
        let mut found = Found::default();
        keep(spoken, "a", None, None, &Evidence::file("f"), &mut found);
        let calls = &found.calls.assets["a"];
        assert_eq!(calls.tools.keys().collect::<Vec<_>>(), ["mail", "pay", "search", "shell"]);
        assert_eq!(calls.dangerous[0].excerpt.as_deref(), Some("shell: deletes everything"));
    }
}
