//! Ways to make a step: the instances of a rule that yield the same fact, and who can stand at their start.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::graph::{FactId, InstanceId};
use super::ground::{ANY, Fact, Ground, Instance, index};
use super::rules::Power;
use super::world::Ix;

/// Shown instances by what they yield and who starts them, and what bookkeeping follows from a fact.
#[derive(Debug)]
pub(super) struct Ways<'g, 'w, 'a> {
    ground: &'g Ground<'w, 'a>,
    /// Who starts it and the instance, by conclusion.
    yielding: Rows<(Ix, InstanceId)>,
    /// Conclusions of bookkeeping instances, by their first premise.
    following: Rows<FactId>,
    /// The facts about each asset, where it was asked for.
    about: HashMap<Ix, Vec<FactId>>,
    led: HashMap<Ix, Rc<HashSet<FactId>>>,
}

impl<'g, 'w, 'a> Ways<'g, 'w, 'a> {
    /// O(graph), and a sort of each fact's instances.
    pub(super) fn new(ground: &'g Ground<'w, 'a>) -> Self {
        let facts = ground.facts.len();
        let instances = || (0..).zip(&ground.instances);
        let shown = || instances().filter(|(_, instance): &(InstanceId, &Instance)| instance.rule.is_some());
        let starts = |instance: &Instance| instance.binding.first().copied().unwrap_or(ANY);
        let mut yielding = Rows::new(facts, shown().map(|(id, i)| (i.conclusion, (starts(i), id))));
        yielding.sort();
        let hidden = ground.instances.iter().filter(|instance| instance.rule.is_none());
        let following = hidden.filter_map(|instance| Some((*instance.premises.first()?, instance.conclusion)));
        let following = Rows::new(facts, following.collect::<Vec<_>>().into_iter());
        let mut about: HashMap<Ix, Vec<FactId>> = HashMap::new();
        for (id, fact) in (0..).zip(&ground.facts) {
            if let Fact::Has(power, ix) = fact
                && *power != Power::Joinable
            {
                about.entry(*ix).or_default().push(id);
            }
        }
        Self { ground, yielding, following, about, led: HashMap::new() }
    }

    /// Other ways to make the same step by one of these assets, each with who starts it.
    /// O(assets · log ways + ways shared by all who have a capability).
    pub(super) fn others(&mut self, id: InstanceId, actor: Ix, assets: &BTreeSet<Ix>) -> Vec<(InstanceId, Ix)> {
        let Some(own) = self.ground.instances.get(index(id)) else { return Vec::new() };
        let rule = |instance: &Instance| instance.rule.map(|rule| rule.id.as_str());
        let row = self.yielding.row(own.conclusion);
        let by = |ix: Ix| {
            let start = row.partition_point(|(starts, _)| *starts < ix);
            row.iter().skip(start).take_while(move |(starts, _)| *starts == ix).map(|(_, id)| *id)
        };
        let same = |id: &InstanceId| self.ground.instances.get(index(*id)).is_some_and(|i| rule(i) == rule(own));
        let mut found: Vec<(InstanceId, Ix)> =
            assets.iter().flat_map(|ix| by(*ix).filter(same).map(|id| (id, *ix))).collect();
        let shared: Vec<InstanceId> = by(ANY).filter(same).collect();
        for id in shared {
            let first = self.ground.instances.get(index(id)).and_then(|instance| instance.premises.first().copied());
            let Some(first) = first else { continue };
            for ix in assets {
                let starts = match self.ground.facts.get(index(first)) {
                    Some(Fact::Has(power, own)) if *power != Power::Joinable => own == ix,
                    _ => self.led(*ix).contains(&first),
                };
                found.extend(starts.then_some((id, *ix)));
            }
        }
        found.retain(|way| *way != (id, actor));
        found
    }

    /// What bookkeeping makes of any power over an asset.
    fn led(&mut self, ix: Ix) -> Rc<HashSet<FactId>> {
        if let Some(known) = self.led.get(&ix) {
            return Rc::clone(known);
        }
        let mut found = HashSet::new();
        let mut todo = self.about.get(&ix).cloned().unwrap_or_default();
        while let Some(fact) = todo.pop() {
            for next in self.following.row(fact) {
                let is_asset = matches!(self.ground.facts.get(index(*next)), Some(Fact::Has(power, _)) if *power != Power::Joinable);
                if !is_asset && found.insert(*next) {
                    todo.push(*next);
                }
            }
        }
        let found = Rc::new(found);
        self.led.insert(ix, Rc::clone(&found));
        found
    }
}

/// Values by key, each key's in one slice.
#[derive(Debug)]
struct Rows<T> {
    starts: Vec<usize>,
    values: Vec<T>,
}

impl<T: Copy + Default + Ord> Rows<T> {
    fn new(keys: usize, pairs: impl Iterator<Item = (FactId, T)> + Clone) -> Self {
        let mut starts = vec![0_usize; keys + 1];
        for (key, _) in pairs.clone() {
            if let Some(start) = starts.get_mut(index(key) + 1) {
                *start += 1;
            }
        }
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        let mut next = starts.clone();
        let mut values = vec![T::default(); total];
        for (key, value) in pairs {
            let Some(slot) = next.get_mut(index(key)) else { continue };
            if let Some(place) = values.get_mut(*slot) {
                *place = value;
            }
            *slot += 1;
        }
        Self { starts, values }
    }

    fn row(&self, key: FactId) -> &[T] {
        let start = self.starts.get(index(key)).copied().unwrap_or(0);
        let end = self.starts.get(index(key) + 1).copied().unwrap_or(start);
        self.values.get(start..end).unwrap_or_default()
    }

    fn sort(&mut self) {
        for (start, end) in self.starts.iter().zip(self.starts.iter().skip(1)) {
            self.values.get_mut(*start..*end).into_iter().for_each(<[T]>::sort_unstable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_what_was_given_for_their_key() {
        let mut rows = Rows::new(3, [(2, 5), (0, 7), (2, 4)].into_iter());
        rows.sort();
        assert_eq!([rows.row(0), rows.row(1), rows.row(2), rows.row(9)], [&[7][..], &[], &[4, 5], &[]]);
    }
}
