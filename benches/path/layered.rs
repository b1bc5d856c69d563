//! Layered cloud graphs: entries lead to identities, identities to roles and machines, these to data; most edges go one
//! layer down, some skip one, some stay or go back, and a few nodes of each layer are popular.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use aispm_core::path::graph::{Builder, Hypergraph};

const LAYERS: u32 = 12;
/// Edges out of the entry.
const ENTRIES: u32 = 100;

/// A generated graph; node 0 is the entry.
pub(crate) struct Layered {
    pub(crate) nodes: u32,
    /// From, to, and twice the cost, ordered by from.
    pub(crate) edges: Vec<(u32, u32, u8)>,
    /// Ten nodes of the last layer that the entry reaches in more than one way.
    pub(crate) targets: Vec<u32>,
    /// Nodes all over the graph that reach the first target.
    pub(crate) sources: Vec<u32>,
}

/// A small generator of its own, so that the graphs are the same on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u32) -> u32 {
        u32::try_from(self.next() % u64::from(n.max(1))).unwrap_or(0)
    }
}

impl Layered {
    pub(crate) fn new(nodes: u32, edges: usize, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let size = (nodes - 1) / LAYERS;
        let node = |layer: u32, n: u32| 1 + layer * size + n.min(size - 1);
        let mut made: Vec<(u32, u32, u8)> = (0..ENTRIES).map(|_| (0, node(0, dice.below(size)), 2)).collect();
        while made.len() < edges {
            let layer = dice.below(LAYERS);
            let to = match dice.below(100) {
                0..70 => layer + 1,
                70..85 => layer + 2,
                85..95 => layer,
                _ => layer.saturating_sub(1),
            };
            if to >= LAYERS {
                continue;
            }
            // one in five goes to a popular node
            let n = if dice.below(5) == 0 { dice.below(size / 50 + 1) } else { dice.below(size) };
            let (from, to) = (node(layer, dice.below(size)), node(to, n));
            if from != to {
                made.push((from, to, u8::try_from(2 + dice.below(5)).unwrap_or(2)));
            }
        }
        made.sort_unstable();
        made.dedup_by_key(|(from, to, _)| (*from, *to));
        let mut graph = Self { nodes, edges: made, targets: Vec::new(), sources: Vec::new() };
        graph.choose(&mut dice, node(LAYERS - 1, 0), size);
        graph
    }

    fn choose(&mut self, dice: &mut Dice, last: u32, size: u32) {
        let graph = self.plain();
        let mut forward = aispm_core::path::graph::Forward::new();
        forward.run(&graph, &[0], |_| false);
        while self.targets.len() < 10 {
            let target = last + dice.below(size);
            let ways = graph.yielding(target).iter().filter(|i| forward.holds(graph.premises(**i)[0])).count();
            if ways > 3 && !self.targets.contains(&target) {
                self.targets.push(target);
            }
        }
        let prepared = aispm_core::path::graph::Potentials::new(&graph, self.targets[0]);
        while self.sources.len() < 200 {
            let source = dice.below(self.nodes);
            if prepared.cost(source).is_finite() && source != self.targets[0] {
                self.sources.push(source);
            }
        }
    }

    pub(crate) fn plain(&self) -> Hypergraph {
        let mut builder = Builder::with_facts(self.nodes);
        for (from, to, cost) in &self.edges {
            builder.instance(&[*from], *to, f32::from(*cost) / 2.0).expect("nodes and costs are right");
        }
        builder.freeze()
    }

    /// The same where every eighth instance needs, besides, what another edge into the same node starts from.
    pub(crate) fn and_or(&self) -> Hypergraph {
        let mut builder = Builder::with_facts(self.nodes);
        let mut last = vec![u32::MAX; self.nodes as usize];
        for (n, (from, to, cost)) in self.edges.iter().enumerate() {
            let other = std::mem::replace(&mut last[*to as usize], *from);
            let premises = if n % 8 == 0 && other != u32::MAX { vec![other, *from] } else { vec![*from] };
            builder.instance(&premises, *to, f32::from(*cost) / 2.0).expect("nodes and costs are right");
        }
        builder.freeze()
    }

    /// What removing a node weighs.
    pub(crate) fn weight(node: u32) -> u32 {
        1 + node % 4
    }

    /// For other programs: nodes, targets and sources in the first three lines, then the edges.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(std::fs::File::create(path)?);
        let words = |list: &[u32]| list.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        writeln!(out, "{}\n{}\n{}", self.nodes, words(&self.targets), words(&self.sources))?;
        for (from, to, cost) in &self.edges {
            writeln!(out, "{from} {to} {}", f32::from(*cost) / 2.0)?;
        }
        out.flush()
    }
}
