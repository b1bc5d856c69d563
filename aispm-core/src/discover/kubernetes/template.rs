//! Templates of Helm charts, read without rendering: expressions become placeholders, control lines are dropped, and
//! what is then YAML is read as manifests marked `templated`. Values are not known, so `$(values.a.b)` stands for one.

use super::text;
use crate::asset::{Asset, AssetKind, Document, Error};
use crate::discover::format::{Found, Source, Textual};
use crate::discover::walk::{file_name, folder_name, parent};

pub(super) const TEMPLATE: Textual = Textual {
    name: "helm-template",
    critical: false,
    // a template that is no YAML without its expressions is left for who renders it
    matches: |source| {
        source.has_extension(&["yaml", "yml"])
            && source.text.contains("{{")
            && [".Values", ".Release.", ".Chart.", ".Capabilities.", "include \"", "template \""]
                .iter()
                .any(|sign| source.text.contains(sign))
            && !manifests(source).is_empty()
    },
    read: |source, found| {
        let mut own = found.beside();
        for document in manifests(source) {
            super::read(&document, &mut own);
        }
        let ids: Vec<String> = own.inventory.assets().map(|asset| asset.id.to_string()).collect();
        for id in ids {
            if let Some(asset) = own.inventory.get_mut(&id).filter(|asset| asset.text("kubernetes_kind").is_some()) {
                asset.properties.insert("templated".into(), true.into());
                asset.properties.insert("chart_folder".into(), folder(source.path).into());
            }
        }
        found.inventory.extend(own.inventory);
        Ok(())
    },
};

/// `_helpers.tpl` and `NOTES.txt`: named parts of a chart, with nothing to deploy in them.
pub(super) const HELPER: Textual = Textual {
    name: "helm-helper",
    critical: false,
    matches: |source| {
        let template = source.text.contains("{{");
        template
            && (source.has_extension(&["tpl"]) && source.text.contains("define ")
                || source.name().ends_with("NOTES.txt") && source.text.contains("."))
    },
    read: helper,
};

fn helper(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let file = Asset::new(format!("file:{}", source.path), AssetKind::Resource, source.name());
    let mut file = file.seen(source.line(1).excerpt(source.name())).with("chart_folder", folder(source.path));
    let defined = source.text.split("define \"").nth(1).and_then(|rest| rest.split(['.', '"']).next());
    if let Some(chart) = defined {
        file.properties.insert("chart".into(), chart.into());
    }
    found.inventory.add(file);
    Ok(())
}

/// The folder of the chart that a template belongs to.
fn folder(path: &str) -> &str {
    let above = path.rfind("/templates/").and_then(|at| path.get(..at));
    above.unwrap_or_else(|| parent(path))
}

/// The manifests that are left when the first way of reading that parses is taken.
fn manifests(source: &Source<'_>) -> Vec<Document> {
    let chart = chart_name(source);
    for alternatives in [true, false] {
        let plain = blank(source.text, &chart, alternatives);
        let (documents, error) = Document::yaml(source.path, &plain);
        let objects: Vec<Document> = documents
            .into_iter()
            .filter(|document| text(&document.value, "kind").is_some() && text(&document.value, "apiVersion").is_some())
            .filter(|document| document.value.pointer("/metadata/name").is_some_and(|name| name.is_string()))
            .collect();
        if error.is_none() || !alternatives {
            return objects;
        }
    }
    Vec::new()
}

/// The chart's name: the prefix of its own named templates, or its folder.
fn chart_name(source: &Source<'_>) -> String {
    let included = ["include \"", "template \""].iter().find_map(|word| {
        let name = source.text.split(word).nth(1)?.split('"').next()?;
        name.split_once('.').map(|(chart, _)| chart.to_owned())
    });
    included.unwrap_or_else(|| match folder(source.path) {
        "." => file_name(source.path).to_owned(),
        folder => folder_name(folder),
    })
}

