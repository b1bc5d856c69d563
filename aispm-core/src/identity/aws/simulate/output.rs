//! What a simulation answers.

use schemars::JsonSchema;
use serde::Serialize;

/// The decision on a request, and what decided it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Simulation {
    /// Allowed or denied.
    pub decision: Effect,
    /// The statements and missing permissions that decided it, and what could not be read.
    pub reasons: Vec<Reason>,
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// Every policy that has a say allows it.
    Allowed,
    /// A statement denies it.
    ExplicitDeny,
    /// Nothing denies it, but some policy that would have to allow it does not.
    ImplicitDeny,
}

/// One policy's part in a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Reason {
    /// Which of the request's policies.
    pub policy: Source,
    /// The level, for policies of an organisation, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<usize>,
    /// The policy's place in its list, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The statement's place in its policy, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<usize>,
    /// The statement's `Sid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// What it did.
    pub text: String,
}

/// Where a policy comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// The principal's own.
    Identity,
    /// Its permissions boundary.
    Boundary,
    /// Given with its session.
    Session,
    /// On the resource.
    Resource,
    /// A service control policy.
    Scp,
    /// A resource control policy.
    Rcp,
    /// None: the request itself decides.
    Request,
}
