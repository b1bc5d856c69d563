//! Policy documents, parsed once.

use std::borrow::Cow;

use serde_json::Value;

use super::condition::Condition;
use super::pattern::Pattern;

/// A parsed policy document. What AWS would refuse (a statement without effect or action) is left out.
#[derive(Debug, Clone, Default)]
pub(super) struct Policy {
    pub(super) statements: Vec<Statement>,
}

#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) allow: bool,
    /// Lower case.
    pub(super) actions: Choice,
    /// `None` in trust policies, which are about their role.
    pub(super) resources: Option<Choice>,
    /// `None` in identity policies, which are about their holder.
    pub(super) principals: Option<Principals>,
    pub(super) conditions: Vec<Condition>,
    /// Below the document, e.g. `/Statement/0`.
    pub(super) pointer: String,
    /// In a few words, for evidence.
    pub(super) excerpt: String,
}

/// `Action`/`Resource`, or with `not` `NotAction`/`NotResource`.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) not: bool,
    pub(super) patterns: Vec<Pattern>,
}

impl Choice {
    pub(super) fn matches(&self, text: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(text)) != self.not
    }
}

/// `Principal`, or with `not` `NotPrincipal`.
#[derive(Debug, Clone, Default)]
pub(super) struct Principals {
    pub(super) not: bool,
    /// `"*"` or `{"AWS": "*"}`.
    pub(super) anyone: bool,
    /// ARNs; bare account ids are written as that account's root.
    pub(super) aws: Vec<String>,
    pub(super) services: Vec<String>,
    pub(super) federated: Vec<String>,
}

impl Policy {
    /// From a document: an object, or the same as JSON text, URL-encoded or not, as the API returns it.
    pub(super) fn parse(document: &Value) -> Option<Self> {
        let document = decoded(document)?;
        let statements = match document.get("Statement")? {
            Value::Array(list) => {
                let pointed = list.iter().enumerate();
                pointed.filter_map(|(i, value)| Statement::parse(value, format!("/Statement/{i}"))).collect()
            }
            one => Statement::parse(one, "/Statement".to_owned()).into_iter().collect(),
        };
        Some(Self { statements })
    }
}

/// The JSON pointer, below the document, of the first part that evaluation leaves out because it is no policy or no
/// statement; `None` where all of it counts.
pub(crate) fn misread(document: &Value) -> Option<String> {
    let document = decoded(document);
    let bad = |value: &Value| Statement::parse(value, String::new()).is_none();
    match document.as_deref().and_then(|document| document.get("Statement")) {
        Some(Value::Array(list)) => list.iter().position(bad).map(|i| format!("/Statement/{i}")),
        Some(one) => bad(one).then(|| "/Statement".to_owned()),
        None => Some(String::new()),
    }
}

/// The document itself, also where it is given as JSON text, percent-encoded or not.
pub(crate) fn decoded(document: &Value) -> Option<Cow<'_, Value>> {
    let Value::String(text) = document else { return Some(Cow::Borrowed(document)) };
    let text = if text.trim_start().starts_with('{') { text.clone() } else { percent_decode(text)? };
    serde_json::from_str(&text).ok().map(Cow::Owned)
}

impl Statement {
    fn parse(value: &Value, pointer: String) -> Option<Self> {
        let allow = match value.get("Effect").and_then(Value::as_str)? {
            "Allow" => true,
            "Deny" => false,
            _ => return None,
        };
        let choice = |yes: &str, no: &str, pattern: fn(&str) -> Pattern| {
            let of = |key: &str| value.get(key).map(|v| strings(v).map(pattern).collect::<Vec<_>>());
            of(yes)
                .map(|patterns| Choice { not: false, patterns })
                .or_else(|| of(no).map(|patterns| Choice { not: true, patterns }))
        };
        let principals = value
            .get("Principal")
            .map(|v| Principals::parse(v, false))
            .or_else(|| value.get("NotPrincipal").map(|v| Principals::parse(v, true)));
        Some(Self {
            allow,
            actions: choice("Action", "NotAction", Pattern::lowercase)?,
            resources: choice("Resource", "NotResource", Pattern::new),
            principals,
            conditions: value.get("Condition").map(Condition::parse_all).unwrap_or_default(),
            excerpt: excerpt(value),
            pointer,
        })
    }
}

