//! The lightest set that hits every set.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashMap;

use super::hypergraph::number;

/// Sets that must each be hit by an element that they contain; elements have weights.
///
/// The lightest is NP-hard to find. Sets that share no element with others are solved apart; each part by a greedy
/// choice without what it turns out not to need, and a bound from disjoint sets; where the two differ by branch and
/// bound, up to `nodes` in all. So the answer is exact wherever [`Hit::lower_bound`] equals its weight.
///
/// Where sets are found only by solving again without what was chosen, those found so far are a part of all, so that
/// their lower bound is one of the whole; once nothing is left unhit, the choice is verified.
#[derive(Debug, Default, Clone)]
pub struct Hitting {
    sets: Vec<Vec<u32>>,
    weights: Vec<u64>,
}

/// What was chosen.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hit {
    /// The elements, in order.
    pub chosen: Vec<u32>,
    /// Their weight.
    pub weight: u64,
    /// No set of elements that hits all sets is lighter.
    pub lower_bound: u64,
}

impl Hitting {
    /// No sets yet, over elements of these weights; an element beyond them weighs 1.
    #[must_use]
    pub fn new(weights: Vec<u64>) -> Self {
        Self { sets: Vec::new(), weights }
    }

    /// Adds a set; `false` if it is empty and so can never be hit.
    pub fn add(&mut self, set: impl IntoIterator<Item = u32>) -> bool {
        let set: BTreeSet<u32> = set.into_iter().collect();
        let found = !set.is_empty();
        if found {
            self.sets.push(set.into_iter().collect());
        }
        found
    }

    /// Numbers a new element, of this weight.
    pub fn element(&mut self, weight: u64) -> u32 {
        self.weights.push(weight);
        number(self.weights.len() - 1)
    }

