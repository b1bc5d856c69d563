//! What principals may do themselves, before any attack: the attack rules that turn a permission into reading, changing
//! or becoming something, applied once and not chained. Denies, boundaries, organisation policies, the policies of
//! resources and keys have their say, as in paths.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::OnceLock;

use super::graph::FactId;
use super::ground::{Fact, Ground, Instance, index};
use super::outcome::power_name;
use super::proof::Proof;
use super::rules::{self, Builtin, Power, Rule};
use super::world::{Ix, World};
use crate::asset::{AssetId, AssetKind, Evidence, Inventory};
use crate::identity::{Decision, Platform};

type Quick = foldhash::fast::RandomState;

/// Rule applications and evaluations for all principals together.
const BUDGET: u64 = 20_000_000;

/// Actions of AI services begin with these.
const AI_ACTIONS: &[&str] = &[
    "bedrock",
    "sagemaker",
    "aiplatform.",
    "notebooks.",
    "dialogflow.",
    "Microsoft.MachineLearningServices/",
    "Microsoft.CognitiveServices/",
];

/// The property that says which roles everybody has.
const PUBLIC: &str = "public_roles";

/// Services of AWS that are asked for wholesale rights; the others' by their prefix of actions.
const AWS: &[&str] =
    &["bedrock", "bedrock-agentcore", "sagemaker", "s3", "dynamodb", "iam", "lambda", "ec2", "secretsmanager", "kms"];
const ELSEWHERE: &[(Platform, &str)] = &[
    (Platform::Gcp, "aiplatform"),
    (Platform::Gcp, "storage"),
    (Platform::Azure, "Microsoft.CognitiveServices"),
    (Platform::Azure, "Microsoft.MachineLearningServices"),
    (Platform::Azure, "Microsoft.Storage"),
];

/// What every principal may do itself to what is of value: AI assets, sensitive data, what models are made from.
#[derive(Debug)]
pub(crate) struct Access<'a> {
    world: World<'a>,
    facts: Vec<Fact>,
    instances: Vec<Instance>,
    /// By fact: what follows from it, and what it follows from.
    from: HashMap<FactId, Vec<usize>, Quick>,
    to: HashMap<FactId, Vec<usize>, Quick>,
    /// The fact that somebody acts as a principal, or has a power over an asset.
    acts: HashMap<Ix, FactId, Quick>,
    gained: HashMap<Ix, Vec<FactId>, Quick>,
    /// By asset, worked out when it is first asked for.
    strengths: Vec<OnceLock<Box<Strength>>>,
    complete: bool,
}

/// All that an identity may do, to compare it with another.
#[derive(Debug)]
struct Strength {
    admin: bool,
    full: Vec<&'static str>,
    rights: HashSet<(Ix, &'static str)>,
}

/// One thing that a principal may do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Right<'r> {
    pub(crate) principal: &'r AssetId,
    pub(crate) asset: &'r AssetId,
    /// `reads`, `writes`, `poisons`, `influences`; `controls` is to become it by way of an AI service.
    pub(crate) power: &'static str,
    /// The attack rule that says how.
    pub(crate) rule: &'static str,
    /// Whether it needs conditions that the input does not show.
    pub(crate) conditional: bool,
    /// By this and the principal it is found again: [`Access::right_at`].
    pub(crate) place: u32,
}

