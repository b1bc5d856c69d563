//! Costs that are kept up to date while the graph changes.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use super::best::Derivation;
use super::hypergraph::{FactId, Hypergraph, InstanceId, at, number};
use crate::{Error, ErrorKind, Result};

/// The best derivations of all facts while facts and instances come and go.
///
/// A change re-solves only what depends on it: Ramalingam and Reps' algorithm for Knuth's problem (1996). With c facts
/// whose cost changes it takes O(u + c log c), where u counts the premises of the instances that need a changed fact,
/// and of those that yield one whose best reason is gone; [`Incremental::work`] counts them. The result is the same as from scratch, whatever the history:
/// costs are unique, and of several instances as good, the one with the least number is named.
///
/// Costs are ordered by their sum, and then by the height of the derivation, so that instances that cost nothing cannot
/// hold each other up in a circle. Sums are exact as long as `f64` adds the given costs without rounding (whole numbers,
/// halves, quarters); otherwise two ways that differ in the last digit may stand in either order.
///
/// Instances are numbered as in the frozen graph; new ones follow.
///
/// ```
/// use aispm_core::path::graph::{Builder, Incremental};
///
/// # fn main() -> aispm_core::Result<()> {
/// let mut builder = Builder::with_facts(3);
/// builder.instance(&[0], 1, 1.0)?;
/// builder.instance(&[1], 2, 1.0)?;
/// let graph = builder.freeze();
/// let mut live = Incremental::new(&graph);
/// live.give(0)?;
/// assert_eq!(live.cost(2), Some(2.0));
/// live.remove(1)?;
/// assert_eq!(live.cost(2), None);
/// let other = live.add(&[0, 1], 2, 0.5)?;
/// assert_eq!((live.cost(2), live.via(2)), (Some(1.5), Some(other)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Incremental<'g> {
    graph: &'g Hypergraph,
    removed: Vec<bool>,
    /// Beyond the frozen graph.
    added: Vec<Added>,
    added_uses: HashMap<FactId, Vec<InstanceId>>,
    added_yielding: HashMap<FactId, Vec<InstanceId>>,
    given: Vec<bool>,
    forbidden: Vec<bool>,
    values: Vec<Value>,
    /// What each fact's value should be, where it is in `open`.
    wanted: HashMap<FactId, Value>,
    open: BTreeSet<(Value, FactId)>,
    work: u64,
}

#[derive(Debug, Clone)]
struct Added {
    premises: Vec<FactId>,
    conclusion: FactId,
    cost: f64,
}

/// Cost and height of a best derivation.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Value(f64, u32);

const UNKNOWN: Value = Value(f64::INFINITY, u32::MAX);

impl Eq for Value {}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'g> Incremental<'g> {
    /// Nothing is given yet, so nothing holds.
    #[must_use]
    pub fn new(graph: &'g Hypergraph) -> Self {
        let facts = at(graph.facts());
        Self {
            graph,
            removed: vec![false; at(graph.instances())],
            added: Vec::new(),
            added_uses: HashMap::new(),
            added_yielding: HashMap::new(),
            given: vec![false; facts],
            forbidden: vec![false; facts],
            values: vec![UNKNOWN; facts],
            wanted: HashMap::new(),
            open: BTreeSet::new(),
            work: 0,
        }
    }

    /// A new fact.
    ///
    /// # Errors
    /// `Budget` when the numbers have run out.
    pub fn fact(&mut self) -> Result<FactId> {
        let id = number(self.values.len());
        if id >= u32::MAX - 1 {
            return Err(Error::new(ErrorKind::Budget, "more facts than 32 bits can number"));
        }
        self.values.push(UNKNOWN);
        self.given.push(false);
        self.forbidden.push(false);
        Ok(id)
    }

    /// A new instance.
    ///
    /// # Errors
    /// As [`Builder::instance`](super::Builder::instance).
    pub fn add(&mut self, premises: &[FactId], conclusion: FactId, cost: f32) -> Result<InstanceId> {
        let usage = |message: &str| Err(Error::new(ErrorKind::Usage, message));
        if premises.is_empty() {
            return usage("an instance needs a premise");
        }
        if premises.iter().chain([&conclusion]).any(|fact| at(*fact) >= self.values.len()) {
            return usage("an instance names a fact that does not exist");
        }
        if !(cost >= 0.0 && cost.is_finite()) {
            return usage("a cost must be a number that is not negative");
        }
        let id = number(self.removed.len());
        if id >= u32::MAX - 1 {
            return Err(Error::new(ErrorKind::Budget, "more instances than 32 bits can number"));
        }
        let premises: Vec<FactId> = premises.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        for premise in &premises {
            self.added_uses.entry(*premise).or_default().push(id);
        }
        self.added_yielding.entry(conclusion).or_default().push(id);
        self.added.push(Added { premises, conclusion, cost: f64::from(cost.abs()) });
        self.removed.push(false);
        self.settle(conclusion);
        Ok(id)
    }

