//! One request, decided from the policies that it brings along.

mod asker;
mod input;
mod output;

#[cfg(test)]
pub(super) mod tests;

pub use input::{Asker, Request, Target};
pub use output::{Effect, Reason, Simulation, Source};

use serde_json::Value;

use super::estate::is_key;
use super::named::{Caller, Identity, IdentityKind, Named};
use super::order::{Lack, Layers, Outcome, Side, Verdict};
use super::organization::{is_service_linked, supports_rcps};
use super::policy::{Fault, Policy, Purpose, decoded};
use super::request::{Context, Request as Known};
use super::statement::Statement;

/// Decides a request as AWS would, if these were all the policies there are.
///
/// Linear in the policies. Whatever AWS would refuse of a policy is among the reasons; an allow that cannot be read counts
/// for nothing and a deny that cannot be read denies.
///
/// ```
/// use aispm_core::identity::aws::{Effect, Request, simulate};
/// use serde_json::json;
///
/// let mut request = Request::new("arn:aws:iam::111111111111:user/ann", "s3:GetObject", "arn:aws:s3:::lake/raw/1");
/// request.identity_policies.push(json!({
///     "Version": "2012-10-17",
///     "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::lake/*"}],
/// }));
/// assert_eq!(simulate(&request).decision, Effect::Allowed);
///
/// request.boundary = Some(json!({"Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}));
/// let answer = simulate(&request);
/// assert_eq!(answer.decision, Effect::ImplicitDeny);
/// assert_eq!(answer.reasons[0].text, "no statement of the boundary allows it");
/// ```
#[must_use]
pub fn simulate(request: &Request) -> Simulation {
    let action = request.action.trim().to_ascii_lowercase();
    let caller = asker::caller(request);
    if let Some(text) = without_permission(&action, &caller) {
        let reasons = vec![Reason::of(Source::Request, text)];
        return Simulation { decision: Effect::Allowed, reasons };
    }
    let mut faults = Vec::new();
    let context = asker::context(request, &caller, &mut faults);
    let resource = request.resource.arn.as_deref().filter(|arn| !arn.is_empty()).unwrap_or("*");
    let mut run = Run {
        request: Known { context: Some(&context), ..Known::default() },
        action: &action,
        resource,
        caller,
        allows: Vec::new(),
        denies: Vec::new(),
        faults: faults.into_iter().map(|text| Reason::of(Source::Request, text)).collect(),
    };
    let layers = run.layers(request, &context);
    let outcome = if is_root(&caller) && action == "sts:assumerole" {
        Outcome::ImplicitDeny(Lack::Identity)
    } else {
        layers.decide()
    };
    run.answer(outcome, &layers)
}

/// Actions that nobody needs a permission for and no policy can deny.
fn without_permission(action: &str, caller: &Caller<'_>) -> Option<&'static str> {
    let Caller::Known(identity) = caller else { return None };
    match (action, identity.kind) {
        ("sts:getcalleridentity", _) => Some("needs no permission"),
        ("sts:getsessiontoken", IdentityKind::User | IdentityKind::Root) => Some("needs no permission"),
        _ => None,
    }
}

fn is_root(caller: &Caller<'_>) -> bool {
    matches!(caller, Caller::Known(identity) if identity.kind == IdentityKind::Root)
}

/// Whether a role's trust policy must have a part in an action, even inside the account.
fn is_on_trust(action: &str, resource: &str) -> bool {
    let assumes = action.starts_with("sts:assumerole")
        || matches!(action, "sts:tagsession" | "sts:setsourceidentity" | "sts:setcontext");
    assumes && resource.contains(":role/")
}

/// More tell nobody more.
const REASONS: usize = 32;

/// A request on its way through the policies.
struct Run<'a> {
    request: Known<'a>,
    /// Lower case.
    action: &'a str,
    resource: &'a str,
    caller: Caller<'a>,
    /// Statements that applied.
    allows: Vec<Reason>,
    denies: Vec<Reason>,
    faults: Vec<Reason>,
}

