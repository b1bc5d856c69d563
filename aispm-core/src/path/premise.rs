//! Where one path can be cut: the premises of its steps, each of which alone, taken away, makes it vanish.
//!
//! A path is what its steps are: their rules and what they give. A premise of a step is listed only if every other way
//! to make that same step, by an asset on the path, rests on it too; so nothing is solved again, and what is listed holds by
//! construction. Statements that give the same permission stand in one premise and have to go together. The tests remove
//! each premise from the inventory and solve again.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::graph::InstanceId;
use super::ground::{ANY, Ground, Instance, index, service, subject};
use super::model::{Patch, PathFix, Premise, PremiseKind};
use super::patch::{self, Policy};
use super::place::Place;
use super::rules::{Builtin, May, On, Rule, Test};
use super::trace::Trace;
use super::ways::Ways;
use super::whatif::Change;
use super::world::Ix;
use crate::asset::{AssetId, Authentication, Evidence, RelationKind, flag};
use crate::identity::Platform;
use crate::identity::aws::{LetIn, Principal, PrincipalKind, Trustee, Wanted};

/// Most fixes of one path.
const LIMIT: usize = 12;

/// One premise of a step, ready to be told.
#[derive(Debug)]
struct Cut {
    kind: PremiseKind,
    asset: AssetId,
    action: String,
    without: BTreeSet<Change>,
    evidence: Vec<Evidence>,
    patch: Patched,
    /// The patch, once a path that has it is told.
    told: OnceCell<Option<Patch>>,
}

/// What a patch is made from.
#[derive(Debug)]
enum Patched {
    No,
    Policy { owners: Vec<AssetId>, policy: Policy },
    Closed(AssetId),
}

/// Gives each path its fixes.
pub(super) fn tell(ground: &Ground<'_, '_>, traces: &mut [Trace]) {
    if traces.is_empty() {
        return;
    }
    let mut premises = Premises::new(ground);
    for trace in traces {
        trace.path.fixes = premises.fixes(trace);
    }
}

/// Premises of rule instances, read once each.
#[derive(Debug)]
struct Premises<'g, 'w, 'a> {
    ground: &'g Ground<'w, 'a>,
    ways: Ways<'g, 'w, 'a>,
    known: HashMap<(InstanceId, Ix), Rc<Vec<Cut>>>,
}

impl<'g, 'w, 'a> Premises<'g, 'w, 'a> {
    fn new(ground: &'g Ground<'w, 'a>) -> Self {
        Self { ground, ways: Ways::new(ground), known: HashMap::new() }
    }

    /// The fixes of a path, easiest first. O(steps · ways to make each · statements of their actors).
    fn fixes(&mut self, trace: &Trace) -> Vec<PathFix> {
        let world = self.ground.world;
        let on_path: BTreeSet<Ix> = trace.path.assets().filter_map(|id| world.ix(id.as_str())).collect();
        let mut fixes: Vec<(u8, PathFix)> = Vec::new();
        let mut seen = BTreeSet::new();
        for (n, (id, binding)) in (1..).zip(&trace.bindings) {
            let Some(actor) = binding.first().copied() else { continue };
            let own = self.cuts(*id, actor);
            let others = self.ways.others(*id, actor, &on_path);
            let others: Vec<_> = others.into_iter().map(|(id, actor)| self.cuts(id, actor)).collect();
            for cut in own.iter() {
                let ends = |other: &Rc<Vec<Cut>>| other.iter().any(|theirs| theirs.without.is_subset(&cut.without));
                if !cut.without.is_empty() && others.iter().all(ends) && seen.insert(cut.without.clone()) {
                    fixes.push((effort(cut.kind), self.tell(cut, n)));
                }
            }
        }
        fixes.sort_by_key(|(effort, fix)| (*effort, fix.step));
        fixes.into_iter().map(|(_, fix)| fix).take(LIMIT).collect()
    }