    /// Takes an instance away. Doing so twice changes nothing.
    ///
    /// # Errors
    /// `Usage` for an instance that does not exist.
    pub fn remove(&mut self, instance: InstanceId) -> Result<()> {
        self.mark(instance, true)
    }

    /// Puts an instance back.
    ///
    /// # Errors
    /// `Usage` for an instance that does not exist.
    pub fn restore(&mut self, instance: InstanceId) -> Result<()> {
        self.mark(instance, false)
    }

    fn mark(&mut self, instance: InstanceId, gone: bool) -> Result<()> {
        let Some(removed) = self.removed.get_mut(at(instance)) else {
            return Err(Error::new(ErrorKind::Usage, format!("there is no instance {instance}")));
        };
        *removed = gone;
        self.settle(self.parts(instance).1);
        Ok(())
    }

    /// Makes a fact hold by itself, at no cost.
    ///
    /// # Errors
    /// `Usage` for a fact that does not exist.
    pub fn give(&mut self, fact: FactId) -> Result<()> {
        set(&mut self.given, fact, true)?;
        self.settle(fact);
        Ok(())
    }

    /// No longer gives a fact; it may still follow from others.
    ///
    /// # Errors
    /// `Usage` for a fact that does not exist.
    pub fn withdraw(&mut self, fact: FactId) -> Result<()> {
        set(&mut self.given, fact, false)?;
        self.settle(fact);
        Ok(())
    }

    /// Makes a fact impossible, whatever yields it.
    ///
    /// # Errors
    /// `Usage` for a fact that does not exist.
    pub fn forbid(&mut self, fact: FactId) -> Result<()> {
        set(&mut self.forbidden, fact, true)?;
        self.settle(fact);
        Ok(())
    }

    /// Makes a fact possible again.
    ///
    /// # Errors
    /// `Usage` for a fact that does not exist.
    pub fn allow(&mut self, fact: FactId) -> Result<()> {
        set(&mut self.forbidden, fact, false)?;
        self.settle(fact);
        Ok(())
    }

    /// The cost of a fact, if it holds.
    #[must_use]
    pub fn cost(&self, fact: FactId) -> Option<f64> {
        Some(self.value(fact)).filter(|value| *value != UNKNOWN).map(|value| value.0)
    }

    /// The instance that yields a fact best, the least of several; `None` for what is given or does not hold.
    #[must_use]
    pub fn via(&self, fact: FactId) -> Option<InstanceId> {
        let value = self.value(fact);
        if value == UNKNOWN || self.given.get(at(fact)) == Some(&true) {
            return None;
        }
        self.yielding(fact).filter(|instance| self.result(*instance) == value).min()
    }

    /// The best derivation of a fact, if it holds.
    #[must_use]
    pub fn derivation(&self, fact: FactId) -> Option<Derivation> {
        let cost = self.cost(fact)?;
        let mut seen = BTreeSet::new();
        let mut todo = vec![fact];
        while let Some(fact) = todo.pop() {
            // premises are cheaper than what they yield or, at the same cost, less high
            if let Some(via) = self.via(fact)
                && seen.insert((self.value(fact), fact, via))
            {
                todo.extend(self.parts(via).0);
            }
        }
        Some(Derivation::new(cost, seen.into_iter().map(|(_, fact, via)| (fact, via)).collect()))
    }

