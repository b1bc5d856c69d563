//! What a path means: its title and its consequence.

use super::model::{Consequence, From, Goal, PathStatus, Step};
use super::rules::Power;
use super::world::{Node, World};
use crate::asset::{Asset, AssetId, AssetKind, RelationKind};

/// The name used in JSON.
pub(super) fn power_name(power: Power) -> &'static str {
    match power {
        Power::Controls => "controls",
        Power::Grantable => "grantable",
        Power::Unbounded => "unbounded",
        Power::Joinable => "joinable",
        Power::Reaches => "reaches",
        Power::Influences => "influences",
        Power::Reads => "reads",
        Power::Writes => "writes",
        Power::Poisons => "poisons",
        Power::Admin => "admin",
        Power::Searches => "searches",
        Power::Hijacks => "hijacks",
    }
}

/// What the owner loses when an attacker has this power over this asset.
pub(super) fn consequence(world: &World<'_>, goal: Goal, power: Power, target: &AssetId) -> Consequence {
    let kind = kind(world, target);
    let is_model = matches!(kind, AssetKind::Model | AssetKind::ModelFile | AssetKind::ModelRegistry);
    let answers = matches!(
        kind,
        AssetKind::Endpoint | AssetKind::Agent | AssetKind::Application | AssetKind::Workload | AssetKind::Function
    );
    match power {
        _ if goal == Goal::Admin => Consequence::Takeover,
        _ if pays(world, target) => Consequence::DenialOfWallet,
        Power::Reads if is_model => Consequence::Extraction,
        Power::Reads | Power::Searches => Consequence::DataLeak,
        Power::Poisons if answers => Consequence::Misuse,
        Power::Writes | Power::Poisons => Consequence::Poisoning,
        Power::Influences => Consequence::Misuse,
        Power::Hijacks => Consequence::DenialOfWallet,
        Power::Reaches if kind.is_data() => Consequence::DataLeak,
        Power::Reaches if is_model || asset(world, target).is_some_and(|asset| asset.ai) => Consequence::DenialOfWallet,
        Power::Controls if is_model => Consequence::Extraction,
        Power::Controls if kind.is_data() => Consequence::DataLeak,
        _ => Consequence::Takeover,
    }
}

/// Whether who holds it uses paid AI services: a provider's key, or the provider itself.
fn pays(world: &World<'_>, id: &AssetId) -> bool {
    let key = matches!(kind(world, id), AssetKind::AccessKey | AssetKind::Secret);
    let provider = |id: &AssetId| kind(world, id) == AssetKind::AiProvider;
    let mut related = world.inventory.outgoing(id.as_str());
    let mut opens =
        || related.any(|r| matches!(r.kind, RelationKind::Uses | RelationKind::CanAssume) && provider(&r.to));
    provider(id) || key && (asset(world, id).is_some_and(|asset| asset.ai) || opens())
}

/// `Anyone on the internet can read acme-customer-records through support-bot`.
pub(super) fn title(
    world: &World<'_>,
    (source, target): (&AssetId, &AssetId),
    (goal, power, status): (Goal, Power, PathStatus),
    steps: &[Step],
) -> String {
    let can = if status == PathStatus::Conditional { "may be able to" } else { "can" };
    let object = name(world, target, &[source]);
    let what = match (goal, power) {
        (Goal::Admin, _) if source == target => {
            return format!("{} {can} make itself administrator of {}", subject(world, source), home(world, target));
        }
        (Goal::Admin, _) => {
            return format!(
                "{} {can} become administrator of {} as {object}{}",
                subject(world, source),
                home(world, target),
                through(world, source, target, steps)
            );
        }
        (_, Power::Hijacks) => format!("run any work on {object} at your cost"),
        _ if consequence(world, goal, power, target) == Consequence::DenialOfWallet => {
            format!("use {object} at your cost")
        }
        (_, Power::Searches) => format!("read files of {object}"),
        (_, Power::Reads) if consequence(world, goal, power, target) == Consequence::Extraction => {
            format!("copy the model {object}")
        }
        (_, Power::Reads) => format!("read {object}"),
        (_, Power::Poisons) if consequence(world, goal, power, target) == Consequence::Misuse => {
            format!("decide what {object} answers")
        }
        (_, Power::Poisons) => format!("poison {object}"),
        (_, Power::Writes) => format!("change {object}"),
        (_, Power::Influences) => format!("steer {object}"),
        (_, Power::Reaches) => format!("call {object}"),
        _ => format!("take over {object}"),
    };
    format!("{} {can} {what}{}", subject(world, source), through(world, source, target, steps))
}

