//! Maximum flow through a hypergraph read as a graph, and the cut that it leaves.

use super::hypergraph::{FactId, Hypergraph, InstanceId, NONE, at};

/// What a fact or instance that cannot be removed carries.
pub(super) const ENDLESS: u32 = u32::MAX;

/// Where a search started; below it are instances, above it is [`NONE`].
const START: InstanceId = NONE - 1;

/// The hypergraph as a network: a fact is an arc from its entry to its exit, an instance an arc from a premise's exit to
/// the conclusion's entry.
pub(super) trait Net {
    fn graph(&self) -> &Hypergraph;
    /// How much a fact carries; 0: it is not there.
    fn fact(&self, fact: FactId) -> u32;
    /// How much an instance carries.
    fn instance(&self, instance: InstanceId) -> u32;
    /// The one premise of an instance that counts; `None` leaves the instance out.
    fn premise(&self, instance: InstanceId) -> Option<FactId>;
}

/// What a run ended with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// The greatest flow, and the saturated nodes that stop it.
    Cut { value: u64, facts: Vec<FactId>, instances: Vec<InstanceId> },
    /// Something that cannot be removed leads from a source to a target.
    Endless,
    /// The work ended; the flow so far, not above the greatest.
    Unfinished { value: u64 },
}

/// Augmenting paths, searched from both ends at once and from the smaller side first, over the hypergraph's own
/// adjacency. The last search ends when either side has nothing left, so that a cut near one end costs only what lies
/// between that end and the cut.
#[derive(Debug, Default)]
pub(super) struct Flows {
    carried: Carried,
    from: Side,
    to: Side,
    cursors: Cursors,
    /// Where the last searches met.
    met: Vec<u32>,
    epoch: u32,
    pub(super) work: u64,
}

/// Which of the instances that yield a fact were tried.
#[derive(Debug, Default)]
struct Cursors {
    tried: Vec<u32>,
    touched: Vec<FactId>,
}

/// The flow by fact and by instance.
#[derive(Debug, Default)]
struct Carried {
    facts: Vec<u32>,
    instances: Vec<u32>,
    /// Which are not zero; facts, then instances.
    touched: [Vec<u32>; 2],
}

/// A search from one end.
#[derive(Debug, Default)]
struct Side {
    /// By entry and exit of each fact: the epoch in which it was seen, and the instance it was seen by.
    seen: Vec<(u32, InstanceId)>,
    /// What was seen, nearest first.
    order: Vec<u32>,
    /// Where those start whose neighbours were not seen yet.
    open: usize,
}

/// How a search ended.
enum Met {
    At,
    NeverFromSources,
    NeverFromTargets,
    Unknown,
}

fn entry(fact: FactId) -> u32 {
    fact.wrapping_mul(2)
}

fn exit(fact: FactId) -> u32 {
    entry(fact).wrapping_add(1)
}

fn is_entry(state: u32) -> bool {
    state.is_multiple_of(2)
}

impl Flows {
    /// The net must let sources and targets carry without end. Weights must be below 2³¹: flows are counted in 32 bits,
    /// and a greater value ends the run unfinished.
    pub(super) fn run(
        &mut self,
        net: &impl Net,
        sources: &[FactId],
        targets: &[FactId],
        ranks: &[u32],
        work: u64,
    ) -> Flow {
        // entries and exits are numbered in 32 bits
        if net.graph().facts() > u32::MAX / 2 || sources.iter().any(|source| targets.contains(source)) {
            return Flow::Endless;
        }
        self.carried.start(net.graph());
        let end = self.work.saturating_add(work);
        let Some(mut value) = self.descend(net, sources, targets, ranks, end) else { return Flow::Endless };
        loop {
            if value > u64::from(u32::MAX / 2) {
                return Flow::Unfinished { value };
            }
            match self.search(net, sources, targets, end) {
                Met::At => {
                    // what the searches met first is free; further meetings are taken where the way is still open
                    let met = std::mem::take(&mut self.met);
                    for state in &met {
                        match self.augment(net, *state) {
                            ENDLESS => return Flow::Endless,
                            more => value += u64::from(more),
                        }
                    }
                    self.met = met;
                }
                Met::Unknown => return Flow::Unfinished { value },
                Met::NeverFromSources => {
                    let (facts, instances) = self.behind_sources(net);
                    return Flow::Cut { value, facts, instances };
                }
                Met::NeverFromTargets => {
                    let (facts, instances) = self.before_targets(net);
                    return Flow::Cut { value, facts, instances };
                }
            }
        }
    }

