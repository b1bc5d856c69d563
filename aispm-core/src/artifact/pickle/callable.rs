//! Which callables a pickle may name: the lists of `data/artifact/callables.toml`, and how a name is looked up.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

/// What is known of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::artifact) enum Standing<'c> {
    /// Known to do harm.
    Denied(Grade, &'c str),
    /// Known to be harmless.
    Allowed,
    /// In the standard library, on no list.
    Stdlib,
    /// From elsewhere, on no list.
    Unknown,
}

/// When a denied name counts; see the data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::artifact) enum Grade {
    Code,
    Reach,
    Call,
    Function,
}

/// The compiled lists.
#[derive(Debug)]
pub(in crate::artifact) struct Callables {
    /// Full names and what they mean for themselves and for what hangs below them.
    names: HashMap<String, Entry>,
    /// Names with a star elsewhere than at the end.
    globs: Vec<(String, Grade, usize)>,
    whats: Vec<String>,
    stdlib: HashSet<String>,
    data_classes: Vec<String>,
    doing_classes: Vec<String>,
    verbs: HashSet<String>,
    payloads: Vec<String>,
    python2: HashMap<String, String>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Entry {
    deny: Option<(Grade, usize)>,
    allow: bool,
    allow_below: bool,
    classes_below: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    deny: Vec<Deny>,
    allow: Allow,
    names: Names,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deny {
    grade: Grade,
    what: String,
    names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allow {
    names: Vec<String>,
    classes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    stdlib: Vec<String>,
    data_classes: Vec<String>,
    doing_classes: Vec<String>,
    verbs: Vec<String>,
    payloads: Vec<String>,
    python2: HashMap<String, String>,
}

const DATA: &str = include_str!("../../../data/artifact/callables.toml");

impl Callables {
    /// The lists that come with the library.
    pub(in crate::artifact) fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Callables> = LazyLock::new(|| {
            // a test parses the same text; were it bad, every call would be unknown and nothing clean
            Callables::parse(DATA).unwrap_or_else(|_| Callables {
                names: HashMap::new(),
                globs: Vec::new(),
                whats: Vec::new(),
                stdlib: HashSet::new(),
                data_classes: Vec::new(),
                doing_classes: Vec::new(),
                verbs: HashSet::new(),
                payloads: Vec::new(),
                python2: HashMap::new(),
            })
        });
        &BUILTIN
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let file: File = toml::from_str(text)?;
        let mut names: HashMap<String, Entry> = HashMap::new();
        let (mut globs, mut whats, mut stdlib) = (Vec::new(), Vec::new(), HashSet::new());
        for deny in file.deny {
            let what = whats.len();
            whats.push(deny.what);
            for name in deny.names {
                match name.strip_suffix(".*") {
                    Some(prefix) if !prefix.contains('*') => {
                        names.entry(prefix.to_owned()).or_default().deny.get_or_insert((deny.grade, what));
                    }
                    None if !name.contains('*') => {
                        names.entry(name).or_default().deny.get_or_insert((deny.grade, what));
                    }
                    _ => globs.push((name, deny.grade, what)),
                }
            }
        }
        for name in file.allow.names {
            match name.strip_suffix(".*") {
                Some(prefix) => names.entry(prefix.to_owned()).or_default().allow_below = true,
                None => names.entry(name).or_default().allow = true,
            }
        }
        for prefix in file.allow.classes {
            names.entry(prefix).or_default().classes_below = true;
        }
        stdlib.extend(file.names.stdlib);
        Ok(Self {
            names,
            globs,
            whats,
            stdlib,
            data_classes: file.names.data_classes,
            doing_classes: file.names.doing_classes,
            verbs: file.names.verbs.into_iter().collect(),
            payloads: file.names.payloads,
            python2: file.names.python2,
        })
    }

    /// The name that Python 3 gives what Python 2 called so.
    pub(in crate::artifact) fn modern(&self, module: &str, name: &str) -> (String, String) {
        let renamed = self.python2.get(&format!("{module}.{name}")).and_then(|full| full.rsplit_once('.'));
        match (renamed, self.python2.get(module)) {
            (Some((module, name)), _) => (module.to_owned(), name.to_owned()),
            (None, Some(module)) => (module.clone(), name.to_owned()),
            (None, None) => (module.to_owned(), name.to_owned()),
        }
    }

    /// What is known of a full name. The longest entry wins. Linear in the name's length times its parts.
    pub(in crate::artifact) fn standing(&self, full: &str) -> Standing<'_> {
        let class = is_class(full);
        let glob =
            self.globs.iter().find(|(glob, grade, _)| !(class && *grade == Grade::Function) && matches(glob, full));
        if let Some((_, grade, what)) = glob {
            return self.denied(*grade, *what);
        }
        let mut end = full.len();
        while let Some(prefix) = full.get(..end) {
            if let Some(entry) = self.names.get(prefix) {
                let exact = end == full.len();
                // an attribute of a denied function (`eval.__call__`) is as bad as the function; a class among denied
                // functions is judged by what stands further out
                if let Some((grade, what)) = entry.deny
                    && !(exact && entry.allow)
                    && !(grade == Grade::Function && class)
                {
                    return self.denied(grade, what);
                }
                if (exact && entry.allow)
                    || entry.allow_below
                    || (entry.classes_below && class && self.verb(full).is_none())
                {
                    return Standing::Allowed;
                }
            }
            match prefix.rfind('.') {
                Some(dot) => end = dot,
                None => break,
            }
        }
        let root = full.split('.').next().unwrap_or(full);
        if !self.stdlib.contains(root) {
            return Standing::Unknown;
        }
        let holds_data = class && self.data_classes.iter().any(|ending| full.ends_with(ending.as_str()));
        if holds_data { Standing::Allowed } else { Standing::Stdlib }
    }

    /// Text that code, commands or addresses have and data does not.
    pub(in crate::artifact) fn payload(&self, text: &str) -> bool {
        self.payloads.iter().any(|payload| text.contains(payload.as_str()))
    }

    fn denied(&self, grade: Grade, what: usize) -> Standing<'_> {
        Standing::Denied(grade, self.whats.get(what).map_or("does harm", String::as_str))
    }

