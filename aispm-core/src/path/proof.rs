//! What in the input shows that a rule holds for a binding.

use std::collections::BTreeSet;

use super::ground::{ANYWHERE, service, subject};
use super::rules::{Builtin, May, On, Rule, Test};
use super::world::{Ix, World, is_one_of};
use crate::asset::{Asset, AssetId, Evidence, RelationKind};
use crate::identity::Platform;
use crate::identity::aws::{Principal, Trustee};

/// Most pieces of evidence of one step.
const EVIDENCE_LIMIT: usize = 8;

/// Looks for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proof<'p, 'a> {
    world: &'p World<'a>,
}

impl<'p, 'a> Proof<'p, 'a> {
    pub(super) fn new(world: &'p World<'a>) -> Self {
        Self { world }
    }

    /// Policy statements, trust statements and relations that the rule's premises rest on.
    pub(super) fn of(&self, rule: &Rule, binding: &[Ix], to: &AssetId) -> Vec<Evidence> {
        let world = self.world;
        let estate = &world.estate;
        let bound = |var: &str| binding.get(rule.slot(var)?).copied();
        let mut found = Vec::new();
        let actor = binding.first().and_then(|p| world.principal(*p));
        for may in &rule.may {
            let holder = may.by.as_deref().map_or(actor, |by| bound(by).and_then(|ix| world.principal(ix)));
            match (rule.platform, holder, binding.first()) {
                (Platform::Aws, Some(holder), _) => found.extend(self.permission(rule, may, holder, binding)),
                (Platform::Aws, None, _) | (_, _, None) => {}
                (_, _, Some(actor)) => {
                    let actor = may.by.as_deref().and_then(bound).unwrap_or(*actor);
                    found.extend(self.grants(may, rule, actor, binding));
                }
            }
        }
        match (rule.builtin, bound("role").and_then(|ix| world.principal(ix)), actor) {
            (Some(Builtin::AssumeRole), Some(role), Some(actor)) => {
                found.extend(estate.trust_evidence(role, Trustee::Principal(actor)));
                found.extend(estate.evidence(actor, "sts:AssumeRole", role.id.as_str(), None));
            }
            (Some(Builtin::AssumeRole), Some(role), None) => {
                found.extend(estate.trust_evidence(role, Trustee::Anonymous));
            }
            (Some(Builtin::WebIdentity), Some(role), _) => {
                let subject = binding.first().and_then(|p| world.id(*p)).and_then(|id| subject(id.as_str()));
                found.extend(subject.map_or(Vec::new(), |s| estate.trust_evidence(role, Trustee::Subject(&s))));
            }
            (Some(_), _, Some(owner)) => found.extend(estate.evidence(owner, "iam:CreateUser", "*", None)),
            _ => {}
        }
        for given in &rule.given {
            let Some(ix) = bound(&given.var) else { continue };
            for service in &given.trusts {
                if let Some(role) = world.principal(ix) {
                    found.extend(estate.trust_evidence(role, Trustee::Service(service)));
                }
            }
            if let (Some(to), Some(by)) = (given.to.as_deref().and_then(bound), given.by) {
                let (from, to) = if given.back { (ix, to) } else { (to, ix) };
                found.extend(self.relation(from, by, to));
            }
        }
        let tests = [("p", &rule.start)].into_iter().chain(rule.given.iter().map(|g| (g.var.as_str(), &g.is)));
        for (var, test) in tests {
            let asset = bound(var).and_then(|ix| world.node(ix)?.asset);
            found.extend(asset.map_or(Vec::new(), |asset| settings(asset, test)));
        }
        if found.is_empty() {
            let ids = [world.inventory.get(to.as_str()), binding.first().and_then(|p| world.node(*p)?.asset)];
            found.extend(ids.into_iter().flatten().flat_map(|asset| asset.evidence.iter().take(1).cloned()));
        }
        if found.is_empty() {
            // what every cluster has no file shows, but something else of it
            let shown = binding.iter().filter_map(|ix| world.witness(*ix));
            found.extend(shown.flat_map(|asset| asset.evidence.iter().take(1).cloned()));
        }
        let mut seen = BTreeSet::new();
        found.retain(|evidence| seen.insert((evidence.path.clone(), evidence.pointer.clone(), evidence.line)));
        found.truncate(EVIDENCE_LIMIT);
        found
    }

