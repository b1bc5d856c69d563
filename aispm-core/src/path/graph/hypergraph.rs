//! The frozen hypergraph and its builder.

use crate::{Error, ErrorKind, Result};

/// Facts are numbered from 0.
pub type FactId = u32;
/// Instances are numbered from 0.
pub type InstanceId = u32;

/// Most facts, instances or premises: the last number stands for "none".
const LIMIT: u32 = u32::MAX - 1;

/// No fact, no instance.
pub(super) const NONE: u32 = u32::MAX;

/// A number as an index.
pub(super) fn at(id: u32) -> usize {
    // lossless on every platform with 32-bit addresses or more; elsewhere an index out of range, which `get` refuses
    usize::try_from(id).unwrap_or(usize::MAX)
}

/// A length as a number; the builder keeps lengths below [`LIMIT`].
pub(super) fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(LIMIT)
}

/// Collects facts and rule instances.
#[derive(Debug, Default, Clone)]
pub struct Builder {
    facts: u32,
    conclusions: Vec<FactId>,
    costs: Vec<f32>,
    starts: Vec<u32>,
    premises: Vec<FactId>,
}

impl Builder {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A builder that knows the facts `0..facts`.
    #[must_use]
    pub fn with_facts(facts: u32) -> Self {
        Self { facts: facts.min(LIMIT), ..Self::default() }
    }

    /// A new fact.
    ///
    /// # Errors
    /// `Budget` when the numbers have run out.
    pub fn fact(&mut self) -> Result<FactId> {
        let id = self.facts;
        if id >= LIMIT {
            return Err(Error::new(ErrorKind::Budget, "more facts than 32 bits can number"));
        }
        self.facts += 1;
        Ok(id)
    }

    /// A new rule instance: `conclusion` holds at this cost once all `premises` hold. Repeated premises count once.
    ///
    /// The number returned is the order of adding; [`Hypergraph::given`] translates.
    ///
    /// # Errors
    /// `Usage` for a fact that does not exist, no premises at all (make the conclusion a source instead) or a cost that
    /// is negative or no number; `Budget` when the numbers have run out.
    pub fn instance(&mut self, premises: &[FactId], conclusion: FactId, cost: f32) -> Result<InstanceId> {
        let usage = |message: &str| Err(Error::new(ErrorKind::Usage, message));
        if premises.is_empty() {
            return usage("an instance needs a premise");
        }
        if premises.iter().chain([&conclusion]).any(|fact| *fact >= self.facts) {
            return usage("an instance names a fact that does not exist");
        }
        if !(cost >= 0.0 && cost.is_finite()) {
            return usage("a cost must be a number that is not negative");
        }
        let room = usize::try_from(LIMIT).unwrap_or(usize::MAX);
        if self.premises.len() + premises.len() > room {
            return Err(Error::new(ErrorKind::Budget, "more premises than 32 bits can number"));
        }
        let start = self.premises.len();
        for premise in premises {
            // most instances have one or two premises
            if !self.premises.get(start..).is_some_and(|new| new.contains(premise)) {
                self.premises.push(*premise);
            }
        }
        self.starts.push(number(start));
        self.conclusions.push(conclusion);
        // no negative zero: bits of costs are compared
        self.costs.push(cost.abs());
        Ok(number(self.conclusions.len() - 1))
    }

    /// Freezes what was collected. Linear.
    #[must_use]
    pub fn freeze(mut self) -> Hypergraph {
        self.starts.push(number(self.premises.len()));
        let facts = at(self.facts);
        let several = |premises: &[FactId]| premises.len() > 1;
        let premises_of = |id: usize| -> &[FactId] {
            let bounds = self.starts.get(id).zip(self.starts.get(id + 1));
            bounds.and_then(|(from, to)| self.premises.get(at(*from)..at(*to))).unwrap_or_default()
        };
        // instances with one premise first, by that premise, so that a fact's are one slice; then the others
        let all = 0..self.conclusions.len();
        let singles = all.clone().filter(|id| !several(premises_of(*id)));
        let singles: Csr = Csr::new(facts, singles.map(|id| (premises_of(id).first().copied().unwrap_or(NONE), id)));
        let wide: Vec<u32> = all.filter(|id| several(premises_of(*id))).map(number).collect();
        let given: Vec<u32> = singles.items.iter().chain(&wide).copied().collect();
        let in_order = given.iter().enumerate().all(|(n, id)| n == at(*id));

        let pick = |id: &u32| self.conclusions.get(at(*id)).copied().unwrap_or(NONE);
        let conclusions: Vec<FactId> = given.iter().map(pick).collect();
        let costs: Vec<f32> = given.iter().map(|id| self.costs.get(at(*id)).copied().unwrap_or(0.0)).collect();
        let only = singles.items.iter().map(|id| premises_of(at(*id)).first().copied().unwrap_or(NONE)).collect();
        let mut wide_starts = vec![0];
        let mut wide_premises = Vec::new();
        for id in &wide {
            wide_premises.extend_from_slice(premises_of(at(*id)));
            wide_starts.push(number(wide_premises.len()));
        }
        let first = number(singles.items.len());
        let needs =
            (first..).zip(&wide).flat_map(|(id, given)| premises_of(at(*given)).iter().map(move |p| (*p, at(id))));
        let needs = if wide.is_empty() { Csr::default() } else { Csr::new(facts, needs) };
        let into = Csr::new(facts, conclusions.iter().enumerate().map(|(id, conclusion)| (*conclusion, id)));
        Hypergraph {
            facts: self.facts,
            singles: singles.starts,
            only,
            conclusions,
            costs,
            wide_starts,
            wide_premises,
            needs,
            into,
            given: if in_order { Vec::new() } else { given },
        }
    }
}

