//! Markdown that steers agents: skills, subagents, project instructions and prompt files. Names and front matter tell
//! which; a plain Markdown file is none.

use serde_json::Value;

use super::{has_tool, provider_named, short, uses_model, uses_provider};
use crate::asset::{Asset, AssetKind, Document, Error, Evidence, RelationKind};
use crate::discover::ai_native::huggingface::front_matter;
use crate::discover::ai_native::{keep, strings, text};
use crate::discover::format::{Found, Source, Textual};
use crate::discover::walk::parent;

/// `SKILL.md`: a skill that agents load when its description fits.
pub(in crate::discover::ai_native) const SKILL: Textual =
    Textual { name: "agent-skill", critical: true, matches: |source| source.name().ends_with("SKILL.md"), read: skill };

/// A subagent of a coding assistant: `agents/NAME.md`, `NAME.agent.md`, `NAME.chatmode.md`.
pub(in crate::discover::ai_native) const SUBAGENT: Textual = Textual {
    name: "agent-definition",
    critical: true,
    matches: |source| {
        let ending = [".agent.md", ".chatmode.md"].iter().any(|ending| source.name().ends_with(ending));
        let folder = parent(source.path).ends_with("agents") && source.name().ends_with(".md");
        ending && has_keys(source.text, &["description"])
            || folder
                && has_keys(source.text, &["name", "description"])
                && (has_keys(source.text, &["tools"]) || has_keys(source.text, &["model"]))
    },
    read: subagent,
};

/// Instructions that coding assistants read in every session.
pub(in crate::discover::ai_native) const INSTRUCTIONS: Textual = Textual {
    name: "agent-instructions",
    critical: false,
    matches: |source| {
        const NAMES: &[&str] = &[
            "AGENTS.md",
            "AGENTS.override.md",
            "CLAUDE.md",
            "CLAUDE.local.md",
            "GEMINI.md",
            "copilot-instructions.md",
            ".cursorrules",
            ".windsurfrules",
            ".clinerules",
            ".goosehints",
        ];
        NAMES.contains(&source.name())
            || source.name().ends_with(".mdc") && parent(source.path).ends_with(".cursor/rules")
    },
    read: |source, found| {
        let id = format!("file:{}", source.path);
        let asset = Asset::new(&id, AssetKind::PromptTemplate, source.name()).with("role", "agent-instructions");
        let lines = source.text.lines().count();
        found.inventory.add(asset.with("lines", lines).seen(source.line(1).excerpt(source.name())));
        Ok(())
    },
};

/// Prompt files: `.prompty`, `.prompt` and `.prompt.md`.
pub(in crate::discover::ai_native) const PROMPT_FILE: Textual = Textual {
    name: "prompt-file",
    critical: true,
    matches: |source| {
        let ending = [".prompty", ".prompt", ".prompt.md"].iter().any(|ending| source.name().ends_with(ending));
        ending && front_matter(source.text).is_some()
    },
    read: prompt_file,
};

fn has_keys(text: &str, keys: &[&str]) -> bool {
    front_matter(text).is_some_and(|yaml| {
        keys.iter().all(|key| yaml.lines().any(|line| line.split_once(':').is_some_and(|(found, _)| found == *key)))
    })
}

/// The front matter as a document whose lines are those of the file. Values that are no YAML, as people write
/// descriptions with a colon in them, are read line by line.
fn header(source: &Source<'_>) -> (Document, Option<Error>) {
    let yaml = front_matter(source.text).unwrap_or_default();
    let (mut documents, error) = Document::yaml(source.path, &yaml);
    match documents.pop().filter(|document| document.value.is_object()) {
        Some(document) => (document, None),
        None => {
            let pair = |line: &str| {
                let (key, value) = line.split_once(':')?;
                (!key.starts_with([' ', '-', '#'])).then(|| (key.to_owned(), Value::from(value.trim())))
            };
            let value = Value::Object(yaml.lines().filter_map(pair).collect());
            // it was understood all the same
            let document = Document::json(source.path, &value.to_string()).unwrap_or_default();
            let error = error.filter(|_| document.value.as_object().is_none_or(serde_json::Map::is_empty));
            (document, error)
        }
    }
}

/// The tools that a header allows: a list, or words with commas or spaces between them outside parentheses.
fn tools(value: &Value, key: &str) -> Vec<(String, String)> {
    if value.get(key).is_some_and(Value::is_array) {
        return strings(value, key).into_iter().map(|(pointer, tool)| (pointer, tool.to_owned())).collect();
    }
    let (mut tools, mut depth) = (vec![String::new()], 0_usize);
    for c in text(value, key).unwrap_or_default().chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' | ' ' if depth == 0 => {
                tools.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(tool) = tools.last_mut() {
            tool.push(c);
        }
    }
    tools.retain(|tool| !tool.is_empty());
    tools.into_iter().map(|tool| (format!("/{key}"), tool)).collect()
}

