//! What a file imports: its AI packages, and which names in it come from where.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::lexer::{Kind, Language};
use super::syntax::Code;
use crate::discover::catalog::catalog;
use crate::discover::walk::{Tree, parent};

/// Most tokens of one import statement.
const SPAN: usize = 800;

/// An import of an AI package.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) ecosystem: &'static str,
    pub(super) package: String,
    pub(super) line: u64,
}

/// The imports of a file.
#[derive(Debug, Default)]
pub(super) struct Imports<'a> {
    /// Of AI packages, lazily or not.
    pub(super) packages: Vec<Import>,
    names: HashMap<&'a str, Name<'a>>,
}

/// A name that an import gives.
#[derive(Debug, Clone)]
struct Name<'a> {
    /// The AI package it comes from, if it is one.
    package: Option<String>,
    /// What it is called there.
    symbol: &'a str,
}

impl<'a> Imports<'a> {
    /// What the file imports.
    pub(super) fn of(code: &Code<'a>, path: &str, tree: &Tree) -> Self {
        let mut imports = Self::default();
        match code.language {
            Language::Python => Python { code, path, tree, imports: &mut imports }.read(),
            Language::JavaScript => imports.javascript(code),
            Language::Go => imports.go(code),
            Language::Java | Language::Kotlin => imports.java(code),
            Language::CSharp => imports.csharp(code),
            Language::Rust => imports.rust(code),
            Language::Hcl => {}
        }
        imports
    }

    /// Whether a name comes from a package that is not AI.
    pub(super) fn is_foreign(&self, name: &str) -> bool {
        self.names.get(name).is_some_and(|name| name.package.is_none())
    }

    /// The AI package that a name comes from.
    pub(super) fn package(&self, name: &str) -> Option<&str> {
        self.names.get(name)?.package.as_deref()
    }