    /// How many sets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    fn weight(&self, element: u32) -> u64 {
        usize::try_from(element).ok().and_then(|element| self.weights.get(element)).copied().unwrap_or(1)
    }

    /// The lightest set found. O(n log n) for n elements in all sets, and again for each of `nodes` branchings.
    #[must_use]
    pub fn solve(&self, nodes: usize) -> Hit {
        let mut left = nodes;
        let mut all = Hit::default();
        for part in self.parts() {
            let Hit { chosen, weight, lower_bound } = self.solve_part(&part, &mut left);
            all.chosen.extend(chosen);
            all.weight += weight;
            all.lower_bound += lower_bound;
        }
        all.chosen.sort_unstable();
        all
    }

    /// Sets that hang together by shared elements.
    fn parts(&self) -> Vec<Vec<&[u32]>> {
        let mut up: Vec<usize> = (0..self.sets.len()).collect();
        let root = |up: &mut Vec<usize>, mut here: usize| {
            while let Some(above) = up.get(here).copied().filter(|above| *above != here) {
                let next = up.get(above).copied().unwrap_or(above);
                if let Some(place) = up.get_mut(here) {
                    *place = next;
                }
                here = above;
            }
            here
        };
        let mut first: HashMap<u32, usize> = HashMap::default();
        for (n, set) in self.sets.iter().enumerate() {
            for element in set {
                let other = *first.entry(*element).or_insert(n);
                let (a, b) = (root(&mut up, n), root(&mut up, other));
                if let Some(place) = up.get_mut(a.max(b)) {
                    *place = a.min(b);
                }
            }
        }
        let mut parts: BTreeMap<usize, Vec<&[u32]>> = BTreeMap::new();
        for (n, set) in self.sets.iter().enumerate() {
            parts.entry(root(&mut up, n)).or_default().push(set);
        }
        parts.into_values().collect()
    }

    fn solve_part(&self, sets: &[&[u32]], left: &mut usize) -> Hit {
        let mut best = self.greedy(sets, &BTreeSet::new());
        let mut best_weight: u64 = best.iter().map(|element| self.weight(*element)).sum();
        let lower_bound = self.packing(sets, &BTreeSet::new(), &BTreeSet::new());
        if lower_bound == best_weight {
            return Hit { chosen: best, weight: best_weight, lower_bound };
        }
        // each branch has taken some elements and sworn off others; the bounds of those given up count at the end
        let mut given_up = u64::MAX;
        let mut todo = vec![(BTreeSet::new(), BTreeSet::new())];
        while let Some((taken, sworn_off)) = todo.pop() {
            let paid: u64 = taken.iter().map(|element| self.weight(*element)).sum();
            let bound = paid.saturating_add(self.packing(sets, &taken, &sworn_off));
            if bound >= best_weight {
                continue;
            }
            if *left == 0 {
                given_up = given_up.min(bound);
                continue;
            }
            *left -= 1;
            let open = sets.iter().filter(|set| !set.iter().any(|element| taken.contains(element)));
            let free = |set: &&&[u32]| set.iter().filter(|element| !sworn_off.contains(*element)).count();
            let Some(smallest) = open.min_by_key(free) else {
                (best, best_weight) = (taken.into_iter().collect(), paid);
                continue;
            };
            // one branch for each of its elements; later branches swear off the earlier elements
            let mut before: BTreeSet<u32> = sworn_off;
            let mut branches = Vec::new();
            for element in smallest.iter() {
                if before.contains(element) {
                    continue;
                }
                let mut more: BTreeSet<u32> = taken.clone();
                more.insert(*element);
                branches.push((more, before.clone()));
                before.insert(*element);
            }
            todo.extend(branches.into_iter().rev());
        }
        Hit { chosen: best, weight: best_weight, lower_bound: given_up.min(best_weight) }
    }

    /// Takes what hits most for its weight until all sets are hit, then drops what the rest makes superfluous.
    fn greedy(&self, sets: &[&[u32]], taken: &BTreeSet<u32>) -> Vec<u32> {
        let mut chosen: BTreeSet<u32> = taken.clone();
        let mut open: Vec<&[u32]> = sets.to_vec();
        open.retain(|set| !set.iter().any(|element| chosen.contains(element)));
        while !open.is_empty() {
            let mut votes: BTreeMap<u32, u64> = BTreeMap::new();
            for element in open.iter().copied().flatten() {
                *votes.entry(*element).or_default() += 1;
            }
            // most hits for the weight: a/b > c/d is a·d > c·b
            let mut best: Option<(u64, u64, u32)> = None;
            for (element, hits) in votes {
                let weight = self.weight(element).max(1);
                let better = best.is_none_or(|(most, its, _)| {
                    u128::from(hits) * u128::from(its) > u128::from(most) * u128::from(weight)
                });
                if better {
                    best = Some((hits, weight, element));
                }
            }
            let Some((_, _, element)) = best else { break };
            chosen.insert(element);
            open.retain(|set| !set.contains(&element));
        }
        let mut heaviest: Vec<u32> = chosen.iter().copied().collect();
        heaviest.sort_by_key(|element| std::cmp::Reverse(self.weight(*element)));
        let mut hits: Vec<usize> =
            sets.iter().map(|set| set.iter().filter(|element| chosen.contains(element)).count()).collect();
        for element in heaviest {
            let has = |set: &&[u32]| set.contains(&element);
            if sets.iter().zip(&hits).all(|(set, hits)| !has(set) || *hits > 1) {
                chosen.remove(&element);
                sets.iter().zip(&mut hits).filter(|(set, _)| has(set)).for_each(|(_, hits)| *hits -= 1);
            }
        }
        chosen.into_iter().collect()
    }

    /// A lower bound for hitting what is not hit yet without what was sworn off: each set may ask its elements for what
    /// others have left of their weights, and no element is asked for more than its weight. `u64::MAX` if a set cannot
    /// be hit any more.
    fn packing(&self, sets: &[&[u32]], taken: &BTreeSet<u32>, sworn_off: &BTreeSet<u32>) -> u64 {
        let mut open: Vec<Vec<u32>> = Vec::new();
        for set in sets.iter().filter(|set| !set.iter().any(|element| taken.contains(element))) {
            let free: Vec<u32> = set.iter().filter(|element| !sworn_off.contains(*element)).copied().collect();
            if free.is_empty() {
                return u64::MAX;
            }
            open.push(free);
        }
        open.sort_by_key(Vec::len);
        let mut remaining: HashMap<u32, u64> = HashMap::default();
        let mut bound = 0;
        for set in &open {
            let rest = |element: &u32| remaining.get(element).copied().unwrap_or_else(|| self.weight(*element));
            let rests: Vec<u64> = set.iter().map(rest).collect();
            let least = rests.iter().min().copied().unwrap_or(0);
            remaining.extend(set.iter().copied().zip(rests.iter().map(|rest| rest - least)));
            bound += least;
        }
        bound
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sets() -> impl Strategy<Value = Vec<BTreeSet<u32>>> {
        proptest::collection::vec(proptest::collection::btree_set(0_u32..9, 1..4), 0..12)
    }

    fn lightest(sets: &[BTreeSet<u32>], weights: &[u64]) -> u64 {
        let hits = |chosen: u32| sets.iter().all(|set| set.iter().any(|element| chosen >> element & 1 == 1));
        let weight = |chosen: u32| (0..9).filter(|n| chosen >> n & 1 == 1).map(|n| weights[n]).sum::<u64>();
        (0..1 << 9).filter(|chosen| hits(*chosen)).map(weight).min().unwrap()
    }

    proptest! {
        #[test]
        fn finds_the_lightest(sets in sets(), weights in proptest::collection::vec(1_u64..5, 9)) {
            let mut hitting = Hitting::new(weights.clone());
            for set in &sets {
                prop_assert!(hitting.add(set.iter().copied()));
            }
            let least = lightest(&sets, &weights);
            let Hit { chosen, weight, lower_bound } = hitting.solve(10_000);
            prop_assert!(sets.iter().all(|set| set.iter().any(|element| chosen.contains(element))));
            prop_assert_eq!(chosen.iter().map(|element| weights[*element as usize]).sum::<u64>(), weight);
            prop_assert_eq!((weight, lower_bound), (least, least));
            // with too little work the bound still is one
            let Hit { chosen, weight, lower_bound } = hitting.solve(1);
            prop_assert!(sets.iter().all(|set| set.iter().any(|element| chosen.contains(element))));
            prop_assert!(lower_bound <= least && least <= weight);
        }
    }

    #[test]
    fn what_cannot_be_hit_is_told() {
        assert!(!Hitting::new(Vec::new()).add([]));
    }
}
