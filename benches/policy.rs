//! Conditions a second: `cargo bench --bench policy [-- 100000 1000000]` (numbers of assets; 100,000 without).
//!
//! An estate of all kinds of asset with properties, relations and lineage is judged by the whole built-in pack, on one
//! thread and on two. What is counted are conditions executed: rules of other kinds of asset and rules without input are
//! not; seconds are of processor time where the system tells it, so that a busy machine does not count.
//!
//! - `first` is the first time that an estate is judged, when it must still be put in order; the others come after.
//! - `whole pack` is all that it takes: what the input shows, who may do what, conditions, what took part, findings.
//! - `conditions alone` leaves out what took part and the findings, and nothing else.
//! - `dense` is an estate in which half of all relations say what something is made from, so that nearly everything is
//!   made from everything within its group of 64; in the other it is a quarter.
//!
//! Then one rule alone over the same assets: as a rule, as a closure written by hand, and with `--features rego` as Rego,
//! with and without the conversion of the assets.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark that cannot go on must stop")]

use std::time::Instant;

use aispm_core::asset::{Asset, AssetKind, Authentication, Exposure, Inventory, Relation, RelationKind};
use aispm_core::discover::declared::Facts;
use aispm_core::path::Solution;
use aispm_core::policy::PolicySet;
use serde_json::json;

const ONE_RULE: &str = "\
rules:
  - id: ONE
    title: Public AI endpoint without authentication
    description: d
    severity: high
    kinds: [endpoint, model, agent, application, vector-store]
    when: asset.ai && asset.exposure == 'public' && asset.authentication == 'none' && !(asset.properties.region in ['eu-west-1', 'eu-central-1'])
    message: m
    fix: f
";

fn main() {
    let arguments = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let mut sizes: Vec<usize> = arguments.collect();
    if sizes.is_empty() {
        sizes.push(100_000);
    }
    let facts = "params: { approved_providers: [openai], mcp_allow: [\"@ours/*\"], regions: [eu-west-1] }";
    let facts = Facts::from_yaml("aispm.yaml", facts).expect("facts");
    let whole = PolicySet::builder().facts(&facts).today(Some("2026-01-01")).build().expect("the built-in pack");
    // rules are compiled when they are first needed
    let _ = whole.evaluate(&estate(1_000, &USUAL), &Solution::default());
    let one = PolicySet::builder().builtin(false).pack("one.yaml", ONE_RULE).build().expect("a rule");
    println!(
        "{:22} {:>8} {:>7} {:>11} {:>9} {:>8} {:>8} {:>10}",
        "what", "assets", "threads", "conditions", "findings", "wall s", "core s", "a core s"
    );
    for size in sizes {
        run("dense, whole pack", 1, &whole, &estate(size, &DENSE));
        let inventory = estate(size, &USUAL);
        run("first, whole pack", 1, &whole, &inventory);
        for threads in [1, 2] {
            run("whole pack", threads, &whole, &inventory);
        }
        for threads in [1, 2] {
            alone("conditions alone", threads, &whole, &inventory);
        }
        run("one rule", 1, &one, &inventory);
        closure(&one, &inventory);
        #[cfg(feature = "rego")]
        rego(&one, &inventory);
    }
}

/// Processor seconds of all threads of this program; the time of day where the system does not tell.
fn core_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let spent = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    let spent = spent.sum::<f64>() / 1e9;
    if spent > 0.0 { spent } else { std::time::UNIX_EPOCH.elapsed().map_or(0.0, |time| time.as_secs_f64()) }
}

/// Runs something, and tells how long it took.
fn timed<T>(what: &str, assets: usize, threads: usize, conditions: usize, run: impl FnOnce() -> (usize, T)) -> T {
    let (start, before) = (Instant::now(), core_seconds());
    let (findings, result) = run();
    let (wall, core) = (start.elapsed().as_secs_f64(), core_seconds() - before);
    let rate = conditions as f64 / core;
    println!("{what:22} {assets:>8} {threads:>7} {conditions:>11} {findings:>9} {wall:>8.3} {core:>8.3} {rate:>10.0}");
    result
}

fn run(what: &str, threads: usize, policies: &PolicySet, inventory: &Inventory) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    let solution = Solution::default();
    let conditions = policies.conditions(inventory);
    let findings = timed(what, inventory.len(), threads, conditions, || {
        let findings = pool.install(|| policies.evaluate(inventory, &solution));
        (findings.len(), findings)
    });
    assert!(!findings.is_empty() && findings.iter().all(|finding| finding.rule != "POLICY-ERROR"));
}

