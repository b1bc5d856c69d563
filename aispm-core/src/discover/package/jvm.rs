//! Maven and Gradle, as far as their files write dependencies out.

use std::collections::HashMap;

use super::lock::Lock;
use super::{Reference, depend};
use crate::asset::{Error, ErrorKind};
use crate::discover::format::{Found, Source, Textual};

/// `pom.xml`.
pub(in crate::discover) const MAVEN: Textual = Textual {
    name: "maven-pom",
    critical: false,
    matches: |source| source.name().ends_with("pom.xml") && source.text.contains("<project"),
    read: maven,
};

/// `build.gradle` and `build.gradle.kts`.
pub(in crate::discover) const GRADLE: Textual = Textual {
    name: "gradle",
    critical: false,
    matches: |source| source.name().ends_with(".gradle") || source.name().ends_with(".gradle.kts"),
    read: gradle,
};

/// Version catalogs such as `libs.versions.toml`.
pub(in crate::discover) const GRADLE_CATALOG: Textual = Textual {
    name: "gradle-catalog",
    critical: false,
    matches: |source| source.name().ends_with(".versions.toml"),
    read: gradle_catalog,
};

/// `gradle.lockfile`.
pub(in crate::discover) const GRADLE_LOCK: Textual = Textual {
    name: "gradle-lock",
    critical: false,
    matches: |source| source.name().ends_with("gradle.lockfile"),
    read: gradle_lock,
};

fn maven(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let properties = properties(source.text);
    let mut rest = source.text;
    let mut line = 1_u64;
    while let Some((before, after)) = rest.split_once("<dependency>") {
        line += before.matches('\n').count() as u64;
        let (dependency, after_it) = after.split_once("</dependency>").unwrap_or((after, ""));
        let field = |name: &str| element(dependency, name).map(str::trim);
        if let (Some(group), Some(artifact)) = (field("groupId"), field("artifactId")) {
            let version = field("version").and_then(|version| match version.strip_prefix("${") {
                Some(name) => properties.get(name.trim_end_matches('}')).copied(),
                None => Some(version),
            });
            depend(
                source.path,
                &Reference::ranged("maven", &format!("{group}/{artifact}"), version),
                &source.line(line),
                found,
            );
        }
        line += dependency.matches('\n').count() as u64;
        rest = after_it;
    }
    Ok(())
}

/// The text of the first element of this name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(value, _)| value)
}

/// `<properties>` of a project: one element a name.
fn properties(text: &str) -> HashMap<&str, &str> {
    let block = element(text, "properties").unwrap_or_default();
    block
        .split('<')
        .filter(|part| !part.starts_with('/'))
        .filter_map(|part| part.split_once('>'))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect()
}

/// Strings `group:artifact:version` on lines that name a configuration.
fn gradle(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    const CONFIGURATIONS: &[&str] = &[
        "implementation",
        "api",
        "compileOnly",
        "runtimeOnly",
        "testImplementation",
        "annotationProcessor",
        "kapt",
        "ksp",
    ];
    for (i, line) in source.text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default().trim_start();
        if !CONFIGURATIONS.iter().any(|name| code.strip_prefix(name).is_some_and(|rest| rest.starts_with(['(', ' ']))) {
            continue;
        }
        for text in code.split(['"', '\'']).skip(1).step_by(2) {
            let mut parts = text.split(':');
            if let (Some(group), Some(artifact)) = (parts.next().filter(|g| g.contains('.')), parts.next()) {
                let version = parts.next().map(|version| version.split('@').next().unwrap_or(version));
                let version = version.filter(|version| !version.contains('$'));
                let reference = Reference::ranged("maven", &format!("{group}/{artifact}"), version);
                depend(source.path, &reference, &source.line(i as u64 + 1), found);
            }
        }
    }
    Ok(())
}

/// `[libraries]`: `name = "group:artifact:version"`, or a table whose version may be a key of `[versions]`.
fn gradle_catalog(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let table = source.text.parse::<toml::Table>();
    let table = table.map_err(|error| Error::new(ErrorKind::Malformed, error.message().to_owned()).at(source.path))?;
    let versions = table.get("versions");
    let mut lines: HashMap<&str, u64> = HashMap::new();
    for (i, line) in source.text.lines().enumerate() {
        lines.entry(line.split('=').next().unwrap_or_default().trim()).or_insert(i as u64 + 1);
    }
    for (name, library) in table.get("libraries").and_then(toml::Value::as_table).into_iter().flatten() {
        let field = |key: &str| library.get(key).and_then(toml::Value::as_str);
        let module = library.as_str().or_else(|| field("module")).map(str::to_owned);
        let module = module.or_else(|| Some(format!("{}:{}", field("group")?, field("name")?)));
        let Some(module) = module else { continue };
        let mut parts = module.split(':');
        let (Some(group), Some(artifact)) = (parts.next(), parts.next()) else { continue };
        let named = library.get("version").and_then(|version| version.get("ref")?.as_str());
        let named = named.and_then(|name| versions?.get(name)?.as_str());
        let version = parts.next().or_else(|| field("version")).or(named);
        let evidence = source.line(lines.get(name.as_str()).copied().unwrap_or(1));
        depend(source.path, &Reference::ranged("maven", &format!("{group}/{artifact}"), version), &evidence, found);
    }
    Ok(())
}

fn gradle_lock(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let mut lock = Lock::new(source.path);
    for (i, line) in source.text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let mut parts = line.split('=').next().unwrap_or_default().split(':');
        if let (Some(group), Some(artifact), Some(version)) = (parts.next(), parts.next(), parts.next()) {
            let reference = Reference::exact("maven", &format!("{group}/{artifact}"), version);
            lock.take(&reference, None, || source.line(i as u64 + 1), found);
        }
    }
    lock.close(&source.line(1), found);
    Ok(())
}
