//! Users, roles and groups as the export describes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::pattern::account_of;
use super::policy::Policy;
use crate::asset::{AssetId, Evidence};

/// What kind of principal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PrincipalKind {
    /// An IAM user.
    User,
    /// A role.
    Role,
    /// A group: no principal of AWS's, but what its members may do by it.
    Group,
    /// Named in a policy but not in the estate: a user, role or root of another account.
    External,
}

/// A principal with its policies.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Principal {
    /// Its ARN.
    pub id: AssetId,
    /// User, role, group or external.
    pub kind: PrincipalKind,
    /// Twelve digits, or empty.
    pub account: String,
    /// The last part of the ARN.
    pub name: String,
    /// Groups it is a member of.
    pub groups: Vec<AssetId>,
    /// Managed policies attached to it directly.
    pub attached: Vec<String>,
    /// Whether an instance profile holds it.
    pub instance_profile: bool,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) policies: Vec<Held>,
    pub(super) boundary: Boundary,
    pub(super) boundary_arn: Option<String>,
    pub(super) trust: Option<Held>,
}

/// A policy as one principal holds it.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) policy: Arc<Policy>,
    /// The document; statement pointers go below it.
    pub(super) evidence: Evidence,
}

#[derive(Debug, Clone)]
pub(super) enum Boundary {
    None,
    Policy(Held),
    /// Set, but its document is not in the export.
    Missing(String),
}

impl Principal {
    /// A principal of which only the ARN is known.
    pub(super) fn named(arn: &str, kind: PrincipalKind) -> Self {
        Self {
            id: AssetId::from(arn),
            kind,
            account: account_of(arn).unwrap_or_default().to_owned(),
            name: arn.rsplit(['/', ':']).next().unwrap_or(arn).to_owned(),
            groups: Vec::new(),
            attached: Vec::new(),
            instance_profile: false,
            tags: BTreeMap::new(),
            policies: Vec::new(),
            boundary: Boundary::None,
            boundary_arn: None,
            trust: None,
        }
    }

    /// A tag's value; names are compared without case, as in conditions.
    pub(super) fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether a permissions boundary bounds it.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        !matches!(self.boundary, Boundary::None)
    }
}

impl Held {
    /// Where a statement of it stands.
    pub(super) fn statement(&self, pointer: &str, excerpt: &str) -> Evidence {
        let mut evidence = self.evidence.clone();
        evidence.pointer = Some(format!("{}{pointer}", evidence.pointer.as_deref().unwrap_or_default()));
        evidence.excerpt(excerpt)
    }
}

/// `[{"Key": …, "Value": …}]`.
pub(super) fn tags(value: Option<&Value>) -> BTreeMap<String, String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    let pair = |tag: &Value| Some((tag.get("Key")?.as_str()?.to_owned(), tag.get("Value")?.as_str()?.to_owned()));
    list.filter_map(pair).collect()
}
