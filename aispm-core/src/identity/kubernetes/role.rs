//! Roles: what they hold themselves, what they aggregate, and those that every cluster has.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::rule::Rule;
use crate::asset::{Asset, Document, Evidence};

/// A role's rules and where it is written.
#[derive(Debug, Clone, Default)]
pub(super) struct Role {
    pub(super) rules: Vec<Rule>,
    pub(super) evidence: Option<Evidence>,
}

/// The roles that a cluster makes by itself.
static DEFAULTS: LazyLock<HashMap<String, Vec<Rule>>> = LazyLock::new(|| {
    // checked by a test; an empty table would only lose what those roles grant where the export lacks them
    let text = include_str!("../../../data/identity/kubernetes_default_roles.yaml");
    Document::config("kubernetes_default_roles.yaml", text).unwrap_or_default()
});

/// Names of the ClusterRoles that exist in every cluster.
pub(super) fn defaults() -> impl Iterator<Item = &'static str> {
    DEFAULTS.keys().map(String::as_str)
}

impl Role {
    /// What the export says of a role; without rules it was only named.
    pub(super) fn new(asset: &Asset) -> Self {
        let rules = Rule::list(asset.properties.get("rules"));
        Self { rules, evidence: asset.evidence.first().cloned() }
    }

    pub(super) fn default(name: &str) -> Option<Self> {
        DEFAULTS.get(name).map(|rules| Self { rules: rules.clone(), evidence: None })
    }
}

/// Adds to each aggregating ClusterRole the rules of those that its selectors choose. In an export of a cluster the
/// controller has done so already; a manifest has empty rules there. One level, as what is chosen by label is meant to be.
pub(super) fn aggregate(roles: &mut HashMap<String, Role>, assets: &[&Asset]) {
    let mut added: Vec<(String, Vec<Rule>)> = Vec::new();
    for asset in assets {
        let selectors = asset.properties.get("aggregation_rule").and_then(|rule| rule.get("clusterRoleSelectors"));
        let selectors: Vec<&Value> = selectors.and_then(Value::as_array).into_iter().flatten().collect();
        if selectors.is_empty() {
            continue;
        }
        let chosen = assets.iter().filter(|other| other.id != asset.id);
        let chosen = chosen.filter(|other| {
            let labels = other.properties.get("labels").and_then(Value::as_object);
            selectors.iter().any(|selector| selects(selector, labels))
        });
        let rules = chosen.filter_map(|other| roles.get(other.id.as_str())).flat_map(|role| role.rules.clone());
        added.push((asset.id.to_string(), rules.collect()));
    }
    for (id, rules) in added {
        let role = roles.entry(id).or_default();
        for rule in rules {
            if !role.rules.contains(&rule) {
                role.rules.push(rule);
            }
        }
    }
}

/// What is labelled so is part of `admin`, `edit` or `view`, also where the export lacks them.
const PART_OF: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// Adds to the default roles what is labelled to be part of them.
pub(super) fn aggregate_defaults(roles: &mut HashMap<String, Role>, assets: &[&Asset], id: impl Fn(&str) -> String) {
    for asset in assets {
        let labels = asset.properties.get("labels").and_then(Value::as_object).into_iter().flatten();
        let whole =
            labels.filter(|(_, value)| value.as_str() == Some("true")).filter_map(|(key, _)| key.strip_prefix(PART_OF));
        for whole in whole.filter(|whole| DEFAULTS.contains_key(*whole)) {
            let rules = roles.get(asset.id.as_str()).map(|role| role.rules.clone()).unwrap_or_default();
            let role = roles.entry(id(whole)).or_default();
            for rule in rules {
                if !role.rules.contains(&rule) {
                    role.rules.push(rule);
                }
            }
        }
    }
}

/// Whether a label selector chooses an object; an empty one chooses all.
fn selects(selector: &Value, labels: Option<&Map<String, Value>>) -> bool {
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
    let equal = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let expressions = selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
    let holds = |expression: &Value| {
        let text = |key: &str| expression.get(key).and_then(Value::as_str);
        let (Some(key), Some(operator)) = (text("key"), text("operator")) else { return false };
        let values = || expression.get("values").and_then(Value::as_array).into_iter().flatten();
        let listed = |value: &str| values().any(|listed| listed.as_str() == Some(value));
        match (operator, label(key)) {
            ("In", Some(value)) => listed(value),
            ("NotIn", Some(value)) => !listed(value),
            ("Exists", found) => found.is_some(),
            ("DoesNotExist", found) => found.is_none(),
            ("NotIn", None) => true,
            _ => false,
        }
    };
    equal.into_iter().all(|(key, value)| label(key).is_some() && label(key) == value.as_str())
        && expressions.into_iter().all(holds)
}
