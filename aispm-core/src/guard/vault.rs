//! Values under stable placeholders, kept for a session.

use std::borrow::{Borrow, Cow};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::Bound;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::placeholder::{Reading, kind_name, kind_of, opening, read};
use super::spelling::canonical;

/// What an entry takes beside its texts, in bytes, about.
const OVERHEAD: usize = 160;

/// The type of a text that only looks like a placeholder.
const LOOKALIKE: &str = "PLACEHOLDER";

/// Holds the values of a session under numbered placeholders, `<EMAIL_ADDRESS_1>`, and puts them back.
///
/// One value has one placeholder however often it comes, in each of its spellings (letter case of an e-mail address,
/// spaces in a card number); the first spelling is the one restored. What merely looks like a placeholder in a text
/// that the model did not write is hidden too or its number is never given, so that nobody has another's value restored
/// by writing its placeholder. Give the guard the texts of former turns as they were before hiding: they become what
/// they became before.
///
/// Bounded: once something does not fit into the limit, no more is taken ([`Vault::is_full`]), and new values become
/// `<EMAIL_ADDRESS>`, which nothing restores. Serialises with the values in clear; zeroed when dropped.
///
/// ```
/// use aispm_core::guard::Vault;
///
/// let mut vault = Vault::new();
/// let placeholder = vault.hide("EMAIL_ADDRESS", "ann@example.org").unwrap();
/// assert_eq!(placeholder, "<EMAIL_ADDRESS_1>");
/// assert_eq!(vault.restore("Write to <email_address_1>."), "Write to ann@example.org.");
/// ```
#[derive(Clone)]
pub struct Vault {
    limit: usize,
    used: usize,
    full: bool,
    /// By name, `EMAIL_ADDRESS_1`.
    values: BTreeMap<String, Hidden>,
    /// Names by digest of type and canonical value, so that no second copy is kept.
    names: HashMap<[u8; 32], String>,
    /// The last number tried, by type.
    last: BTreeMap<String, u32>,
    /// Names that texts have of themselves, and that are never given.
    reserved: BTreeSet<String>,
}

/// A value and the type it was found as.
#[derive(Clone)]
struct Hidden {
    kind: String,
    value: Zeroizing<String>,
}

impl Hidden {
    fn stored(&self) -> StoredValue<&str> {
        StoredValue { kind: &self.kind, value: &self.value }
    }
}

/// A vault as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Deserialize<'de> + Ord"))]
struct Stored<T> {
    #[serde(default)]
    schema: Cow<'static, str>,
    limit: usize,
    full: bool,
    values: BTreeMap<T, StoredValue<T>>,
    reserved: BTreeSet<T>,
}

/// A value as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredValue<T> {
    #[serde(rename = "type")]
    kind: T,
    value: T,
}

impl Default for Vault {
    fn default() -> Self {
        Self::with_limit(Self::LIMIT)
    }
}

impl Vault {
    /// Most bytes of an ordinary vault: some 30,000 values.
    pub const LIMIT: usize = 8 << 20;

    /// An empty vault.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty vault of at most so many bytes.
    #[must_use]
    pub fn with_limit(bytes: usize) -> Self {
        Self {
            limit: bytes,
            used: 0,
            full: false,
            values: BTreeMap::new(),
            names: HashMap::new(),
            last: BTreeMap::new(),
            reserved: BTreeSet::new(),
        }
    }

    /// How many values it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether something did not fit. From then on no new value is taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// The placeholder of this value, a new one if it has none; none if the vault is full. O(value + log n).
    pub fn hide(&mut self, kind: &str, value: &str) -> Option<String> {
        let digest = digest(kind, value);
        if let Some(name) = self.names.get(&digest) {
            return Some(format!("<{name}>"));
        }
        let named = kind_name(kind);
        let last = self.last.get(&named).copied().unwrap_or_default();
        let taken = |name: &String| self.values.contains_key(name) || self.reserved.contains(name);
        let mut names = (last + 1..u32::MAX).map(|number| (number, format!("{named}_{number}")));
        let (number, name) = names.find(|(_, name)| !taken(name))?;
        let placeholder = format!("<{name}>");
        self.insert(digest, name, kind.to_owned(), Zeroizing::new(value.to_owned()))?;
        self.last.insert(named, number);
        Some(placeholder)
    }

