//! Lock files: the AI packages with their exact versions and digests, and how many packages there are in all.

use base64::Engine;
use serde_json::Value;

use super::{Reference, project, project_id};
use crate::asset::{Document, Error, Evidence, RelationKind, hex, pointer_key};
use crate::discover::format::{Found, Source, Structured, Textual};

/// `poetry.lock`, `uv.lock`, `pdm.lock`, `pylock.toml` and `Cargo.lock`.
pub(in crate::discover) const TOML_LOCK: Textual = Textual {
    name: "package-lock-toml",
    critical: false,
    matches: |source| toml_ecosystem(source.name()).is_some(),
    read: toml,
};

/// `Pipfile.lock`.
pub(in crate::discover) const PIPFILE_LOCK: Structured = Structured {
    name: "pipfile-lock",
    critical: false,
    in_parts: false,
    markers: &["\"_meta\"", "\"default\""],
    matches: |value| value.get("_meta").is_some() && value.get("default").is_some_and(Value::is_object),
    read: pipfile,
};

/// `go.sum`.
pub(in crate::discover) const GO_SUM: Textual =
    Textual { name: "go-sum", critical: false, matches: |source| source.name().ends_with("go.sum"), read: go_sum };

/// A lock file that is being read.
pub(super) struct Lock<'a> {
    path: &'a str,
    packages: usize,
    ai: bool,
}

impl<'a> Lock<'a> {
    pub(super) fn new(path: &'a str) -> Self {
        Self { path, packages: 0, ai: false }
    }

    /// Counts a package, and adds it if it is AI. `integrity` is a digest as the file writes it: `sha512-BASE64`,
    /// `sha256:HEX`.
    pub(super) fn take(
        &mut self,
        reference: &Reference,
        integrity: Option<&str>,
        evidence: impl FnOnce() -> Evidence,
        found: &mut Found,
    ) {
        self.packages += 1;
        if reference.role(&found.tables).is_none() {
            return;
        }
        self.ai = true;
        let evidence = evidence();
        let version = reference.written.as_deref().unwrap_or_default();
        let mut package = reference.asset_by(&found.tables).with("locked", true);
        package.provenance.digests.extend(integrity.and_then(digest));
        found.relate(&project_id(self.path, found), RelationKind::Uses, package.id.as_str(), &evidence);
        found.inventory.add(project(self.path, found).seen(evidence.clone().excerpt(&reference.name)));
        found.inventory.add(package.seen(evidence.excerpt(format!("{} {version}", reference.name))));
    }

    /// Says how many packages the project has in all, where one of them is AI.
    pub(super) fn close(self, evidence: &Evidence, found: &mut Found) {
        if self.ai {
            let project = project(self.path, found).with("locked_packages", self.packages);
            found.inventory.add(project.seen(evidence.clone()));
        }
    }
}

/// An algorithm and lower-case hex digits.
fn digest(integrity: &str) -> Option<(String, String)> {
    if let Some((algorithm, digits)) = integrity.split_once(':') {
        let hexadecimal = digits.len() >= 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        return hexadecimal.then(|| (algorithm.to_owned(), digits.to_ascii_lowercase()));
    }
    let (algorithm, text) = integrity.split_once('-')?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    Some((algorithm.to_owned(), hex(&bytes)))
}

fn toml_ecosystem(name: &str) -> Option<&'static str> {
    let python = ["poetry.lock", "uv.lock", "pdm.lock", "pylock.toml"];
    if python.iter().any(|known| name.ends_with(known)) || name.starts_with("pylock.") && name.ends_with(".toml") {
        Some("pypi")
    } else {
        name.ends_with("Cargo.lock").then_some("cargo")
    }
}

/// `name`, `version` and `checksum` lines of `[[package]]` tables. Line by line, so that a file cut short gives what
/// stands before the cut.
fn toml(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let ecosystem = toml_ecosystem(source.name()).unwrap_or("pypi");
    let mut lock = Lock::new(source.path);
    let (mut name, mut version, mut sum): (Option<(&str, u64)>, &str, Option<String>) = (None, "", None);
    let ends = source.text.lines().chain(["[[package]]"]);
    for (i, line) in ends.enumerate() {
        let value = |key: &str| Some(line.strip_prefix(key)?.strip_prefix(" = \"")?.trim_end_matches('"'));
        if line.starts_with("[[package") {
            if let Some((name, line)) = name.take().filter(|_| !version.is_empty()) {
                let reference = Reference::exact(ecosystem, name, version);
                lock.take(&reference, sum.as_deref(), || source.line(line), found);
            }
            (version, sum) = ("", None);
        } else if let Some(found) = value("name") {
            name = Some((found, i as u64 + 1));
        } else if let Some(found) = value("version") {
            version = found;
        } else if let Some(found) = value("checksum") {
            sum = Some(format!("sha256:{found}"));
        }
    }
    lock.close(&source.line(1), found);
    Ok(())
}

fn pipfile(document: &Document, found: &mut Found) {
    let mut lock = Lock::new(document.path());
    for section in ["default", "develop"] {
        for (name, entry) in document.value.get(section).and_then(Value::as_object).into_iter().flatten() {
            let version = entry.get("version").and_then(Value::as_str).unwrap_or_default().trim_start_matches('=');
            let hash = entry.get("hashes").and_then(Value::as_array).filter(|hashes| hashes.len() == 1);
            let hash = hash.and_then(|hashes| hashes.first()?.as_str());
            let evidence = || document.evidence(&format!("/{section}/{}", pointer_key(name)));
            lock.take(&Reference::exact("pypi", name, version), hash, evidence, found);
        }
    }
    lock.close(&document.evidence("/_meta"), found);
}