    /// A word in a name that speaks of doing, not of holding data.
    pub(in crate::artifact) fn verb(&self, full: &str) -> Option<&str> {
        if is_class(full) {
            return self.doing_classes.iter().map(String::as_str).find(|ending| full.ends_with(ending));
        }
        let name = full.rsplit('.').next().unwrap_or(full);
        words(name).into_iter().find_map(|word| self.verbs.get(&word).map(String::as_str))
    }
}

/// Whether the last part of a dotted name is in CamelCase, as classes are.
pub(in crate::artifact) fn is_class(full: &str) -> bool {
    let name = full.rsplit('.').next().unwrap_or(full).trim_start_matches('_');
    name.starts_with(|c: char| c.is_ascii_uppercase())
}

/// `load_from_url`, `execWrapper` → words in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && lower_before) {
            words.push(String::new());
        }
        lower_before = c.is_lowercase();
        if c != '_'
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words
}

/// Whether a name fits a pattern in which `*` stands for anything. Linear: parts are sought left to right.
fn matches(glob: &str, name: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut last = "";
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        (rest, last) = (after, part);
    }
    last.is_empty() || rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(name: &str) -> Standing<'static> {
        Callables::builtin().standing(name)
    }

    #[test]
    fn the_lists_parse_and_the_longest_entry_wins() {
        assert!(Callables::parse(DATA).is_ok());
        assert!(matches!(standing("os.system"), Standing::Denied(Grade::Code, _)));
        assert!(matches!(standing("builtins.eval.__call__"), Standing::Denied(Grade::Code, _)));
        assert!(matches!(standing("pathlib.Path.unlink"), Standing::Denied(Grade::Reach, _)));
        assert!(matches!(standing("pandas.read_pickle"), Standing::Denied(..)));
        assert_eq!(standing("collections.OrderedDict"), Standing::Allowed);
        assert_eq!(standing("sklearn.svm._classes.SVC"), Standing::Allowed);
        assert_eq!(standing("torch._utils._rebuild_tensor_v2"), Standing::Allowed);
        assert_eq!(standing("torch.nn.modules.linear.Linear"), Standing::Allowed);
        assert_eq!(standing("random.randbytes"), Standing::Stdlib);
        assert_eq!(standing("my_package.thing"), Standing::Unknown);
    }

    #[test]
    fn python_2_names_are_read_as_todays() {
        let modern = |m, n| Callables::builtin().modern(m, n);
        assert_eq!(modern("__builtin__", "eval"), ("builtins".into(), "eval".into()));
        assert_eq!(modern("itertools", "imap"), ("builtins".into(), "map".into()));
    }

    #[test]
    fn words_of_doing_are_seen_in_both_spellings() {
        let verb = |n| Callables::builtin().verb(n).map(str::to_owned);
        assert_eq!(verb("a.b.load_from_url").as_deref(), Some("load"));
        assert_eq!(verb("a.execWrapper").as_deref(), Some("exec"));
        assert_eq!(verb("a.newObj"), None);
        assert_eq!(verb("a._rebuild"), None);
    }
}
