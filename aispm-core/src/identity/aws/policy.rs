//! Policy documents, parsed once.

use std::borrow::Cow;

use serde_json::Value;

use super::statement::Statement;

/// What a document is for: which elements its statements must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Attached to a user, role or group, or a boundary, session or service control policy: about its holder.
    Identity,
    /// On a resource, or a resource control policy: names principals.
    Resource,
    /// Who may assume a role: names principals, and is about its role.
    Trust,
}

/// A parsed policy document. Statements that AWS would refuse are left out or, where they may deny something, kept as
/// denies of which nobody can say whether they hold; `faults` tells of both.
#[derive(Debug, Clone, Default)]
pub(super) struct Policy {
    pub(super) statements: Vec<Statement>,
    pub(super) faults: Vec<Fault>,
}

/// Something in a document that AWS would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// JSON pointer below the document: empty for the document itself, else a statement.
    pub(crate) pointer: String,
    /// What is wrong, in a few words, with what follows from it.
    pub(crate) reason: String,
}

impl Policy {
    /// From a document: an object, or the same as JSON text, URL-encoded or not, as the API returns it. `None` if it has
    /// no statements. Linear in the document.
    pub(super) fn parse(document: &Value, purpose: Purpose) -> Option<Self> {
        let document = decoded(document)?;
        let statements = document.get("Statement")?;
        let mut policy = Self::default();
        let version = document.get("Version");
        let doubt = match version.and_then(Value::as_str) {
            Some("2012-10-17" | "2008-10-17") => None,
            _ if version.is_none() => None,
            _ => {
                let reason = "unknown `Version`; what it allows or denies is in doubt".to_owned();
                policy.faults.push(Fault { pointer: String::new(), reason });
                Some("the policy's unknown version is read like 2012-10-17")
            }
        };
        // the default is the old version, which knows no variables
        let variables = doubt.is_some() || version.and_then(Value::as_str) == Some("2012-10-17");
        let listed = statements.as_array().map(|list| {
            list.iter().enumerate().map(|(i, value)| (i, value, format!("/Statement/{i}"))).collect::<Vec<_>>()
        });
        for (index, value, pointer) in listed.unwrap_or_else(|| vec![(0, statements, "/Statement".to_owned())]) {
            let mut reasons = Vec::new();
            let parsed = Statement::parse(value, index, &pointer, purpose, variables, &mut reasons);
            policy.faults.extend(reasons.into_iter().map(|reason| Fault { pointer: pointer.clone(), reason }));
            if let Some(mut statement) = parsed {
                if let Some(doubt) = doubt {
                    statement.doubt(doubt);
                }
                policy.statements.push(statement);
            }
        }
        Some(policy)
    }
}

/// What AWS would refuse of a document attached to a principal, or of a role's trust policy.
pub(crate) fn misread(document: &Value, trust: bool) -> Vec<Fault> {
    let purpose = if trust { Purpose::Trust } else { Purpose::Identity };
    match Policy::parse(document, purpose) {
        Some(policy) => policy.faults,
        None => {
            vec![Fault { pointer: String::new(), reason: "not a policy document; it counts for nothing".to_owned() }]
        }
    }
}

/// The document itself, also where it is given as JSON text, percent-encoded or not.
pub(crate) fn decoded(document: &Value) -> Option<Cow<'_, Value>> {
    let Value::String(text) = document else { return Some(Cow::Borrowed(document)) };
    let text = if text.trim_start().starts_with('{') { text.clone() } else { percent_decode(text)? };
    serde_json::from_str(&text).ok().map(Cow::Owned)
}

/// A string, or a list's strings.
pub(super) fn strings(value: &Value) -> impl Iterator<Item = &str> {
    let one = value.as_str();
    one.into_iter().chain(value.as_array().into_iter().flatten().filter_map(Value::as_str))
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

    fn parse(document: &Value) -> Option<Policy> {
        Policy::parse(document, Purpose::Identity)
    }

    #[test]
    fn reads_lists_single_values_and_encoded_text() {
        let plain = json!({"Statement": {"Effect": "Allow", "Action": "S3:Get*", "Resource": ["arn:aws:s3:::a", "*"]}});
        let encoded = Value::String("%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Deny%22%2C%22NotAction%22%3A%22iam%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D".to_owned());
        let plain = parse(&plain).unwrap();
        assert!(plain.statements[0].actions.matches("s3:getobject"));
        assert_eq!(plain.statements[0].pointer, "/Statement");
        let encoded = parse(&encoded).unwrap();
        assert!(!encoded.statements[0].allow && encoded.statements[0].actions.matches("s3:getobject"));
        assert!(!encoded.statements[0].actions.matches("iam:putuserpolicy"));
        assert!(parse(&json!("no policy")).is_none());
    }

    #[test]
    fn what_aws_would_refuse_is_told_with_its_place() {
        let allow = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
        let told = |document: Value| {
            let faults = misread(&document, false);
            faults.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>()
        };
        assert!(told(json!({"Version": "2012-10-17", "Statement": allow})).is_empty());
        assert!(told(json!({"Statement": []})).is_empty());
        assert_eq!(told(json!({"Statement": [allow, {"Effect": "allow"}]})), ["/Statement/1"]);
        assert_eq!(told(json!({"Version": "2020-01-01", "Statement": [allow]})), [""]);
        assert_eq!(told(json!({"statement": [allow]})), [""]);
        assert_eq!(told(json!("no policy")), [""]);
    }

    #[test]
    fn an_unknown_version_leaves_everything_in_doubt() {
        let document =
            json!({"Version": "2020-01-01", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}});
        assert_eq!(parse(&document).unwrap().statements[0].conditions.len(), 1);
    }
}