impl Principals {
    fn parse(value: &Value, not: bool) -> Self {
        let mut principals = Self { not, ..Self::default() };
        match value {
            Value::String(text) if text == "*" => principals.anyone = true,
            Value::Object(map) => {
                for (kind, names) in map {
                    let names = strings(names).map(str::to_owned);
                    match kind.as_str() {
                        "AWS" => {
                            for name in names {
                                match name.as_str() {
                                    "*" => principals.anyone = true,
                                    id if id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit()) => {
                                        principals.aws.push(format!("arn:aws:iam::{id}:root"));
                                    }
                                    _ => principals.aws.push(name),
                                }
                            }
                        }
                        "Service" => principals.services.extend(names),
                        "Federated" => principals.federated.extend(names),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        principals
    }
}

/// A string, or a list's strings.
pub(super) fn strings(value: &Value) -> impl Iterator<Item = &str> {
    let one = value.as_str();
    one.into_iter().chain(value.as_array().into_iter().flatten().filter_map(Value::as_str))
}

fn excerpt(value: &Value) -> String {
    let list = |keys: [&str; 2]| {
        let found = keys.iter().find_map(|key| value.get(key).map(|v| (key, v)));
        found.map(|(key, v)| {
            let mut names = strings(v);
            let first: Vec<_> = names.by_ref().take(3).collect();
            let more = if names.next().is_some() { ", …" } else { "" };
            format!("{key} {}{more}", first.join(", "))
        })
    };
    let effect = value.get("Effect").and_then(Value::as_str).unwrap_or_default();
    let parts = [list(["Action", "NotAction"]), list(["Resource", "NotResource"])];
    std::iter::once(effect.to_owned()).chain(parts.into_iter().flatten()).collect::<Vec<_>>().join(" ")
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| char::from(b?).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(high << 4 | low);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_lists_single_values_and_encoded_text() {
        let plain = json!({"Statement": {"Effect": "Allow", "Action": "S3:Get*", "Resource": ["a", "b"]}});
        let encoded = Value::String("%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Deny%22%2C%22NotAction%22%3A%22iam%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D".to_owned());
        let plain = Policy::parse(&plain).unwrap();
        assert!(plain.statements[0].actions.matches("s3:getobject"));
        assert_eq!(plain.statements[0].pointer, "/Statement");
        let encoded = Policy::parse(&encoded).unwrap();
        assert!(!encoded.statements[0].allow && encoded.statements[0].actions.matches("s3:getobject"));
        assert!(!encoded.statements[0].actions.matches("iam:putuserpolicy"));
        assert!(Policy::parse(&json!("no policy")).is_none());
    }

    #[test]
    fn what_evaluation_leaves_out_is_told() {
        let allow = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
        assert_eq!(misread(&json!({"Statement": allow})), None);
        assert_eq!(misread(&json!({"Statement": []})), None);
        assert_eq!(misread(&json!({"Statement": [allow, {"Effect": "allow"}]})).unwrap(), "/Statement/1");
        assert_eq!(misread(&json!({"statement": [allow]})).unwrap(), "");
        assert_eq!(misread(&json!("no policy")).unwrap(), "");
    }

    #[test]
    fn principals_keep_accounts_services_and_everyone() {
        let parse = |v| Principals::parse(&v, false);
        assert!(parse(json!("*")).anyone && parse(json!({"AWS": ["*"]})).anyone);
        assert_eq!(parse(json!({"AWS": "123456789012"})).aws, ["arn:aws:iam::123456789012:root"]);
        assert_eq!(parse(json!({"Service": ["a", "b"]})).services, ["a", "b"]);
    }
}
