//! How assets, relations and paths look to a rule: borrowed as they are, each field resolved when it is asked for.
//!
//! A field that a kind of value can have but this one lacks is `null`; a field that no such value can have is found
//! when the rule is compiled ([`super::check`]). What a template leaves open (`${var.acls}`) is absent: a condition that
//! needs it does not hold, whichever way it asks.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use serde_json::{Map, Value};

use super::evidence;
use super::field::{Field, Key};
use super::value::{Fault, Val, flag, json, list, optional, text};
use crate::asset::{
    Asset, AssetId, AssetKind, Direction, Encryption, Evidence, Inventory, Node, Provenance, Relation, RelationKind,
    is_open,
};
use crate::identity::aws::days_between;
use crate::path::{Access, AttackPath, From as StepFrom, Right, Solution};

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
/// Ids come from the input, but a set of them is only asked and never walked: nothing shows in what order it is.
type Quick = foldhash::fast::RandomState;

/// What rules can ask about, indexed once per evaluation.
#[derive(Debug)]
pub(super) struct World<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) params: &'a Map<String, Value>,
    pub(super) facts: &'a Map<String, Value>,
    pub(super) today: Option<&'a str>,
    admins: HashSet<&'a str, Quick>,
    paths: HashMap<&'a str, Vec<&'a AttackPath>, Quick>,
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
        let mut paths = HashMap::<&str, Vec<&AttackPath>, Quick>::default();
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
        self.inventory.node(id).map_or(View::Named(self, id), |node| View::Asset(self, node))
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