/// Lists of numbers by fact, end to end.
#[derive(Debug, Default, Clone)]
struct Csr {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Csr {
    /// Sorts by fact, stably; linear.
    fn new(facts: usize, pairs: impl Iterator<Item = (FactId, usize)> + Clone) -> Self {
        let mut starts = vec![0_u32; facts + 1];
        for (fact, _) in pairs.clone() {
            if let Some(count) = starts.get_mut(at(fact) + 1) {
                *count += 1;
            }
        }
        let mut total = 0;
        for count in &mut starts {
            total += *count;
            *count = total;
        }
        let mut items = vec![0; at(total)];
        // each start is moved to its end while filling, and the list is then shifted back
        for (fact, item) in pairs {
            if let Some(slot) = starts.get_mut(at(fact)) {
                if let Some(place) = items.get_mut(at(*slot)) {
                    *place = number(item);
                }
                *slot += 1;
            }
        }
        starts.pop();
        starts.insert(0, 0);
        Self { starts, items }
    }

    fn of(&self, fact: FactId) -> &[u32] {
        slice(&self.starts, &self.items, fact)
    }

    fn bytes(&self) -> usize {
        (self.starts.len() + self.items.len()) * size_of::<u32>()
    }
}

fn slice<'a>(starts: &[u32], items: &'a [u32], n: u32) -> &'a [u32] {
    match (starts.get(at(n)), starts.get(at(n) + 1)) {
        (Some(from), Some(to)) => items.get(at(*from)..at(*to)).unwrap_or_default(),
        _ => &[],
    }
}

/// An immutable AND/OR graph: a fact holds if any instance yields it, an instance fires once all its premises hold.
///
/// Forward and reverse adjacency are compressed rows of 32-bit numbers: 16 bytes an instance with one premise and 12
/// bytes a fact; instances with several take 8 bytes more a premise. Costs are stored as `f32` (exact for whole numbers
/// up to 2²⁴ and for halves, quarters and so on) and summed as `f64`.
///
/// Freezing orders the instances: those with one premise first, by premise, then the others, each in the order of
/// adding. The order of adding is kept (4 bytes an instance) only where it differs.
#[derive(Debug, Clone)]
pub struct Hypergraph {
    facts: u32,
    /// Where each fact's instances with this premise alone start; one more at the end.
    singles: Vec<u32>,
    /// Their premise.
    only: Vec<FactId>,
    conclusions: Vec<FactId>,
    costs: Vec<f32>,
    wide_starts: Vec<u32>,
    wide_premises: Vec<FactId>,
    /// The instances with several premises that need a fact.
    needs: Csr,
    /// The instances that yield a fact.
    into: Csr,
    given: Vec<u32>,
}

impl Hypergraph {
    /// How many facts there are.
    #[must_use]
    pub fn facts(&self) -> u32 {
        self.facts
    }

    /// How many instances there are.
    #[must_use]
    pub fn instances(&self) -> u32 {
        number(self.conclusions.len())
    }

