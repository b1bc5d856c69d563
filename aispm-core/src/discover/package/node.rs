//! `package.json`, and the lock files of npm, pnpm, yarn and bun.

use serde_json::Value;

use super::lock::Lock;
use super::{Reference, depend};
use crate::asset::{Document, Error, pointer_key};
use crate::discover::format::{Found, Source, Structured, Textual};

const SECTIONS: &[&str] = &["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"];

pub(in crate::discover) const PACKAGE_JSON: Structured = Structured {
    name: "package-json",
    critical: false,
    in_parts: false,
    markers: &["\"dependencies\""],
    matches: |value| {
        let ranges = |map: &Value| map.as_object().is_some_and(|map| map.values().all(Value::is_string));
        SECTIONS.iter().any(|section| value.get(section).is_some_and(ranges))
    },
    read,
};

pub(in crate::discover) const PACKAGE_LOCK: Structured = Structured {
    name: "package-lock",
    critical: false,
    in_parts: false,
    markers: &["\"lockfileVersion\""],
    matches: |value| value.get("lockfileVersion").is_some(),
    read: read_lock,
};

pub(in crate::discover) const YARN_LOCK: Textual =
    Textual { name: "yarn-lock", critical: false, matches: |source| source.name().ends_with("yarn.lock"), read: yarn };

fn read(document: &Document, found: &mut Found) {
    for section in SECTIONS {
        for (name, range) in document.value.get(section).and_then(Value::as_object).into_iter().flatten() {
            let evidence = document.evidence(&format!("/{section}/{}", pointer_key(name)));
            depend(document.path(), &Reference::npm_parts(name, range.as_str()), &evidence, found);
        }
    }
}

/// `package-lock.json`, `pnpm-lock.yaml` and `bun.lock`.
fn read_lock(document: &Document, found: &mut Found) {
    let mut lock = Lock::new(document.path());
    for section in ["packages", "dependencies"] {
        for (place, entry) in document.value.get(section).and_then(Value::as_object).into_iter().flatten() {
            let evidence = || document.evidence(&format!("/{section}/{}", pointer_key(place)));
            let (name, version, integrity) = match entry {
                // bun: `["name@version", "", {…}, "sha512-…"]`
                Value::Array(parts) => {
                    let spec = parts.first().and_then(Value::as_str).unwrap_or_default();
                    let (name, version) = split_version(spec);
                    (name, version, parts.last().and_then(Value::as_str))
                }
                _ => {
                    let name = place.rsplit_once("node_modules/").map_or(place.as_str(), |(_, name)| name);
                    let integrity = entry.get("integrity").or_else(|| entry.pointer("/resolution/integrity"));
                    match entry.get("version").and_then(Value::as_str) {
                        Some(version) => (name, version, integrity.and_then(Value::as_str)),
                        None => {
                            let (name, version) = pnpm(place);
                            (name, version, integrity.and_then(Value::as_str))
                        }
                    }
                }
            };
            if !name.is_empty() {
                lock.take(&Reference::exact("npm", name, version), integrity, evidence, found);
            }
        }
    }
    lock.close(&document.evidence("/lockfileVersion"), found);
}

/// `name@version`, also of a scope.
fn split_version(spec: &str) -> (&str, &str) {
    spec.rsplit_once('@').filter(|(name, _)| !name.is_empty()).unwrap_or((spec, ""))
}

/// A key of `pnpm-lock.yaml`: `name@1.0.0(peer@2)`, before version 9 `/name@1.0.0`, before 6 `/name/1.0.0`.
fn pnpm(key: &str) -> (&str, &str) {
    let key = key.trim_start_matches('/').split('(').next().unwrap_or_default();
    let old = key.match_indices('/').find_map(|(at, _)| {
        let version = key.get(at + 1..)?;
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| (key.get(..at).unwrap_or_default(), version))
    });
    match old {
        Some((name, version)) => (name, version.split('_').next().unwrap_or(version)),
        None => split_version(key),
    }
}

/// `yarn.lock` of the classic and of the newer kind: a line of specifiers that ends in a colon, then indented fields.
fn yarn(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let mut lock = Lock::new(source.path);
    let mut entry: Option<(&str, u64, &str, Option<&str>)> = None;
    let mut close = |entry: Option<(&str, u64, &str, Option<&str>)>, lock: &mut Lock<'_>| {
        if let Some((name, line, version, integrity)) = entry.filter(|(_, _, version, _)| !version.is_empty()) {
            lock.take(&Reference::exact("npm", name, version), integrity, || source.line(line), found);
        }
    };
    for (i, line) in source.text.lines().enumerate() {
        if !line.starts_with([' ', '#']) && line.trim_end().ends_with(':') {
            close(entry.take(), &mut lock);
            let spec = line.trim_end_matches(':').split(", ").next().unwrap_or_default().trim_matches('"');
            let at = spec.char_indices().skip(1).find(|(_, c)| *c == '@').map_or(spec.len(), |(at, _)| at);
            let name = spec.get(..at).unwrap_or(spec);
            if name != "__metadata" {
                entry = Some((name, i as u64 + 1, "", None));
            }
        } else if let Some((_, _, version, integrity)) = &mut entry {
            let field = line.trim_start();
            let value = |key: &str| {
                let rest = field.strip_prefix(key)?;
                Some(rest.trim_start_matches(':').trim().trim_matches('"')).filter(|_| rest.starts_with([':', ' ']))
            };
            if let (Some(found), true) = (value("version"), line.starts_with("  ") && !line.starts_with("   ")) {
                *version = found;
            } else if let Some(found) = value("integrity") {
                *integrity = Some(found);
            }
        }
    }
    close(entry, &mut lock);
    lock.close(&source.line(1), found);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_of_each_manager() {
        for (path, text) in [
            (
                "package-lock.json",
                r#"{"lockfileVersion": 3, "packages": {"": {"name": "x"}, "node_modules/openai": {"version": "4.0.0"}}}"#,
            ),
            (
                "bun.lock",
                "{\"lockfileVersion\": 1, \"packages\": {\"openai\": [\"openai@4.0.0\", \"\", {}, \"sha512-AA==\"],}}",
            ),
            (
                "pnpm-lock.yaml",
                "lockfileVersion: '9.0'\npackages:\n  openai@4.0.0(zod@3.0.0):\n    resolution: {integrity: sha512-AA==}\n  left-pad@1.0.0: {}\n",
            ),
            (
                "yarn.lock",
                "# yarn lockfile v1\n\nopenai@^4, openai@4:\n  version \"4.0.0\"\n  dependencies:\n    zod \"1\"\nzod@1:\n  version \"1.0.0\"\n",
            ),
            ("yarn.lock", "__metadata:\n  version: 8\n\n\"openai@npm:^4\":\n  version: 4.0.0\n"),
        ] {
            let found = crate::discover::discovery_of(&[(path, text)]);
            let package = found.inventory.get("pkg:npm/openai@4.0.0").unwrap_or_else(|| panic!("{path} {found:?}"));
            assert_eq!(package.provenance.pinned, Some(true), "{path}");
            assert!(found.inventory.assets().all(|asset| asset.name != "zod" && asset.name != "left-pad"));
        }
        assert_eq!(pnpm("/@a/b/1.0.0_c@2"), ("@a/b", "1.0.0"));
        assert_eq!(pnpm("/@a/b@1.0.0"), ("@a/b", "1.0.0"));
    }
}