impl Run<'_> {
    fn layers(&mut self, request: &Request, context: &Context) -> Layers {
        let identity = match self.caller {
            Caller::Known(identity) => Some(identity),
            _ => None,
        };
        let trust = is_on_trust(self.action, self.resource);
        let home = asker::home(&request.resource);
        let mut layers = Layers {
            same_account: identity.is_none_or(|i| home.is_none_or(|home| i.account.is_empty() || home == i.account)),
            closed: trust || (self.action.starts_with("kms:") && is_key(self.resource)),
            ..Layers::default()
        };
        if !self.is_service_linked(context) && !request.resource.management_account && supports_rcps(self.action) {
            layers.rcps = self.levels(Source::Rcp, &request.rcps);
        }
        if let Some(identity) = identity {
            self.own_layers(&mut layers, request, identity, context);
        }
        layers.resource = request.resource_policy.as_ref().filter(|p| !is_nothing(p)).map(|document| {
            let purpose = if trust { Purpose::Trust } else { Purpose::Resource };
            self.side(document, purpose)
        });
        layers
    }

    /// What the caller's own policies and those of his organisation say.
    fn own_layers(&mut self, layers: &mut Layers, request: &Request, identity: Identity<'_>, context: &Context) {
        if !self.is_service_linked(context) && !request.principal.management_account {
            layers.scps = self.levels(Source::Scp, &request.scps);
        }
        if identity.kind == IdentityKind::Root {
            layers.identity = Some(Verdict::allows());
            return;
        }
        layers.identity = Some(self.verdict(Source::Identity, None, &request.identity_policies));
        let boundary = request.boundary.as_ref().filter(|boundary| !is_nothing(boundary));
        layers.boundary = boundary.map(|boundary| match boundary {
            Value::Array(list) => self.verdict(Source::Boundary, None, list),
            one => self.verdict(Source::Boundary, None, std::slice::from_ref(one)),
        });
        // the session of a federated user has what the policies given with it leave, and nothing without any
        if !request.session_policies.iter().all(is_nothing) || identity.kind == IdentityKind::FederatedUser {
            layers.session = Some(self.verdict(Source::Session, None, &request.session_policies));
        }
    }

    fn is_service_linked(&self, context: &Context) -> bool {
        let Caller::Known(identity) = &self.caller else { return false };
        is_service_linked(identity.arn) || context.one("aws:principalarn").is_some_and(is_service_linked)
    }

    fn levels(&mut self, source: Source, levels: &[Vec<Value>]) -> Vec<Verdict> {
        let each = levels.iter().enumerate();
        each.map(|(level, policies)| self.verdict(source, Some(level), policies)).collect()
    }

    /// What the statements of a layer say.
    fn verdict(&mut self, source: Source, level: Option<usize>, documents: &[Value]) -> Verdict {
        let purpose = if source == Source::Rcp { Purpose::Resource } else { Purpose::Identity };
        let mut verdict = Verdict::default();
        let mut allows_anything = false;
        for (index, document) in documents.iter().enumerate().filter(|(_, document)| !is_nothing(document)) {
            let policy = self.parse(source, level, Some(index), document, purpose);
            for statement in &policy.statements {
                allows_anything |= statement.allow;
                let named =
                    statement.principals.as_ref().map_or(Named::Itself, |p| p.names(&self.caller, statement.allow));
                if named != Named::No && self.applies(statement, Some(self.resource)) {
                    verdict.add(statement.allow, Vec::new());
                    self.note(source, level, Some(index), statement, "");
                }
            }
        }
        // nobody can detach the full access that stands beside resource control policies, which only deny
        if source == Source::Rcp && !allows_anything {
            verdict.add(true, Vec::new());
        }
        verdict
    }

    /// What the policy on the resource says.
    fn side(&mut self, document: &Value, purpose: Purpose) -> Side {
        let policy = self.parse(Source::Resource, None, None, document, purpose);
        let resource = (purpose != Purpose::Trust).then_some(self.resource);
        let mut side = Side::default();
        for statement in &policy.statements {
            let named = statement.principals.as_ref().map_or(Named::No, |p| p.names(&self.caller, statement.allow));
            if named != Named::No && self.applies(statement, resource) {
                side.add(statement.allow, named, Vec::new());
                let how = match named {
                    Named::Account => " to the caller's account",
                    Named::Role => " to the caller's role",
                    Named::Itself | Named::No => " to the caller",
                };
                self.note(Source::Resource, None, None, statement, how);
            }
        }
        side
    }

    fn parse(
        &mut self,
        policy: Source,
        level: Option<usize>,
        index: Option<usize>,
        document: &Value,
        purpose: Purpose,
    ) -> Policy {
        let parsed = Policy::parse(inner(document), purpose);
        let no_policy = || Policy {
            faults: vec![Fault {
                pointer: String::new(),
                reason: "not a policy document; it counts for nothing".to_owned(),
            }],
            ..Policy::default()
        };
        let parsed = parsed.unwrap_or_else(no_policy);
        for fault in parsed.faults.iter().take(REASONS.saturating_sub(self.faults.len())) {
            let statement =
                fault.pointer.strip_prefix("/Statement").map(|at| at.trim_start_matches('/').parse().unwrap_or(0));
            self.faults.push(Reason { policy, level, index, statement, sid: None, text: fault.reason.clone() });
        }
        parsed
    }

    /// Whether a statement applies. Where nobody can say it, an allow does not and a deny does.
    fn applies(&self, statement: &Statement, resource: Option<&str>) -> bool {
        let open = statement.applies(self.action, resource, &self.request);
        open.is_some_and(|open| open.is_empty() || !statement.allow)
    }

    fn note(&mut self, policy: Source, level: Option<usize>, index: Option<usize>, statement: &Statement, how: &str) {
        let (list, verb) = if statement.allow { (&mut self.allows, "allows") } else { (&mut self.denies, "denies") };
        if list.len() < REASONS {
            let text = format!("{verb} it{}", if statement.allow { how } else { "" });
            let (statement, sid) = (Some(statement.index), statement.sid.clone());
            list.push(Reason { policy, level, index, statement, sid, text });
        }
    }

    fn answer(self, outcome: Outcome, layers: &Layers) -> Simulation {
        let (decision, mut reasons) = match outcome {
            Outcome::ExplicitDeny => (Effect::ExplicitDeny, self.denies),
            Outcome::Allowed(_) => {
                let root = layers.identity.is_some() && is_root(&self.caller);
                let own = root.then(|| Reason::of(Source::Identity, "the root user may do everything in its account"));
                (Effect::Allowed, self.allows.into_iter().chain(own).collect())
            }
            Outcome::ImplicitDeny(lack) => (Effect::ImplicitDeny, vec![lacking(lack, layers, &self.caller)]),
        };
        reasons.extend(self.faults);
        Simulation { decision, reasons }
    }
}

