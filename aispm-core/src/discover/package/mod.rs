//! Dependency files. Every direct dependency is an asset by its package URL; lock files give the AI packages only.

mod conda;
mod jvm;
mod lock;
mod node;
mod nuget;
mod python;
mod ruby;
mod toml_file;

use self::conda::{CONDA, PYTHON_ENV};
use self::jvm::{GRADLE, GRADLE_CATALOG, GRADLE_LOCK, MAVEN};
use self::lock::{GO_SUM, PIPFILE_LOCK, TOML_LOCK};
use self::node::{PACKAGE_JSON, PACKAGE_LOCK, YARN_LOCK};
use self::nuget::{NUGET_LOCK, NUGET_PROJECT};
use self::python::{REQUIREMENTS, SETUP};
use self::ruby::{GEMFILE, GEMFILE_LOCK};
use self::toml_file::{CARGO, GO_MOD, PIPFILE, PYPROJECT};
use super::catalog::{Catalog, catalog};
use super::format::{Found, Structured, Textual};
use super::walk::folder_name;
use crate::asset::{Asset, AssetKind, Evidence, RelationKind};

pub(super) const FORMATS: &[Structured] = &[PACKAGE_JSON, PIPFILE_LOCK, NUGET_LOCK, PACKAGE_LOCK, CONDA, PYTHON_ENV];

pub(super) const TEXTS: &[Textual] = &[
    REQUIREMENTS,
    SETUP,
    PYPROJECT,
    PIPFILE,
    TOML_LOCK,
    CARGO,
    GO_MOD,
    GO_SUM,
    YARN_LOCK,
    MAVEN,
    GRADLE,
    GRADLE_LOCK,
    GRADLE_CATALOG,
    GEMFILE,
    GEMFILE_LOCK,
    NUGET_PROJECT,
];

/// A package as a file refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// The purl type: `pypi`, `npm`, `cargo`, `golang`, `maven`, `gem`, `nuget`, `conda`.
    pub(super) ecosystem: &'static str,
    pub(super) name: String,
    /// Version or range, as written.
    pub(super) written: Option<String>,
    /// The one version it stands for, if it is exact.
    pub(super) exact: Option<String>,
    /// Taken from a repository or URL instead of the registry.
    pub(super) source: Option<String>,
}

impl Reference {
    /// `name`, `name@spec`, `@scope/name@spec` as npm writes them.
    pub(super) fn npm(spec: &str) -> Self {
        let at = spec.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at);
        let (name, version) = at.map_or((spec, None), |at| {
            let (name, version) = spec.split_at(at);
            (name, Some(version.trim_start_matches('@')))
        });
        Self::npm_parts(name, version)
    }

    /// A name and a range of `package.json`.
    pub(super) fn npm_parts(name: &str, range: Option<&str>) -> Self {
        let url = range.filter(|range| range.contains("://") || range.contains("github:") || range.starts_with("git+"));
        let plain = range.map(|range| range.trim_start_matches(['=', 'v']));
        let exact = plain.filter(|range| is_version(range));
        Self {
            ecosystem: "npm",
            name: name.to_owned(),
            written: range.map(str::to_owned),
            exact: exact.map(str::to_owned),
            source: url.map(str::to_owned),
        }
    }

    /// A PEP 508 requirement, also with `name@version` as `uvx` takes it; `None` if there is no name.
    pub(super) fn pypi(requirement: &str) -> Option<Self> {
        let requirement = requirement.split(';').next().unwrap_or_default().trim();
        if let Some((scheme, _)) = requirement.split_once("://")
            && scheme.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'+')
        {
            return Self::pypi_url(requirement);
        }
        let end =
            requirement.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(requirement.len());
        let (name, rest) = requirement.split_at_checked(end)?;
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return None;
        }
        let rest = rest.trim_start();
        let rest = if rest.starts_with('[') { rest.split_once(']').map_or("", |(_, rest)| rest) } else { rest };
        let spec = rest.trim().trim_start_matches('(').trim_end_matches(')').trim();
        let (source, spec) = match spec.strip_prefix('@').map(str::trim) {
            Some(url) if url.contains("://") => (Some(url.to_owned()), ""),
            Some(version) => (None, version),
            None => (None, spec),
        };
        let exact = spec.trim_start_matches('=').trim();
        let single = (spec.starts_with("==") || is_version(spec)) && is_version(exact);
        Some(Self {
            ecosystem: "pypi",
            name: normal(name),
            written: Some(spec.to_owned()).filter(|spec| !spec.is_empty()),
            exact: single.then(|| exact.to_owned()),
            source,
        })
    }

    /// `git+https://host/owner/name.git@revision#egg=name`, as pip takes it.
    fn pypi_url(url: &str) -> Option<Self> {
        let (place, fragment) = url.split_once('#').unwrap_or((url, ""));
        let egg = fragment.split('&').find_map(|part| part.strip_prefix("egg="));
        let last = place.trim_end_matches('/').rsplit('/').next()?;
        let last = last.split('@').next().unwrap_or(last).trim_end_matches(".git");
        // the name of a wheel or archive ends where its version begins
        let archive = [".whl", ".gz", ".zip", ".bz2"].iter().any(|end| last.ends_with(end));
        let name = egg.unwrap_or(if archive { last.split('-').next().unwrap_or(last) } else { last });
        let name = name.split('[').next().unwrap_or(name);
        let named = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        let source = Some(place.to_owned());
        named.then(|| Self { ecosystem: "pypi", name: normal(name), written: None, exact: None, source })
    }

    /// One version of a package that a lock file names; `written` as the file has it.
    pub(super) fn exact(ecosystem: &'static str, name: &str, version: &str) -> Self {
        let version = Some(version.to_owned()).filter(|version| !version.is_empty());
        let name = if ecosystem == "pypi" { normal(name) } else { name.to_owned() };
        Self { ecosystem, name, written: version.clone(), exact: version, source: None }
    }

    /// A package with the range that a manifest writes; one version where it is exact.
    pub(super) fn ranged(ecosystem: &'static str, name: &str, range: Option<&str>) -> Self {
        let range = range.map(str::trim).filter(|range| !range.is_empty());
        let exact = range.map(|range| range.trim_start_matches('=').trim()).filter(|range| is_version(range));
        Self {
            ecosystem,
            name: name.to_owned(),
            written: range.map(str::to_owned),
            exact: exact.map(str::to_owned),
            source: None,
        }
    }

    /// What an AI package is for; packages of conda are known by their names on PyPI.
    pub(super) fn role<'t>(&self, tables: &'t Catalog) -> Option<&'t str> {
        let name = self.name.to_ascii_lowercase();
        match self.ecosystem {
            "conda" => tables.package_role("conda", &name).or_else(|| tables.package_role("pypi", &name)),
            ecosystem => tables.package_role(ecosystem, &name),
        }
    }

    /// This package as an asset.
    pub(super) fn asset(&self) -> Asset {
        self.asset_by(catalog())
    }

    /// This package as an asset, AI where these tables say so.
    pub(super) fn asset_by(&self, tables: &Catalog) -> Asset {
        let mut id = format!("pkg:{}/{}", self.ecosystem, self.name.replacen('@', "%40", 1));
        if let Some(version) = &self.exact {
            id.push('@');
            id.push_str(version);
        }
        let mut asset = Asset::new(id, AssetKind::Package, &self.name).with("package", self.name.as_str());
        asset.properties.insert("ecosystem".into(), self.ecosystem.into());
        if let Some(role) = self.role(tables) {
            asset.ai = true;
            asset.properties.insert("role".into(), role.into());
        }
        if let Some(version) = &self.written {
            asset.properties.insert("version".into(), version.as_str().into());
        }
        let commit = self
            .source
            .as_deref()
            .and_then(|url| url.rsplit(['@', '#']).next())
            .filter(|r| r.len() == 40 && r.bytes().all(|b| b.is_ascii_hexdigit()));
        asset.provenance.version.clone_from(&self.written);
        asset.provenance.source.clone_from(&self.source);
        asset.provenance.revision = commit.map(str::to_owned);
        asset.provenance.pinned = Some(self.exact.is_some() || commit.is_some());
        asset
    }
}

