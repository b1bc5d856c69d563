//! What a simulation is asked.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// One request and everything that decides it. Policies are AWS policy documents.
///
/// What is not given is not there: no boundary, no organisation, no policy on the resource.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Request {
    /// Who asks.
    #[serde(deserialize_with = "arn_or_whole")]
    #[schemars(with = "Asker")]
    pub principal: Asker,
    /// `service:Name`.
    pub action: String,
    /// What it is asked of.
    #[serde(default, deserialize_with = "arn_or_whole")]
    #[schemars(with = "Target")]
    pub resource: Target,
    /// Context keys with a text, number or truth value, or a list of these. A key that is not here is absent, unless
    /// the request itself tells its value (`aws:PrincipalArn`, `aws:ResourceAccount` and the like).
    #[serde(default, deserialize_with = "or_default")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub context: BTreeMap<String, Value>,
    /// Policies of the principal and, if it is a user, of its groups.
    #[serde(default, deserialize_with = "list")]
    #[schemars(with = "Vec<Value>")]
    pub identity_policies: Vec<Value>,
    /// Its permissions boundary.
    #[serde(default)]
    pub boundary: Option<Value>,
    /// Policies given with the session.
    #[serde(default, deserialize_with = "list")]
    #[schemars(with = "Vec<Value>")]
    pub session_policies: Vec<Value>,
    /// The policy on the resource; for `sts:AssumeRole` the role's trust policy.
    #[serde(default)]
    pub resource_policy: Option<Value>,
    /// Service control policies that bind the principal, a list for each level of its organisation.
    #[serde(default, deserialize_with = "levels")]
    #[schemars(with = "Vec<Vec<Value>>")]
    pub scps: Vec<Vec<Value>>,
    /// Resource control policies that bind the resource, a list for each level of its organisation.
    #[serde(default, deserialize_with = "levels")]
    #[schemars(with = "Vec<Vec<Value>>")]
    pub rcps: Vec<Vec<Value>>,
}

/// Who asks: a user, role, session, account root or federated user by its ARN, a service by its name, an identity
/// provider by its ARN or name, or nobody known (`*`, or nothing).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Asker {
    /// ARN or name.
    pub arn: Option<String>,
    /// Twelve digits, if the ARN does not say.
    pub account: Option<String>,
    /// What kind of principal it is, where the ARN does not say: `user`, `role`, `assumed-role`, `root`, `service`,
    /// `federated`, `anonymous`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Whether its account manages the organisation, so that no service control policy binds it.
    pub management_account: bool,
}

/// What it is asked of.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Target {
    /// ARN, or `*` for actions that are about no resource.
    pub arn: Option<String>,
    /// Twelve digits, if the ARN does not say; without both it is the principal's account.
    pub account: Option<String>,
    /// Whether its account manages the organisation, so that no resource control policy binds it.
    pub management_account: bool,
}

impl From<String> for Asker {
    fn from(arn: String) -> Self {
        Self { arn: Some(arn), ..Self::default() }
    }
}

impl From<String> for Target {
    fn from(arn: String) -> Self {
        Self { arn: Some(arn), ..Self::default() }
    }
}

impl Request {
    /// A request without any policy, which nothing allows yet.
    pub fn new(principal: impl Into<String>, action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self {
            principal: principal.into().into(),
            action: action.into(),
            resource: resource.into().into(),
            ..Self::default()
        }
    }
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// An object, only its ARN, or nothing.
fn arn_or_whole<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: serde::de::DeserializeOwned + From<String> + Default,
{
    match Value::deserialize(from)? {
        Value::Null => Ok(T::default()),
        Value::String(arn) => Ok(arn.into()),
        whole => serde_json::from_value(whole).map_err(serde::de::Error::custom),
    }
}

/// A list of policies, one policy, or nothing.
fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Value>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Null => Vec::new(),
        Value::Array(list) => list,
        one => vec![one],
    })
}

/// Levels of policies; a level may be one policy.
fn levels<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<Value>>, D::Error> {
    let levels = list(from)?.into_iter();
    Ok(levels
        .map(|level| match level {
            Value::Null => Vec::new(),
            Value::Array(policies) => policies,
            one => vec![one],
        })
        .collect())
}
