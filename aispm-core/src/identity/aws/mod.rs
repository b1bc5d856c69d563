//! Amazon Web Services: what policies allow, three-valued.
//!
//! An [`Estate`] is built once from an inventory: every policy is parsed once, its patterns split once. For each
//! principal and action a `Scope` keeps only what the resource still decides; scopes with the same text are shared,
//! so that a thousand users with one group's permissions cost one evaluation per resource, not a thousand.
//!
//! [`simulate`] answers one [`Request`] that says everything itself: policies, principal, resource and context.
//!
//! Both decide in AWS's own order (`order`). Conditions are decided where the request or the estate decides them
//! (principal, account, tags, passed-to service, dates older than the export), granted where the caller chooses the
//! value, and otherwise carried along as text: the answer is then conditional. In a simulation a key that the request
//! lacks is absent.
//!
//! What AWS would refuse of a policy is told and never makes another statement ignored. An allow that cannot be read
//! counts for nothing; a deny that cannot be read is kept as one that may hold.

mod admin;
mod condition;
mod estate;
mod managed;
mod moment;
mod named;
mod network;
mod operator;
mod order;
mod organization;
mod pattern;
mod policy;
mod principal;
mod request;
mod scope;
mod shown;
mod simulate;
mod statement;
mod supports;
mod template;

#[cfg(test)]
mod tests;

pub use estate::{Answer, Estate};
pub use principal::{Principal, PrincipalKind};
pub use simulate::{Asker, Effect, Reason, Request, Simulation, Source, Target, simulate};

pub(crate) use admin::Change;
pub(crate) use estate::{ScopeId, Scopes, Trustee, has_broader_version};
pub(crate) use moment::days_between;
pub(crate) use organization::{CONTENT, LEVEL, ROOT, TYPE};
pub(crate) use pattern::{Pattern, account_of, service_of};
pub(crate) use policy::{decoded, misread};
pub(crate) use shown::Shown;
pub(crate) use supports::{LetIn, Wanted};