    /// Premises looked at since the start.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.work
    }

    fn value(&self, fact: FactId) -> Value {
        self.values.get(at(fact)).copied().unwrap_or(UNKNOWN)
    }

    /// Premises, conclusion and cost.
    fn parts(&self, instance: InstanceId) -> (&[FactId], FactId, f64) {
        match self.added.get(at(instance).wrapping_sub(at(self.graph.instances()))) {
            Some(added) => (&added.premises, added.conclusion, added.cost),
            None => (self.graph.premises(instance), self.graph.conclusion(instance), self.graph.cost(instance)),
        }
    }

    fn yielding(&self, fact: FactId) -> impl Iterator<Item = InstanceId> + '_ {
        let added = self.added_yielding.get(&fact).map_or(&[][..], Vec::as_slice);
        self.graph.yielding(fact).iter().chain(added).copied()
    }

    /// What an instance would make of its conclusion.
    fn result(&self, instance: InstanceId) -> Value {
        if self.removed.get(at(instance)) != Some(&false) {
            return UNKNOWN;
        }
        let (premises, _, mut sum) = self.parts(instance);
        let mut height = 0;
        for premise in premises {
            let value = self.value(*premise);
            sum += value.0;
            height = height.max(value.1);
        }
        if sum.is_finite() { Value(sum, height.saturating_add(1)) } else { UNKNOWN }
    }

    /// What a fact's value should be.
    fn wish(&mut self, fact: FactId) -> Value {
        if self.forbidden.get(at(fact)) == Some(&true) {
            return UNKNOWN;
        }
        if self.given.get(at(fact)) == Some(&true) {
            return Value(0.0, 0);
        }
        let mut work = 0;
        let mut best = UNKNOWN;
        for instance in self.yielding(fact) {
            work += self.parts(instance).0.len();
            best = best.min(self.result(instance));
        }
        self.work += u64::try_from(work).unwrap_or(u64::MAX);
        best
    }

    /// Notes what value a fact should have.
    fn want(&mut self, fact: FactId, wish: Value) {
        let value = self.value(fact);
        if let Some(before) = self.wanted.remove(&fact) {
            self.open.remove(&(before.min(value), fact));
        }
        if wish != value {
            self.wanted.insert(fact, wish);
            self.open.insert((wish.min(value), fact));
        }
    }

    /// Re-solves what depends on a fact whose reasons have changed.
    fn settle(&mut self, changed: FactId) {
        let wish = self.wish(changed);
        self.want(changed, wish);
        while let Some((_, fact)) = self.open.pop_first() {
            let Some(wish) = self.wanted.remove(&fact) else { continue };
            let value = self.value(fact);
            let added = self.added_uses.get(&fact).map_or(&[][..], Vec::as_slice);
            let users: Vec<InstanceId> = self.graph.uses(fact).chain(added.iter().copied()).collect();
            // too high: the wish is final. Too low: it is forgotten, and what rested on it looks for other reasons
            let lower = wish < value;
            let shaken: Vec<FactId> = match lower {
                true => Vec::new(),
                false => users.iter().filter_map(|user| self.rests_on(*user)).chain([fact]).collect(),
            };
            if let Some(place) = self.values.get_mut(at(fact)) {
                *place = if lower { wish } else { UNKNOWN };
            }
            for fact in shaken {
                let wish = self.wish(fact);
                self.want(fact, wish);
            }
            for user in users.into_iter().filter(|_| lower) {
                let (premises, conclusion, _) = self.parts(user);
                self.work += u64::try_from(premises.len()).unwrap_or(u64::MAX);
                let result = self.result(user);
                if result < self.wished(conclusion) && self.forbidden.get(at(conclusion)) != Some(&true) {
                    self.want(conclusion, result);
                }
            }
        }
    }

    /// What a fact's value is or is about to be.
    fn wished(&self, fact: FactId) -> Value {
        self.wanted.get(&fact).copied().unwrap_or_else(|| self.value(fact))
    }

    /// The conclusion of an instance, if it has no better reason.
    fn rests_on(&mut self, instance: InstanceId) -> Option<FactId> {
        let (premises, conclusion, _) = self.parts(instance);
        self.work += u64::try_from(premises.len()).unwrap_or(u64::MAX);
        (self.result(instance) <= self.wished(conclusion)).then_some(conclusion)
    }
}