fn go_sum(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let mut lock = Lock::new(source.path);
    for (i, line) in source.text.lines().enumerate() {
        let mut words = line.split_whitespace();
        let (Some(module), Some(version)) = (words.next(), words.next()) else { continue };
        if !version.ends_with("/go.mod") {
            let reference = Reference::exact("golang", &module.to_ascii_lowercase(), version);
            lock.take(&reference, None, || source.line(i as u64 + 1), found);
        }
    }
    lock.close(&source.line(1), found);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::discover::discovery_of;

    #[test]
    fn ai_packages_only_with_digests_and_counts() {
        let sum = "ab".repeat(32);
        let cargo = format!(
            "version = 3\n\n[[package]]\nname = \"ort\"\nversion = \"2.0.0\"\nchecksum = \"{sum}\"\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\n"
        );
        let found = discovery_of(&[("Cargo.lock", &cargo)]);
        let package = found.inventory.get("pkg:cargo/ort@2.0.0").unwrap();
        assert_eq!((package.evidence[0].line, &package.provenance.digests["sha256"]), (Some(4), &sum));
        let project = found.inventory.assets().find(|asset| asset.id.as_str() == "file:d").unwrap();
        assert_eq!((found.inventory.len(), project.properties["locked_packages"].as_u64()), (2, Some(2)));
        for (name, text, id) in [
            ("poetry.lock", "[[package]]\nname = \"torch\"\nversion = \"2.1.0\"\n", "pkg:pypi/torch@2.1.0"),
            (
                "Pipfile.lock",
                r#"{"_meta": {}, "default": {"openai": {"version": "==1.0.0"}, "six": {"version": "==1"}}}"#,
                "pkg:pypi/openai@1.0.0",
            ),
            (
                "go.sum",
                "github.com/tmc/langchaingo v0.1.0 h1:x=\ngithub.com/tmc/langchaingo v0.1.0/go.mod h1:x=\n",
                "pkg:golang/github.com/tmc/langchaingo@v0.1.0",
            ),
            (
                "Gemfile.lock",
                "GEM\n  specs:\n    rack (2.0)\n    ruby-openai (6.0.0)\n      rack (>= 1)\n",
                "pkg:gem/ruby-openai@6.0.0",
            ),
            (
                "gradle.lockfile",
                "dev.langchain4j:langchain4j:0.30.0=compileClasspath\n",
                "pkg:maven/dev.langchain4j/langchain4j@0.30.0",
            ),
            (
                "packages.lock.json",
                r#"{"version": 1, "dependencies": {"net8.0": {"OpenAI": {"type": "Direct", "resolved": "2.0.0"}}}}"#,
                "pkg:nuget/OpenAI@2.0.0",
            ),
        ] {
            let found = discovery_of(&[(name, text)]);
            assert_eq!(
                found.inventory.get(id).and_then(|asset| asset.provenance.pinned),
                Some(true),
                "{name} {found:?}"
            );
            assert_eq!(found.inventory.len(), 2, "{name}");
        }
        let plain = discovery_of(&[("uv.lock", "[[package]]\nname = \"six\"\nversion = \"1.0\"\n")]);
        assert_eq!((plain.inventory.len(), plain.files.len()), (0, 1));
    }

    #[test]
    fn manifests_of_other_languages() {
        for (name, text, id, line) in [
            (
                "pom.xml",
                "<project><properties><lc.version>0.30.0</lc.version></properties>\n<dependencies><dependency>\n<groupId>dev.langchain4j</groupId>\n<artifactId>langchain4j</artifactId>\n<version>${lc.version}</version></dependency></dependencies></project>\n",
                "pkg:maven/dev.langchain4j/langchain4j@0.30.0",
                2,
            ),
            (
                "build.gradle.kts",
                "dependencies {\n  implementation(\"dev.langchain4j:langchain4j:0.30.0\")\n}\n",
                "pkg:maven/dev.langchain4j/langchain4j@0.30.0",
                2,
            ),
            (
                "libs.versions.toml",
                "[versions]\nlc = \"0.30.0\"\n[libraries]\nchain = { module = \"dev.langchain4j:langchain4j\", version.ref = \"lc\" }\n",
                "pkg:maven/dev.langchain4j/langchain4j@0.30.0",
                4,
            ),
            ("Gemfile", "source \"https://x\"\ngem \"ruby-openai\", \"~> 6.0\"\n", "pkg:gem/ruby-openai", 2),
            (
                "A.csproj",
                "<Project>\n<PackageReference Include=\"OpenAI\" Version=\"2.0.0\" />\n</Project>\n",
                "pkg:nuget/OpenAI@2.0.0",
                2,
            ),
            (
                "environment.yml",
                "name: x\nchannels: [conda-forge]\ndependencies:\n  - pytorch=2.1.0\n  - pip:\n    - openai==1.0.0\n",
                "pkg:pypi/openai@1.0.0",
                6,
            ),
            (
                "python_env.yaml",
                "python: 3.11.7\ndependencies:\n- openai==1.0.0\n- -r requirements.txt\n",
                "pkg:pypi/openai@1.0.0",
                3,
            ),
            ("setup.cfg", "[options]\ninstall_requires =\n  openai==1.0.0\n", "pkg:pypi/openai@1.0.0", 3),
            (
                "setup.py",
                "setup(name='x', install_requires=[\n  'openai==1.0.0',\n], zip_safe='no')\n",
                "pkg:pypi/openai@1.0.0",
                2,
            ),
        ] {
            let found = discovery_of(&[(name, text)]);
            let package = found.inventory.get(id).unwrap_or_else(|| panic!("{name} {found:?}"));
            assert_eq!((package.ai, package.evidence[0].line), (true, Some(line)), "{name}");
        }
    }
}
