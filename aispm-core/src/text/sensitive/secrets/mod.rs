//! Secrets: rules by issuer, values assigned to telling names, passwords in addresses.

mod assign;
mod check;
mod look;
mod rule;

use std::ops::Range;

use serde::Deserialize;

use self::rule::{At, Rule};
use super::anchors::Owner;
use super::hay::Hay;
use crate::asset::{Match, Severity};

const RULES: &str = include_str!("../../../../data/text/sensitive/secrets.toml");

/// The detector of secrets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secrets {
    #[serde(rename = "rule")]
    rules: Vec<Rule>,
    names: Vec<String>,
}

impl Secrets {
    pub(super) fn new() -> Result<Self, toml::de::Error> {
        toml::from_str(RULES)
    }

    /// The literals to look for, each with whom it calls.
    pub(super) fn anchors(&self) -> impl Iterator<Item = (String, Owner)> {
        let rules =
            (0u16..).zip(&self.rules).flat_map(|(i, r)| r.anchors.iter().map(move |a| (a.clone(), Owner::Rule(i))));
        rules.chain(self.names.iter().map(|n| (n.clone(), Owner::Name)))
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.rules.iter().any(|r| r.id == id) || matches!(id, "generic-secret" | "generic-password" | "url-credentials")
    }

    /// Judges the secret that rule `index` may find at `anchor`.
    pub(super) fn by_rule(&self, hay: Hay<'_>, index: u16, anchor: Range<usize>, matches: &mut Vec<Match>) {
        let Some(rule) = self.rules.get(usize::from(index)) else { return };
        let value = match rule.at {
            At::Value => assign::assigned(hay, &anchor).map(|a| a.value),
            At::Token | At::Embedded => None,
        };
        if rule.at == At::Value && value.is_none() {
            return;
        }
        if let Some(span) = rule.verify(hay, anchor, value.as_ref()) {
            push(matches, rule.id.clone(), 0.9, rule.severity, span);
        }
    }

    /// Judges what is assigned to the name that `anchor` is part of.
    pub(super) fn by_name(&self, hay: Hay<'_>, anchor: Range<usize>, matches: &mut Vec<Match>) {
        let Some(assigned) = assign::assigned(hay, &anchor) else { return };
        if let Some(score) = assign::judge(hay, &anchor, &assigned) {
            let password = hay.get(anchor).to_ascii_lowercase().contains("pas");
            push(
                matches,
                if password { "generic-password" } else { "generic-secret" },
                score,
                Severity::Medium,
                assigned.value,
            );
        }
    }

    /// Judges the user information before the `@` of an address whose authority is `authority`.
    pub(super) fn in_address(&self, hay: Hay<'_>, authority: Range<usize>, matches: &mut Vec<Match>) {
        let text = hay.get(authority.clone());
        let Some((user, host)) = text.rsplit_once('@') else { return };
        let Some((name, password)) = user.split_once(':') else { return };
        let anonymous = name.is_empty() && look::classes(password) < 3;
        let stand_in = anonymous
            || password.len() < 3
            || look::is_placeholder(password)
            || host.is_empty()
            || matches!(
                password.to_ascii_lowercase().as_str(),
                "pass" | "password" | "pwd" | "passwd" | "secret" | "token" | "pw"
            );
        let start = authority.start + name.len() + 1;
        let documented = ["example.com", "example.org", "example.net", "host", "hostname"]
            .iter()
            .any(|h| host.split([':', '/']).next() == Some(h));
        if !stand_in && !documented && !password.starts_with(['$', '{', '<', '%', '[', '*']) {
            push(matches, "url-credentials", 0.8, Severity::High, start..start + password.len());
        }
    }
}

/// Pushes a match unless the same rule has it already.
fn push(
    matches: &mut Vec<Match>,
    id: impl Into<std::borrow::Cow<'static, str>>,
    score: f64,
    severity: Severity,
    span: Range<usize>,
) {
    let id = id.into();
    // A more telling rule over the same secret makes the generic one superfluous.
    let generic = id.starts_with("generic-");
    let known =
        |m: &Match| m.detector == "secrets" && m.start < span.end && span.start < m.end && (m.kind == id || generic);
    if !matches.iter().rev().take(8).any(known) {
        matches.push(Match::new("secrets", id.clone(), id, score, severity, span));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_rules_are_sound() {
        let secrets = Secrets::new().unwrap();
        assert!(secrets.rules.len() >= 120);
        let ids: BTreeSet<_> = secrets.rules.iter().map(|r| &r.id).collect();
        assert_eq!(ids.len(), secrets.rules.len(), "an id stands twice");
        for rule in &secrets.rules {
            assert!(rule.regex().is_some(), "{}: the pattern does not compile", rule.id);
            assert!(
                !rule.anchors.is_empty() && rule.anchors.iter().all(|a| !a.is_empty() && *a == a.to_ascii_lowercase()),
                "{}",
                rule.id
            );
        }
    }
}