    /// Whether every instance has one premise, so that this is a plain directed graph.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.only.len() == self.conclusions.len()
    }

    /// The premises of an instance; none for an unknown number.
    #[must_use]
    pub fn premises(&self, instance: InstanceId) -> &[FactId] {
        let id = at(instance);
        match self.only.get(id) {
            Some(premise) => std::slice::from_ref(premise),
            None => slice(&self.wide_starts, &self.wide_premises, number(id.saturating_sub(self.only.len()))),
        }
    }

    /// What an instance yields; `u32::MAX` for an unknown number.
    #[must_use]
    pub fn conclusion(&self, instance: InstanceId) -> FactId {
        self.conclusions.get(at(instance)).copied().unwrap_or(NONE)
    }

    /// What an instance costs; 0 for an unknown number.
    #[must_use]
    pub fn cost(&self, instance: InstanceId) -> f64 {
        f64::from(self.costs.get(at(instance)).copied().unwrap_or(0.0))
    }

    /// The instances that need a fact.
    pub fn uses(&self, fact: FactId) -> impl Iterator<Item = InstanceId> + '_ {
        self.edges(fact).map(|(id, ..)| id).chain(self.needs(fact).iter().copied())
    }

    /// The instances that yield a fact.
    #[must_use]
    pub fn yielding(&self, fact: FactId) -> &[InstanceId] {
        self.into.of(fact)
    }

    /// Which instance this was in the order of adding.
    #[must_use]
    pub fn given(&self, instance: InstanceId) -> InstanceId {
        self.given.get(at(instance)).copied().unwrap_or(instance)
    }

    /// Bytes of the arrays.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let words = [
            self.singles.len(),
            self.only.len(),
            self.conclusions.len(),
            self.costs.len(),
            self.wide_starts.len(),
            self.wide_premises.len(),
            self.given.len(),
        ];
        words.iter().sum::<usize>() * size_of::<u32>() + self.needs.bytes() + self.into.bytes()
    }

    /// The instances that need nothing but this fact, with conclusion and cost.
    pub(super) fn edges(&self, fact: FactId) -> impl Iterator<Item = (InstanceId, FactId, f32)> + '_ {
        let bounds = self.singles.get(at(fact)).zip(self.singles.get(at(fact) + 1));
        let (from, to) = bounds.map_or((0, 0), |(from, to)| (*from, *to));
        let ends = self.conclusions.get(at(from)..at(to)).unwrap_or_default();
        let costs = self.costs.get(at(from)..at(to)).unwrap_or_default();
        (from..to).zip(ends).zip(costs).map(|((id, end), cost)| (id, *end, *cost))
    }

    /// The instances with several premises that need this fact.
    pub(super) fn needs(&self, fact: FactId) -> &[InstanceId] {
        self.needs.of(fact)
    }

    /// How many instances have one premise; the others follow.
    pub(super) fn plain(&self) -> u32 {
        number(self.only.len())
    }

    /// How many instances have several premises.
    pub(super) fn wide(&self) -> usize {
        self.conclusions.len() - self.only.len()
    }

    /// The place of an instance among those with several premises.
    pub(super) fn wide_index(&self, instance: InstanceId) -> usize {
        at(instance).saturating_sub(self.only.len())
    }

    /// How many premises the instance at this place among those with several has.
    pub(super) fn wide_len(&self, place: usize) -> u32 {
        match (self.wide_starts.get(place), self.wide_starts.get(place + 1)) {
            (Some(from), Some(to)) => to - from,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{FACTS, graph, rules};
    use super::*;

    #[test]
    fn refuses_what_makes_no_sense() {
        let mut builder = Builder::with_facts(2);
        assert!(builder.instance(&[], 1, 1.0).is_err());
        assert!(builder.instance(&[2], 1, 1.0).is_err());
        assert!(builder.instance(&[0], 2, 1.0).is_err());
        assert!(builder.instance(&[0], 1, -1.0).is_err());
        assert!(builder.instance(&[0], 1, f32::NAN).is_err());
        assert!(builder.instance(&[0], 1, f32::INFINITY).is_err());
        assert_eq!(builder.freeze().instances(), 0);
        let empty = Builder::new().freeze();
        assert_eq!((empty.facts(), empty.premises(0).len(), empty.conclusion(7)), (0, 0, u32::MAX));
    }

    proptest! {
        #[test]
        fn keeps_every_instance_in_both_directions(rules in rules(30)) {
            let graph = graph(&rules);
            prop_assert_eq!(graph.instances() as usize, rules.len());
            let mut given: Vec<u32> = (0..graph.instances()).map(|id| graph.given(id)).collect();
            for (id, given) in given.iter().enumerate() {
                let (premises, conclusion, cost) = &rules[*given as usize];
                let id = id as u32;
                prop_assert_eq!(graph.premises(id), premises.as_slice());
                prop_assert_eq!(graph.conclusion(id), *conclusion);
                prop_assert_eq!(graph.cost(id), f64::from(*cost));
                for fact in 0..FACTS {
                    prop_assert_eq!(graph.uses(fact).filter(|u| *u == id).count(), usize::from(premises.contains(&fact)));
                    prop_assert_eq!(graph.yielding(fact).contains(&id), fact == *conclusion);
                }
            }
            given.sort_unstable();
            prop_assert!(given.iter().enumerate().all(|(n, id)| n == *id as usize));
        }
    }
}