    /// A blocking flow from the targets back along falling ranks (those of chaining from the sources, which have rank
    /// below all that follows), each arc looked at once: most of the flow at little cost. `None` if it is endless.
    fn descend(
        &mut self,
        net: &impl Net,
        sources: &[FactId],
        targets: &[FactId],
        ranks: &[u32],
        end: u64,
    ) -> Option<u64> {
        let rank = |fact: FactId| ranks.get(at(fact)).copied().unwrap_or(NONE);
        self.cursors.start(net.graph());
        let mut value = 0_u64;
        for target in targets {
            // the way back so far: facts, and the instances between them
            let mut way: Vec<(FactId, InstanceId)> = Vec::new();
            let mut fact = *target;
            while self.work <= end && value <= u64::from(u32::MAX / 2) {
                if sources.contains(&fact) {
                    let arcs = arcs(&way, net);
                    let room = arcs.iter().map(|arc| self.carried.room(net, arc)).min().unwrap_or(ENDLESS);
                    if room == ENDLESS {
                        return None;
                    }
                    arcs.iter().for_each(|arc| self.carried.send(arc, room));
                    value += u64::from(room);
                    way.clear();
                    fact = *target;
                    continue;
                }
                let yielding = net.graph().yielding(fact);
                let next = yielding.get(at(self.cursors.at(fact))).map(|instance| (*instance, net.premise(*instance)));
                self.work += 1;
                match next {
                    Some((instance, Some(premise)))
                        if rank(premise) < rank(fact)
                            && self.carried.instance(instance) < net.instance(instance)
                            && self.carried.fact(premise) < net.fact(premise) =>
                    {
                        way.push((fact, instance));
                        fact = premise;
                    }
                    Some(_) => self.cursors.advance(fact),
                    None => {
                        // nothing more comes from here
                        let Some((above, _)) = way.pop() else { break };
                        self.cursors.advance(above);
                        fact = above;
                    }
                }
            }
        }
        Some(value)
    }

    /// Whether no target is reached from any source through what carries anything.
    pub(super) fn is_apart(&mut self, net: &impl Net, sources: &[FactId], targets: &[FactId]) -> bool {
        self.carried.start(net.graph());
        matches!(self.search(net, sources, targets, u64::MAX), Met::NeverFromSources | Met::NeverFromTargets)
    }

    /// One search from both ends.
    fn search(&mut self, net: &impl Net, sources: &[FactId], targets: &[FactId], end: u64) -> Met {
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.from.seen.clear();
            self.to.seen.clear();
            self.epoch = 1;
        }
        self.from.start(net.graph(), sources.iter().map(|source| exit(*source)), self.epoch);
        self.to.start(net.graph(), targets.iter().map(|target| entry(*target)), self.epoch);
        loop {
            let from_sources = self.from.open() <= self.to.open();
            self.met.clear();
            if from_sources {
                if self.from.open() == 0 {
                    return Met::NeverFromSources;
                }
                self.from.step::<true>(&self.to, &self.carried, net, self.epoch, &mut self.work, &mut self.met);
            } else {
                if self.to.open() == 0 {
                    return Met::NeverFromTargets;
                }
                self.to.step::<false>(&self.from, &self.carried, net, self.epoch, &mut self.work, &mut self.met);
            }
            if !self.met.is_empty() {
                return Met::At;
            }
            if self.work > end {
                return Met::Unknown;
            }
        }
    }

    /// Sends what fits through the way on which a state was met; 0 if an earlier one took it, or if it crosses itself;
    /// [`ENDLESS`] if nothing on it can be removed.
    fn augment(&mut self, net: &impl Net, middle: u32) -> u32 {
        let mut arcs: Vec<Arc> = Vec::new();
        let mut state = middle;
        while let Some(arc) = self.from.arc_before(state, net) {
            state = arc.from;
            arcs.push(arc);
        }
        state = middle;
        while let Some(arc) = self.to.arc_after(state, net) {
            state = arc.to;
            arcs.push(arc);
        }
        let room = arcs.iter().map(|arc| self.carried.room(net, arc)).min().unwrap_or(ENDLESS);
        let mut ends: Vec<u32> = arcs.iter().map(|arc| arc.to).collect();
        ends.sort_unstable();
        if ends.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            return 0;
        }
        if room != ENDLESS && room > 0 {
            arcs.iter().for_each(|arc| self.carried.send(arc, room));
        }
        room
    }

    /// The saturated arcs that lead out of what the sources still reach.
    fn behind_sources(&self, net: &impl Net) -> (Vec<FactId>, Vec<InstanceId>) {
        let (mut facts, mut instances) = (Vec::new(), Vec::new());
        for state in self.from.order.iter().copied() {
            let fact = state / 2;
            if is_entry(state) {
                if !self.from.saw(exit(fact), self.epoch) && self.carried.fact(fact) > 0 {
                    facts.push(fact);
                }
                continue;
            }
            for instance in net.graph().uses(fact) {
                let leads_out = !self.from.saw(entry(net.graph().conclusion(instance)), self.epoch);
                if leads_out && net.premise(instance) == Some(fact) && self.carried.instance(instance) > 0 {
                    instances.push(instance);
                }
            }
        }
        (facts, instances)
    }

    /// The saturated arcs that lead into what still reaches the targets.
    fn before_targets(&self, net: &impl Net) -> (Vec<FactId>, Vec<InstanceId>) {
        let (mut facts, mut instances) = (Vec::new(), Vec::new());
        for state in self.to.order.iter().copied() {
            let fact = state / 2;
            if !is_entry(state) {
                if !self.to.saw(entry(fact), self.epoch) && self.carried.fact(fact) > 0 {
                    facts.push(fact);
                }
                continue;
            }
            for instance in net.graph().yielding(fact) {
                let Some(premise) = net.premise(*instance) else { continue };
                if !self.to.saw(exit(premise), self.epoch) && self.carried.instance(*instance) > 0 {
                    instances.push(*instance);
                }
            }
        }
        (facts, instances)
    }
}