/// The text with the same lines, without expressions; `alternatives` keeps what stands after `else`. Linear.
fn blank(text: &str, chart: &str, alternatives: bool) -> String {
    let mut plain = String::with_capacity(text.len());
    // what each open block hides: a `define` all of it, an `else` what follows
    let mut blocks: Vec<bool> = Vec::new();
    let mut hidden = 0_usize;
    let (mut line, mut only) = (String::new(), true);
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once("{{").map_or((rest, None), |(before, after)| (before, Some(after)));
        for part in before.split_inclusive('\n') {
            if hidden == 0 {
                line.push_str(part.trim_end_matches('\n'));
                only &= part.trim().is_empty();
            }
            if part.ends_with('\n') {
                end_line(&mut plain, &mut line, &mut only);
            }
        }
        let Some(after) = after else { break };
        let comment = after.trim_start_matches('-').trim_start().starts_with("/*");
        let (action, next) = after.split_once(if comment { "*/" } else { "}}" }).unwrap_or((after, ""));
        rest = if comment { next.split_once("}}").map_or("", |(_, rest)| rest) } else { next };
        let lines = after.len().saturating_sub(rest.len());
        let skipped = after.get(..lines).unwrap_or_default().matches('\n').count();
        let words = action.trim_matches('-').trim();
        let first = words.split_whitespace().next().unwrap_or_default();
        match first {
            _ if comment => {}
            "if" | "range" | "with" | "block" => blocks.push(false),
            "define" => {
                blocks.push(true);
                hidden += 1;
            }
            "else" => {
                if let Some(block) = blocks.last_mut().filter(|block| !**block && !alternatives) {
                    *block = true;
                    hidden += 1;
                }
            }
            "end" => hidden -= usize::from(blocks.pop() == Some(true)),
            _ if first.starts_with('$') && words.contains(":=") => {}
            _ if hidden > 0 => {}
            // an insert that fills a line of its own is a part of the tree, not a value
            _ if only && line.trim().is_empty() && ends(rest) => {}
            _ => {
                line.push_str(&placeholder(words, chart));
                only = false;
            }
        }
        for _ in 0..skipped {
            end_line(&mut plain, &mut line, &mut only);
        }
    }
    end_line(&mut plain, &mut line, &mut only);
    plain
}

/// Whether nothing but blanks stands before the line's end.
fn ends(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '\t', '\r']);
    rest.is_empty() || rest.starts_with('\n')
}

fn end_line(plain: &mut String, line: &mut String, only: &mut bool) {
    plain.push_str(line.trim_end());
    plain.push('\n');
    line.clear();
    *only = true;
}

/// What an expression probably gives: the chart's name for names, a default for a value that has one.
fn placeholder(words: &str, chart: &str) -> String {
    let literal = |text: &str| {
        let end = text.trim().trim_start_matches('"').split(['"', ' ', '|', ')']).next().unwrap_or_default().to_owned();
        (!end.is_empty()
            && !end.starts_with(['.', '$', '('])
            && end.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:".contains(&b)))
        .then_some(end)
    };
    if let Some(rest) =
        ["include \"", "template \""].iter().find_map(|word| words.split_once(word)).map(|(_, rest)| rest)
    {
        let name = rest.split('"').next().unwrap_or_default();
        let (of, part) = name.split_once('.').unwrap_or((chart, name));
        return match part.to_ascii_lowercase().as_str() {
            "fullname" | "name" | "serviceaccountname" => of.to_owned(),
            other if other.ends_with("fullname") || other.ends_with(".name") => format!(
                "{of}-{}",
                other.trim_end_matches("fullname").trim_end_matches(".name").trim_matches(['.', '-'])
            )
            .trim_end_matches('-')
            .to_owned(),
            _ => format!("$({name})"),
        };
    }
    if let Some(default) = words.split_once("| default").and_then(|(_, default)| literal(default)) {
        return default;
    }
    if words.starts_with('"') {
        return literal(words).unwrap_or_default();
    }
    let path = words.split([' ', '|', ')', '(']).find(|word| word.starts_with(['.', '$'])).unwrap_or_default();
    match path {
        ".Chart.Name" | ".Release.Name" | "$.Chart.Name" | "$.Release.Name" => chart.to_owned(),
        ".Release.Namespace" | "$.Release.Namespace" => "default".to_owned(),
        _ => {
            let kept: String = path.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
            let kept = kept.trim_start_matches('.');
            let kept = kept.strip_prefix("Values.").map_or_else(|| kept.to_owned(), |rest| format!("values.{rest}"));
            format!("$({})", if kept.is_empty() { "value" } else { &kept })
        }
    }
}
