//! What rules need, and whether an inventory shows it.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;
use serde_json::Value;

use super::PolicySet;
use super::rule::Rule;
use crate::asset::{Asset, AssetKind, Inventory, is_open};

/// What the assets of each kind show, found once for all rules.
#[derive(Debug, Default)]
pub(super) struct Seen<'a> {
    by_kind: HashMap<AssetKind, HashSet<&'a str, foldhash::fast::RandomState>>,
    /// Whether there is an identity.
    identities: bool,
}

impl<'a> Seen<'a> {
    /// O(properties of all assets). What a template leaves open is not shown.
    pub(super) fn of(inventory: &'a Inventory) -> Self {
        let assets = inventory.assets().collect::<Vec<_>>();
        let seen = assets.par_iter().fold(Self::default, |mut seen, asset| {
            seen.add(asset);
            seen
        });
        seen.reduce(Self::default, Self::and)
    }

    fn add(&mut self, asset: &'a Asset) {
        let names = self.by_kind.entry(asset.kind).or_default();
        let known = asset.properties.iter().filter(|(_, value)| !is_open(value)).map(|(name, _)| name.as_str());
        // a source's own field of that name says less
        names.extend(known.filter(|name| *name != "authentication"));
        names.extend(attributes(asset).into_iter().flatten());
        self.identities |= asset.kind.is_identity() && asset.kind != AssetKind::AccessKey;
    }

    fn and(mut self, other: Self) -> Self {
        for (kind, names) in other.by_kind {
            self.by_kind.entry(kind).or_default().extend(names);
        }
        self.identities |= other.identities;
        self
    }

    /// Whether an asset of a kind shows this: a property, or what discovery makes of several.
    fn shows(&self, kind: AssetKind, name: &str) -> bool {
        self.by_kind.get(&kind).is_some_and(|names| names.contains(name))
    }
}

/// What discovery makes of several properties, where it could.
fn attributes(asset: &Asset) -> [Option<&'static str>; 4] {
    [
        asset.authentication.map(|_| "authentication"),
        asset.encryption.at_rest.map(|_| "encryption.at_rest"),
        asset.encryption.in_transit.map(|_| "encryption.in_transit"),
        asset.encryption.customer_key.map(|_| "encryption.customer_key"),
    ]
}

impl PolicySet {
    /// Whether a rule has what it needs, or judges by what there is.
    pub(super) fn can_judge(&self, rule: &Rule, seen: &Seen<'_>) -> bool {
        rule.needs.partly || self.unmet(rule, seen).is_none()
    }

    /// What a rule needs and does not have.
    pub(super) fn unmet(&self, rule: &Rule, seen: &Seen<'_>) -> Option<String> {
        let needs = &rule.needs;
        let unset = |name: &String| self.values.get(name).is_none_or(Value::is_null);
        let params = needs.params.iter().map(|name| unset(name).then(|| format!("`params.{name}` in aispm.yaml")));
        let undeclared = |section: &String| !self.facts.contains_key(section);
        let facts = needs.facts.iter().map(|name| undeclared(name).then(|| format!("`{name}` in aispm.yaml")));
        let property = needs.property.as_deref().map(|property| {
            let shown = property.split('|').any(|name| rule.kinds.iter().any(|kind| seen.shows(*kind, name)));
            let input = || needs.input.clone().unwrap_or_else(|| format!("input that shows `{property}`"));
            (!shown).then(input)
        });
        let identities = needs.identities.then(|| {
            let input = "identities with their policies or role assignments: exports of IAM, Entra or RBAC";
            (!seen.identities).then(|| input.to_owned())
        });
        let all = params.chain(facts).chain(property).chain(identities);
        if !needs.either {
            return all.flatten().next();
        }
        // one that is met is enough
        let missing = all.collect::<Option<Vec<_>>>()?;
        (!missing.is_empty()).then(|| missing.join(", or "))
    }
}