/// An arc of a path: inside a fact or through an instance, along it or against its flow.
struct Arc {
    from: u32,
    to: u32,
    /// [`NONE`] inside a fact.
    instance: InstanceId,
    along: bool,
}

/// A way back from a target, as facts with the instances that yield them, as arcs.
fn arcs(way: &[(FactId, InstanceId)], net: &impl Net) -> Vec<Arc> {
    let mut arcs = Vec::with_capacity(way.len() * 2);
    for (n, (fact, instance)) in way.iter().enumerate() {
        if n > 0 {
            arcs.push(Arc { from: entry(*fact), to: exit(*fact), instance: NONE, along: true });
        }
        let from = net.premise(*instance).map_or(NONE, exit);
        arcs.push(Arc { from, to: entry(*fact), instance: *instance, along: true });
    }
    arcs
}

impl Cursors {
    fn start(&mut self, graph: &Hypergraph) {
        for fact in self.touched.drain(..) {
            if let Some(tried) = self.tried.get_mut(at(fact)) {
                *tried = 0;
            }
        }
        self.tried.resize(at(graph.facts()), 0);
    }

    fn at(&self, fact: FactId) -> u32 {
        self.tried.get(at(fact)).copied().unwrap_or(0)
    }

    fn advance(&mut self, fact: FactId) {
        if let Some(tried) = self.tried.get_mut(at(fact)) {
            *tried += 1;
            self.touched.push(fact);
        }
    }
}

impl Carried {
    fn start(&mut self, graph: &Hypergraph) {
        let [facts, instances] = &mut self.touched;
        for (flows, touched) in [(&mut self.facts, facts), (&mut self.instances, instances)] {
            for id in touched.drain(..) {
                if let Some(flow) = flows.get_mut(at(id)) {
                    *flow = 0;
                }
            }
        }
        self.facts.resize(at(graph.facts()), 0);
        self.instances.resize(at(graph.instances()), 0);
    }

    fn fact(&self, fact: FactId) -> u32 {
        self.facts.get(at(fact)).copied().unwrap_or(0)
    }

    fn instance(&self, instance: InstanceId) -> u32 {
        self.instances.get(at(instance)).copied().unwrap_or(0)
    }

    /// How much more fits through an arc.
    fn room(&self, net: &impl Net, arc: &Arc) -> u32 {
        let (carries, flow) = match arc.instance {
            NONE => (net.fact(arc.from / 2), self.fact(arc.from / 2)),
            instance => (net.instance(instance), self.instance(instance)),
        };
        match (arc.along, carries) {
            (true, ENDLESS) => ENDLESS,
            (true, carries) => carries.saturating_sub(flow),
            (false, _) => flow,
        }
    }

