//! What is known of a request when policies are read: everything, or what an estate shows.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use super::moment::Moment;
use super::pattern::{Pattern, account_of};
use super::principal::{Principal, PrincipalKind};
use super::shown::Shown;
use crate::asset::Document;

/// What is known of a request when conditions are read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Request<'a> {
    /// The whole context: what it lacks is absent, and nothing below is asked.
    pub(super) context: Option<&'a Context>,
    pub(super) principal: Option<&'a Principal>,
    /// What the call hands over: a role to this service, or this policy.
    pub(super) passed_to: Option<&'a str>,
    /// Set once the resource is known.
    pub(super) resource: Option<&'a str>,
    /// Where the resource lives, if its ARN does not say.
    pub(super) account: Option<&'a str>,
    /// More of the resource than its ARN.
    pub(super) shown: Option<Shown<'a>>,
    /// The token's subject, for federated trust.
    pub(super) subject: Option<&'a str>,
    /// A moment known to have passed: the newest date in the export.
    pub(super) as_of: Option<Moment>,
}

/// The context keys of a request, lower case, with their values.
#[derive(Debug, Clone, Default)]
pub(super) struct Context(HashMap<String, Values>);

#[derive(Debug, Clone)]
enum Values {
    One(String),
    Many(Vec<String>),
}

/// A context key's value.
pub(super) enum Known<'a> {
    Is(Cow<'a, str>),
    /// Two or more values.
    Many(&'a [String]),
    Absent,
    /// The caller chooses it.
    Chosen,
    /// A moment after this one.
    After(Moment),
    Unknown,
}

impl Context {
    /// Sets a key, unless it is there.
    pub(super) fn derive(&mut self, key: &str, value: impl Into<String>) {
        if !self.0.contains_key(key) {
            self.0.insert(key.to_owned(), Values::One(value.into()));
        }
    }

    /// Sets a key to a list of values. One value in a list is that value; a key without values is absent.
    pub(super) fn set(&mut self, key: &str, mut values: Vec<String>) {
        let value = match (values.len(), values.pop()) {
            (0, _) => return,
            (1, Some(only)) => Values::One(only),
            (_, last) => {
                values.extend(last);
                Values::Many(values)
            }
        };
        self.0.insert(key.to_ascii_lowercase(), value);
    }

    pub(super) fn one(&self, key: &str) -> Option<&str> {
        match self.0.get(key)? {
            Values::One(value) => Some(value),
            Values::Many(_) => None,
        }
    }

    fn value(&self, key: &str) -> Known<'_> {
        match self.0.get(key) {
            Some(Values::One(value)) => Known::Is(Cow::Borrowed(value)),
            Some(Values::Many(values)) => Known::Many(values),
            None => Known::Absent,
        }
    }
}

/// A list of key patterns from a built-in file.
fn patterns(name: &str, text: &str) -> Vec<Pattern> {
    // the built-in lists are checked by a test; an empty one only leaves more conditional
    let keys: Vec<String> = Document::config(name, text).unwrap_or_default();
    keys.iter().map(|key| Pattern::lowercase(key)).collect()
}

/// Keys whose value the caller sets in his request.
fn chosen_keys() -> &'static [Pattern] {
    static KEYS: OnceLock<Vec<Pattern>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let text = include_str!("../../../data/identity/aws_chosen_condition_keys.yaml");
        patterns("aws_chosen_condition_keys.yaml", text)
    })
}

/// Keys that only the sessions of roles carry.
fn session_keys() -> &'static [Pattern] {
    static KEYS: OnceLock<Vec<Pattern>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let text = include_str!("../../../data/identity/aws_session_condition_keys.yaml");
        patterns("aws_session_condition_keys.yaml", text)
    })
}

impl<'a> Request<'a> {
    /// The value of a key, given in lower case.
    pub(super) fn value(&self, key: &str) -> Known<'a> {
        if let Some(context) = self.context {
            return context.value(key);
        }
        let is = |text: &'a str| Known::Is(Cow::Borrowed(text));
        if let Some(name) = key.strip_prefix("aws:principaltag/") {
            return match self.principal.map(|p| p.tag(name)) {
                Some(Some(value)) => is(value),
                Some(None) => Known::Absent,
                None => Known::Unknown,
            };
        }
        if let Some(claim) = key.rsplit_once(':').map(|(_, claim)| claim)
            && let Some(subject) = self.subject
        {
            return match claim {
                "sub" => is(subject),
                "aud" => is("sts.amazonaws.com"),
                _ => Known::Unknown,
            };
        }
        if let Some(known) = self.shown.and_then(|shown| shown.value(key)) {
            return known;
        }
        match (key, self.principal) {
            ("aws:principalarn", Some(p)) => is(p.id.as_str()),
            ("aws:principalaccount", Some(p)) => is(&p.account),
            ("aws:principaltype", Some(p)) => is(if p.kind == PrincipalKind::Role { "AssumedRole" } else { "User" }),
            ("aws:username", Some(p)) if p.kind == PrincipalKind::User => is(&p.name),
            ("aws:username", Some(p)) if p.kind == PrincipalKind::Role => Known::Absent,
            ("aws:principalisawsservice" | "aws:viaawsservice", Some(_)) => is("false"),
            // only temporary credentials carry it
            ("aws:tokenissuetime", Some(p)) if p.kind == PrincipalKind::Role => {
                self.as_of.map_or(Known::Unknown, Known::After)
            }
            ("aws:currenttime", _) => self.as_of.map_or(Known::Unknown, Known::After),
            ("aws:securetransport", _) => is("true"),
            ("iam:passedtoservice" | "iam:policyarn", _) => self.passed_to.map_or(Known::Unknown, is),
            ("aws:resourceaccount" | "s3:resourceaccount", _) => {
                let account = self.resource.and_then(account_of).or(self.account);
                account.map_or(Known::Unknown, is)
            }
            // in trust policies of services: the account that the service acts for
            ("aws:sourceaccount", None) => self.account.map_or(Known::Unknown, is),
            (_, Some(p)) if p.kind == PrincipalKind::User && session_keys().iter().any(|k| k.matches(key)) => {
                Known::Absent
            }
            _ if chosen_keys().iter().any(|pattern| pattern.matches(key)) => Known::Chosen,
            _ => Known::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_load() {
        assert!(chosen_keys().len() > 5 && session_keys().len() > 5);
    }
}
