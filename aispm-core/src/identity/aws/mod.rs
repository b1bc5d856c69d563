//! Amazon Web Services: what the policies of an estate allow, three-valued.
//!
//! An [`Estate`] is built once from an inventory: every policy is parsed once, its patterns split once. For each
//! principal and action a `Scope` keeps only what the resource still decides; scopes with the same text are shared,
//! so that a thousand users with one group's permissions cost one evaluation per resource, not a thousand.
//!
//! Evaluation follows AWS's own order: an explicit deny anywhere wins; a permissions boundary must allow too; a
//! resource policy that names the principal suffices inside an account, across accounts both sides must allow; a trust
//! policy that names the account's root delegates to identity policies. Conditions are decided where the estate decides
//! them (principal, account, tags, passed-to service, dates older than the export), granted where the caller chooses
//! the value, and otherwise carried along as text: the answer is then conditional.

mod admin;
mod condition;
mod estate;
mod managed;
mod pattern;
mod policy;
mod principal;
mod scope;
mod shown;

#[cfg(test)]
mod tests;

pub use estate::{Answer, Estate};
pub use principal::{Principal, PrincipalKind};

pub(crate) use admin::Change;
pub(crate) use estate::{ScopeId, Scopes, Trustee, has_broader_version};
pub(crate) use pattern::{Pattern, account_of, service_of};
pub(crate) use policy::misread;
pub(crate) use shown::Shown;
