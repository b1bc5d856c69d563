//! What classification tools, tags and column names call data, as the classes that assets carry.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::asset::Document;

/// One class and the words that mean it, each a pattern over a lower-case name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    class: String,
    words: Vec<String>,
}

const TABLE: &str = include_str!("../../data/discover/data_classes.yaml");

fn table() -> &'static [Class] {
    static CLASSES: OnceLock<Vec<Class>> = OnceLock::new();
    // the built-in table is checked by a test; an empty one would only lose classes
    CLASSES.get_or_init(|| Document::config("data_classes.yaml", TABLE).unwrap_or_default())
}

/// The classes that a label, info type or category stands for: `US_SOCIAL_SECURITY_NUMBER` → `personal`.
pub(super) fn classes(label: &str) -> impl Iterator<Item = &'static str> + use<> {
    let name = plain(label);
    table().iter().filter(move |class| class.words.iter().any(|word| holds(&name, word))).map(|c| c.class.as_str())
}

/// The classes of a tag's value: those the table knows, else the value itself in lower case.
pub(super) fn tagged(value: &str) -> Vec<String> {
    let known: Vec<String> = classes(value).map(str::to_owned).collect();
    if known.is_empty() { vec![value.trim().to_lowercase()] } else { known }
}

/// Whether a tag of this key says what data there is.
pub(super) fn is_class_key(key: &str) -> bool {
    let name = key.rsplit([':', '/']).next().unwrap_or(key);
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let keys = [
        "dataclassification",
        "dataclass",
        "dataclasses",
        "classification",
        "sensitivity",
        "datasensitivity",
        "pii",
        "phi",
    ];
    keys.contains(&name.as_str())
}

/// Lower case, words between single spaces; a border between a small and a capital letter is one too.
fn plain(label: &str) -> String {
    let mut name = String::with_capacity(label.len() + 2);
    name.push(' ');
    let mut small = false;
    for c in label.chars().take(200) {
        if c.is_alphanumeric() {
            if c.is_uppercase() && small {
                name.push(' ');
            }
            name.extend(c.to_lowercase());
            small = c.is_lowercase();
        } else {
            if !name.ends_with(' ') {
                name.push(' ');
            }
            small = false;
        }
    }
    if !name.ends_with(' ') {
        name.push(' ');
    }
    name
}

/// Whether whole words of a name are these.
fn holds(name: &str, words: &str) -> bool {
    name.match_indices(words).any(|(at, _)| {
        let (before, rest) = name.split_at_checked(at).unwrap_or_default();
        before.ends_with(' ') && rest.strip_prefix(words).is_some_and(|after| after.starts_with(' '))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_many_tools() {
        Document::config::<Vec<Class>>("data_classes.yaml", TABLE).unwrap();
        for (label, expected) in [
            ("PERSONAL_INFORMATION", "personal"),
            ("FINANCIAL_INFORMATION", "financial"),
            ("CREDENTIALS", "credentials"),
            ("US_SOCIAL_SECURITY_NUMBER", "personal"),
            ("CREDIT_CARD_NUMBER", "payment"),
            ("MICROSOFT.PERSONAL.EMAIL", "personal"),
            ("MICROSOFT.FINANCIAL.CREDIT_CARD_NUMBER", "payment"),
            ("EmailAddress", "personal"),
            ("SensitiveData:S3Object/Personal", "personal"),
            ("AWS_CREDENTIALS", "credentials"),
            ("PHI", "health"),
            ("pii.email", "personal"),
        ] {
            assert!(classes(label).any(|class| class == expected), "{label}");
        }
        assert_eq!(classes("partition").count() + classes("shipping").count() + classes("spiil").count(), 0);
        assert_eq!((tagged("Internal"), tagged("bronze")), (vec!["internal".to_owned()], vec!["bronze".to_owned()]));
    }
}
