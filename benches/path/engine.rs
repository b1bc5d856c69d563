//! The attack-graph engine, and plain `petgraph` on the same graphs.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use aispm_core::path::graph::{
    Best, Cutter, Derivations, Dominators, Forward, Hypergraph, Incremental, Node, Paths, Potentials,
};
use petgraph::graph::{DiGraph, NodeIndex};

use super::layered::{Dice, Layered};

/// Paths asked for.
const K: usize = 10;

/// Milliseconds by what was measured.
pub type Times = BTreeMap<&'static str, f64>;

/// Processor time of this thread so far, in milliseconds, where the system tells it: other work on the machine does not
/// count then.
fn clock() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3;
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    told.and_then(|told| told.split(' ').next()?.parse::<f64>().ok()).map_or(elapsed, |ns| ns / 1e6)
}

/// The median of some runs, in milliseconds.
pub fn median(runs: usize, mut run: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let start = clock();
            run();
            clock() - start
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Generates a graph, writes it for the peers, measures.
pub fn measure(name: &str, nodes: u32, edges: usize, runs: usize, folder: &Path) {
    let layered = Layered::new(nodes, edges, 7);
    layered.write(&folder.join(format!("{name}.graph"))).expect("the folder can be written");
    let plain = layered.plain();
    let ours = plain_times(&layered, &plain, runs);
    let json: Vec<String> = ours.iter().map(|(what, ms)| format!("{what:?}:{ms}")).collect();
    std::fs::write(folder.join(format!("{name}.json")), format!("{{{}}}", json.join(","))).expect("as well");
    let petgraph = petgraph_times(&layered, runs);
    let and_or = layered.and_or();
    let mixed = and_or_times(&layered, &and_or, runs);
    println!(
        "\n{name}: {nodes} nodes, {} edges; CSR both ways {:.1} MB plain, {:.1} MB with AND and the order of adding",
        layered.edges.len(),
        plain.bytes() as f64 / 1e6,
        and_or.bytes() as f64 / 1e6
    );
    println!("{:44} {:>10} {:>10} {:>10} {:>7}", "milliseconds, median", "AND/OR", "plain", "petgraph", "ratio");
    let whats: std::collections::BTreeSet<_> = ours.keys().chain(mixed.keys()).collect();
    for what in whats {
        let show = |times: &Times| times.get(*what).map_or("-".to_owned(), |ms| format!("{ms:.3}"));
        let ratio = petgraph.get(*what).zip(ours.get(*what)).map_or("-".to_owned(), |(p, o)| format!("{:.1}", p / o));
        println!("{what:44} {:>10} {:>10} {:>10} {ratio:>7}", show(&mixed), show(&ours), show(&petgraph));
    }
}

/// What any graph is asked.
fn common(layered: &Layered, graph: &Hypergraph, runs: usize) -> Times {
    let mut times = Times::new();
    let target = layered.targets[0];
    let mut forward = Forward::new();
    times.insert("reach all", median(runs, || forward.run(graph, &[0], |_| false)));
    let mut best = Best::new();
    times.insert("solve all", median(runs, || best.run(graph, &[0], &[], |_| false)));
    times.insert("prepare a target", median(runs, || drop(black_box(Potentials::new(graph, target)))));
    times.insert("dominators", median(runs, || drop(black_box(Dominators::new(graph, &[0])))));
    let (prepared, mut scratch) = (Potentials::new(graph, target), Best::new());
    let mut found = 0;
    let queries = || {
        for _ in 0..100 {
            found = Derivations::new(graph, &best, &mut scratch, &prepared, u64::MAX).take(K).count();
        }
    };
    times.insert("k = 10 derivations, source solved", median(runs, queries) / 100.0);
    assert_eq!(found, K);
    let weights = |node| match node {
        Node::Fact(fact) => Some(Layered::weight(fact)),
        _ => None,
    };
    let mut gap = (0, 0);
    let cut = || {
        let mut cutter = Cutter::new(graph, &[0]);
        gap = (0, 0);
        for target in &layered.targets {
            let cut = cutter.cut(&[*target], weights, 2_000_000).expect("facts can be removed");
            assert!(cut.verified && cut.weight > 0);
            gap = (gap.0 + cut.weight, gap.1 + cut.lower_bound);
        }
    };
    times.insert("verified min cut, 10 targets", median(runs.min(5), cut));
    println!("cuts weigh {} in all, at least {} is needed", gap.0, gap.1);
    let mut live = Incremental::new(graph);
    live.give(0).expect("node 0 exists");
    let mut dice = Dice::new(1);
    let edit = || {
        for _ in 0..10_000 {
            let instance = dice.below(graph.instances());
            live.remove(instance).and_then(|()| live.restore(instance)).expect("the instance exists");
        }
    };
    times.insert("10,000 instances removed and put back", median(runs.min(5), edit));
    times
}

fn and_or_times(layered: &Layered, graph: &Hypergraph, runs: usize) -> Times {
    let mut times = common(layered, graph, runs);
    times.insert("freeze", median(runs.min(3), || drop(black_box(layered.and_or()))));
    times
}

fn plain_times(layered: &Layered, graph: &Hypergraph, runs: usize) -> Times {
    let mut times = common(layered, graph, runs);
    times.insert("freeze", median(runs.min(3), || drop(black_box(layered.plain()))));
    let prepared = Potentials::new(graph, layered.targets[0]);
    let mut sources = layered.sources.iter().cycle();
    // one query is too short for the clock
    let queries = || {
        for _ in &layered.sources {
            let paths = Paths::new(graph, &prepared, *sources.next().expect("a cycle"), u64::MAX);
            black_box(paths.take(K).count());
        }
    };
    times.insert("k = 10 paths, target prepared", median(runs, queries) / layered.sources.len() as f64);
    times
}

fn petgraph_times(layered: &Layered, runs: usize) -> Times {
    let mut graph: DiGraph<(), f64> = DiGraph::with_capacity(layered.nodes as usize, layered.edges.len());
    for _ in 0..layered.nodes {
        graph.add_node(());
    }
    let node = |n: u32| NodeIndex::new(n as usize);
    for (from, to, cost) in &layered.edges {
        graph.add_edge(node(*from), node(*to), f64::from(*cost) / 2.0);
    }
    let mut times = Times::new();
    let reach = || {
        let mut bfs = petgraph::visit::Bfs::new(&graph, node(0));
        while let Some(node) = bfs.next(&graph) {
            black_box(node);
        }
    };
    times.insert("reach all", median(runs, reach));
    let dijkstra = |goal| petgraph::algo::dijkstra(&graph, node(0), goal, |edge| *edge.weight());
    times.insert("solve all", median(runs.min(5), || drop(black_box(dijkstra(None)))));
    let dominators = || drop(black_box(petgraph::algo::dominators::simple_fast(&graph, node(0))));
    times.insert("dominators", median(runs.min(5), dominators));
    let target = node(layered.targets[0]);
    // lengths of walks only, which is easier than loopless paths
    let lengths = |k| petgraph::algo::k_shortest_path(&graph, node(0), Some(target), k, |edge| *edge.weight());
    times.insert("k = 10 paths, target prepared", median(3, || drop(black_box(lengths(K)))));
    times
}