    fn tell(&self, cut: &Cut, step: usize) -> PathFix {
        let inventory = self.ground.world.inventory;
        let patch = || match &cut.patch {
            Patched::No => None,
            Patched::Closed(id) => inventory.get(id.as_str()).and_then(|asset| patch::closed(inventory, asset)),
            Patched::Policy { owners, policy } => {
                let owners: Vec<_> = owners.iter().filter_map(|id| inventory.get(id.as_str())).collect();
                patch::policy(&owners, &cut.evidence, policy)
            }
        };
        PathFix {
            action: cut.action.clone(),
            asset: cut.asset.clone(),
            step,
            premise: Premise { kind: cut.kind, without: cut.without.iter().map(ToString::to_string).collect() },
            evidence: cut.evidence.clone(),
            patch: cut.told.get_or_init(patch).clone(),
        }
    }

    fn instance(&self, id: InstanceId) -> Option<&'g Instance> {
        self.ground.instances.get(index(id))
    }

    fn cuts(&mut self, id: InstanceId, actor: Ix) -> Rc<Vec<Cut>> {
        if let Some(known) = self.known.get(&(id, actor)) {
            return Rc::clone(known);
        }
        let found = match self.instance(id).and_then(|instance| Some((instance.rule?, instance))) {
            Some((rule, instance)) => {
                let mut binding = instance.binding.clone();
                if let Some(first) = binding.first_mut() {
                    *first = actor;
                }
                Reading { ground: self.ground, rule, binding: &binding }.cuts()
            }
            None => Vec::new(),
        };
        let found = Rc::new(found);
        self.known.insert((id, actor), Rc::clone(&found));
        found
    }
}

/// Closing a door is easiest, taking apart what belongs together hardest.
fn effort(kind: PremiseKind) -> u8 {
    match kind {
        PremiseKind::Exposure => 0,
        PremiseKind::Anonymous => 1,
        PremiseKind::Statement | PremiseKind::Grant | PremiseKind::Setting => 2,
        PremiseKind::Attachment | PremiseKind::Membership => 3,
        PremiseKind::Trust => 4,
        PremiseKind::Relation => 5,
    }
}

/// One rule with everything bound.
struct Reading<'r, 'w, 'a> {
    ground: &'r Ground<'w, 'a>,
    rule: &'r Rule,
    binding: &'r [Ix],
}