impl<'a> Access<'a> {
    /// Asks for every principal at once, so that those who hold the same share the answer: O(principals · rules + kinds of
    /// permission · assets of value), within a budget.
    pub(crate) fn new(inventory: &'a Inventory) -> Self {
        let data = inventory.assets().filter(|asset| asset.ai && asset.kind.is_data()).map(|asset| asset.id.clone());
        let world = World::new(inventory, &data.collect::<Vec<_>>());
        let mut ground = Ground::of_value(&world, direct(), BUDGET);
        let own = world.estate.principals().iter().filter_map(|p| world.ix(p.id.as_str()));
        let elsewhere = world.authorities().flat_map(|authority| authority.principals());
        let sources = own.chain(elsewhere.filter_map(|id| world.ix(id.as_str())));
        let related = world.all().filter(|(_, node)| node.kind.is_identity()).map(|(ix, _)| ix);
        let anyone = world.ix(AssetId::INTERNET);
        let sources: Vec<Ix> =
            sources.chain(related).chain(anyone).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        ground.expand(&sources);
        let complete = !ground.is_cut();
        let (facts, instances) = (std::mem::take(&mut ground.facts), std::mem::take(&mut ground.instances));
        drop(ground);
        let (mut from, mut to) = (HashMap::<_, Vec<_>, _>::default(), HashMap::<_, Vec<_>, _>::default());
        for (i, instance) in instances.iter().enumerate() {
            if let [premise] = instance.premises.as_slice() {
                from.entry(*premise).or_default().push(i);
                to.entry(instance.conclusion).or_default().push(i);
            }
        }
        let (mut acts, mut gained) = (HashMap::default(), HashMap::<_, Vec<_>, _>::default());
        for (id, fact) in (0..).zip(&facts) {
            if let Fact::Has(power, ix) = fact {
                if *power == Power::Controls {
                    acts.insert(*ix, id);
                }
                gained.entry(*ix).or_default().push(id);
            }
        }
        let strengths = world.all().map(|_| OnceLock::new()).collect();
        Self { world, facts, instances, from, to, acts, gained, strengths, complete }
    }

