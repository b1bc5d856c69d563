//! Catalogues of controls, and the control that people mean by what they write.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::crosswalk::Crosswalk;
use crate::asset::{Control, Document, Error, ErrorKind, Result};

macro_rules! catalogue {
    ($($key:literal),+ $(,)?) => {
        &[$(($key, include_str!(concat!("../../../data/policy/catalogues/", $key, ".yaml")))),+]
    };
}

/// The catalogues, by framework key.
const CATALOGUES: &[(&str, &str)] = catalogue![
    "cosai",
    "csa_aicm",
    "eu_ai_act",
    "gdpr",
    "iso_42001",
    "mitre_atlas",
    "nist_ai_600_1",
    "nist_ai_rmf",
    "owasp",
    "saif",
    "soc2",
];

/// A framework of controls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Framework {
    /// Key used in [`Control`](crate::asset::Control).
    #[serde(default)]
    pub key: String,
    /// Name for people.
    pub name: String,
    /// Edition.
    pub version: String,
    /// Where the ids come from.
    #[serde(default)]
    pub source: String,
    /// Ids and names that are others in this edition, with what they are now.
    #[serde(default)]
    pub aliases: BTreeMap<String, String>,
    /// Short names by control id. Where the standard's text is protected, the names are ours.
    pub controls: BTreeMap<String, String>,
    /// Words that people write in ids, with the word they stand for; an empty one for words that say nothing.
    #[serde(default, skip_serializing)]
    words: BTreeMap<String, String>,
    /// What people leave out before an id…
    #[serde(default, skip_serializing)]
    prefixes: Vec<String>,
    /// …and after it.
    #[serde(default, skip_serializing)]
    suffixes: Vec<String>,
    /// Ids by how they read, and by name where only one control has it.
    #[serde(skip)]
    read: BTreeMap<String, String>,
}

/// Catalogues, and how one follows from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogues {
    frameworks: Vec<Framework>,
    pub(super) crosswalk: Crosswalk,
}

impl Catalogues {
    /// Those that come with the library.
    pub fn builtin() -> Result<&'static Self> {
        static BUILTIN: OnceLock<Result<Catalogues, String>> = OnceLock::new();
        let read =
            || Catalogues::new(CATALOGUES.iter().copied(), Crosswalk::BUILTIN).map_err(|error| error.to_string());
        BUILTIN.get_or_init(read).as_ref().map_err(|message| Error::new(ErrorKind::Invalid, message))
    }

    /// Catalogues by key, and their crosswalk, as YAML. Two ids that read alike, an alias of nothing, and a row of the
    /// crosswalk whose control is in no catalogue are errors. O(n log n) in the text.
    pub fn new<'a>(catalogues: impl IntoIterator<Item = (&'a str, &'a str)>, crosswalk: &str) -> Result<Self> {
        let read = |(key, text): (&str, &str)| Framework::read(key, text);
        let mut frameworks = catalogues.into_iter().map(read).collect::<Result<Vec<_>>>()?;
        frameworks.push(crate::policy::readiness::framework()?);
        frameworks.sort_by(|a, b| a.key.cmp(&b.key));
        let crosswalk = Crosswalk::read(crosswalk, &frameworks)?;
        Ok(Self { frameworks, crosswalk })
    }

    /// The built-in ones with these, by key, added or in their place; `crosswalk` is the key of the crosswalk.
    pub fn with<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut texts = CATALOGUES.iter().copied().collect::<BTreeMap<_, _>>();
        texts.extend(files);
        let crosswalk = texts.remove("crosswalk").unwrap_or(Crosswalk::BUILTIN);
        Self::new(texts, crosswalk)
    }

    /// Every framework, by key.
    #[must_use]
    pub fn frameworks(&self) -> &[Framework] {
        &self.frameworks
    }

    /// The framework of this key or name, however it is spelt.
    #[must_use]
    pub fn framework(&self, text: &str) -> Option<&Framework> {
        let fold = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_ascii_lowercase();
        let (text, wanted) = (text.trim(), fold(text));
        let exact = self.frameworks.iter().find(|framework| framework.key == text);
        exact.or_else(|| {
            let same = |framework: &&Framework| {
                fold(&framework.key) == wanted
                    || fold(&framework.name) == wanted
                    || framework.words.get(&wanted).is_some_and(String::is_empty) && wanted.len() > 2
            };
            let mut found = self.frameworks.iter().filter(same);
            found.next().filter(|_| found.next().is_none())
        })
    }

    /// The control that is meant: by its id however it is spelt (`AIA-Art-15`, `Article 15(1)`, `6.2.4`, `LLM01`), by an
    /// older id, or by its name. O(length of the text).
    #[must_use]
    pub fn resolve(&self, framework: &str, text: &str) -> Option<Control> {
        let framework = self.framework(framework)?;
        Some(Control::new(&framework.key, framework.resolve(text)?))
    }

    /// Its name for people; empty if no catalogue has it.
    #[must_use]
    pub fn name(&self, control: &Control) -> &str {
        let framework = self.frameworks.iter().find(|framework| framework.key == control.framework);
        framework.and_then(|framework| framework.controls.get(&control.id)).map_or("", String::as_str)
    }
}