fn set(flags: &mut [bool], fact: FactId, to: bool) -> Result<()> {
    match flags.get_mut(at(fact)) {
        Some(flag) => {
            *flag = to;
            Ok(())
        }
        None => Err(Error::new(ErrorKind::Usage, format!("there is no fact {fact}"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{FACTS, Rules, graph, least, rules};
    use super::super::{Best, Builder};
    use super::*;

    #[derive(Debug, Clone)]
    enum Edit {
        Add(Vec<FactId>, FactId, u8),
        Remove(usize),
        Restore(usize),
        Give(FactId),
        Withdraw(FactId),
        Forbid(FactId),
        Allow(FactId),
    }

    fn edits() -> impl Strategy<Value = Vec<Edit>> {
        let premises = proptest::collection::btree_set(0..FACTS, 1..4);
        let edit = prop_oneof![
            3 => (premises, 0..FACTS, 0_u8..6).prop_map(|(p, c, cost)| Edit::Add(p.into_iter().collect(), c, cost)),
            4 => (0_usize..60).prop_map(Edit::Remove),
            2 => (0_usize..60).prop_map(Edit::Restore),
            3 => (0..FACTS).prop_map(Edit::Give),
            1 => (0..FACTS).prop_map(Edit::Withdraw),
            1 => (0..FACTS).prop_map(Edit::Forbid),
            1 => (0..FACTS).prop_map(Edit::Allow),
        ];
        proptest::collection::vec(edit, 0..30)
    }

    fn wide() -> impl Strategy<Value = Rules> {
        rules(40)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]
        #[test]
        fn any_history_ends_as_from_scratch(rules in wide(), edits in edits()) {
            let frozen = graph(&rules);
            let mut live = Incremental::new(&frozen);
            // the model: every instance in the order of its number, with whether it is there
            let mut all: Vec<(Vec<FactId>, FactId, f32, bool)> = (0..frozen.instances())
                .map(|id| (frozen.premises(id).to_vec(), frozen.conclusion(id), frozen.cost(id) as f32, true))
                .collect();
            let (mut given, mut forbidden) = (BTreeSet::new(), BTreeSet::new());
            live.give(0).unwrap();
            given.insert(0);
            for edit in edits {
                match edit {
                    Edit::Add(premises, conclusion, cost) => {
                        let id = live.add(&premises, conclusion, f32::from(cost)).unwrap();
                        prop_assert_eq!(id as usize, all.len());
                        all.push((premises, conclusion, f32::from(cost), true));
                    }
                    Edit::Remove(n) | Edit::Restore(n) if n >= all.len() => {
                        prop_assert!(live.remove(n as u32).is_err());
                    }
                    Edit::Remove(n) => {
                        live.remove(n as u32).unwrap();
                        all[n].3 = false;
                    }
                    Edit::Restore(n) => {
                        live.restore(n as u32).unwrap();
                        all[n].3 = true;
                    }
                    Edit::Give(fact) => {
                        live.give(fact).unwrap();
                        given.insert(fact);
                    }
                    Edit::Withdraw(fact) => {
                        live.withdraw(fact).unwrap();
                        given.remove(&fact);
                    }
                    Edit::Forbid(fact) => {
                        live.forbid(fact).unwrap();
                        forbidden.insert(fact);
                    }
                    Edit::Allow(fact) => {
                        live.allow(fact).unwrap();
                        forbidden.remove(&fact);
                    }
                }
                let mut builder = Builder::with_facts(FACTS);
                for (premises, conclusion, cost, there) in &all {
                    let possible = premises.iter().chain([conclusion]).all(|fact| !forbidden.contains(fact));
                    if *there && possible {
                        builder.instance(premises, *conclusion, *cost).unwrap();
                    }
                }
                let sources: Vec<FactId> = given.difference(&forbidden).copied().collect();
                let costs = least(&builder.freeze(), &sources);
                for fact in 0..FACTS {
                    let cost = costs[fact as usize];
                    prop_assert_eq!(live.cost(fact), cost.is_finite().then_some(cost));
                    let derivation = live.derivation(fact);
                    prop_assert_eq!(derivation.is_some(), cost.is_finite());
                    let mut known: BTreeSet<FactId> = sources.iter().copied().collect();
                    for step in derivation.iter().flat_map(|derivation| derivation.steps()) {
                        let (premises, conclusion, _, there) = &all[*step as usize];
                        prop_assert!(*there && premises.iter().all(|premise| known.contains(premise)));
                        known.insert(*conclusion);
                    }
                    prop_assert!(derivation.is_none() || known.contains(&fact));
                }
            }
        }
    }

    #[test]
    fn a_change_costs_what_depends_on_it() {
        // a long chain, and at its end a fan of short ones
        let (chain, fan) = (1_000, 50);
        let mut builder = Builder::with_facts(chain + fan);
        for fact in 1..chain {
            builder.instance(&[fact - 1], fact, 1.0).unwrap();
        }
        for fact in chain..chain + fan {
            builder.instance(&[chain - 1], fact, 1.0).unwrap();
        }
        let graph = builder.freeze();
        let mut best = Best::new();
        best.run(&graph, &[0], &[], |_| false);
        let mut live = Incremental::new(&graph);
        live.give(0).unwrap();
        let first = live.work();
        assert!(first >= best.work() && first < 3 * best.work(), "{first} at first, {} from scratch", best.work());
        live.remove(chain - 1).unwrap();
        live.add(&[chain / 2], chain - 1, 7.0).unwrap();
        live.restore(chain - 1).unwrap();
        let more = live.work() - first;
        assert!(more < 4 * u64::from(fan), "{more} for three changes near the end");
        live.remove(chain / 2 - 1).unwrap();
        assert_eq!(live.cost(chain), None);
    }

    #[test]
    fn what_costs_nothing_does_not_hold_itself_up() {
        let graph = graph(&vec![(vec![0], 1, 0), (vec![1], 2, 0), (vec![2], 1, 0)]);
        let mut live = Incremental::new(&graph);
        live.give(0).unwrap();
        assert_eq!(live.cost(2), Some(0.0));
        live.withdraw(0).unwrap();
        assert_eq!((live.cost(1), live.cost(2)), (None, None));
        assert!(live.give(99).is_err() && live.forbid(99).is_err() && live.add(&[], 0, 1.0).is_err());
    }
}