/// Why nothing allows it.
fn lacking(lack: Lack, layers: &Layers, caller: &Caller<'_>) -> Reason {
    let level =
        |policy, level| Reason { level: Some(level), ..Reason::of(policy, "no statement of this level allows it") };
    match lack {
        Lack::Rcp(at) => level(Source::Rcp, at),
        Lack::Scp(at) => level(Source::Scp, at),
        Lack::Boundary => Reason::of(Source::Boundary, "no statement of the boundary allows it"),
        Lack::Session => Reason::of(Source::Session, "no policy of the session allows it"),
        Lack::Identity if is_root(caller) => Reason::of(Source::Request, "root users cannot assume roles"),
        Lack::Identity if layers.resource.is_some() => {
            Reason::of(Source::Identity, "no identity policy allows it, nor does the resource's policy by itself")
        }
        Lack::Identity => Reason::of(Source::Identity, "no identity policy allows it"),
        Lack::Resource if layers.resource.is_none() => {
            Reason::of(Source::Resource, "the resource has no policy, and one would have to allow it")
        }
        Lack::Resource => Reason::of(Source::Resource, "no statement of the resource's policy allows it to the caller"),
    }
}

impl Reason {
    fn of(policy: Source, text: impl Into<String>) -> Self {
        Self { policy, level: None, index: None, statement: None, sid: None, text: text.into() }
    }
}

/// Whether a value stands for no policy.
fn is_nothing(document: &Value) -> bool {
    match document {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// The document of a policy, also where a name or the like stands beside it.
fn inner(document: &Value) -> &Value {
    if document.get("Statement").is_some() || decoded(document).is_none() {
        return document;
    }
    let keys = ["PolicyDocument", "Document", "policy", "document"];
    keys.into_iter().find_map(|key| document.get(key)).unwrap_or(document)
}