fn alone(what: &str, threads: usize, policies: &PolicySet, inventory: &Inventory) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    let conditions = policies.conditions(inventory);
    timed(what, inventory.len(), threads, conditions, || {
        (pool.install(|| policies.holding(inventory, &Solution::default())), ())
    });
}

/// The same rule by hand: what no interpreter can beat.
fn closure(policies: &PolicySet, inventory: &Inventory) {
    let by_hand = |asset: &Asset| {
        asset.ai
            && asset.exposure == Some(Exposure::Public)
            && asset.authentication == Some(Authentication::None)
            && !asset.text("region").is_some_and(|region| ["eu-west-1", "eu-central-1"].contains(&region))
    };
    timed("by hand", inventory.len(), 1, policies.conditions(inventory), || {
        (inventory.assets().filter(|asset| std::hint::black_box(by_hand(asset))).count(), ())
    });
}

#[cfg(feature = "rego")]
fn rego(policies: &PolicySet, inventory: &Inventory) {
    const SAME: &str = "package bench
import rego.v1
default fires := false
fires if { input.ai; input.exposure == \"public\"; input.authentication == \"none\"; not input.properties.region in {\"eu-west-1\", \"eu-central-1\"} }
";
    let mut engine = regorus::Engine::new();
    engine.add_policy("bench.rego".to_owned(), SAME.to_owned()).expect("a policy");
    let kinds = ["endpoint", "model", "agent", "application", "vector-store"];
    let assets = inventory.assets().filter(|asset| kinds.contains(&asset.kind.as_str())).collect::<Vec<_>>();
    let conditions = policies.conditions(inventory);
    let inputs = timed("regorus: conversion", inventory.len(), 1, conditions, || {
        let input = |asset| regorus::Value::from(serde_json::to_value(asset).expect("JSON"));
        (0, assets.into_iter().map(input).collect::<Vec<_>>())
    });
    timed("regorus: evaluation", inventory.len(), 1, conditions, || {
        let fires = inputs.into_iter().filter(|input| {
            engine.set_input(input.clone());
            engine.eval_rule("data.bench.fires".to_owned()).expect("a result") == regorus::Value::from(true)
        });
        (fires.count(), ())
    });
}

/// Kinds of relations, as often as they stand here.
const USUAL: [RelationKind; 8] = [
    RelationKind::Uses,
    RelationKind::Reads,
    RelationKind::RunsAs,
    RelationKind::Contains,
    RelationKind::Serves,
    RelationKind::DeployedBy,
    RelationKind::CanAssume,
    RelationKind::LogsTo,
];
const DENSE: [RelationKind; 4] = [RelationKind::Uses, RelationKind::Reads, RelationKind::RunsAs, RelationKind::Serves];

/// Assets of every kind, each with properties, three relations and, every fifth, data classes; ids as clouds write them.
fn estate(size: usize, kinds: &[RelationKind]) -> Inventory {
    let mut inventory = Inventory::new();
    let id = |i: usize| format!("arn:aws:service:eu-west-1:111122223333:thing/{i:08}");
    for i in 0..size {
        let kind = AssetKind::ALL[i % AssetKind::ALL.len()];
        let mut asset = Asset::new(id(i), kind, format!("thing-{i}"))
            .with("region", ["eu-west-1", "us-east-1"][i % 2])
            .with("type", "aws_thing")
            .with("version", "1.2.3")
            .with("tags", json!({"team": "web", "cost": "12"}))
            .with("created", "2025-06-01T00:00:00Z")
            .with("image", "registry.example.com/web:1.2");
        asset.ai = i % 3 == 0;
        asset.exposure = [None, Some(Exposure::Internal), Some(Exposure::Public)][i % 7 % 3];
        asset.authentication = [None, Some(Authentication::None), Some(Authentication::Identity)][i % 11 % 3];
        if i % 4 == 0 {
            asset.owner = Some("web".to_owned());
            asset.purpose = Some("search".to_owned());
        }
        if i % 5 == 0 {
            asset.data_classes.insert("personal".to_owned());
        }
        if kind == AssetKind::Role {
            let statement = json!({"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::data/*"});
            asset = asset.with("policies", json!([{"Statement": [statement]}]));
        }
        inventory.add(asset);
    }
    for i in 0..size {
        for (j, step) in [1, 7, 53].into_iter().enumerate() {
            // in groups of 64, so that lineage ends somewhere
            let to = i / 64 * 64 + (i + step) % 64;
            if to < size {
                inventory.relate(Relation::new(id(i), kinds[(i + j) % kinds.len()], id(to)));
            }
        }
    }
    inventory
}