/// Adds a package that the project of `path` depends on.
pub(super) fn depend(path: &str, reference: &Reference, evidence: &Evidence, found: &mut Found) {
    let package = reference.asset_by(&found.tables).seen(evidence.clone().excerpt(format!(
        "{} {}",
        reference.name,
        reference.written.as_deref().unwrap_or_default()
    )));
    let id = project_id(path, found);
    found.relate(&id, RelationKind::Uses, package.id.as_str(), evidence);
    if package.ai {
        found.inventory.add(project(path, found).seen(evidence.clone().excerpt(&reference.name)));
    }
    found.inventory.add(package);
}

/// The id of the project that a file belongs to.
pub(super) fn project_id(path: &str, found: &Found) -> String {
    format!("file:{}", found.tree.project(path))
}

/// The project that a file belongs to, as an application that uses AI.
pub(super) fn project(path: &str, found: &Found) -> Asset {
    let folder = found.tree.project(path);
    Asset::new(format!("file:{folder}"), AssetKind::Application, folder_name(folder)).ai()
}

/// PEP 503: lower case, runs of `-`, `_` and `.` as one `-`.
fn normal(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            c => normal.push(c.to_ascii_lowercase()),
        }
    }
    normal
}

/// Whether text is one version, not a range or a tag.
fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.contains('.')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-+!_".contains(c))
        && !text.contains(".x")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let id = |reference: Reference| reference.asset().id.to_string();
        let pypi = |text: &str| id(Reference::pypi(text).unwrap());
        assert_eq!(pypi("Lang_Chain[all] == 0.2.1 ; python_version > '3'"), "pkg:pypi/lang-chain@0.2.1");
        assert_eq!(pypi("openai (>=2.8.0,<3.0.0)"), "pkg:pypi/openai");
        assert_eq!(pypi("openai==1.*"), "pkg:pypi/openai");
        assert_eq!(id(Reference::npm("@a/b@1.0.0")), "pkg:npm/%40a/b@1.0.0");
        assert_eq!(id(Reference::npm("b@latest")), "pkg:npm/b");
        assert_eq!(id(Reference::npm_parts("b", Some("^4"))), "pkg:npm/b");
        let git = Reference::pypi(&format!("x @ git+https://h/x@{}", "a".repeat(40))).unwrap().asset();
        assert_eq!(git.provenance.pinned, Some(true));
        let git = Reference::pypi("git+https://github.com/acme/Trans_Formers.git@v4#egg=ignored").unwrap();
        assert_eq!(
            (git.name.as_str(), git.source.as_deref()),
            ("ignored", Some("git+https://github.com/acme/Trans_Formers.git@v4"))
        );
        assert_eq!(pypi("git+https://github.com/acme/Trans_Formers.git"), "pkg:pypi/trans-formers");
        assert_eq!(pypi("https://host/x/acme_kit-1.0-py3-none-any.whl"), "pkg:pypi/acme-kit");
        assert_eq!(Reference::pypi("--hash=sha256:00"), None);
    }
}