/// Adds the tools that a header allows, and says which of them run anything.
fn allowed(document: &Document, key: &str, asset: &mut Asset, found: &mut Found) {
    let all = tools(&document.value, key);
    for (pointer, tool) in &all {
        has_tool(asset.id.as_str(), tool, None, &document.evidence(pointer), found);
    }
    if !all.is_empty() {
        let names: Vec<String> = all.into_iter().map(|(_, tool)| tool).collect();
        asset.properties.insert("allowed_tools".into(), names.into());
    }
}

/// Most characters kept of a skill.
const SKILL_TEXT: usize = 1 << 15;

fn skill(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let (document, error) = header(source);
    let value = &document.value;
    // without a front matter, the heading and the first line below it say the same
    let mut body = source.text.lines().map(str::trim).filter(|line| !line.is_empty());
    let heading = body.find_map(|line| line.strip_prefix("# ")).map(str::trim);
    let first = body.find(|line| !line.starts_with(['#', '`', '-']));
    let name = text(value, "name").or(heading).unwrap_or(source.name());
    let id = format!("file:{}", source.path);
    let mut asset = Asset::new(&id, AssetKind::Tool, name).ai().with("role", "agent-skill");
    keep(value, &["license", "compatibility", "metadata", "model", "disable-model-invocation"], &mut asset);
    if let Some(description) = text(value, "description").or(first) {
        asset.properties.insert("description".into(), short(description).into());
    }
    // what it tells the agent to do, once the agent has chosen it
    let told: String = source.text.chars().take(SKILL_TEXT).collect();
    asset.properties.insert("instructions".into(), told.into());
    asset.provenance.licence = text(value, "license").map(str::to_owned);
    asset.provenance.version = value.pointer("/metadata/version").and_then(Value::as_str).map(str::to_owned);
    allowed(&document, "allowed-tools", &mut asset, found);
    scripts(source, &id, found);
    found.inventory.add(asset.seen(document.evidence("/name").excerpt(name)));
    error.map_or(Ok(()), Err)
}

/// Scripts beside a skill that its text names.
fn scripts(source: &Source<'_>, id: &str, found: &mut Found) {
    let folder = parent(source.path);
    for (i, line) in source.text.lines().enumerate() {
        for word in line.split(|c: char| c.is_whitespace() || "`\"'()[]<>,;".contains(c)) {
            let word = word.trim_start_matches("./").trim_end_matches(['.', ':']);
            let script = [".py", ".sh", ".js", ".ts", ".rb", ".ps1"].iter().any(|ending| word.ends_with(ending));
            let path = format!("{folder}/{word}");
            if script && found.tree.holds(&path) {
                let (evidence, tool): (Evidence, _) = (source.line(i as u64 + 1), format!("file:{path}"));
                found.relate(id, RelationKind::HasTool, &tool, &evidence);
                let asset = Asset::new(tool, AssetKind::Tool, word).ai().with("role", "script");
                found.inventory.add(asset.seen(evidence.excerpt(word)));
            }
        }
    }
}

fn subagent(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let (document, error) = header(source);
    let value = &document.value;
    let stem = source.name().split('.').next().unwrap_or(source.name());
    let name = text(value, "name").unwrap_or(stem);
    let mut asset = Asset::new(format!("file:{}", source.path), AssetKind::Agent, name);
    keep(value, &["mode", "permissionMode", "model", "target"], &mut asset);
    if let Some(description) = text(value, "description") {
        asset.properties.insert("description".into(), short(description).into());
    }
    let inherited = ["inherit", "sonnet", "opus", "haiku"];
    for (pointer, model) in strings(value, "model").into_iter().filter(|(_, model)| !inherited.contains(model)) {
        uses_model(asset.id.as_str(), model, &document.evidence(&pointer), found);
    }
    allowed(&document, "tools", &mut asset, found);
    found.inventory.add(asset.seen(document.evidence("/name").excerpt(name)));
    error.map_or(Ok(()), Err)
}

fn prompt_file(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let (document, error) = header(source);
    let value = &document.value;
    let stem = source.name().split('.').next().unwrap_or(source.name());
    let id = format!("file:{}", source.path);
    let mut asset = Asset::new(&id, AssetKind::PromptTemplate, text(value, "name").unwrap_or(stem));
    keep(value, &["description", "authors", "tags", "mode", "version"], &mut asset);
    match value.get("model") {
        Some(Value::String(model)) => uses_model(&id, model, &document.evidence("/model"), found),
        Some(model) => {
            let configuration = model.get("configuration").unwrap_or(&Value::Null);
            for key in ["azure_deployment", "name", "model", "deployment"] {
                if let Some(name) = text(configuration, key) {
                    uses_model(&id, name, &document.evidence(&format!("/model/configuration/{key}")), found);
                }
            }
            let provider = text(configuration, "type").or_else(|| text(model, "provider")).and_then(provider_named);
            if let Some(provider) = provider {
                uses_provider(&id, provider, &document.evidence("/model"), found);
            }
        }
        None => {}
    }
    allowed(&document, "tools", &mut asset, found);
    found.inventory.add(asset.seen(document.evidence("").excerpt(stem)));
    error.map_or(Ok(()), Err)
}