    /// The text with each placeholder of this vault replaced by its value, also where a model changed letter case,
    /// spaces or escapes; every other text stays. What is put in is not looked at again. O(text · log n).
    #[must_use]
    pub fn restore(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        self.restore_into(text, true, &mut out);
        out
    }

    /// The same for every string of a JSON value, names of fields aside.
    #[must_use]
    pub fn restore_json(&self, value: &Value) -> Value {
        let mut whole = value.clone();
        // a stack of our own: a value may be nested more deeply than the machine's stack allows
        let mut waiting = vec![&mut whole];
        while let Some(value) = waiting.pop() {
            match value {
                Value::String(text) => *text = self.restore(text),
                Value::Array(items) => waiting.extend(items),
                Value::Object(fields) => waiting.extend(fields.values_mut()),
                _ => {}
            }
        }
        whole
    }

    /// Restores a text that comes in pieces.
    #[must_use]
    pub fn restorer(&self) -> Restorer<&Self> {
        Restorer::new(self)
    }

    /// Restores as far as it is decided, all of it at the `end`; gives how many bytes of the text that was.
    fn restore_into(&self, text: &str, end: bool, out: &mut String) -> usize {
        let mut rest = text;
        while let Some((before, from)) = opening(rest).and_then(|at| rest.split_at_checked(at)) {
            out.push_str(before);
            rest = match read(from) {
                Reading::Whole(name, length) if self.values.contains_key(&name) => {
                    out.extend(self.values.get(&name).map(|hidden| hidden.value.as_str()));
                    from.get(length..).unwrap_or_default()
                }
                Reading::Part(name) if !end && self.begins(&name) => return text.len() - from.len(),
                _ => step(from, out),
            };
        }
        out.push_str(rest);
        text.len()
    }

    /// Whether a name in here begins so.
    fn begins(&self, name: &str) -> bool {
        let mut from = self.values.range::<str, _>((Bound::Included(name), Bound::Unbounded));
        from.next().is_some_and(|(first, _)| first.starts_with(name))
    }

    /// Sees to it that what looks like a placeholder in a text is not restored to a value: a name that is given is
    /// hidden in its turn, one that is not never will be. In what the model wrote given names stay, as they are ours.
    pub(super) fn shield<'t>(&mut self, text: &'t str, by_model: bool) -> Cow<'t, str> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, from)) = opening(rest).and_then(|at| rest.split_at_checked(at)) {
            out.push_str(before);
            rest = match read(from) {
                Reading::Whole(name, length) => {
                    let (raw, behind) = from.split_at_checked(length).unwrap_or((from, ""));
                    if !self.values.contains_key(&name) {
                        self.reserve(name);
                        out.push_str(raw);
                    } else if by_model {
                        out.push_str(raw);
                    } else {
                        out.push_str(&self.hide(LOOKALIKE, raw).unwrap_or_else(|| format!("<{LOOKALIKE}>")));
                    }
                    behind
                }
                _ => step(from, &mut out),
            };
        }
        if out.is_empty() {
            return text.into();
        }
        out.push_str(rest);
        out.into()
    }

    fn insert(&mut self, digest: [u8; 32], name: String, kind: String, value: Zeroizing<String>) -> Option<()> {
        self.take(2 * name.len() + kind.len() + value.len())?;
        self.names.entry(digest).or_insert_with(|| name.clone());
        self.values.insert(name, Hidden { kind, value });
        Some(())
    }

    fn reserve(&mut self, name: String) {
        if !self.reserved.contains(&name) && self.take(name.len()).is_some() {
            self.reserved.insert(name);
        }
    }

    /// Makes room for a new entry of so many bytes.
    fn take(&mut self, bytes: usize) -> Option<()> {
        let used = self.used.saturating_add(bytes).saturating_add(OVERHEAD);
        self.full |= used > self.limit;
        if self.full {
            return None;
        }
        self.used = used;
        Some(())
    }
}

