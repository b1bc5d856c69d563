//! Which AI packages a file imports.

use std::collections::HashSet;

use super::lexer::{Kind, Language, Token};
use crate::discover::catalog::catalog;
use crate::discover::walk::{Tree, parent};

/// An import of an AI package.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) ecosystem: &'static str,
    pub(super) package: String,
    pub(super) line: u64,
}

/// The AI packages that a file imports, lazily or not.
pub(super) fn imports(tokens: &[Token<'_>], language: Language, path: &str, tree: &Tree) -> Vec<Import> {
    match language {
        Language::Python => python(tokens, path, tree),
        Language::JavaScript => javascript(tokens),
        Language::Go => go(tokens),
        Language::Hcl => Vec::new(),
    }
}

fn python(tokens: &[Token<'_>], path: &str, tree: &Tree) -> Vec<Import> {
    let mut found = Vec::new();
    let members: HashSet<(&str, &str)> = tokens
        .windows(3)
        .filter_map(|window| match window {
            [module, dot, name] if dot.text == "." => Some((module.text, name.text)),
            _ => None,
        })
        .collect();
    let mut add = |module: &str, names: &[&str], line: u64| {
        let top = module.split('.').next().unwrap_or(module);
        if own_module(top, path, tree) {
            return;
        }
        let known = |wanted: &[String]| {
            let used = |name: &String| names.contains(&name.as_str()) || members.contains(&(top, name.as_str()));
            wanted.iter().any(used) || wanted.iter().any(|name| module.split('.').nth(1) == Some(name))
        };
        if catalog().ambiguous(top).is_some_and(|wanted| !known(wanted)) {
            return;
        }
        if let Some(package) = catalog().python_import(module) {
            found.push(Import { ecosystem: "pypi", package, line });
        }
    };
    for (i, token) in tokens.iter().enumerate() {
        let starts = i == 0
            || tokens
                .get(i - 1)
                .is_some_and(|t| t.kind == Kind::End || matches!(t.text, ":" | ";") && t.kind == Kind::Mark);
        let after = tokens.get(i + 1..).unwrap_or_default();
        match token.text {
            "import" if starts && token.kind == Kind::Word => {
                for part in statement(after).split(|t| t.text == ",") {
                    add(&dotted(part), &[], token.line);
                }
            }
            "from" if starts && token.kind == Kind::Word => {
                let statement = statement(after);
                let at = statement.iter().position(|t| t.text == "import").unwrap_or(statement.len());
                let (module, names) = statement.split_at_checked(at).unwrap_or((statement, &[]));
                let module = dotted(module);
                let names: Vec<&str> = names.iter().filter(|t| t.kind == Kind::Word).map(|t| t.text).collect();
                // `from google import genai` names a package in two parts
                for name in
                    names.iter().skip(1).filter(|_| !module.is_empty() && catalog().python_import(&module).is_none())
                {
                    add(&format!("{module}.{name}"), &[], token.line);
                }
                add(&module, &names, token.line);
            }
            "import_module" | "__import__" | "find_spec" | "importorskip" => {
                if let [open, name, ..] = after
                    && open.text == "("
                    && name.kind == Kind::Text
                {
                    add(name.text, &[], token.line);
                }
            }
            _ => {}
        }
    }
    found
}

/// The tokens to the end of the statement.
fn statement<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    let end = tokens.iter().position(|t| t.kind == Kind::End || t.text == ";").unwrap_or(tokens.len());
    tokens.get(..end).unwrap_or_default()
}

/// `a.b.c` at the start; empty for a relative import.
fn dotted(tokens: &[Token<'_>]) -> String {
    let path = tokens.iter().take_while(|t| t.kind == Kind::Word && t.text != "as" || t.text == ".");
    let path: String = path.map(|t| t.text).collect();
    if path.starts_with('.') { String::new() } else { path }
}

/// Whether a module of this name lies beside the file or at the root of its project.
fn own_module(name: &str, path: &str, tree: &Tree) -> bool {
    let project = tree.project(path);
    [parent(path).to_owned(), project.to_owned(), format!("{project}/src")].iter().any(|folder| {
        [format!("{folder}/{name}.py"), format!("{folder}/{name}/__init__.py")].iter().any(|file| tree.holds(file))
    })
}

/// `import "path"` and the paths of `import (…)`.
fn go(tokens: &[Token<'_>]) -> Vec<Import> {
    let mut found = Vec::new();
    let (mut importing, mut block) = (false, false);
    for token in tokens {
        match token.kind {
            Kind::Word if token.text == "import" && token.indent == Some(0) => importing = true,
            Kind::Mark if importing && token.text == "(" => block = true,
            Kind::Mark if block && token.text == ")" => (importing, block) = (false, false),
            Kind::End => importing &= block,
            Kind::Text if importing => {
                // the shortest prefix that is a known module: what follows is a folder in it
                let path = token.text.to_ascii_lowercase();
                let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
                let module =
                    ends.filter_map(|end| path.get(..end)).find(|m| catalog().package_role("golang", m).is_some());
                if let Some(module) = module {
                    found.push(Import { ecosystem: "golang", package: module.to_owned(), line: token.line });
                }
            }
            _ => {}
        }
    }
    found
}

fn javascript(tokens: &[Token<'_>]) -> Vec<Import> {
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let after = tokens.get(i + 1..).unwrap_or_default();
        let module = match (token.text, after) {
            ("from" | "import", [module, ..]) if module.kind == Kind::Text => module,
            ("require" | "import" | "resolve", [open, module, ..]) if open.text == "(" && module.kind == Kind::Text => {
                module
            }
            _ => continue,
        };
        let parts = if module.text.starts_with('@') { 2 } else { 1 };
        let package = module.text.trim_start_matches("npm:").split('/').take(parts).collect::<Vec<_>>().join("/");
        if token.kind == Kind::Word && catalog().package_role("npm", &package).is_some() {
            found.push(Import { ecosystem: "npm", package, line: token.line });
        }
    }
    found
}
