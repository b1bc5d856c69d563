//! Amazon Resource Names, and the account and region that they tell.

use std::collections::HashMap;

use serde_json::Value;

/// Account and region; empty where not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) account: String,
    pub(super) region: String,
}

/// The parts of an ARN.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arn<'a> {
    pub(super) partition: &'a str,
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) resource: &'a str,
}

impl<'a> Arn<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
        let mut next = || parts.next();
        let arn = Self { partition: next()?, service: next()?, region: next()?, account: next()?, resource: next()? };
        (arn.partition.starts_with("aws") && !arn.service.is_empty() && !arn.resource.is_empty()).then_some(arn)
    }

    /// The last part of the resource; a colon after a slash belongs to the name.
    pub(super) fn name(&self) -> &'a str {
        let end = if self.resource.contains('/') { '/' } else { ':' };
        self.resource.rsplit(end).find(|part| !part.is_empty()).unwrap_or(self.resource)
    }

    pub(super) fn place(&self) -> Place {
        Place { account: self.account.to_owned(), region: self.region.to_owned() }
    }

    /// Whether it names an account of somebody, not AWS itself.
    pub(super) fn has_account(&self) -> bool {
        is_account(self.account)
    }
}

pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Account and region that most ARNs of a document name. Linear.
pub(super) fn place_of(value: &Value) -> Place {
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::String(text) => {
                if let Some(arn) = Arn::parse(text).filter(Arn::has_account) {
                    *counts.entry((arn.account, arn.region)).or_default() += 1;
                }
            }
            Value::Array(list) => rest.extend(list),
            Value::Object(map) => rest.extend(map.values()),
            _ => {}
        }
    }
    let mut accounts: HashMap<&str, usize> = HashMap::new();
    let mut regions: HashMap<&str, usize> = HashMap::new();
    for ((account, region), n) in counts {
        *accounts.entry(account).or_default() += n;
        if !region.is_empty() {
            *regions.entry(region).or_default() += n;
        }
    }
    let most = |counts: HashMap<&str, usize>| {
        let most = counts.into_iter().max_by_key(|(text, n)| (*n, *text));
        most.map(|(text, _)| text.to_owned()).unwrap_or_default()
    };
    Place { account: most(accounts), region: most(regions) }
}