    /// Whether the budget was enough.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// What a principal may do itself, each power over an asset once. O(what it may do).
    pub(crate) fn of(&self, principal: &str) -> Vec<Right<'_>> {
        let start = self.world.ix(principal).and_then(|ix| self.acts.get(&ix));
        let Some(principal) = self.world.ix(principal).and_then(|ix| self.world.id(ix)) else { return Vec::new() };
        let mut best = BTreeMap::new();
        let mut seen: HashSet<FactId> = start.copied().into_iter().collect();
        let mut todo: Vec<FactId> = start.copied().into_iter().collect();
        while let Some(fact) = todo.pop() {
            for i in self.from.get(&fact).into_iter().flatten().copied() {
                match self.right(principal, i) {
                    Some(right) => keep(&mut best, (right.asset, right.power), right),
                    None => todo.extend(self.instances.get(i).map(|i| i.conclusion).filter(|next| seen.insert(*next))),
                }
            }
        }
        best.into_values().collect()
    }

    /// Who may do what to an asset, each principal and power once. O(principals that may).
    pub(crate) fn over(&self, asset: &str) -> Vec<Right<'_>> {
        let facts = self.world.ix(asset).and_then(|ix| self.gained.get(&ix)).into_iter().flatten();
        let mut best = BTreeMap::new();
        for i in facts.filter_map(|fact| self.to.get(fact)).flatten().copied() {
            let mut seen = HashSet::new();
            let mut todo: Vec<FactId> =
                self.instances.get(i).and_then(|i| i.premises.first()).copied().into_iter().collect();
            while let Some(fact) = todo.pop() {
                if !seen.insert(fact) {
                    continue;
                }
                if let Some(Fact::Has(Power::Controls, ix)) = self.facts.get(index(fact)) {
                    let right = self.world.id(*ix).and_then(|principal| self.right(principal, i));
                    right.into_iter().for_each(|right| keep(&mut best, (right.principal, right.power), right));
                    continue;
                }
                let before = self.to.get(&fact).into_iter().flatten().filter_map(|i| self.instances.get(*i));
                todo.extend(before.filter_map(|instance| instance.premises.first()));
            }
        }
        best.into_values().collect()
    }

    /// What an instance of a rule gives; `None` for bookkeeping.
    fn right<'r>(&'r self, principal: &'r AssetId, i: usize) -> Option<Right<'r>> {
        let instance = self.instances.get(i)?;
        let rule = instance.rule?;
        let Some(Fact::Has(power, ix)) = self.facts.get(index(instance.conclusion)) else { return None };
        let (asset, power) = (self.world.id(*ix)?, power_name(*power));
        let conditional = !instance.conditions.is_empty();
        // the budget keeps instances few enough
        let place = u32::try_from(i).ok()?;
        Some(Right { principal, asset, power, rule: &rule.id, conditional, place })
    }

    /// A right of this principal by its place. O(1).
    pub(crate) fn right_at<'r>(&'r self, principal: &'r AssetId, place: u32) -> Option<Right<'r>> {
        self.right(principal, usize::try_from(place).ok()?)
    }

    /// The statements and relations that a right rests on.
    pub(crate) fn evidence(&self, right: &Right<'_>) -> Vec<Evidence> {
        let Some(instance) = usize::try_from(right.place).ok().and_then(|place| self.instances.get(place)) else {
            return Vec::new();
        };
        let Some(rule) = instance.rule else { return Vec::new() };
        let mut binding = instance.binding.clone();
        if let (Some(first), Some(actor)) = (binding.first_mut(), self.world.ix(right.principal.as_str())) {
            *first = actor;
        }
        Proof::new(&self.world).of(rule, &binding, right.asset)
    }

    /// Services in which an identity may do everything to everything: those of AI, and those that hold data, code or
    /// rights. `iam` stands for rights over rights, whatever they are called. O(services · statements), once an identity.
    pub(crate) fn full(&self, id: &str) -> &[&'static str] {
        self.world.ix(id).and_then(|ix| self.strength(ix)).map_or(&[], |strength| &strength.full)
    }

    /// Identities that a principal can become by way of an AI service, and that are administrator or may do something that
    /// he may not. O(rights of all of them), each of them worked out once.
    pub(crate) fn escalations(&self, principal: &str) -> Vec<Right<'_>> {
        let Some(own) = self.world.ix(principal).and_then(|ix| self.strength(ix)) else { return Vec::new() };
        let mut found = self.of(principal);
        found.retain(|right| {
            let other = self.world.ix(right.asset.as_str()).filter(|_| right.power == power_name(Power::Controls));
            let other = other.filter(|ix| self.world.node(*ix).is_some_and(|node| node.kind.is_identity()));
            other.and_then(|ix| self.strength(ix)).is_some_and(|other| {
                let more = || other.full.iter().any(|service| !own.full.contains(service));
                other.admin || more() || !other.rights.is_subset(&own.rights)
            })
        });
        found
    }

    /// Who may read an asset but not all of these others that somebody may read. O(readers of all of them).
    pub(crate) fn reads_beyond<'s, S: Iterator<Item = &'s str>>(
        &self,
        asset: &str,
        sources: impl FnOnce() -> S,
    ) -> Vec<Right<'_>> {
        let reads = |right: &Right<'_>| right.power == power_name(Power::Reads);
        let mut readers = self.over(asset);
        readers.retain(reads);
        if readers.is_empty() {
            return readers;
        }
        let mut beyond = BTreeSet::new();
        for source in sources() {
            let known: HashSet<&AssetId> = self.over(source).iter().filter(|r| reads(r)).map(|r| r.principal).collect();
            if !known.is_empty() {
                beyond.extend(readers.iter().map(|right| right.principal).filter(|reader| !known.contains(reader)));
            }
        }
        readers.retain(|right| beyond.contains(right.principal));
        readers
    }

    fn strength(&self, ix: Ix) -> Option<&Strength> {
        let slot = self.strengths.get(index(ix))?;
        let id = self.world.id(ix)?;
        Some(slot.get_or_init(|| {
            let admin = self.world.is_admin(ix);
            let rights = if admin { Vec::new() } else { self.of(id.as_str()) };
            let rights = rights.iter().filter_map(|r| Some((self.world.ix(r.asset.as_str())?, r.power)));
            Box::new(Strength { admin, full: self.whole_services(id.as_str(), admin), rights: rights.collect() })
        }))
    }

    fn whole_services(&self, id: &str, admin: bool) -> Vec<&'static str> {
        let estate = &self.world.estate;
        let principal = estate.principal_of(id);
        let aws = AWS.iter().filter(|service| principal.is_some_and(|p| estate.commands(p, service)));
        let elsewhere = ELSEWHERE.iter().filter(|(platform, service)| self.commands_elsewhere(id, *platform, service));
        let owner = (admin && principal.is_none()).then_some("iam");
        aws.copied().chain(elsewhere.map(|(_, service)| *service)).chain(owner).collect()
    }

    /// Who of other accounts may use a resource by its own policy, whatever for; `*` is anyone.
    pub(crate) fn strangers(&self, resource: &str) -> Vec<&str> {
        let inventory = self.world.inventory;
        let asset = if inventory.has_property(&[PUBLIC]) { inventory.get(resource) } else { None };
        let anyone = asset.filter(|asset| asset.properties.contains_key(PUBLIC)).map(|_| "*");
        let mut named = self.world.estate.strangers(resource);
        named.extend(anyone);
        named.into_iter().collect()
    }

    /// The same on the other platforms: an action that only a pattern names, on a whole account.
    fn commands_elsewhere(&self, id: &str, platform: Platform, service: &str) -> bool {
        let Some(ix) = self.world.ix(id) else { return false };
        let action = match platform {
            Platform::Azure => format!("{service}/any/action"),
            _ => format!("{service}.any.action"),
        };
        let mut authorities = self.world.authorities_of(ix).filter(|authority| authority.platform() == platform);
        authorities.any(|authority| {
            let accounts = self.world.all().filter(|(_, node)| node.kind == AssetKind::Account);
            let grant = authority.grant(id, &action);
            grant.is_some_and(|grant| accounts.map(|(_, a)| grant.on(a.id.as_str())).any(|d| d == Decision::Allowed))
        })
    }
}

