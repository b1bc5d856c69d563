//! What a guard looks for beside the built-in detectors: a user's hosts, sinks, rules, recognizers and data sets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::config::Policy;
use super::models::Models;
use crate::asset::{Error, ErrorKind, Result};
use crate::text::known::{Key, KnownData};
use crate::text::sensitive::sink::Sink;
use crate::text::sensitive::{HostList, HostLists, Sensitive};
use crate::text::{Detectors, DetectorsBuilder};

/// Hosts that a user knows better than the built-in detectors.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct HostPolicy {
    /// Never suspect, whatever they look like and carry.
    pub allow: Hosts,
    /// Always reported.
    pub block: Hosts,
}

/// Hosts, each with all below it; or the name of a file of them, one a line, hosts files and block lists included.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a list of hosts, or the name of a file of them")]
#[non_exhaustive]
pub enum Hosts {
    /// The hosts themselves.
    Listed(Vec<String>),
    /// A file of them.
    File(PathBuf),
}

/// The name of a file, or names of several; relative ones count from the guard file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected the name of a file, or a list of names")]
#[non_exhaustive]
pub enum Files {
    /// One.
    One(PathBuf),
    /// Any number.
    Several(Vec<PathBuf>),
}

/// Where a key is. It never stands in a guard file itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeySource {
    /// In this variable of the environment.
    Env(String),
    /// In this file.
    File(PathBuf),
}

/// All of it, read.
#[derive(Debug, Clone, Default)]
pub(super) struct Own {
    pub(super) hosts: HostLists,
    pub(super) sinks: BTreeSet<Sink>,
    /// Rule files by name.
    pub(super) rules: Vec<(PathBuf, String)>,
    pub(super) known: Vec<Arc<KnownData>>,
    models: Models,
}

/// What [`Own`] makes of the detectors.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    own: Own,
    sensitive: Option<Arc<Sensitive>>,
    /// What of the rules and recognizers could not be taken over.
    pub(super) problems: Vec<Error>,
}

impl Own {
    /// Adds what the policy names. Reads the files that it names; an error tells where it names them.
    pub(super) fn with(mut self, policy: &Policy) -> Result<Self> {
        let HostLists { allowed, blocked, .. } = self.hosts;
        self.hosts = HostLists::new(
            allowed.and(policy.hosts.allow.read(policy, "/hosts/allow")?),
            blocked.and(policy.hosts.block.read(policy, "/hosts/block")?),
        );
        self.sinks.extend(&policy.sinks);
        self.models = policy.models.load(policy).map_err(|error| policy.error("/models", &error))?;
        for (file, pointer) in policy.gitleaks_rules.named("/gitleaks_rules") {
            let file = policy.beside(file);
            let text = std::fs::read_to_string(&file).map_err(|error| policy.unread(&pointer, &file, &error))?;
            self.rules.push((file, text));
        }
        let mut indexes = policy.known_data.named("/known_data").peekable();
        if indexes.peek().is_some() {
            let source = policy.known_key.clone().unwrap_or_default().beside(policy);
            let key = source.read().and_then(Key::new).map_err(|error| policy.error("/known_key", &error))?;
            for (file, pointer) in indexes {
                let known = KnownData::from_file(policy.beside(file), &key);
                self.known.push(Arc::new(known.map_err(|error| policy.error(&pointer, &error))?));
            }
        }
        Ok(self)
    }

    /// The detectors, with the recognizers of the policy.
    pub(super) fn compile(self, policy: &Policy) -> Result<Compiled> {
        if self.rules.is_empty() && policy.recognizers.is_empty() {
            return Ok(Compiled { own: self, ..Compiled::default() });
        }
        let mut builder = policy.recognizers.add(policy, Sensitive::builder())?;
        for (name, text) in &self.rules {
            builder = builder.gitleaks_rules(name, text)?;
        }
        let problems = builder.take_problems();
        Ok(Compiled { sensitive: Some(Arc::new(builder.build()?)), problems, own: self })
    }
}

impl Compiled {
    /// The detectors with all of it, with sinks only where the text goes there.
    pub(super) fn detectors(&self, sinks: bool) -> DetectorsBuilder {
        let Own { hosts, known, .. } = &self.own;
        let detectors = self.own.models.add_to(Detectors::builder().hosts(hosts.clone()));
        let detectors = known.iter().cloned().fold(detectors, DetectorsBuilder::known_data);
        let detectors = self.sensitive.iter().cloned().fold(detectors, DetectorsBuilder::sensitive);
        self.own.sinks.iter().copied().filter(|_| sinks).fold(detectors, DetectorsBuilder::sink)
    }
}