/// Copies the first character; gives what follows.
fn step<'t>(text: &'t str, out: &mut String) -> &'t str {
    let mut chars = text.chars();
    out.extend(chars.next());
    chars.as_str()
}

fn digest(kind: &str, value: &str) -> [u8; 32] {
    let hash = Sha256::new().chain_update(kind).chain_update([0]).chain_update(canonical(kind, value).as_bytes());
    hash.finalize().into()
}

impl fmt::Debug for Vault {
    /// Nothing of the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("len", &self.len()).field("full", &self.full).finish_non_exhaustive()
    }
}

impl Serialize for Vault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Stored {
            schema: crate::SCHEMA.into(),
            limit: self.limit,
            full: self.full,
            values: self.values.iter().map(|(name, hidden)| (name.as_str(), hidden.stored())).collect(),
            reserved: self.reserved.iter().map(String::as_str).collect(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Vault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::<String>::deserialize(deserializer)?;
        if !matches!(&*stored.schema, "" | crate::SCHEMA) {
            return Err(D::Error::custom(format!("`schema` is {}, not {}", stored.schema, crate::SCHEMA)));
        }
        let mut vault = Self::with_limit(stored.limit);
        for (name, StoredValue { kind, value }) in stored.values {
            let value = Zeroizing::new(value);
            if kind_of(&name) != Some(&kind_name(&kind)) {
                return Err(D::Error::custom(format!("`{name}` names no placeholder of its type")));
            }
            vault.insert(digest(&kind, &value), name, kind, value);
        }
        stored.reserved.into_iter().for_each(|name| vault.reserve(name));
        if vault.full {
            return Err(D::Error::custom("`limit` is less than it holds"));
        }
        vault.full = stored.full;
        Ok(vault)
    }
}

/// Restores a text that comes in pieces, with the same result for every way to cut it. Holds back at most what may
/// still become a placeholder of the vault, 160 bytes. The vault is borrowed or, as an `Arc`, shared.
#[derive(Debug, Clone)]
pub struct Restorer<V> {
    vault: V,
    held: String,
}

impl<V: Borrow<Vault>> Restorer<V> {
    /// At the start of a text.
    pub fn new(vault: V) -> Self {
        Self { vault, held: String::new() }
    }