    /// What a name is called where it comes from.
    pub(super) fn symbol(&self, name: &'a str) -> &'a str {
        self.names.get(name).map_or(name, |name| name.symbol)
    }

    fn bind(&mut self, name: &'a str, symbol: &'a str, package: Option<&str>) {
        if !name.is_empty() {
            self.names.insert(name, Name { package: package.map(str::to_owned), symbol });
        }
    }

    fn add(&mut self, ecosystem: &'static str, package: &str, line: u64) {
        self.packages.push(Import { ecosystem, package: package.to_owned(), line });
    }

    fn javascript(&mut self, code: &Code<'a>) {
        for at in 0..code.len() {
            let text = |at: usize| code.get(at).filter(|token| token.kind == Kind::Text);
            let (module, names) = match code.word(at) {
                "from" => (text(at + 1), at.saturating_sub(SPAN)..at),
                "import" if text(at + 1).is_some() => (text(at + 1), at..at),
                "require" | "import" | "resolve" if code.word(at + 1) == "(" => (text(at + 2), at..at),
                _ => continue,
            };
            let Some(module) = module else { continue };
            let parts = if module.text.starts_with('@') { 2 } else { 1 };
            let package = module.text.trim_start_matches("npm:").split('/').take(parts).collect::<Vec<_>>().join("/");
            let known = catalog().package_role("npm", &package).map(|_| package.as_str());
            if let Some(package) = known {
                self.add("npm", package, module.line);
            }
            let names = if names.is_empty() { destructured(code, at) } else { clause(code, names) };
            let mut at = names.start;
            while at < names.end {
                let renamed = matches!(code.word(at + 1), "as" | ":") && code.is_name(at + 2) && at + 2 < names.end;
                if code.is_name(at) && !matches!(code.word(at), "import" | "type" | "as" | "const" | "let" | "var") {
                    self.bind(code.word(if renamed { at + 2 } else { at }), code.word(at), known);
                }
                // `* as name`
                at += if renamed { 3 } else { 1 };
            }
        }
    }

    /// `import "path"` and the paths of `import (…)`.
    fn go(&mut self, code: &Code<'a>) {
        let mut at = 0;
        while at < code.len() {
            let top = code.get(at).is_some_and(|token| token.indent == Some(0));
            if code.word(at) != "import" || !top {
                at += 1;
                continue;
            }
            let end = match code.word(at + 1) {
                "(" => code.pair(at + 1).min(code.len()),
                _ => at + 4,
            };
            for (place, token) in (at..end).filter_map(|at| Some((at, code.get(at).filter(|t| t.kind == Kind::Text)?)))
            {
                // the shortest prefix that is a known module: what follows is a folder in it
                let path = token.text.to_ascii_lowercase();
                let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
                let module =
                    ends.filter_map(|end| path.get(..end)).find(|m| catalog().package_role("golang", m).is_some());
                if let Some(module) = module {
                    self.add("golang", module, token.line);
                }
                let alias = place.checked_sub(1).filter(|at| code.is_name(*at) && code.word(*at) != "import");
                match alias {
                    Some(alias) => self.bind(code.word(alias), code.word(alias), module),
                    None => {
                        let version = |part: &&str| part.strip_prefix('v').is_some_and(|n| n.parse::<u8>().is_ok());
                        let last = token.text.rsplit('/').find(|part| !version(part)).unwrap_or_default();
                        last.split('-').chain([last]).for_each(|name| self.bind(name, name, module));
                    }
                }
            }
            at = end;
        }
    }

    /// `import a.b.C;`, `import static a.b.C.d;`, `import a.b.*`.
    fn java(&mut self, code: &Code<'a>) {
        for at in 0..code.len() {
            if code.word(at) != "import" || code.get(at).is_none_or(|token| token.indent.is_none()) {
                continue;
            }
            let start = if code.word(at + 1) == "static" { at + 2 } else { at + 1 };
            let (path, end) = dotted(code, start);
            let package = prefixed(&catalog().code.java_imports, &path);
            if let Some(package) = package {
                self.add("maven", package, code.line(at));
            }
            let alias = if code.word(end) == "as" { end + 1 } else { end - 1 };
            if code.is_name(alias) {
                self.bind(code.word(alias), code.word(end - 1), package);
            }
        }
    }

    /// `using A.B;`.
    fn csharp(&mut self, code: &Code<'a>) {
        for at in 0..code.len() {
            if code.word(at) != "using" || code.word(at + 1) == "(" {
                continue;
            }
            let start = if code.word(at + 1) == "static" { at + 2 } else { at + 1 };
            let start = if code.word(start + 1) == "=" { start + 2 } else { start };
            let (path, end) = dotted(code, start);
            if let Some(package) = prefixed(&catalog().code.csharp_imports, &path).filter(|_| code.word(end) == ";") {
                self.add("nuget", package, code.line(at));
            }
        }
    }

    /// `use a::b::{C, d as E};`, `extern crate a;`, and paths that start at a crate.
    fn rust(&mut self, code: &Code<'a>) {
        let own: HashSet<&str> =
            (0..code.len()).filter(|at| code.word(*at) == "mod").map(|at| code.word(at + 1)).collect();
        for at in 0..code.len() {
            let used = code.word(at) == "use";
            let start = match code.word(at) {
                "use" => at + 1,
                "crate" if at > 0 && code.word(at - 1) == "extern" => at + 1,
                _ if code.word(at + 1) == ":"
                    && code.word(at + 2) == ":"
                    && code.is_name(at)
                    && at > 0
                    && code.word(at - 1) != ":"
                    && code.word(at - 1) != "use" =>
                {
                    at
                }
                _ => continue,
            };
            let name = code.word(start);
            let written = match name {
                "rig" => "rig-core".to_owned(),
                name => name.replace('_', "-"),
            };
            let known =
                [written.as_str(), name].into_iter().find(|name| catalog().package_role("cargo", name).is_some());
            let known = known.filter(|_| !own.contains(name));
            if let Some(package) = known {
                if !self.packages.iter().any(|import| import.package == package) {
                    self.add("cargo", package, code.line(at));
                }
                self.bind(name, name, known);
            }
            if used && !matches!(name, "crate" | "self" | "super") {
                let end = (start..start + SPAN).find(|at| code.word(*at) == ";" || *at >= code.len()).unwrap_or(start);
                for at in (start..end).filter(|at| code.is_name(*at)) {
                    // a leaf of the tree: the last name of a path
                    match code.word(at + 1) {
                        "as" => self.bind(code.word(at + 2), code.word(at), known),
                        "," | "}" | ";" if code.word(at - 1) != "as" => self.bind(code.word(at), code.word(at), known),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// The names between `import` or `export` and `from`.
fn clause(code: &Code<'_>, before: Range<usize>) -> Range<usize> {
    let start = before.clone().rev().take(SPAN).find(|at| matches!(code.word(*at), "import" | "export" | ";"));
    start.map_or(before.end..before.end, |start| start + 1..before.end)
}

/// The names that take what `require(…)` gives: `const {a, b: c} = require("m")`.
fn destructured(code: &Code<'_>, call: usize) -> Range<usize> {
    let mut at = call;
    while at > 0 && matches!(code.word(at - 1), "await" | "(") {
        at -= 1;
    }
    match at.checked_sub(2) {
        Some(last) if code.word(last + 1) == "=" && code.word(last) == "}" => code.pair(last).min(last) + 1..last,
        Some(last) if code.word(last + 1) == "=" => last..last + 1,
        _ => at..at,
    }
}

/// `a.b.c` from here, and where it ends.
fn dotted(code: &Code<'_>, start: usize) -> (String, usize) {
    let end = (start..start + 64).find(|at| !(code.is_name(*at) || code.word(*at) == ".")).unwrap_or(start);
    // in Kotlin the next line starts a statement of its own
    let line = code.line(start);
    let end = (start..end).find(|at| code.line(*at) != line).unwrap_or(end);
    ((start..end).map(|at| code.word(at)).collect(), end)
}

/// What the longest prefix of a dotted path stands for.
fn prefixed<'t>(table: &'t HashMap<String, String>, path: &str) -> Option<&'t str> {
    let mut prefix = path.trim_end_matches('.');
    loop {
        if let Some(package) = table.get(prefix) {
            return Some(package);
        }
        prefix = prefix.rsplit_once('.')?.0;
    }
}

struct Python<'c, 'a> {
    code: &'c Code<'a>,
    path: &'c str,
    tree: &'c Tree,
    imports: &'c mut Imports<'a>,
}

impl<'a> Python<'_, 'a> {
    fn read(&mut self) {
        let code = self.code;
        let members: HashSet<(&str, &str)> = (0..code.len())
            .filter(|at| code.word(*at) == "." && code.is_name(at + 1))
            .map(|at| (code.word(at.saturating_sub(1)), code.word(at + 1)))
            .collect();
        for at in 0..code.len() {
            let starts = at == 0
                || code.get(at - 1).is_some_and(|before| before.kind == Kind::End)
                || matches!(code.word(at - 1), ":" | ";");
            match code.word(at) {
                "import" if starts => {
                    for part in code.parts(at + 1..self.end(at)) {
                        let (module, end) = dotted(code, part.start);
                        let package = self.package(&module, &[], &members, code.line(at));
                        let alias = if code.word(end) == "as" { end + 1 } else { part.start };
                        self.imports.bind(code.word(alias), code.word(alias), package.as_deref());
                    }
                }
                "from" if starts => self.from(at, &members),
                "import_module" | "__import__" | "find_spec" | "importorskip" if code.word(at + 1) == "(" => {
                    if let Some(name) = code.get(at + 2).filter(|token| token.kind == Kind::Text) {
                        self.package(name.text, &[], &members, name.line);
                    }
                }
                _ => {}
            }
        }
    }

    /// Where the statement ends.
    fn end(&self, at: usize) -> usize {
        let ends = |at: &usize| {
            self.code.get(*at).is_none_or(|token| token.kind == Kind::End || matches!(token.text, ";" | ":"))
        };
        (at..at + SPAN).find(ends).unwrap_or(at + SPAN)
    }

    fn from(&mut self, at: usize, members: &HashSet<(&str, &str)>) {
        let code = self.code;
        let end = self.end(at);
        let relative = code.word(at + 1) == ".";
        let import = (at..end).find(|at| code.word(*at) == "import").unwrap_or(end);
        let module: String = if relative { String::new() } else { (at + 1..import).map(|at| code.word(at)).collect() };
        let names: Vec<&str> = (import + 1..end).filter(|at| code.is_name(*at)).map(|at| code.word(at)).collect();
        let line = code.line(at);
        let whole = if module.is_empty() { None } else { self.package(&module, &names, members, line) };
        // `from google import genai` names a package in two parts
        let mut of_name: HashMap<&str, String> = HashMap::new();
        if whole.is_none() && catalog().is_namespace(&module) {
            for name in &names {
                if let Some(package) = self.package(&format!("{module}.{name}"), &[], members, line) {
                    of_name.insert(name, package);
                }
            }
        }
        let inside =
            if code.word(import + 1) == "(" { import + 2..code.pair(import + 1).min(end) } else { import + 1..end };
        for part in code.parts(inside) {
            let symbol = code.word(part.start);
            let alias = if code.word(part.start + 1) == "as" { code.word(part.start + 2) } else { symbol };
            let package = of_name.get(symbol).or(whole.as_ref());
            self.imports.bind(alias, symbol, package.map(String::as_str));
        }
    }

    /// The AI package that a module is of, noted as an import.
    fn package(&mut self, module: &str, names: &[&str], members: &HashSet<(&str, &str)>, line: u64) -> Option<String> {
        let top = module.split('.').next().unwrap_or(module);
        if own_module(top, self.path, self.tree) {
            return None;
        }
        let known = |wanted: &[String]| {
            let used = |name: &String| names.contains(&name.as_str()) || members.contains(&(top, name.as_str()));
            wanted.iter().any(used) || wanted.iter().any(|name| module.split('.').nth(1) == Some(name))
        };
        if catalog().ambiguous(top).is_some_and(|wanted| !known(wanted)) {
            return None;
        }
        let package = catalog().python_import(module)?;
        self.imports.add("pypi", &package, line);
        Some(package)
    }
}

/// Whether a module of this name lies beside the file or at the root of its project.
fn own_module(name: &str, path: &str, tree: &Tree) -> bool {
    let project = tree.project(path);
    [parent(path).to_owned(), project.to_owned(), format!("{project}/src")].iter().any(|folder| {
        [format!("{folder}/{name}.py"), format!("{folder}/{name}/__init__.py")].iter().any(|file| tree.holds(file))
    })
}
