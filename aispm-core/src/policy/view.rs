//! How assets, relations and paths look to a rule: borrowed as they are, each field resolved when it is asked for.
//!
//! A field that a kind of value can have but this one lacks is `null`; a field that no such value can have is found
//! when the rule is compiled ([`super::check`]). What a template leaves open (`${var.acls}`) is absent: a condition that
//! needs it does not hold, whichever way it asks.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::rc::Rc;

use serde_json::{Map, Value};

use super::evidence;
use super::value::{Fault, Val, flag, json, list, optional, text};
use crate::asset::{
    Asset, AssetId, AssetKind, Encryption, Evidence, Inventory, Provenance, Relation, RelationKind, is_open,
};
use crate::identity::aws::days_between;
use crate::path::{Access, AttackPath, From as StepFrom, Right, Solution};

/// Fields of an asset that are worked out, and so once for all rules that ask of the asset judged.
pub(super) const WORKED_OUT: &[&str] = &[
    "outgoing",
    "incoming",
    "lineage",
    "used_by",
    "paths",
    "events",
    "statements",
    "registered",
    "runs_ai",
    "access",
    "accessed_by",
    "full_access",
    "strangers",
    "acts_as",
    "declared",
    "evidenced",
];

/// Most ancestors that `lineage` lists.
const LINEAGE_LIMIT: usize = 10_000;
/// Most containers that `registered` climbs through.
const CONTAINER_LIMIT: usize = 64;
/// Most identities that `used_by` goes through.
const IDENTITY_LIMIT: usize = 256;
/// Deepest property that `statements` looks into.
const STATEMENT_DEPTH: usize = 12;

/// How sources call the moment at which something was made.
const MADE: [&str; 7] =
    ["created", "CreateDate", "create_date", "created_at", "createdAt", "createTime", "validAfterTime"];
/// Fields of an asset that need all permissions worked out.
pub(super) const ACCESS_FIELDS: [&str; 6] =
    ["access", "accessed_by", "full_access", "strangers", "escalations", "reads_beyond_sources"];

/// What rules can ask about, indexed once per evaluation.
#[derive(Debug)]
pub(super) struct World<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) params: &'a Map<String, Value>,
    pub(super) facts: &'a Map<String, Value>,
    pub(super) today: Option<&'a str>,
    admins: HashSet<&'a str>,
    paths: HashMap<&'a str, Vec<&'a AttackPath>>,
    /// Only there if a rule asks.
    access: Option<&'a Access<'a>>,
}

impl<'a> World<'a> {
    pub(super) fn new(
        inventory: &'a Inventory,
        solution: &'a Solution,
        params: &'a Map<String, Value>,
        facts: &'a Map<String, Value>,
        today: Option<&'a str>,
    ) -> Self {
        let mut paths = HashMap::<&str, Vec<&AttackPath>>::new();
        for path in &solution.paths {
            for id in assets_on(path) {
                paths.entry(id).or_default().push(path);
            }
        }
        let admins = solution.admins.iter().map(AssetId::as_str).collect();
        Self { inventory, params, facts, today, admins, paths, access: None }
    }

    /// The same with what every principal may do.
    pub(super) fn with_access(self, access: Option<&'a Access<'a>>) -> Self {
        Self { access, ..self }
    }

    /// What shows the steps of a path.
    pub(super) fn steps(&self, source: &str, id: &str) -> impl Iterator<Item = &'a Evidence> {
        let through = self.paths.get(source).into_iter().flatten();
        let path = through.copied().find(|path| path.id == id);
        path.into_iter().flat_map(|path| path.steps.iter().filter_map(|step| step.evidence.first()))
    }

    /// What shows that a principal has a power over an asset.
    pub(super) fn proof(&self, principal: &str, power: &str, asset: &str) -> Vec<Evidence> {
        let Some(access) = self.access else { return Vec::new() };
        let right = access.of(principal).into_iter().find(|r| r.power == power && r.asset.as_str() == asset);
        right.map_or_else(Vec::new, |right| access.evidence(&right))
    }

    pub(super) fn asset(&'a self, id: &'a str) -> View<'a> {
        View::Asset(self, id, self.inventory.get(id))
    }
}

