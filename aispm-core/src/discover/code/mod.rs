//! Source code: imports of AI packages, the models and data sets it names, the services it calls, agents with their
//! tools, prompts and stores.
//!
//! One reader of tokens for all languages, with brackets, scopes and constants resolved on top; nothing is executed and
//! no types are inferred. Facts hang on the file's project.

mod agent;
mod call;
mod endpoint;
mod facts;
mod import;
pub(super) mod lexer;
mod mcp;
mod model;
mod prompt;
mod store;
mod string;
mod syntax;
mod tool;
mod training;
mod value;

use serde_json::Value;

use self::facts::Unit;
use self::lexer::Language;
use self::syntax::Code;
use super::format::{Found, Source, Structured, Textual};
use super::package::{Reference, depend, project_id};
use crate::asset::{Asset, AssetKind, Document, Evidence, RelationKind};

pub(super) const TEXTS: &[Textual] = &[PYTHON, JAVASCRIPT, GO, JAVA, KOTLIN, CSHARP, RUST];

pub(super) const FORMATS: &[Structured] = &[NOTEBOOK];

const PYTHON: Textual = Textual {
    name: "python",
    critical: false,
    matches: |source| source.has_extension(&["py", "pyi", "pyw"]) || shebang(source, "python"),
    read: |source, found| {
        read(source, Language::Python, found);
        super::data_plane::airflow::read_python(source, found);
        Ok(())
    },
};

const JAVASCRIPT: Textual = Textual {
    name: "javascript",
    critical: false,
    matches: |source| {
        source.has_extension(&["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx"]) || shebang(source, "node")
    },
    read: |source, found| {
        read(source, Language::JavaScript, found);
        Ok(())
    },
};

const GO: Textual = Textual {
    name: "go",
    critical: false,
    matches: |source| source.has_extension(&["go"]),
    read: |source, found| {
        read(source, Language::Go, found);
        Ok(())
    },
};

const JAVA: Textual = Textual {
    name: "java",
    critical: false,
    matches: |source| source.has_extension(&["java"]),
    read: |source, found| {
        read(source, Language::Java, found);
        Ok(())
    },
};

const KOTLIN: Textual = Textual {
    name: "kotlin",
    critical: false,
    matches: |source| source.has_extension(&["kt"]),
    read: |source, found| {
        read(source, Language::Kotlin, found);
        Ok(())
    },
};

const CSHARP: Textual = Textual {
    name: "csharp",
    critical: false,
    matches: |source| source.has_extension(&["cs"]),
    read: |source, found| {
        read(source, Language::CSharp, found);
        Ok(())
    },
};

const RUST: Textual = Textual {
    name: "rust",
    critical: false,
    matches: |source| source.has_extension(&["rs"]),
    read: |source, found| {
        read(source, Language::Rust, found);
        Ok(())
    },
};

const NOTEBOOK: Structured = Structured {
    name: "notebook",
    critical: false,
    in_parts: false,
    markers: &["\"cells\"", "\"nbformat\""],
    matches: |value| value.get("nbformat").is_some() && value.get("cells").is_some_and(Value::is_array),
    read: notebook,
};

fn shebang(source: &Source<'_>, program: &str) -> bool {
    source.text.starts_with("#!") && source.text.lines().next().is_some_and(|line| line.contains(program))
}

fn read(source: &Source<'_>, language: Language, found: &mut Found) {
    let owner = project_id(source.path, found);
    let code = Code::new([(source.text, 0)], language);
    let lines: Vec<&str> = source.text.lines().collect();
    let evidence = |line: u64| source.line(line).excerpt(nth(&lines, line));
    facts::read(&Unit { code: &code, path: source.path, owner: &owner, evidence: &evidence }, found);
}

/// The code cells of a notebook, read as one program, and what its `!pip` lines install.
fn notebook(document: &Document, found: &mut Found) {
    let path = document.path();
    let id = format!("file:{path}");
    let mut all = found.beside();
    // each code cell without its commands, and where its first line stands among all of them
    let mut cells: Vec<(String, u64, Evidence)> = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    for (i, cell) in document.value.get("cells").and_then(Value::as_array).into_iter().flatten().enumerate() {
        if cell.get("cell_type").and_then(Value::as_str) != Some("code") {
            continue;
        }
        let code = match cell.get("source") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect(),
            _ => continue,
        };
        let evidence = document.evidence(&format!("/cells/{i}"));
        let before = lines.len() as u64;
        let mut plain = String::with_capacity(code.len());
        for line in code.lines() {
            match line.trim_start().strip_prefix(['!', '%']) {
                Some(command) => installs(path, command, &evidence, &mut all),
                None => plain.push_str(line),
            }
            plain.push('\n');
            lines.push(line.to_owned());
        }
        cells.push((plain, before, evidence));
    }
    let code = Code::new(cells.iter().map(|(text, before, _)| (text.as_str(), *before)), Language::Python);
    let evidence = |line: u64| {
        let cell = cells.partition_point(|(_, before, _)| *before < line).checked_sub(1).and_then(|at| cells.get(at));
        let at = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
        let text = lines.get(at).map_or("", String::as_str);
        cell.map_or_else(Evidence::default, |(.., evidence)| evidence.clone().excerpt(text))
    };
    facts::read(&Unit { code: &code, path, owner: &id, evidence: &evidence }, &mut all);
    let mut asset = Asset::new(&id, AssetKind::Notebook, super::walk::file_name(path)).seen(document.evidence(""));
    asset.ai = all.inventory.assets().any(|asset| asset.ai);
    found.inventory.extend(all.inventory);
    found.relate(&project_id(path, found), RelationKind::Contains, &id, &document.evidence(""));
    found.inventory.add(asset);
}

/// A line counted from 1.
fn nth<'a>(lines: &[&'a str], line: u64) -> &'a str {
    let at = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
    lines.get(at).copied().unwrap_or_default()
}

/// `pip install a b==1`.
pub(super) fn installs(path: &str, command: &str, evidence: &Evidence, found: &mut Found) {
    let mut words = command.split_whitespace().skip_while(|word| !matches!(*word, "pip" | "pip3"));
    if words.next().is_none() || words.next() != Some("install") {
        return;
    }
    // an address, a file or a folder is what a flag asks for, not a package
    const VALUED: &[&str] = &[
        "-i",
        "--index-url",
        "--extra-index-url",
        "-f",
        "--find-links",
        "-r",
        "--requirement",
        "-c",
        "--constraint",
        "-t",
        "--target",
        "--trusted-host",
        "--platform",
        "--python-version",
        "--prefix",
        "--root",
        "--cache-dir",
        "--proxy",
    ];
    let mut flag = "";
    let operands = words.filter(|word| {
        let before = std::mem::replace(&mut flag, word);
        !word.starts_with('-') && !VALUED.contains(&before)
    });
    for word in operands {
        if let Some(reference) = Reference::pypi(word.trim_matches(['"', '\''])) {
            depend(path, &reference, evidence, found);
        }
    }
}

#[cfg(test)]
mod tests;