/// Keeps the right that needs least.
fn keep<'r, K: Ord>(best: &mut BTreeMap<K, Right<'r>>, key: K, right: Right<'r>) {
    let kept = best.entry(key).or_insert(right);
    if kept.conditional && !right.conditional {
        *kept = right;
    }
}

/// The attack rules that say what a permission is good for.
fn direct() -> &'static [Rule] {
    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
    RULES.get_or_init(|| rules::builtin().iter().filter(|rule| is_direct(rule)).cloned().collect())
}

fn is_direct(rule: &Rule) -> bool {
    if rule.builtin.is_some() {
        return matches!(rule.builtin, Some(Builtin::OwnerReads | Builtin::OwnerWrites));
    }
    let ai = || {
        let actions = rule.may.iter().flat_map(|may| &may.action);
        actions
            .map(|action| action.strip_prefix("data:").unwrap_or(action))
            .any(|action| AI_ACTIONS.iter().any(|prefix| action.starts_with(prefix)))
    };
    let relation = || rule.given.len() == 1 && rule.given.iter().all(|given| given.to.as_deref() == Some("p"));
    let gains = match rule.gains {
        Power::Reads | Power::Writes => !rule.may.is_empty() || relation(),
        Power::Poisons | Power::Influences => !rule.may.is_empty(),
        Power::Controls => ai(),
        _ => false,
    };
    let outside = rule.given.iter().any(|given| given.is.internet);
    gains && rule.when == Power::Controls && rule.of != "p" && rule.with.is_empty() && !outside
}