impl Reading<'_, '_, '_> {
    fn bound(&self, var: &str) -> Option<Ix> {
        self.binding.get(self.rule.slot(var)?).copied().filter(|ix| *ix != ANY)
    }

    /// Two names, each led by its kind if they are the same.
    fn apart(&self, from: Ix, to: Ix) -> (String, String) {
        let node = |ix: Ix| self.ground.world.node(ix);
        let shared = self.name(from) == self.name(to);
        let told = |ix: Ix| match node(ix) {
            Some(node) if shared => format!("the {} {}", node.kind.as_str().replace('-', " "), node.name),
            _ => self.name(ix).to_owned(),
        };
        (told(from), told(to))
    }

    fn name(&self, ix: Ix) -> &str {
        self.ground.world.node(ix).map_or("", |node| &node.name)
    }

    fn cuts(&self) -> Vec<Cut> {
        let world = self.ground.world;
        let rule = self.rule;
        let mut cuts = Vec::new();
        let actor = self.bound("p");
        let trusted = matches!(rule.builtin, Some(Builtin::AssumeRole | Builtin::WebIdentity));
        let role = rule.given.iter().find(|_| trusted).and_then(|given| self.bound(&given.var));
        if let (Some(actor), Some(role)) = (actor, role) {
            self.trust(actor, role, &mut cuts);
        } else if rule.builtin.is_none() {
            for may in &rule.may {
                let holder = may.by.as_deref().map_or(actor, |by| self.bound(by));
                match (rule.platform, holder) {
                    (_, None) => {}
                    (Platform::Aws, Some(holder)) => self.permission(may, holder, &mut cuts),
                    (_, Some(holder)) => cuts.extend(self.grant(may, holder)),
                }
            }
        }
        for given in rule.given.iter().filter(|given| !given.exists) {
            let Some(ix) = self.bound(&given.var) else { continue };
            if !given.trusts.is_empty()
                && let Some(role) = world.principal(ix)
            {
                let let_in = |service: &String| world.estate.trust_supports(role, Trustee::Service(service)).statements;
                let statements: Vec<Evidence> = given.trusts.iter().flat_map(let_in).collect();
                let action = format!("Stop {} from trusting {}", role.name, given.trusts.join(", "));
                cuts.push(self.policy(
                    PremiseKind::Trust,
                    ix,
                    action,
                    statements,
                    Policy::trust(&given.trusts, &given.trusts.join(" or ")),
                ));
            }
            if let (Some(to), Some(by)) = (given.to.as_deref().and_then(|to| self.bound(to)), given.by) {
                let (from, to) = if given.back { (ix, to) } else { (to, ix) };
                cuts.extend(self.relation(from, by, to));
            }
            if given.is.authentication == [Authentication::None] {
                cuts.extend(self.anonymous(ix));
            }
            cuts.extend(self.settings(ix, &given.is));
        }
        cuts.extend(actor.into_iter().flat_map(|ix| self.settings(ix, &rule.start)));
        if rule.start.authentication == [Authentication::None] || rule.start.authentication_unknown {
            cuts.extend(actor.and_then(|ix| self.anonymous(ix)));
        }
        cuts
    }

    /// Who assumes a role, by both sides.
    fn trust(&self, actor: Ix, role_ix: Ix, cuts: &mut Vec<Cut>) {
        let world = self.ground.world;
        let Some(role) = world.principal(role_ix) else { return };
        let principal = world.principal(actor);
        let token = world.id(actor).and_then(|id| subject(id.as_str())).unwrap_or_default();
        let who = match (self.rule.builtin, principal) {
            (Some(Builtin::WebIdentity), _) => Trustee::Subject(&token),
            (_, Some(principal)) => Trustee::Principal(principal),
            (_, None) => Trustee::Anonymous,
        };
        let LetIn { statements, directly } = world.estate.trust_supports(role, who);
        let names = match principal {
            Some(principal) => vec![principal.id.to_string(), format!("arn:aws:iam::{}:root", principal.account)],
            None => Vec::new(),
        };
        let (trusted, trusting) = self.apart(actor, role_ix);
        let action = format!("Stop {trusting} from trusting {trusted}");
        cuts.push(self.policy(
            PremiseKind::Trust,
            role_ix,
            action,
            statements,
            Policy::trust(&names, self.name(actor)),
        ));
        if let Some(principal) = principal.filter(|p| p.kind != PrincipalKind::External)
            && !(directly && principal.account == role.account)
        {
            let wanted = Wanted::Exactly(role.id.to_string());
            let arn = role.id.to_string();
            self.statements(actor, principal, &["sts:AssumeRole".to_owned()], (&[wanted], &arn), None, cuts);
        }
    }

    /// A permission of a principal, by his own policies or the resource's.
    fn permission(&self, may: &May, holder: Ix, cuts: &mut Vec<Cut>) {
        let world = self.ground.world;
        let principal = world.principal(holder);
        let target = match may.on() {
            On::Var(var) | On::Objects(var) => self.bound(var),
            On::Key(var) => self.bound(var).and_then(|ix| world.key_of(ix)).flatten(),
            On::New(_) | On::Arn(_) | On::Beside(_) => None,
        };
        let (mut wanted, mut resource) = (Vec::new(), "*".to_owned());
        match may.on() {
            On::Beside(_) => return,
            // where nothing is encrypted no key is needed
            On::Key(_) if target.is_none() => return,
            On::New(_) => wanted.extend(may.action.iter().map(|action| Wanted::Service(service(action).to_owned()))),
            On::Arn(arn) => {
                resource = arn.replace("{account}", principal.map_or("", |p| p.account.as_str()));
                wanted.push(Wanted::Exactly(resource.clone()));
            }
            On::Var(_) | On::Key(_) => {
                wanted.extend(
                    target.into_iter().flat_map(|ix| world.arns(ix)).map(|arn| Wanted::Exactly(arn.to_owned())),
                );
            }
            On::Objects(_) => {
                wanted.extend(
                    target.into_iter().flat_map(|ix| world.arns(ix)).map(|arn| Wanted::Below(format!("{arn}/"))),
                );
            }
        }
        if let Some(arn) = target.and_then(|ix| world.arns(ix).find(|arn| arn.starts_with("arn:"))) {
            resource = if matches!(may.on(), On::Objects(_)) { format!("{arn}/*") } else { arn.to_owned() };
        }
        let theirs = target.filter(|ix| world.is_policied(*ix)).map(|ix| self.resource_side(may, principal, ix));
        let Some(principal) = principal.filter(|p| p.kind != PrincipalKind::External) else {
            cuts.extend(theirs.map(|(cut, _)| cut));
            return;
        };
        match theirs.filter(|(cut, _)| !cut.without.is_empty()) {
            Some((cut, true)) => {
                self.statements(holder, principal, &may.action, (&wanted, &resource), Some(&cut), cuts);
            }
            Some((cut, false)) => {
                cuts.push(cut);
                self.statements(holder, principal, &may.action, (&wanted, &resource), None, cuts);
            }
            None => self.statements(holder, principal, &may.action, (&wanted, &resource), None, cuts),
        }
    }

    /// What a resource's own policy gives, and whether that suffices without the principal's.
    fn resource_side(&self, may: &May, principal: Option<&Principal>, ix: Ix) -> (Cut, bool) {
        let world = self.ground.world;
        let who = principal.map_or(Trustee::Anonymous, Trustee::Principal);
        let mut statements = Vec::new();
        for (arn, action) in world.arns(ix).flat_map(|arn| may.action.iter().map(move |action| (arn, action))) {
            statements.extend(world.estate.resource_supports(arn, action, who).statements);
        }
        let names = principal.map(|p| p.id.to_string()).into_iter().collect::<Vec<_>>();
        let whom = principal.map_or("everyone", |p| p.name.as_str());
        let action = format!("Stop the policy of {} from letting {whom} in", self.name(ix));
        let cut = self.policy(PremiseKind::Statement, ix, action, statements, Policy::trust(&names, whom));
        let home = world.node(ix).and_then(|node| node.account.as_deref());
        (cut, principal.is_some_and(|p| home.is_none_or(|home| home == p.account)))
    }

    /// The statements of a principal's policies that allow any of these actions, with what allows them besides.
    fn statements(
        &self,
        holder: Ix,
        principal: &Principal,
        actions: &[String],
        (wanted, resource): (&[Wanted], &str),
        besides: Option<&Cut>,
        cuts: &mut Vec<Cut>,
    ) {
        let world = self.ground.world;
        let passed_to = self.rule.may.iter().find(|may| may.action == actions).and_then(|m| m.passed_to.as_deref());
        let ask = |principal: &Principal, action: &str| world.estate.supports(principal, action, wanted, passed_to);
        let all = |principal: &Principal| -> Vec<Evidence> {
            actions.iter().flat_map(|action| ask(principal, action)).collect()
        };
        let found = all(principal);
        if found.is_empty() {
            return;
        }
        let given: Vec<String> = actions.iter().filter(|action| !ask(principal, action).is_empty()).cloned().collect();
        let places: BTreeSet<Place> = found.iter().map(Place::of).collect();
        let what = any_of(&given);
        let target = if resource == "*" { String::new() } else { format!(" on {}", short(resource)) };
        let action = format!("Take {what}{target} from {}", principal.name);
        let policy = Policy::actions(&given, resource);
        let mut cut = self.policy(PremiseKind::Statement, holder, action, found, policy);
        if places.iter().all(|place| place.pointer.contains("/AttachedManagedPolicies/")) {
            cut.kind = PremiseKind::Attachment;
            cut.action = format!("Detach from {} the managed policy that allows {what}", principal.name);
        }
        if let Some(besides) = besides {
            cut.without.extend(besides.without.iter().cloned());
            cut.evidence.extend(besides.evidence.iter().cloned());
        }
        // who has it only by one group can leave that
        let groups = principal.groups.iter().filter_map(|id| world.estate.principal_of(id.as_str()));
        let by_group = |group: &&Principal| places.is_subset(&all(group).iter().map(Place::of).collect());
        let member = groups.filter(|_| besides.is_none()).find(by_group).map(|group| Cut {
            kind: PremiseKind::Membership,
            asset: principal.id.clone(),
            action: format!("Take {} out of the group {}", principal.name, group.name),
            without: BTreeSet::from([Change::Relation {
                from: principal.id.clone(),
                kind: RelationKind::MemberOf,
                to: group.id.clone(),
            }]),
            evidence: world.node(holder).and_then(|node| node.asset).map(|a| a.evidence.clone()).unwrap_or_default(),
            patch: Patched::No,
            told: OnceCell::new(),
        });
        cuts.push(cut);
        cuts.extend(member);
    }

    /// A cut of policy statements.
    fn policy(&self, kind: PremiseKind, ix: Ix, action: String, found: Vec<Evidence>, policy: Policy) -> Cut {
        let world = self.ground.world;
        let asset = world.id(ix).cloned().unwrap_or_else(|| AssetId::from(""));
        let mut owners = vec![asset.clone()];
        if let Some(principal) = world.principal(ix) {
            owners.extend(principal.groups.iter().cloned());
            let groups = principal.groups.iter().filter_map(|id| world.estate.principal_of(id.as_str()));
            let attached = groups.chain([principal]).flat_map(|p| &p.attached);
            owners.extend(attached.map(AssetId::from));
        }
        let mut evidence = found;
        let mut seen = BTreeSet::new();
        evidence.retain(|evidence| seen.insert(Place::of(evidence)));
        let without = seen.into_iter().map(Change::Place).collect();
        Cut { kind, asset, action, without, evidence, patch: Patched::Policy { owners, policy }, told: OnceCell::new() }
    }

    /// A permission of another platform.
    fn grant(&self, may: &May, holder: Ix) -> Option<Cut> {
        let world = self.ground.world;
        let id = world.id(holder)?;
        let resource = match may.on() {
            On::Var(var) => world.id(self.bound(var)?)?.as_str().to_owned(),
            On::Beside(var) => world.container(self.bound(var)?)?.to_owned(),
            On::New(_) => String::new(),
            On::Arn(_) | On::Objects(_) | On::Key(_) => return None,
        };
        let resource = Some(resource.as_str()).filter(|resource| !resource.is_empty());
        let (mut evidence, mut given) = (Vec::new(), Vec::new());
        for authority in world.authorities_of(holder).filter(|a| a.platform() == self.rule.platform) {
            for action in &may.action {
                let found = authority.supports(id.as_str(), action, resource)?;
                if !found.is_empty() {
                    given.push(action.as_str());
                    evidence.extend(found);
                }
            }
        }
        let mut seen = BTreeSet::new();
        evidence.retain(|evidence| seen.insert(Place::of(evidence)));
        let action = format!("Take {} from {}", any_of(&given), self.name(holder));
        let without = seen.into_iter().map(Change::Place).collect();
        Some(Cut {
            kind: PremiseKind::Grant,
            asset: id.clone(),
            action,
            without,
            evidence,
            patch: Patched::No,
            told: OnceCell::new(),
        })
    }

    /// The settings that a test asks for, each of which alone makes it fail.
    fn settings(&self, ix: Ix, test: &Test) -> Vec<Cut> {
        let Some(asset) = self.ground.world.node(ix).and_then(|node| node.asset) else { return Vec::new() };
        let properties: BTreeSet<&str> = test.settings().collect();
        let cut = |property: &str| {
            let seen = |evidence: &&Evidence| {
                let excerpt = evidence.excerpt.as_deref().and_then(|excerpt| excerpt.split_once(": "));
                excerpt.is_some_and(|(shown, _)| shown == property)
            };
            let change = Change::Setting { asset: asset.id.clone(), property: property.to_owned() };
            let words = property.replace('_', " ");
            let action = match asset.properties.get(property).and_then(flag) {
                Some(_) => format!("Run {} without the setting {words}", asset.name),
                None => format!("Take from {} what {words} gives it", asset.name),
            };
            Cut {
                kind: PremiseKind::Setting,
                asset: asset.id.clone(),
                action,
                without: BTreeSet::from([change]),
                evidence: asset.evidence.iter().filter(seen).cloned().collect(),
                patch: Patched::No,
                told: OnceCell::new(),
            }
        };
        properties.into_iter().map(cut).collect()
    }

    fn anonymous(&self, ix: Ix) -> Option<Cut> {
        let node = self.ground.world.node(ix)?;
        Some(Cut {
            kind: PremiseKind::Anonymous,
            asset: node.id.clone(),
            action: format!("Let {} ask its callers who they are", node.name),
            without: BTreeSet::from([Change::Anonymous(node.id.clone())]),
            evidence: node.asset.map(|asset| asset.evidence.iter().take(1).cloned().collect()).unwrap_or_default(),
            patch: Patched::No,
            told: OnceCell::new(),
        })
    }

    fn relation(&self, from: Ix, kind: RelationKind, to: Ix) -> Option<Cut> {
        let world = self.ground.world;
        let (start, end) = (world.node(from)?, world.node(to)?);
        // an instance's role is two relations away
        let through = |middle: &AssetId| {
            let mut further = world.inventory.outgoing(middle.as_str());
            kind == RelationKind::RunsAs && further.any(|r| r.kind == kind && r.to == end.id)
        };
        let outgoing = world.inventory.outgoing(start.id.as_str()).filter(|r| r.kind == kind);
        let relations: Vec<_> = outgoing.filter(|r| r.to == end.id || through(&r.to)).collect();
        let change = |to: &AssetId| Change::Relation { from: start.id.clone(), kind, to: to.clone() };
        let (a, b) = self.apart(from, to);
        let outside = start.id.as_str() == AssetId::INTERNET;
        let (kind, asset, action) = match kind {
            RelationKind::MemberOf => (PremiseKind::Membership, start, format!("Take {a} out of the group {b}")),
            RelationKind::Reads | RelationKind::Writes if outside => {
                (PremiseKind::Exposure, end, format!("Block public access to {b}"))
            }
            _ if outside => (PremiseKind::Exposure, end, format!("Close {b} to the internet")),
            kind => (PremiseKind::Relation, start, end_of(kind, &a, &b)),
        };
        let patch = if kind == PremiseKind::Exposure { Patched::Closed(end.id.clone()) } else { Patched::No };
        let without = relations.iter().map(|relation| change(&relation.to)).collect();
        let evidence = relations.iter().flat_map(|relation| relation.evidence.iter().cloned()).collect();
        Some(Cut { kind, asset: asset.id.clone(), action, without, evidence, patch, told: OnceCell::new() })
    }
}

