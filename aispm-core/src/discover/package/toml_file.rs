//! Manifests in TOML (`pyproject.toml`, `Pipfile`, `Cargo.toml`), lock files that list `[[package]]`, and `go.mod`.

use std::collections::HashMap;

use toml::{Table, Value};

use super::{Reference, depend};
use crate::asset::{Error, ErrorKind};
use crate::discover::catalog::catalog;
use crate::discover::format::{Found, Source, Textual};

pub(in crate::discover) const PYPROJECT: Textual = Textual {
    name: "pyproject",
    critical: false,
    matches: |source| source.name().ends_with("pyproject.toml"),
    read: pyproject,
};

pub(in crate::discover) const PIPFILE: Textual =
    Textual { name: "pipfile", critical: false, matches: |source| source.name() == "Pipfile", read: pipfile };

pub(in crate::discover) const CARGO: Textual =
    Textual { name: "cargo", critical: false, matches: |source| source.name() == "Cargo.toml", read: cargo };

pub(in crate::discover) const PYTHON_LOCK: Textual = Textual {
    name: "python-lock",
    critical: false,
    matches: |source| ["poetry.lock", "uv.lock", "pdm.lock"].iter().any(|name| source.name().ends_with(name)),
    read: lock,
};

pub(in crate::discover) const GO_MOD: Textual =
    Textual { name: "go-mod", critical: false, matches: |source| source.name() == "go.mod", read: go_mod };

/// A parsed manifest that knows on which line a string or key first stands.
struct Manifest<'a> {
    source: &'a Source<'a>,
    table: Table,
    lines: HashMap<&'a str, u64>,
}

impl<'a> Manifest<'a> {
    fn parse(source: &'a Source<'a>) -> Result<Self, Error> {
        let table = source.text.parse::<Table>().map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = source.text.bytes().take(at).filter(|b| *b == b'\n').count() + 1;
            let mut wrapped = Error::new(ErrorKind::Malformed, error.message().to_owned()).at(source.path);
            wrapped.line = Some(line);
            wrapped
        })?;
        let mut lines = HashMap::new();
        for (i, line) in source.text.lines().enumerate() {
            let key = line.split('=').next().unwrap_or_default().trim();
            for part in line.split(['"', '\'']).chain([key]) {
                lines.entry(part).or_insert(i as u64 + 1);
            }
        }
        Ok(Self { source, table, lines })
    }

    fn depend(&self, written: &str, reference: &Reference, found: &mut Found) {
        let evidence = self.source.line(self.lines.get(written).copied().unwrap_or(1));
        depend(self.source.path, reference, &evidence, found);
    }

    /// A list of PEP 508 requirements.
    fn requirements(&self, list: Option<&Value>, found: &mut Found) {
        for text in list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if let Some(reference) = Reference::pypi(text) {
                self.depend(text, &reference, found);
            }
        }
    }

    /// A table from name to version, or to a table with a version or source.
    fn versions(&self, table: Option<&Value>, ecosystem: &'static str, found: &mut Found) {
        for (name, value) in table.and_then(Value::as_table).into_iter().flatten().filter(|(name, _)| *name != "python")
        {
            let text = |key: &str| value.get(key).and_then(Value::as_str);
            let written = value.as_str().or_else(|| text("version")).filter(|version| *version != "*");
            let package = text("package").unwrap_or(name);
            let bare = written.map(|version| version.trim_start_matches('='));
            let pinned = written
                .is_some_and(|version| super::is_version(version) && ecosystem == "pypi" || version.starts_with('='));
            let reference = Reference {
                ecosystem,
                name: if ecosystem == "pypi" { super::normal(package) } else { package.to_owned() },
                written: written.map(str::to_owned),
                exact: bare.filter(|version| pinned && super::is_version(version)).map(str::to_owned),
                source: text("git").or_else(|| text("url")).or_else(|| text("path")).map(str::to_owned),
            };
            self.depend(name, &reference, found);
        }
    }
}

fn pyproject(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let manifest = Manifest::parse(source)?;
    let get = |path: &[&str]| below(&manifest.table, path);
    manifest.requirements(get(&["project", "dependencies"]), found);
    for path in
        [&["project", "optional-dependencies"] as &[&str], &["dependency-groups"], &["tool", "pdm", "dev-dependencies"]]
    {
        for (_, list) in get(path).and_then(Value::as_table).into_iter().flatten() {
            manifest.requirements(Some(list), found);
        }
    }
    manifest.versions(get(&["tool", "poetry", "dependencies"]), "pypi", found);
    manifest.versions(get(&["tool", "poetry", "dev-dependencies"]), "pypi", found);
    for (_, group) in get(&["tool", "poetry", "group"]).and_then(Value::as_table).into_iter().flatten() {
        manifest.versions(group.get("dependencies"), "pypi", found);
    }
    Ok(())
}