    fn permission(&self, rule: &Rule, may: &May, holder: &Principal, binding: &[Ix]) -> Vec<Evidence> {
        let world = self.world;
        let target = |var: &str| binding.get(rule.slot(var)?).copied();
        let mut found = Vec::new();
        for action in &may.action {
            let ask = |resource: &str| world.estate.evidence(holder, action, resource, may.passed_to.as_deref());
            let statements = match may.on() {
                On::New(_) => {
                    let resource = world.estate.example(holder, action, service(action));
                    resource.map_or(Vec::new(), |resource| ask(&resource))
                }
                On::Beside(_) => Vec::new(),
                On::Key(var) => {
                    let key = target(var).and_then(|ix| world.key_of(ix)).flatten();
                    key.map_or(Vec::new(), |key| world.arns(key).flat_map(ask).collect())
                }
                On::Arn(arn) => ask(&arn.replace("{account}", &holder.account)),
                On::Var(var) => target(var).map_or(Vec::new(), |ix| world.arns(ix).flat_map(ask).collect()),
                On::Objects(var) => target(var).map_or(Vec::new(), |ix| {
                    world.arns(ix).flat_map(|arn| ask(&world.estate.object(holder, action, arn))).collect()
                }),
            };
            found.extend(statements);
            if !found.is_empty() {
                break;
            }
        }
        found
    }

    /// The same on the other platforms.
    fn grants(&self, may: &May, rule: &Rule, actor: Ix, binding: &[Ix]) -> Vec<Evidence> {
        let world = self.world;
        let Some(id) = world.id(actor) else { return Vec::new() };
        let bound = |var: &str| binding.get(rule.slot(var)?).copied();
        let resource = match may.on() {
            On::Var(var) => bound(var).and_then(|ix| world.id(ix)).map(|id| id.as_str().to_owned()),
            On::Beside(var) => bound(var).and_then(|ix| world.container(ix)).map(str::to_owned),
            On::New(_) => Some(ANYWHERE.to_owned()),
            On::Arn(_) | On::Objects(_) | On::Key(_) => None,
        };
        let Some(resource) = resource else { return Vec::new() };
        let authorities: Vec<_> =
            world.authorities_of(actor).filter(|authority| authority.platform() == rule.platform).collect();
        let actions = may.action.iter().flat_map(|action| authorities.iter().map(move |a| (a, action)));
        let mut found = actions.map(|(authority, action)| authority.evidence(id.as_str(), action, &resource));
        found.find(|evidence| !evidence.is_empty()).unwrap_or_default()
    }

    fn relation(&self, from: Ix, kind: RelationKind, to: Ix) -> Vec<Evidence> {
        let world = self.world;
        let (Some(from), Some(to)) = (world.id(from), world.id(to)) else { return Vec::new() };
        let relations = || world.inventory.outgoing(from.as_str()).filter(|r| r.kind == kind);
        // an instance's role is two relations away
        let near = || relations().next().filter(|_| kind == RelationKind::RunsAs);
        let found = relations().find(|r| r.to == *to).or_else(near);
        found.map(|r| r.evidence.clone()).unwrap_or_default()
    }
}

/// Where an asset was seen to have the properties that a test asks for; discovery writes `PROPERTY: VALUE` there.
fn settings(asset: &Asset, test: &Test) -> Vec<Evidence> {
    let shows = |evidence: &&Evidence| {
        let excerpt = evidence.excerpt.as_deref().and_then(|excerpt| excerpt.split_once(": "));
        excerpt.is_some_and(|(property, value)| {
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            test.set.iter().any(|set| set.get(property).is_some_and(|wanted| is_one_of(&value, wanted)))
        })
    };
    asset.evidence.iter().filter(shows).cloned().collect()
}