/// Each asset of a path once.
fn assets_on(path: &AttackPath) -> BTreeSet<&str> {
    let mut ids = BTreeSet::from([path.source.as_str(), path.target.as_str()]);
    for step in &path.steps {
        ids.insert(step.to.as_str());
        match &step.from {
            StepFrom::One(id) => ids.extend([id.as_str()]),
            StepFrom::All(all) => ids.extend(all.iter().map(AssetId::as_str)),
        }
    }
    ids
}

/// A value that rules see.
#[derive(Debug, Clone, Copy)]
pub(super) enum View<'a> {
    /// An asset, or an id that relations name but no input describes.
    Asset(&'a World<'a>, &'a str, Option<&'a Asset>),
    /// A relation and the asset at its other end.
    Relation(&'a World<'a>, &'a Relation, &'a AssetId),
    Path(&'a World<'a>, &'a AttackPath),
    /// What a detector found in the messages of one role: role, detector, and the hits as recorded.
    Event(&'a str, &'a str, &'a Map<String, Value>),
    /// What a principal may do to an asset, and the one of the two at the other end.
    Right(&'a World<'a>, Right<'a>, &'a AssetId),
    Encryption(&'a Encryption),
    Provenance(&'a Provenance),
    /// A piece of declared evidence, seen on this day.
    Declared(&'a Map<String, Value>, Option<&'a str>),
    /// A JSON object of the source's own: fields, `in` and `size()`, but no iteration over keys.
    Object(&'a Map<String, Value>),
}

impl<'a> View<'a> {
    /// The field of this name, `null` if this value lacks it, `None` if no such value has it or a template leaves it open.
    pub(super) fn field(&self, name: &str) -> Option<Val<'a>> {
        Some(match *self {
            Self::Asset(world, id, asset) => return asset_field(world, id, asset, name),
            Self::Relation(world, relation, other) => match name {
                "kind" => text(relation.kind.as_str()),
                "from" => text(relation.from.as_str()),
                "to" => text(relation.to.as_str()),
                "asset" => Val::View(world.asset(other.as_str())),
                _ => return None,
            },
            Self::Right(world, right, other) => match name {
                "from" => text(right.principal.as_str()),
                "to" => text(right.asset.as_str()),
                "power" => text(right.power),
                "rule" => text(right.rule),
                "conditional" => flag(Some(right.conditional)),
                "asset" => Val::View(world.asset(other.as_str())),
                _ => return None,
            },
            Self::Path(world, path) => match name {
                "id" => text(&path.id),
                "title" => text(&path.title),
                "consequence" => name_of(&path.consequence),
                "source" => text(path.source.as_str()),
                "target" => text(path.target.as_str()),
                "rules" => list(path.steps.iter().map(|step| text(&step.rule))),
                "entry" => optional(path.steps.first().map(|step| step.to.as_str())),
                "assets" => views(assets_on(path).into_iter().map(|id| world.asset(id))),
                "techniques" => list(path.steps.iter().map(|step| text(&step.technique))),
                "goal" => name_of(&path.goal),
                "status" => name_of(&path.status),
                "severity" => text(path.severity.as_str()),
                "risk" => Val::Double(path.risk),
                _ => return None,
            },
            Self::Event(role, detector, hits) => match name {
                "role" => text(role),
                "detector" => text(detector),
                "messages" => json(hits.get("messages").unwrap_or(&Value::Null)),
                "types" => {
                    list(hits.get("types").and_then(Value::as_object).into_iter().flat_map(Map::keys).map(|t| text(t)))
                }
                _ => return None,
            },
            Self::Encryption(encryption) => match name {
                "at_rest" => flag(encryption.at_rest),
                "in_transit" => flag(encryption.in_transit),
                "customer_key" => flag(encryption.customer_key),
                _ => return None,
            },
            Self::Provenance(provenance) => match name {
                "publisher" => optional(provenance.publisher.as_deref()),
                "source" => optional(provenance.source.as_deref()),
                "version" => optional(provenance.version.as_deref()),
                "revision" => optional(provenance.revision.as_deref()),
                "licence" => optional(provenance.licence.as_deref()),
                "pinned" => flag(provenance.pinned),
                "signed" => flag(provenance.signed),
                _ => return None,
            },
            Self::Declared(map, today) if name == "age_days" => evidence::age(map, today).map_or(Val::Null, number),
            Self::Declared(map, _) => json(map.get(name).unwrap_or(&Value::Null)),
            // what a template leaves open could be anything: rules cannot tell, not even that it is not there
            Self::Object(map) => match map.get(name) {
                Some(value) if is_open(value) => return None,
                value => json(value.unwrap_or(&Value::Null)),
            },
        })
    }
}

impl<'a> View<'a> {
    /// The field of this name, unless it cannot be told.
    pub(super) fn look_up(&self, name: &str) -> Result<Val<'a>, Fault> {
        if let Self::Asset(World { access: Some(access), .. }, ..) = self
            && ACCESS_FIELDS.contains(&name)
            && !access.is_complete()
        {
            return Err(Fault::Wrong(format!("`{name}`: the work budget for permissions ended")));
        }
        self.field(name).ok_or(Fault::Absent)
    }
}

fn asset_field<'a>(world: &'a World<'a>, id: &'a str, asset: Option<&'a Asset>, name: &str) -> Option<Val<'a>> {
    Some(match name {
        "id" => text(id),
        "outgoing" => relations(world, world.inventory.outgoing(id), |relation| &relation.to),
        "incoming" => relations(world, world.inventory.incoming(id), |relation| &relation.from),
        "lineage" => views(lineage(world, id).into_iter().map(|id| world.asset(id))),
        "paths" => views(world.paths.get(id).into_iter().flatten().map(|path| View::Path(world, path))),
        "access" => rights(world, world.access.map(|access| access.of(id)), |right| right.asset),
        "accessed_by" => rights(world, world.access.map(|access| access.over(id)), |right| right.principal),
        "full_access" => list(world.access.map_or(&[][..], |access| access.full(id)).iter().map(|name| text(name))),
        "escalations" => rights(world, world.access.map(|access| access.escalations(id)), |right| right.asset),
        "reads_beyond_sources" => {
            let beyond = world.access.map(|access| access.reads_beyond(id, lineage(world, id).into_iter()));
            rights(world, beyond, |right| right.principal)
        }
        "strangers" => list(world.access.map(|access| access.strangers(id)).into_iter().flatten().map(text)),
        "acts_as" => views(acts_as(world, id).into_iter().map(|id| world.asset(id))),
        "age_days" => age(asset, world.today).map_or(Val::Null, Val::Int),
        "events" => views(asset.into_iter().flat_map(events)),
        "used_by" => views(used_by(world, id).into_iter().map(|id| world.asset(id))),
        "declared" => views(evidence::in_force(world, id).into_iter().map(|map| View::Declared(map, world.today))),
        "evidenced" => list(evidence::in_force(world, id).into_iter().filter_map(evidence::kind).map(text)),
        "admin" => flag(Some(world.admins.contains(id))),
        "registered" => flag(Some(registered(world, id))),
        "runs_ai" => flag(Some(runs_ai(world, id))),
        "kind" => optional(asset.map(|asset| asset.kind.as_str())),
        "name" => text(asset.map_or(id, |asset| &asset.name)),
        "ai" => flag(Some(asset.is_some_and(|asset| asset.ai))),
        "sensitive" => flag(Some(asset.is_some_and(Asset::is_sensitive))),
        "approved" => flag(Some(asset.is_some_and(|asset| approved(asset, world.today)))),
        "exposure" => optional(asset.and_then(|asset| asset.exposure).map(|exposure| exposure.as_str())),
        "authentication" => optional(asset.and_then(|asset| asset.authentication).map(|proof| proof.as_str())),
        "owner" => optional(asset.and_then(|asset| asset.owner.as_deref())),
        "purpose" => optional(asset.and_then(|asset| asset.purpose.as_deref())),
        "environment" => optional(asset.and_then(|asset| asset.environment.as_deref())),
        "risk_class" => optional(asset.and_then(|asset| asset.risk_class).map(|class| class.as_str())),
        "model_type" => optional(asset.and_then(|asset| asset.model_type).map(|kind| kind.as_str())),
        "data_classes" => list(asset.into_iter().flat_map(|asset| &asset.data_classes).map(|class| text(class))),
        "statements" => list(asset.into_iter().flat_map(statements)),
        "encryption" => asset.map_or(Val::Null, |asset| Val::View(View::Encryption(&asset.encryption))),
        "provenance" => asset.map_or(Val::Null, |asset| Val::View(View::Provenance(&asset.provenance))),
        "properties" => asset.map_or(Val::Null, |asset| Val::View(View::Object(&asset.properties))),
        _ => return None,
    })
}

/// What an asset is made from or answers with: data sets, stores and models it was trained on, was derived from, reads,
/// retrieves from or serves, and those behind them, nearest first. O(reached · log n), at most [`LINEAGE_LIMIT`].
fn lineage<'a>(world: &World<'a>, id: &'a str) -> Vec<&'a str> {
    use RelationKind::{DerivedFrom, Exposes, Invokes, Reads, RetrievesFrom, Serves, TrainedOn, Uses, Writes};
    let kind = |id: &str| world.inventory.get(id).map(|asset| asset.kind);
    // an endpoint's configuration is a resource of its own on some platforms
    let settings = |id: &str| world.inventory.get(id).is_some_and(|a| a.ai && a.kind == AssetKind::Resource);
    let answers = |id: &str| {
        matches!(kind(id), Some(AssetKind::Model | AssetKind::Endpoint | AssetKind::VectorStore)) || settings(id)
    };
    let builds = |id: &str| matches!(kind(id), Some(AssetKind::TrainingJob | AssetKind::Pipeline));
    let mut seen = HashSet::from([id]);
    let mut found = Vec::new();
    let mut queue = VecDeque::from([id]);
    while let Some(current) = queue.pop_front() {
        let made_from = world.inventory.outgoing(current).filter(|relation| match relation.kind {
            TrainedOn | DerivedFrom | Reads | RetrievesFrom | Serves | Exposes => true,
            Uses | Invokes => answers(relation.to.as_str()),
            _ => false,
        });
        let written_by = world.inventory.incoming(current).filter(|r| r.kind == Writes && builds(r.from.as_str()));
        let made_from = made_from.map(|relation| relation.to.as_str());
        for next in made_from.chain(written_by.map(|relation| relation.from.as_str())) {
            if found.len() < LINEAGE_LIMIT && seen.insert(next) {
                found.push(next);
                queue.push_back(next);
            }
        }
    }
    found
}

/// Whether somebody answers for an asset: it has an owner, or is in a declared system, itself or by what contains it.
fn registered(world: &World<'_>, id: &str) -> bool {
    let owned = |id: &str| world.inventory.get(id).is_some_and(|a| a.owner.is_some() || a.kind == AssetKind::System);
    let mut containers = vec![id];
    let mut next = 0;
    while let Some(current) = containers.get(next).copied() {
        if owned(current) {
            return true;
        }
        let holds = world.inventory.incoming(current).filter(|relation| relation.kind == RelationKind::Contains);
        for container in holds.map(|relation| relation.from.as_str()) {
            if containers.len() < CONTAINER_LIMIT && !containers.contains(&container) {
                containers.push(container);
            }
        }
        next += 1;
    }
    false
}

/// What acts as an identity: directly, or through identities that may become it. O(reached · log n), at most
/// [`IDENTITY_LIMIT`] identities.
fn used_by<'a>(world: &World<'a>, id: &'a str) -> Vec<&'a str> {
    let mut identities = vec![id];
    let mut users = BTreeSet::new();
    let mut next = 0;
    while let Some(current) = identities.get(next).copied() {
        for relation in world.inventory.incoming(current) {
            let from = relation.from.as_str();
            match relation.kind {
                RelationKind::RunsAs => {
                    users.insert(from);
                }
                RelationKind::CanAssume if identities.len() < IDENTITY_LIMIT && !identities.contains(&from) => {
                    identities.push(from);
                }
                _ => {}
            }
        }
        next += 1;
    }
    users.into_iter().collect()
}

/// The identities that something acts as, nearest first: directly, or that those may become. O(reached · log n), at most
/// [`IDENTITY_LIMIT`].
fn acts_as<'a>(world: &World<'a>, id: &'a str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut next = 0;
    let (mut current, mut by) = (Some(id), RelationKind::RunsAs);
    while let Some(from) = current {
        for relation in world.inventory.outgoing(from).filter(|relation| relation.kind == by) {
            let to = relation.to.as_str();
            if found.len() < IDENTITY_LIMIT && !found.contains(&to) {
                found.push(to);
            }
        }
        (current, by) = (found.get(next).copied(), RelationKind::CanAssume);
        next += 1;
    }
    found
}

/// How long ago something was made, if its source says when and the day is given.
fn age(asset: Option<&Asset>, today: Option<&str>) -> Option<i64> {
    let made = MADE.iter().find_map(|key| asset?.properties.get(*key))?;
    let number = made.as_number().map(ToString::to_string);
    days_between(number.as_deref().or(made.as_str())?, today?)
}

/// Whether an asset is AI, serves a model, or stands before one that does.
fn runs_ai(world: &World<'_>, id: &str) -> bool {
    let ai = |id: &str| {
        world.inventory.get(id).is_some_and(|asset| asset.ai || asset.properties.contains_key("model_server"))
            || world.inventory.outgoing(id).any(|relation| relation.kind == RelationKind::Serves)
    };
    ai(id) || world.inventory.outgoing(id).any(|r| r.kind == RelationKind::Exposes && ai(r.to.as_str()))
}

/// What was found in an asset's messages, as `assess` records it in the property `observed`: by role and detector.
fn events<'a>(asset: &'a Asset) -> impl Iterator<Item = View<'a>> {
    let by_role = asset.properties.get("observed").and_then(Value::as_object).into_iter().flatten();
    by_role.flat_map(|(role, found)| {
        let hits = found.as_object().into_iter().flatten();
        hits.filter_map(move |(detector, hits)| Some(View::Event(role, detector, hits.as_object()?)))
    })
}