fn subject(world: &World<'_>, source: &AssetId) -> String {
    if source.as_str() == AssetId::INTERNET {
        return "Anyone on the internet".to_owned();
    }
    let node = world.ix(source.as_str()).and_then(|ix| world.node(ix));
    let account = node.and_then(|node| node.account.as_deref()).unwrap_or_default();
    match node {
        Some(node) if node.asset.is_none() && source.as_str().ends_with(":root") => {
            format!("Anyone in account {account}")
        }
        Some(node) if node.asset.is_none() && !account.is_empty() => format!("{} of account {account}", node.name),
        Some(node) if node.kind == AssetKind::NetworkEntry => format!("Anyone behind {}", node.name),
        _ => name(world, source, &[]),
    }
}

/// What most people would name the path after: the AI asset it passes, or else what runs, or else the identity.
fn through(world: &World<'_>, source: &AssetId, target: &AssetId, steps: &[Step]) -> String {
    let rank = |id: &AssetId| match kind(world, id) {
        AssetKind::Agent | AssetKind::McpServer | AssetKind::Tool | AssetKind::Notebook => 0,
        _ if asset(world, id).is_some_and(|asset| asset.ai) => 1,
        AssetKind::Application | AssetKind::Workload | AssetKind::Function => 2,
        AssetKind::Endpoint | AssetKind::Node | AssetKind::Pipeline | AssetKind::TrainingJob => 3,
        kind if kind.is_identity() => 4,
        _ => 5,
    };
    let own = [source, target].map(|id| name(world, id, &[]));
    let passed = steps.iter().flat_map(|step| {
        let from: &[AssetId] = match &step.from {
            From::One(one) => std::slice::from_ref(one),
            From::All(all) => all,
        };
        from.iter().chain([&step.to])
    });
    let passed = passed.filter(|id| *id != source && *id != target && !own.contains(&name(world, id, &[])));
    let best = passed.enumerate().min_by_key(|(n, id)| (rank(id), *n));
    best.map_or_else(String::new, |(_, id)| format!(" through {}", name(world, id, &[])))
}

/// The asset's name, led by its kind where another of these bears it too.
fn name(world: &World<'_>, id: &AssetId, others: &[&AssetId]) -> String {
    let plain = |id: &AssetId| match world.ix(id.as_str()).and_then(|ix| world.node(ix)) {
        Some(Node { name, .. }) if !name.is_empty() => name.to_string(),
        _ => id.to_string(),
    };
    let own = plain(id);
    let shared = others.iter().any(|other| *other != id && plain(other) == own);
    if shared { format!("the {} {own}", kind(world, id).as_str().replace('-', " ")) } else { own }
}

fn home(world: &World<'_>, id: &AssetId) -> String {
    let node = world.ix(id.as_str()).and_then(|ix| world.node(ix));
    match node.and_then(|node| node.account.as_deref()) {
        Some(account) if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) => {
            format!("account {account}")
        }
        Some(home) => match home.strip_prefix("k8s://") {
            Some("cluster") => "the cluster".to_owned(),
            Some(cluster) => format!("cluster {cluster}"),
            None => home.rsplit('/').next().unwrap_or(home).to_owned(),
        },
        None => "everything".to_owned(),
    }
}

fn kind(world: &World<'_>, id: &AssetId) -> AssetKind {
    world.ix(id.as_str()).and_then(|ix| world.node(ix)).map_or(AssetKind::Resource, |node| node.kind)
}

fn asset<'a>(world: &World<'a>, id: &AssetId) -> Option<&'a Asset> {
    world.ix(id.as_str()).and_then(|ix| world.node(ix)?.asset)
}