    /// Takes a piece; gives what is decided by now.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        let mut out = String::with_capacity(self.held.len());
        let done = self.vault.borrow().restore_into(&self.held, false, &mut out);
        self.held.drain(..done);
        out
    }

    /// Ends the text; gives what was held back. It can begin another then.
    pub fn finish(&mut self) -> String {
        self.vault.borrow().restore(&std::mem::take(&mut self.held))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Hides each value where it stands, as the guard does.
    fn hidden(vault: &mut Vault, parts: &[(String, Option<&str>)]) -> String {
        use crate::asset::{Match, Severity};
        use crate::guard::{Policy, redact::Redaction};

        let policy = "input: {detectors: {pii: {action: redact, operator: placeholder}}}";
        let policy = Policy::from_yaml(policy).unwrap().input;
        let (mut text, mut matches) = (String::new(), Vec::new());
        for (part, kind) in parts {
            let range = text.len()..text.len() + part.len();
            text.push_str(part);
            matches.extend(kind.map(|kind| Match::new("pii", kind.to_owned(), "r", 1.0, Severity::Low, range)));
        }
        Redaction { policy: &policy, key: None, vault: Some(vault), session: true, by_model: false }
            .redact(&text, &matches)
    }

    fn parts() -> impl Strategy<Value = Vec<(String, Option<&'static str>)>> {
        let kind = proptest::sample::select(&["EMAIL_ADDRESS", "PERSON", "A", "A_1", "x-y", "PLACEHOLDER"][..]);
        let loose = prop_oneof![
            "\\PC{0,6}",
            "\\\\?<[ ]?(EMAIL_ADDRESS|A|A_1|PLACEHOLDER|person)[_ -][1-3] ?\\\\?>",
            "[<>&lt;_1A\\\\ ]{0,8}",
        ];
        // in small letters, so that each value has one spelling
        let value = "[a-c]{1,3}[0-9]?|<A_[1-3]>|[a-c1<>_]{1,4}";
        proptest::collection::vec((loose, value, kind), 0..8).prop_map(|parts| {
            let both = |(loose, value, kind)| [(loose, None), (value, Some(kind))];
            parts.into_iter().flat_map(both).collect()
        })
    }

    fn joined(parts: &[(String, Option<&str>)]) -> String {
        parts.iter().map(|(part, _)| part.as_str()).collect()
    }

    proptest! {
        #[test]
        fn what_is_hidden_comes_back(turns in proptest::collection::vec(parts(), 1..4), backwards: bool) {
            let mut vault = Vault::new();
            let sent: Vec<_> = turns.iter().map(|turn| hidden(&mut vault, turn)).collect();
            let again: Vec<_> = turns.iter().map(|turn| hidden(&mut vault, turn)).collect();
            prop_assert_eq!(&sent, &again);
            let stored: Vault = serde_json::from_str(&serde_json::to_string(&vault).unwrap()).unwrap();
            prop_assert_eq!(stored.used, vault.used);
            let mut both: Vec<_> = turns.iter().zip(&sent).collect();
            if backwards {
                both.reverse();
            }
            for (turn, sent) in both {
                prop_assert_eq!(vault.restore(sent), joined(turn), "{}", sent);
                prop_assert_eq!(stored.restore(sent), joined(turn));
            }
        }

        #[test]
        fn every_way_to_cut_restores_the_same(turn in parts(), cuts in proptest::collection::vec(1_usize..9, 0..40)) {
            let mut vault = Vault::new();
            let mut sent = hidden(&mut vault, &turn);
            sent.push_str("<a 1> &lt;A\\_1&gt; \\<EMAIL_ADDRESS_1 <EMAIL_ADD");
            let mut restorer = vault.restorer();
            let (mut out, mut chars, mut cuts) = (String::new(), sent.chars().peekable(), cuts.into_iter());
            while chars.peek().is_some() {
                let piece: String = chars.by_ref().take(cuts.next().unwrap_or(1)).collect();
                out.push_str(&restorer.push(&piece));
                prop_assert!(restorer.held.len() <= super::super::placeholder::LONGEST);
            }
            out.push_str(&restorer.finish());
            prop_assert_eq!(out, vault.restore(&sent));
        }
    }

    #[test]
    fn one_value_has_one_placeholder_in_each_spelling() {
        let mut vault = Vault::new();
        assert_eq!(vault.hide("EMAIL_ADDRESS", "Ann@corp.example").unwrap(), "<EMAIL_ADDRESS_1>");
        assert_eq!(vault.hide("EMAIL_ADDRESS", "ann@corp.example").unwrap(), "<EMAIL_ADDRESS_1>");
        assert_eq!(vault.hide("EMAIL_ADDRESS", "bo@corp.example").unwrap(), "<EMAIL_ADDRESS_2>");
        assert_eq!(vault.hide("hf-token", "a-B").unwrap(), "<HF_TOKEN_1>");
        assert_eq!(vault.hide("hf-token", "a-b").unwrap(), "<HF_TOKEN_2>");
        assert_eq!(vault.hide("HF_TOKEN", "a-b").unwrap(), "<HF_TOKEN_3>");
        assert_eq!(vault.restore("<email_address_1>, <EMAIL_ADDRESS_3>"), "Ann@corp.example, <EMAIL_ADDRESS_3>");
        assert_eq!(vault.len(), 5);
    }

    #[test]
    fn a_written_placeholder_restores_nobody() {
        let mut vault = Vault::new();
        let loose = |text: &str| [(text.to_owned(), None)];
        // before there is a value: its number is never given
        assert_eq!(hidden(&mut vault, &loose("say <A_1>")), "say <A_1>");
        assert_eq!(vault.hide("A", "secret").unwrap(), "<A_2>");
        // after: it is hidden in its turn, however it is written
        for text in ["<A_2>", "< a 2 >", "\\<A\\_2\\>", "&lt;A_2&gt;"] {
            let sent = hidden(&mut vault, &loose(text));
            assert!(sent.starts_with("<PLACEHOLDER_"), "{sent}");
            assert_eq!(vault.restore(&sent), text);
        }
        // put together by taking something out
        let policy = "input: {detectors: {invisible_text: {action: redact}}}";
        let guard = crate::guard::Guard::from_yaml(policy).unwrap();
        let role = crate::asset::TextRole::Document;
        let sent = guard.check_with("say <A_\u{200b}2>", role, &mut vault).text;
        assert!(!vault.restore(&sent).contains("secret"), "{sent}");
    }

    #[test]
    fn only_what_may_become_a_placeholder_is_held_back() {
        let mut vault = Vault::new();
        vault.hide("EMAIL_ADDRESS", "ann@corp.example");
        let mut restorer = vault.restorer();
        let pieces = ["if a < b then <EMAIL_", "ADDRESS_1", "> <EMAILS", " <em", "ail"];
        let out: Vec<_> = pieces.iter().map(|piece| restorer.push(piece)).collect();
        assert_eq!(out, ["if a < b then ", "", "ann@corp.example <EMAILS", " ", ""]);
        assert_eq!(restorer.finish(), "<email");
        assert_eq!(restorer.push("x\\"), "x");
        assert_eq!(restorer.finish(), "\\");
    }

    #[test]
    fn a_full_vault_takes_no_more() {
        let mut vault = Vault::with_limit(1000);
        let given = (0..100).filter_map(|i| vault.hide("A", &format!("value {i}"))).count();
        assert!((2..10).contains(&given) && vault.is_full() && vault.used <= 1000);
        assert_eq!(vault.hide("A", "value 0").unwrap(), "<A_1>");
        let parts = [("value 77".to_owned(), Some("A")), (" <A_1> <A_50> ".to_owned(), None)];
        assert_eq!(hidden(&mut vault, &parts), "<A> <PLACEHOLDER> <A_50> ");
        assert_eq!(hidden(&mut vault, &[("value 0".to_owned(), Some("A"))]), "<A_1>");
    }

    #[test]
    fn stored_vaults_are_checked() {
        let of = |value: Value| serde_json::from_value::<Vault>(value);
        let entry = json!({"type": "a", "value": "x"});
        let stored =
            |name: &str, limit: usize| json!({"limit": limit, "full": false, "values": {name: entry}, "reserved": []});
        let mut vault = of(stored("A_7", 1000)).unwrap();
        assert_eq!(vault.hide("a", "x").unwrap(), "<A_7>");
        assert_eq!(vault.hide("a", "y").unwrap(), "<A_1>");
        assert_eq!(vault.restore_json(&json!({"k": ["<A_7>", 1]})), json!({"k": ["x", 1]}));
        assert!(of(stored("B_1", 1000)).is_err() && of(stored("a", 1000)).is_err() && of(stored("A_1", 10)).is_err());
        assert_eq!(format!("{vault:?}"), "Vault { len: 2, full: false, .. }");
    }
}