/// A value that rules see. All are small: evaluation copies them from hand to hand.
#[derive(Debug, Clone, Copy)]
pub(super) enum View<'a> {
    /// An asset, or an id that relations name but no input describes.
    Asset(&'a World<'a>, &'a Node),
    /// An id that only paths name.
    Named(&'a World<'a>, &'a str),
    /// A relation and the asset at its other end.
    Relation(&'a World<'a>, &'a Relation, &'a Node),
    Path(&'a World<'a>, &'a AttackPath),
    /// What a detector found in the messages of one role: role, detector, and the hits as recorded.
    Event(&'a String, &'a String, &'a Map<String, Value>),
    /// What this principal may do to an asset, by its place in [`Access`], seen from this end.
    Right(&'a World<'a>, &'a AssetId, u32, End),
    Encryption(&'a Encryption),
    Provenance(&'a Provenance),
    /// A piece of declared evidence, seen on this day.
    Declared(&'a World<'a>, &'a Map<String, Value>),
    /// A JSON object of the source's own: fields, `in` and `size()`, but no iteration over keys.
    Object(&'a Map<String, Value>),
}

/// An end of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Principal,
    Asset,
}

impl<'a> View<'a> {
    /// The field of this name, `null` if this value lacks it, `None` if no such value has it or a template leaves it open.
    pub(super) fn get(&self, key: Key<'_>) -> Option<Val<'a>> {
        // what a template leaves open could be anything: rules cannot tell, not even that it is not there
        match *self {
            Self::Object(map) => {
                return match map.get(key.name) {
                    Some(value) if is_open(value) => None,
                    value => Some(json(value.unwrap_or(&Value::Null))),
                };
            }
            Self::Declared(world, map) if key.field == Some(Field::AgeDays) => {
                return Some(evidence::age(map, world.today).map_or(Val::Null, Val::Int));
            }
            Self::Declared(_, map) => return Some(json(map.get(key.name).unwrap_or(&Value::Null))),
            _ => {}
        }
        let field = key.field?;
        Some(match *self {
            Self::Asset(world, node) => match node.asset() {
                Some(asset) => return asset_field(world, node, asset, field),
                None => return node_field(world, node, field).or_else(|| unknown_field(node.id().as_str(), field)),
            },
            Self::Named(world, id) => return id_field(world, id, field).or_else(|| unknown_field(id, field)),
            Self::Relation(world, relation, other) => match field {
                Field::Kind => text(relation.kind.as_str()),
                Field::From => text(relation.from.as_str()),
                Field::To => text(relation.to.as_str()),
                Field::Asset => Val::View(View::Asset(world, other)),
                _ => return None,
            },
            Self::Right(world, principal, place, end) => {
                let right = world.access?.right_at(principal, place)?;
                match field {
                    Field::From => text(right.principal.as_str()),
                    Field::To => text(right.asset.as_str()),
                    Field::Power => text(right.power),
                    Field::Rule => text(right.rule),
                    Field::Conditional => Val::Bool(right.conditional),
                    Field::Asset => {
                        let other = if end == End::Principal { right.principal } else { right.asset };
                        Val::View(world.asset(other.as_str()))
                    }
                    _ => return None,
                }
            }
            Self::Path(world, path) => match field {
                Field::Id => text(&path.id),
                Field::Title => text(&path.title),
                Field::Consequence => name_of(&path.consequence),
                Field::Source => text(path.source.as_str()),
                Field::Target => text(path.target.as_str()),
                Field::Rules => list(path.steps.iter().map(|step| text(&step.rule))),
                Field::Entry => optional(path.steps.first().map(|step| step.to.as_str())),
                Field::Assets => views(assets_on(path).into_iter().map(|id| world.asset(id))),
                Field::Techniques => list(path.steps.iter().map(|step| text(&step.technique))),
                Field::Goal => name_of(&path.goal),
                Field::Status => name_of(&path.status),
                Field::Severity => text(path.severity.as_str()),
                Field::Risk => Val::Double(path.risk),
                _ => return None,
            },
            Self::Event(role, detector, hits) => match field {
                Field::Role => text(role),
                Field::Detector => text(detector),
                Field::Messages => json(hits.get("messages").unwrap_or(&Value::Null)),
                Field::Types => {
                    list(hits.get("types").and_then(Value::as_object).into_iter().flat_map(Map::keys).map(|t| text(t)))
                }
                _ => return None,
            },
            Self::Encryption(encryption) => match field {
                Field::AtRest => flag(encryption.at_rest),
                Field::InTransit => flag(encryption.in_transit),
                Field::CustomerKey => flag(encryption.customer_key),
                _ => return None,
            },
            Self::Provenance(provenance) => match field {
                Field::Publisher => optional(provenance.publisher.as_deref()),
                Field::Source => optional(provenance.source.as_deref()),
                Field::Version => optional(provenance.version.as_deref()),
                Field::Revision => optional(provenance.revision.as_deref()),
                Field::Licence => optional(provenance.licence.as_deref()),
                Field::Pinned => flag(provenance.pinned),
                Field::Signed => flag(provenance.signed),
                _ => return None,
            },
            Self::Declared(..) | Self::Object(_) => return None,
        })
    }

    /// The field of this name, unless it cannot be told.
    pub(super) fn look_up(&self, key: Key<'_>) -> Result<Val<'a>, Fault> {
        if let Self::Asset(World { access: Some(access), .. }, ..) | Self::Named(World { access: Some(access), .. }, ..) =
            self
            && key.field.is_some_and(Field::is_access)
            && !access.is_complete()
        {
            return Err(Fault::Wrong(format!("`{}`: the work budget for permissions ended", key.name)));
        }
        self.get(key).ok_or(Fault::Absent)
    }
}

/// What is known of an id of which only its name is; `None` if assets have no such field.
fn unknown_field(id: &str, field: Field) -> Option<Val<'_>> {
    Some(match field {
        Field::Id | Field::Name => text(id),
        Field::Ai | Field::Sensitive | Field::Approved | Field::Admin | Field::Registered | Field::RunsAi => {
            Val::Bool(false)
        }
        Field::AgeDays
        | Field::Kind
        | Field::Exposure
        | Field::Authentication
        | Field::Owner
        | Field::Purpose
        | Field::Environment
        | Field::RiskClass
        | Field::ModelType
        | Field::Encryption
        | Field::Provenance
        | Field::Properties => Val::Null,
        Field::DataClasses
        | Field::Statements
        | Field::Events
        | Field::Outgoing
        | Field::Incoming
        | Field::Lineage
        | Field::UsedBy
        | Field::ActsAs
        | Field::Paths
        | Field::Declared
        | Field::Evidenced
        | Field::Access
        | Field::AccessedBy
        | Field::FullAccess
        | Field::Escalations
        | Field::ReadsBeyondSources
        | Field::Strangers => Val::EMPTY,
        _ => return None,
    })
}

/// What paths and permissions tell of an id.
fn id_field<'a>(world: &'a World<'a>, id: &'a str, field: Field) -> Option<Val<'a>> {
    Some(match field {
        Field::Id => text(id),
        Field::Admin => Val::Bool(world.admins.contains(id)),
        Field::Paths => views(world.paths.get(id).into_iter().flatten().map(|path| View::Path(world, path))),
        Field::Access => rights(world, End::Asset, |access| access.of(id)),
        Field::AccessedBy => rights(world, End::Principal, |access| access.over(id)),
        Field::FullAccess => list(world.access.map_or(&[][..], |access| access.full(id)).iter().map(|name| text(name))),
        Field::Escalations => rights(world, End::Asset, |access| access.escalations(id)),
        Field::Strangers => list(world.access.map(|access| access.strangers(id)).into_iter().flatten().map(text)),
        _ => return None,
    })
}

/// What is told of it by what stands around it.
fn node_field<'a>(world: &'a World<'a>, node: &'a Node, field: Field) -> Option<Val<'a>> {
    let assets = |nodes: Vec<&'a Node>| views(nodes.into_iter().map(|node| View::Asset(world, node)));
    Some(match field {
        Field::Outgoing => Val::Relations(world, node, Direction::Outgoing),
        Field::Incoming => Val::Relations(world, node, Direction::Incoming),
        Field::Lineage => assets(lineage(world, node)),
        Field::UsedBy => assets(used_by(world, node)),
        Field::ActsAs => assets(acts_as(world, node)),
        Field::ReadsBeyondSources => rights(world, End::Principal, |access| {
            access.reads_beyond(node.id().as_str(), || lineage(world, node).into_iter().map(|node| node.id().as_str()))
        }),
        Field::Declared => views(evidence::in_force(world, node).into_iter().map(|map| View::Declared(world, map))),
        Field::Evidenced => list(evidence::in_force(world, node).into_iter().filter_map(evidence::kind).map(text)),
        Field::Registered => Val::Bool(registered(world, node)),
        Field::RunsAi => Val::Bool(runs_ai(world, node)),
        field => return id_field(world, node.id().as_str(), field),
    })
}

fn asset_field<'a>(world: &'a World<'a>, node: &'a Node, asset: &'a Asset, field: Field) -> Option<Val<'a>> {
    Some(match field {
        Field::Kind => text(asset.kind.as_str()),
        Field::Name => text(&asset.name),
        Field::Ai => Val::Bool(asset.ai),
        Field::Sensitive => Val::Bool(asset.is_sensitive()),
        Field::Approved => Val::Bool(approved(asset, world.today)),
        Field::Exposure => optional(asset.exposure.map(|exposure| exposure.as_str())),
        Field::Authentication => optional(asset.authentication.map(|proof| proof.as_str())),
        Field::Owner => optional(asset.owner.as_deref()),
        Field::Purpose => optional(asset.purpose.as_deref()),
        Field::Environment => optional(asset.environment.as_deref()),
        Field::RiskClass => optional(asset.risk_class.map(|class| class.as_str())),
        Field::ModelType => optional(asset.model_type.map(|kind| kind.as_str())),
        Field::DataClasses => list(asset.data_classes.iter().map(|class| text(class))),
        Field::Statements => list(statements(asset)),
        Field::Encryption => Val::View(View::Encryption(&asset.encryption)),
        Field::Provenance => Val::View(View::Provenance(&asset.provenance)),
        Field::Properties => Val::View(View::Object(&asset.properties)),
        Field::Events => views(events(asset)),
        Field::AgeDays => age(asset, world.today).map_or(Val::Null, Val::Int),
        field => return node_field(world, node, field),
    })
}

/// What an asset is made from or answers with: data sets, stores and models it was trained on, was derived from, reads,
/// retrieves from or serves, and those behind them, nearest first. O(reached), at most [`LINEAGE_LIMIT`].
fn lineage<'a>(world: &World<'a>, start: &'a Node) -> Vec<&'a Node> {
    use RelationKind::{DerivedFrom, Exposes, Invokes, Reads, RetrievesFrom, Serves, TrainedOn, Uses, Writes};
    // an endpoint's configuration is a resource of its own on some platforms
    let answers = |node: &Node| match node.asset().map(|asset| (asset.kind, asset.ai)) {
        Some((AssetKind::Model | AssetKind::Endpoint | AssetKind::VectorStore, _)) => true,
        Some((AssetKind::Resource, ai)) => ai,
        _ => false,
    };
    let builds = |node: &Node| {
        matches!(node.asset().map(|asset| asset.kind), Some(AssetKind::TrainingJob | AssetKind::Pipeline))
    };
    let mut seen: HashSet<*const Node, Quick> = HashSet::default();
    let mut found: Vec<&Node> = Vec::new();
    let (mut current, mut next) = (Some(start), 0);
    while let Some(node) = current {
        let made_from =
            world.inventory.relations_of(node, Direction::Outgoing).filter(|(relation, other)| match relation.kind {
                TrainedOn | DerivedFrom | Reads | RetrievesFrom | Serves | Exposes => true,
                Uses | Invokes => answers(other),
                _ => false,
            });
        let written_by = world.inventory.relations_of(node, Direction::Incoming);
        let written_by = written_by.filter(|(relation, other)| relation.kind == Writes && builds(other));
        for (_, other) in made_from.chain(written_by) {
            if found.len() < LINEAGE_LIMIT && !std::ptr::eq(other, start) && seen.insert(other) {
                found.push(other);
            }
        }
        current = found.get(next).copied();
        next += 1;
    }
    found
}

/// Whether somebody answers for an asset: it has an owner, or is in a declared system, itself or by what contains it.
fn registered(world: &World<'_>, node: &Node) -> bool {
    let owned = |node: &Node| node.asset().is_some_and(|a| a.owner.is_some() || a.kind == AssetKind::System);
    let mut containers = vec![node];
    let mut next = 0;
    while let Some(current) = containers.get(next).copied() {
        if owned(current) {
            return true;
        }
        let holds = world.inventory.relations_of(current, Direction::Incoming);
        for (_, container) in holds.filter(|(relation, _)| relation.kind == RelationKind::Contains) {
            if containers.len() < CONTAINER_LIMIT && !holds_node(&containers, container) {
                containers.push(container);
            }
        }
        next += 1;
    }
    false
}

fn holds_node(nodes: &[&Node], node: &Node) -> bool {
    nodes.iter().any(|known| std::ptr::eq(*known, node))
}

/// What acts as an identity: directly, or through identities that may become it. O(reached · log n), at most
/// [`IDENTITY_LIMIT`] identities.
fn used_by<'a>(world: &World<'a>, node: &'a Node) -> Vec<&'a Node> {
    let mut identities = vec![node];
    let mut users = BTreeMap::new();
    let mut next = 0;
    while let Some(current) = identities.get(next).copied() {
        for (relation, from) in world.inventory.relations_of(current, Direction::Incoming) {
            match relation.kind {
                RelationKind::RunsAs => {
                    users.insert(from.id(), from);
                }
                RelationKind::CanAssume if identities.len() < IDENTITY_LIMIT && !holds_node(&identities, from) => {
                    identities.push(from);
                }
                _ => {}
            }
        }
        next += 1;
    }
    users.into_values().collect()
}

/// The identities that something acts as, nearest first: directly, or that those may become. O(reached · log n), at most
/// [`IDENTITY_LIMIT`].
fn acts_as<'a>(world: &World<'a>, node: &'a Node) -> Vec<&'a Node> {
    let mut found = Vec::new();
    let mut next = 0;
    let (mut current, mut by) = (Some(node), RelationKind::RunsAs);
    while let Some(from) = current {
        for (relation, to) in world.inventory.relations_of(from, Direction::Outgoing) {
            if relation.kind == by && found.len() < IDENTITY_LIMIT && !holds_node(&found, to) {
                found.push(to);
            }
        }
        (current, by) = (found.get(next).copied(), RelationKind::CanAssume);
        next += 1;
    }
    found
}

/// How long ago something was made, if its source says when and the day is given.
fn age(asset: &Asset, today: Option<&str>) -> Option<i64> {
    let made = MADE.iter().find_map(|key| asset.properties.get(*key))?;
    let number = made.as_number().map(ToString::to_string);
    days_between(number.as_deref().or(made.as_str())?, today?)
}

/// Whether an asset is AI, serves a model, or stands before one that does.
fn runs_ai<'a>(world: &World<'a>, node: &'a Node) -> bool {
    let around = |node: &'a Node| world.inventory.relations_of(node, Direction::Outgoing);
    let ai = |node: &'a Node| {
        node.asset().is_some_and(|asset| asset.ai || asset.properties.contains_key("model_server"))
            || around(node).any(|(relation, _)| relation.kind == RelationKind::Serves)
    };
    ai(node) || around(node).any(|(relation, other)| relation.kind == RelationKind::Exposes && ai(other))
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

/// Permissions, each with the asset at one of its ends.
fn rights<'a>(world: &'a World<'a>, other: End, rights: impl FnOnce(&'a Access<'a>) -> Vec<Right<'a>>) -> Val<'a> {
    let rights = world.access.map(rights).into_iter().flatten();
    views(rights.map(|right| View::Right(world, right.principal, right.place, other)))
}