/// Every framework of the built-in catalogues, by key.
pub fn frameworks() -> Result<Vec<Framework>> {
    Ok(Catalogues::builtin()?.frameworks.clone())
}

/// The control of the built-in catalogues that is meant; see [`Catalogues::resolve`].
#[must_use]
pub fn resolve(framework: &str, text: &str) -> Option<Control> {
    Catalogues::builtin().ok()?.resolve(framework, text)
}

impl Framework {
    fn read(key: &str, text: &str) -> Result<Self> {
        let path = format!("{key}.yaml");
        let mut framework: Self = Document::config(path.as_str(), text)?;
        key.clone_into(&mut framework.key);
        framework.index().map_err(|message| Error::new(ErrorKind::Invalid, message).at(path))?;
        Ok(framework)
    }

    /// A framework whose controls come from elsewhere.
    pub(in crate::policy) fn of(key: &str, name: &str, version: &str, controls: BTreeMap<String, String>) -> Self {
        let empty = BTreeMap::new;
        let mut framework = Self {
            key: key.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            source: String::new(),
            aliases: empty(),
            controls,
            words: empty(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            read: empty(),
        };
        framework.read = framework.controls.keys().map(|id| (framework.reads(id), id.clone())).collect();
        framework
    }

    fn index(&mut self) -> Result<(), String> {
        let mut read = BTreeMap::<String, String>::new();
        for id in self.controls.keys() {
            if let Some(other) = read.insert(self.reads(id), id.clone()) {
                return Err(format!("the ids {other} and {id} read alike"));
            }
        }
        for (alias, id) in &self.aliases {
            if !self.controls.contains_key(id) {
                return Err(format!("the alias {alias:?} stands for {id:?}, which is no control"));
            }
            if read.insert(self.reads(alias), id.clone()).is_some() {
                return Err(format!("the alias {alias:?} reads like a control"));
            }
        }
        let mut names = BTreeMap::<String, Option<&String>>::new();
        for (id, name) in &self.controls {
            names.entry(self.reads(name)).and_modify(|one| *one = None).or_insert(Some(id));
        }
        for (name, id) in names {
            read.entry(name).or_insert_with(|| id.cloned().unwrap_or_default());
        }
        read.retain(|_, id| !id.is_empty());
        self.read = read;
        Ok(())
    }

    /// The id of the control that is meant.
    #[must_use]
    pub fn resolve(&self, text: &str) -> Option<&str> {
        if let Some((id, _)) = self.controls.get_key_value(text) {
            return Some(id);
        }
        let reads = self.reads(text);
        let known = |reads: &str| self.read.get(reads).map(String::as_str);
        known(&reads)
            .or_else(|| self.suffixes.iter().find_map(|suffix| known(&format!("{reads} {suffix}"))))
            .or_else(|| {
                self.prefixes.iter().find_map(|prefix| known(&format!("{} {reads}", prefix.to_ascii_lowercase())))
            })
            .or_else(|| {
                // a framework's own name before the id
                let (_, rest) = reads.split_once(' ')?;
                let after = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| known(rest));
                after(rest).or_else(|| after(rest.split_once(' ')?.1)).flatten()
            })
    }

    /// An id as it reads: its words in lower case and its numbers without leading zeros, one space between.
    fn reads(&self, text: &str) -> String {
        let mut read = String::with_capacity(text.len() + 4);
        let mut rest = text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        while let Some(first) = rest.chars().next() {
            let same = |c: char| c.is_ascii_alphanumeric() && c.is_ascii_digit() == first.is_ascii_digit();
            let end = rest.find(|c: char| !same(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            let word = word.to_ascii_lowercase();
            let word = self.words.get(&word).unwrap_or(&word);
            let shorter = word.trim_start_matches('0');
            let word = if shorter.is_empty() && !word.is_empty() { "0" } else { shorter };
            if !word.is_empty() {
                if !read.is_empty() {
                    read.push(' ');
                }
                read.push_str(word);
            }
            rest = after.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        }
        read
    }
}