    fn send(&mut self, arc: &Arc, amount: u32) {
        let [facts, instances] = &mut self.touched;
        let (flows, touched, id) = match arc.instance {
            NONE => (&mut self.facts, facts, arc.from / 2),
            instance => (&mut self.instances, instances, instance),
        };
        let Some(flow) = flows.get_mut(at(id)) else { return };
        if *flow == 0 {
            touched.push(id);
        }
        // what has no end may carry more than is counted; it is never cut
        *flow = if arc.along { flow.saturating_add(amount) } else { flow.saturating_sub(amount) };
    }
}

impl Side {
    fn start(&mut self, graph: &Hypergraph, states: impl Iterator<Item = u32>, epoch: u32) {
        self.seen.resize(at(graph.facts()) * 2, (0, NONE));
        self.order.clear();
        self.open = 0;
        for state in states {
            self.reach(state, START, epoch);
        }
    }

    fn open(&self) -> usize {
        self.order.len() - self.open
    }

    fn saw(&self, state: u32, epoch: u32) -> bool {
        self.seen.get(at(state)).is_some_and(|seen| seen.0 == epoch)
    }

    fn reach(&mut self, state: u32, via: InstanceId, epoch: u32) -> bool {
        match self.seen.get_mut(at(state)) {
            Some(seen) if seen.0 != epoch => {
                *seen = (epoch, via);
                self.order.push(state);
                true
            }
            _ => false,
        }
    }

    /// Sees the neighbours of all that is open, and notes those that the other side has seen. From the sources arcs are
    /// followed, from the targets they are followed back.
    fn step<const FROM_SOURCES: bool>(
        &mut self,
        other: &Side,
        carried: &Carried,
        net: &impl Net,
        epoch: u32,
        work: &mut u64,
        met: &mut Vec<u32>,
    ) {
        let end = self.order.len();
        let mut reach = |side: &mut Self, state: u32, via: InstanceId| {
            if side.reach(state, via, epoch) && other.saw(state, epoch) {
                met.push(state);
            }
        };
        for place in self.open..end {
            let Some(state) = self.order.get(place).copied() else { break };
            let fact = state / 2;
            *work += 1;
            // across the fact, along it or against its flow
            let along = is_entry(state) == FROM_SOURCES;
            if if along { carried.fact(fact) < net.fact(fact) } else { carried.fact(fact) > 0 } {
                reach(self, state ^ 1, NONE);
            }
            if is_entry(state) {
                for instance in net.graph().yielding(fact) {
                    *work += 1;
                    let flow = carried.instance(*instance);
                    let open = if FROM_SOURCES { flow > 0 } else { flow < net.instance(*instance) };
                    if let Some(premise) = net.premise(*instance).filter(|_| open) {
                        reach(self, exit(premise), *instance);
                    }
                }
            } else {
                for instance in net.graph().uses(fact) {
                    *work += 1;
                    let flow = carried.instance(instance);
                    let open = if FROM_SOURCES { flow < net.instance(instance) } else { flow > 0 };
                    if open && net.premise(instance) == Some(fact) {
                        reach(self, entry(net.graph().conclusion(instance)), instance);
                    }
                }
            }
        }
        self.open = end;
    }

    /// How a search from the sources came to a state; `None` where it started.
    fn arc_before(&self, state: u32, net: &impl Net) -> Option<Arc> {
        let (_, instance) = *self.seen.get(at(state))?;
        match (instance, is_entry(state)) {
            (START, _) => None,
            (NONE, entry) => Some(Arc { from: state ^ 1, to: state, instance, along: !entry }),
            (_, true) => Some(Arc { from: exit(net.premise(instance)?), to: state, instance, along: true }),
            (_, false) => {
                Some(Arc { from: entry(net.graph().conclusion(instance)), to: state, instance, along: false })
            }
        }
    }

    /// How a search from the targets goes on from a state.
    fn arc_after(&self, state: u32, net: &impl Net) -> Option<Arc> {
        let (_, instance) = *self.seen.get(at(state))?;
        match (instance, is_entry(state)) {
            (START, _) => None,
            (NONE, entry) => Some(Arc { from: state, to: state ^ 1, instance, along: entry }),
            (_, true) => Some(Arc { from: state, to: exit(net.premise(instance)?), instance, along: false }),
            (_, false) => Some(Arc { from: state, to: entry(net.graph().conclusion(instance)), instance, along: true }),
        }
    }
}