/// How to end a relation.
fn end_of(kind: RelationKind, a: &str, b: &str) -> String {
    match kind {
        RelationKind::RunsAs => format!("Let {a} run as another identity than {b}"),
        RelationKind::CanAssume => format!("Stop {a} from becoming {b}"),
        RelationKind::HasTool => format!("Take the tool {b} from {a}"),
        RelationKind::RetrievesFrom => format!("Let {a} retrieve from elsewhere than {b}"),
        RelationKind::TrainedOn => format!("Train {a} on other data than {b}"),
        RelationKind::DerivedFrom => format!("Make {a} from something else than {b}"),
        RelationKind::Serves => format!("Let {a} serve another model than {b}"),
        RelationKind::Contains => format!("Keep {b} elsewhere than in {a}"),
        RelationKind::Reads => format!("Take from {a} the right to read {b}"),
        RelationKind::Writes => format!("Take from {a} the right to write to {b}"),
        RelationKind::AppliesTo => format!("Detach {a} from {b}"),
        RelationKind::RunsOn => format!("Run {a} elsewhere than in {b}"),
        RelationKind::Exposes => format!("Take {b} from behind {a}"),
        kind => format!("End that {a} {} {b}", kind.as_str().replace('_', " ")),
    }
}

/// `a or b`, of many only the first.
fn any_of<T: AsRef<str>>(actions: &[T]) -> String {
    const TOLD: usize = 3;
    let mut told: Vec<&str> = actions.iter().take(TOLD).map(AsRef::as_ref).collect();
    let more = actions.len().saturating_sub(TOLD);
    let rest = format!("{more} more");
    told.extend((more > 0).then_some(rest.as_str()));
    told.join(" or ")
}

/// An ARN without what all ARNs of its service share.
fn short(arn: &str) -> &str {
    arn.rsplit_once(":::").map_or_else(|| arn.rsplit(':').next().unwrap_or(arn), |(_, name)| name)
}