fn pipfile(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let manifest = Manifest::parse(source)?;
    for section in ["packages", "dev-packages"] {
        manifest.versions(manifest.table.get(section), "pypi", found);
    }
    Ok(())
}

fn cargo(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let manifest = Manifest::parse(source)?;
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        manifest.versions(manifest.table.get(section), "cargo", found);
    }
    manifest.versions(below(&manifest.table, &["workspace", "dependencies"]), "cargo", found);
    Ok(())
}

fn below<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, key| value.get(*key))
}

/// `name` and `version` lines of `[[package]]` tables; AI packages only. Line by line, so that a file cut short gives
/// what stands before the cut.
fn lock(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let mut name = None;
    for (i, line) in source.text.lines().enumerate() {
        let value = |key: &str| Some(line.strip_prefix(key)?.strip_prefix(" = \"")?.trim_end_matches('"'));
        if let Some(found) = value("name") {
            name = Some((found, i as u64 + 1));
        } else if let (Some(version), Some((package, line))) = (value("version"), name) {
            name = None;
            if catalog().package_role("pypi", package).is_some() {
                let reference = Reference::pypi(&format!("{package}=={version}"));
                reference.iter().for_each(|reference| depend(source.path, reference, &source.line(line), found));
            }
        }
    }
    Ok(())
}

fn go_mod(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let mut inside = false;
    for (i, line) in source.text.lines().enumerate() {
        let line = line.split("//").next().unwrap_or_default().trim();
        match line {
            "require (" => inside = true,
            ")" => inside = false,
            _ => {
                let entry = line.strip_prefix("require ").or(inside.then_some(line));
                let Some((module, version)) = entry.and_then(|entry| entry.trim().split_once(' ')) else { continue };
                let reference = Reference {
                    ecosystem: "golang",
                    name: module.to_ascii_lowercase(),
                    written: Some(version.to_owned()),
                    exact: Some(version.to_owned()),
                    source: None,
                };
                depend(source.path, &reference, &source.line(i as u64 + 1), found);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(read: fn(&Source<'_>, &mut Found) -> Result<(), Error>, text: &str) -> Vec<(String, u64)> {
        let mut found = Found::default();
        read(&Source { path: "p/f", text }, &mut found).unwrap();
        let packages = found.inventory.assets().filter(|a| a.id.as_str().starts_with("pkg:"));
        packages.map(|a| (a.id.to_string(), a.evidence[0].line.unwrap())).collect()
    }

    #[test]
    fn manifests_and_locks() {
        let text = "[project]\ndependencies = [\n \"openai (>=2)\",\n]\n[tool.poetry.dependencies]\npython = \"^3\"\ncrewai = {extras = [\"a\"], version = \"0.8.5\"}\n";
        assert_eq!(
            packages(pyproject, text),
            [("pkg:pypi/crewai@0.8.5".to_owned(), 7), ("pkg:pypi/openai".to_owned(), 3)]
        );
        let text =
            "[[package]]\nname = \"torch\"\nversion = \"2.1.0\"\n\n[[package]]\nname = \"six\"\nversion = \"1.0\"\n";
        assert_eq!(packages(lock, text), [("pkg:pypi/torch@2.1.0".to_owned(), 2)]);
        let text = "module m\nrequire (\n\tgithub.com/tmc/langchaingo v0.1.0 // indirect\n)\n";
        assert_eq!(packages(go_mod, text), [("pkg:golang/github.com/tmc/langchaingo@v0.1.0".to_owned(), 3)]);
        assert_eq!(
            packages(cargo, "[dependencies]\nort = \"=2.0.0\"\nserde = \"1.0\"\n"),
            [("pkg:cargo/ort@2.0.0".to_owned(), 2), ("pkg:cargo/serde".to_owned(), 3)]
        );
    }

    #[test]
    fn a_broken_manifest_names_its_line() {
        let error = pyproject(&Source { path: "p", text: "[project]\nname = \n" }, &mut Found::default()).unwrap_err();
        assert_eq!(error.line, Some(2));
    }
}