/// Whether an approval is declared and, if today is known, still in force.
fn approved(asset: &Asset, today: Option<&str>) -> bool {
    asset.properties.contains_key("approved_by")
        && !matches!((asset.text("approved_until"), today), (Some(until), Some(today)) if until < today)
}

/// Every policy statement that allows something, found in the asset's properties whatever their layout, as
/// `{"actions": [...], "resources": [...]}`.
fn statements<'a>(asset: &'a Asset) -> Vec<Val<'a>> {
    let mut found = Vec::new();
    asset.properties.values().for_each(|value| collect_statements(value, STATEMENT_DEPTH, &mut found));
    found
}

fn collect_statements<'a>(value: &Value, depth: usize, found: &mut Vec<Val<'a>>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_statements(item, depth, found)),
        Value::Object(map) if map.get("Effect").is_some_and(|effect| effect == "Allow") => {
            let words = |key: &str| {
                let words = match map.get(key) {
                    Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
                    Some(Value::String(word)) => vec![word.as_str()],
                    _ => Vec::new(),
                };
                list(words.into_iter().map(|word| Val::Text(Cow::Owned(word.to_owned()))))
            };
            found.push(Val::Record(Rc::new([("actions", words("Action")), ("resources", words("Resource"))])));
        }
        Value::Object(map) => map.values().for_each(|child| collect_statements(child, depth, found)),
        // Terraform keeps policies as JSON text
        Value::String(text) if text.starts_with('{') && text.contains("\"Effect\"") => {
            if let Ok(parsed) = serde_json::from_str::<Value>(text) {
                collect_statements(&parsed, depth, found);
            }
        }
        _ => {}
    }
}

fn number<'a>(value: i64) -> Val<'a> {
    Val::Int(value)
}

/// The JSON name of a plain enum.
fn name_of<'a>(value: &impl serde::Serialize) -> Val<'a> {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => Val::Text(Cow::Owned(name)),
        _ => Val::Null,
    }
}

fn views<'a>(items: impl Iterator<Item = View<'a>>) -> Val<'a> {
    list(items.map(Val::View))
}

fn relations<'a>(
    world: &'a World<'a>,
    relations: impl Iterator<Item = &'a Relation>,
    other: fn(&Relation) -> &AssetId,
) -> Val<'a> {
    views(relations.map(|relation| View::Relation(world, relation, other(relation))))
}

fn rights<'a>(
    world: &'a World<'a>,
    rights: Option<Vec<Right<'a>>>,
    other: for<'r> fn(&Right<'r>) -> &'r AssetId,
) -> Val<'a> {
    views(rights.into_iter().flatten().map(|right| View::Right(world, right, other(&right))))
}