impl Hosts {
    fn read(&self, policy: &Policy, pointer: &str) -> Result<HostList> {
        match self {
            Self::Listed(hosts) => {
                for (i, host) in hosts.iter().enumerate() {
                    if HostList::parse(host).is_empty() {
                        let message = format!("`{host}` is no name of a host, such as shop.example.com");
                        return Err(policy.error(&format!("{pointer}/{i}"), &Error::new(ErrorKind::Invalid, message)));
                    }
                }
                Ok(HostList::parse(&hosts.join("\n")))
            }
            Self::File(file) => {
                let file = policy.beside(file);
                let text = std::fs::read_to_string(&file).map_err(|error| policy.unread(pointer, &file, &error))?;
                Ok(HostList::parse(&text))
            }
        }
    }
}

impl Files {
    /// The files, each with its JSON pointer below this one.
    fn named<'f>(&'f self, pointer: &'static str) -> impl Iterator<Item = (&'f Path, String)> {
        let (files, one) = match self {
            Self::One(file) => (std::slice::from_ref(file), true),
            Self::Several(files) => (files.as_slice(), false),
        };
        let place = move |i| if one { pointer.to_owned() } else { format!("{pointer}/{i}") };
        files.iter().enumerate().map(move |(i, file)| (file.as_path(), place(i)))
    }
}

impl KeySource {
    /// Where the key of indexes is if nothing is said.
    pub const KNOWN: &'static str = "AISPM_KNOWN_KEY";

    /// The secret, without white space around it. Errors never quote it.
    pub fn read(&self) -> Result<Vec<u8>> {
        let secret = match self {
            Self::File(file) => std::fs::read(file).map_err(|error| Error::unreadable(file, error))?,
            Self::Env(name) => std::env::var_os(name)
                .ok_or_else(|| Error::new(ErrorKind::Usage, format!("no key: {name} is not set in the environment")))?
                .into_encoded_bytes(),
        };
        Ok(secret.trim_ascii().to_vec())
    }

    fn beside(self, policy: &Policy) -> Self {
        match self {
            Self::File(file) => Self::File(policy.beside(&file)),
            env => env,
        }
    }
}