/// Whether somebody is there whose permissions could be asked for, or something that lets somebody in.
pub(crate) fn has_principals(inventory: &Inventory) -> bool {
    let policies = ["policy", "Policy", "resource_policy", PUBLIC];
    inventory.has_property(&policies) || inventory.assets().any(|asset| asset.kind.is_identity())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::asset::{Asset, Relation, RelationKind};

    const ACCOUNT: &str = "arn:aws:iam::111122223333:";

    fn role(name: &str, statements: Value) -> Asset {
        let policies = json!([{"PolicyName": "p", "PolicyDocument": {"Statement": statements}}]);
        let trust = json!({"Statement": {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}});
        let role = Asset::new(format!("{ACCOUNT}role/{name}"), AssetKind::Role, name);
        let at = Evidence { pointer: Some(format!("/{name}")), ..Evidence::file("iam.json") };
        role.with("RolePolicyList", policies).with("AssumeRolePolicyDocument", trust).seen(at)
    }

    fn estate() -> Inventory {
        let mut inventory = Inventory::new();
        let allow = |action: Value| json!({"Effect": "Allow", "Action": action, "Resource": "*"});
        inventory.add(role("reader", allow(json!("s3:GetObject"))));
        inventory.add(role("admin", allow(json!("*"))));
        inventory.add(role("scientist", allow(json!(["iam:PassRole", "sagemaker:CreateTrainingJob"]))));
        let denied = json!([allow(json!("s3:*")), {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::train/*"}]);
        inventory.add(role("denied", denied));
        inventory.add(Asset::new("arn:aws:s3:::train", AssetKind::Bucket, "train"));
        inventory.add(Asset::new("arn:aws:s3:::logs", AssetKind::Bucket, "logs"));
        inventory.add(Asset::new("m", AssetKind::Model, "m"));
        inventory.relate(Relation::new("m", RelationKind::TrainedOn, "arn:aws:s3:::train"));
        inventory
    }

    fn told(rights: Vec<Right<'_>>) -> Vec<String> {
        let name = |id: &AssetId| id.as_str().rsplit(['/', ':']).next().unwrap().to_owned();
        rights.iter().map(|r| format!("{} {} {}", name(r.principal), r.power, name(r.asset))).collect()
    }

    #[test]
    fn what_policies_leave_of_data_of_value() {
        let inventory = estate();
        let access = Access::new(&inventory);
        assert!(access.is_complete());
        let of = |name: &str| told(access.of(&format!("{ACCOUNT}role/{name}")));
        assert_eq!(of("reader"), ["reader reads train"], "the bucket of logs is of no value");
        assert_eq!(of("denied"), ["denied reads train"]);
        assert!(of("admin").contains(&"admin writes train".to_owned()), "{:?}", of("admin"));
        assert_eq!(access.of("nobody").len(), 0);
        let over = told(access.over("arn:aws:s3:::train"));
        assert_eq!(over, ["admin reads train", "admin writes train", "denied reads train", "reader reads train"]);
    }

    #[test]
    fn whole_services_and_stronger_identities() {
        let inventory = estate();
        let access = Access::new(&inventory);
        let id = |name: &str| format!("{ACCOUNT}role/{name}");
        assert_eq!(access.full(&id("reader")), [""; 0]);
        assert_eq!(access.full(&id("denied")), ["s3"], "a deny of one action leaves the rest");
        assert!(access.full(&id("admin")).contains(&"iam"));
        let stronger = told(access.escalations(&id("scientist")));
        let expected = ["admin", "denied", "reader"].map(|name| format!("scientist controls {name}"));
        assert_eq!(stronger, expected);
        assert_eq!(told(access.escalations(&id("reader"))), [""; 0]);
    }

    #[test]
    fn a_right_is_shown_by_its_statement() {
        let inventory = estate();
        let access = Access::new(&inventory);
        let right = access.of(&format!("{ACCOUNT}role/reader"))[0];
        let evidence = access.evidence(&right);
        let pointer = evidence[0].pointer.as_deref().unwrap();
        assert!(pointer.starts_with("/reader/RolePolicyList/0/PolicyDocument"), "{pointer}");
    }

    #[test]
    fn strangers_are_those_of_other_accounts() {
        let mut inventory = estate();
        let policy = json!({"Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::999999999999:root", format!("{ACCOUNT}role/reader")]}, "Action": "*", "Resource": "*"},
            {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        ]});
        let group = "arn:aws:sagemaker:eu-west-1:111122223333:model-package-group/g";
        inventory.add(Asset::new(group, AssetKind::ModelRegistry, "g").with("policy", policy));
        let access = Access::new(&inventory);
        assert_eq!(access.strangers(group), ["arn:aws:iam::999999999999:root"]);
        assert!(access.strangers("arn:aws:s3:::train").is_empty());
    }
}