impl Default for Hosts {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Default for Files {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Default for KeySource {
    /// The variable [`KNOWN`](Self::KNOWN).
    fn default() -> Self {
        Self::Env(Self::KNOWN.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Action, Guard};
    use super::*;
    use crate::asset::TextRole;
    use crate::text::known::Indexer;

    const RULES: &str = "[[rules]]\nid = \"badge\"\nregex = '''\\bBDG[0-9]{5}\\b'''\nkeywords = [\"bdg\"]\n";
    const KEY: &str = "0123456789abcdef0123\n";

    /// A folder with a guard file of this text and what it may name.
    fn folder(guard: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut indexer = Indexer::new(&Key::new(KEY).unwrap(), "s3://crm").unwrap();
        indexer.record(["Marta Kowalczyk"]);
        let index = indexer.finish().unwrap().0;
        let files: [(&str, &[u8]); 6] = [
            ("guard.yaml", guard.as_bytes()),
            ("rules.toml", RULES.as_bytes()),
            ("bad.toml", b"[[rules"),
            ("block.txt", b"0.0.0.0 evil.example.com\n"),
            ("key", KEY.as_bytes()),
            ("crm.kd", &index),
        ];
        files.iter().for_each(|(name, bytes)| std::fs::write(folder.path().join(name), bytes).unwrap());
        folder
    }

    #[test]
    fn a_guard_file_brings_its_own_beside_it() {
        let folder = folder(
            "hosts: {allow: [netflix-billing.cc], block: block.txt}\nsinks: [html]\ngitleaks_rules: rules.toml\n\
             known_data: [crm.kd]\nknown_key: {file: key}\noutput: {detectors: {secrets: {action: redact}}}\n",
        );
        let guard = Guard::from_file(folder.path().join("guard.yaml")).unwrap();
        let rules = |text: &str, role| -> Vec<String> {
            guard.check(text, role).findings.iter().map(|m| format!("{}:{}", m.detector, m.rule)).collect()
        };
        let text = "https://netflix-billing.cc/ https://evil.example.com/ BDG20417 <img src=x onerror=alert(1)> \
                    Marta Kowalczyk";
        let found = rules(text, TextRole::Output);
        for expected in ["phishing:block-list", "secrets:badge", "known_data:s3://crm"] {
            assert_eq!(found.iter().filter(|rule| *rule == expected).count(), 1, "{expected}: {found:?}");
        }
        assert!(found.iter().any(|rule| rule.starts_with("unsafe_output:")), "{found:?}");
        assert_eq!(found.iter().filter(|rule| rule.starts_with("phishing:")).count(), 1, "{found:?}");
        // what users write goes to the model, not to the sink
        assert!(!rules(text, TextRole::Prompt).iter().any(|rule| rule.starts_with("unsafe_output:")));
        assert!(guard.problems().is_empty());
        let mut stream = guard.stream(TextRole::Output);
        let shown = stream.push("badge BDG2") + &stream.push("0417 of Marta Kowalczyk");
        let end = stream.finish();
        assert_eq!((shown + &end.text).as_str(), "badge <badge> of Marta Kowalczyk");
        assert_eq!(end.action, Action::Redact);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (guard, line, told) in [
            ("on_error: block\nsinks: [html, sqll]", 2, "sqll"),
            ("hosts:\n  allow:\n    - fine.example.com\n    - localhost", 4, "`localhost` is no name of a host"),
            ("hosts:\n  block: none.txt", 2, "none.txt: No such file"),
            ("hosts:\n  block: 7", 2, "expected a list of hosts, or the name of a file of them"),
            ("hosts:\n  blocks: none.txt", 2, "blocks"),
            ("gitleaks_rules:\n  - rules.toml\n  - none.toml", 3, "none.toml: No such file"),
            ("known_key: {file: key}\nknown_data:\n  - crm.kd\n  - rules.toml", 4, "rules.toml: no index"),
            ("known_data: crm.kd\nknown_key: {file: none}", 2, "none: No such file"),
            ("known_data: crm.kd\nknown_key: {env: NO_SUCH_KEY_IS_SET}", 2, "NO_SUCH_KEY_IS_SET is not set"),
            ("known_data: crm.kd\nknown_key: {text: 0123456789abcdef0123}", 2, "text"),
        ] {
            let folder = folder(guard);
            let error = Guard::from_file(folder.path().join("guard.yaml")).unwrap_err();
            assert_eq!(error.line, Some(line), "{error}");
            assert!(error.path.as_ref().is_some_and(|path| path.ends_with("guard.yaml")), "{error}");
            assert!(error.message.contains(told), "{error}");
        }
        // a broken file of rules has a place of its own
        let folder = folder("gitleaks_rules: bad.toml");
        let error = Guard::from_file(folder.path().join("guard.yaml")).unwrap_err();
        assert!(error.path.as_ref().is_some_and(|path| path.ends_with("bad.toml")), "{error}");
    }

    #[test]
    fn the_builder_adds_to_the_policy() {
        let policy = Policy::from_yaml("hosts: {allow: [netflix-billing.cc]}").unwrap();
        let hosts = HostLists::new(HostList::default(), HostList::parse("evil.example.com"));
        let guard = Guard::builder().policy(policy).hosts(hosts).sink(Sink::Sql).gitleaks_rules("own.toml", RULES);
        let found = guard
            .build()
            .unwrap()
            .check_output("https://netflix-billing.cc/ https://evil.example.com/ BDG20417 '; DROP TABLE users; --");
        let detectors: Vec<&str> = found.findings.iter().map(|m| &*m.detector).collect();
        for (detector, count) in [("phishing", 1), ("secrets", 1), ("unsafe_output", 1)] {
            assert!(detectors.iter().filter(|d| **d == detector).count() >= count, "{detector}: {detectors:?}");
        }
        let looks = "[[rules]]\nid = \"x\"\nregex = '''a(?=b)'''\n";
        let guard = Guard::builder().gitleaks_rules("own.toml", looks).build().unwrap();
        assert_eq!(guard.problems().len(), 1);
        assert!(Guard::builder().gitleaks_rules("own.toml", "[[").build().is_err());
    }
}
