//! Lists of rules that let traffic in or keep it out, in the order in which they are asked.

use super::net::{Reach, Space};
use super::verdict::{Fact, Verdict};
use crate::asset::Evidence;

/// One rule of a firewall.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) allow: bool,
    /// What it is about, as far as known.
    pub(super) about: Space,
    /// What it may be about as well, and under which condition.
    pub(super) perhaps: Option<(Space, String)>,
    /// For people, without the verb: `security group web lets in tcp 443 from 0.0.0.0/0`.
    pub(super) says: String,
    pub(super) evidence: Option<Evidence>,
}

/// What comes through.
#[derive(Debug, Clone, Default)]
pub(super) struct Passed {
    pub(super) space: Space,
    /// What comes through under a condition.
    pub(super) perhaps: Vec<(Space, String)>,
    /// What must hold for what comes through not to have been kept out before.
    doubts: Vec<String>,
    pub(super) facts: Vec<Fact>,
}

/// What of some traffic a list of rules lets through: the first rule about it decides, and without one it stops.
///
/// O(rules · boxes), with at most 1024 boxes.
pub(super) fn ordered<'r>(rules: impl IntoIterator<Item = &'r Rule>, traffic: &Space) -> Passed {
    let mut left = traffic.clone();
    let mut passed = Passed::default();
    for rule in rules {
        let fact = || Fact { says: rule.says.clone(), evidence: rule.evidence.clone() };
        let about = left.and(&rule.about);
        let perhaps = rule.perhaps.as_ref().map(|(space, condition)| (left.and(space), condition));
        if rule.allow {
            let more = perhaps.filter(|(space, _)| !space.is_empty());
            if !about.is_empty() || more.is_some() {
                passed.facts.push(fact());
            }
            passed.space.extend(&about);
            passed.perhaps.extend(more.map(|(space, condition)| (space, condition.clone())));
        } else if !about.is_empty() {
            passed.facts.push(fact());
        }
        left = left.without(&rule.about);
        // what a rule may keep out is let in by later ones only if it does not
        if let Some((space, condition)) = rule.perhaps.as_ref().filter(|_| !rule.allow)
            && !left.and(space).is_empty()
        {
            passed.doubts.push(condition.clone());
        }
    }
    passed
}

impl Passed {
    /// What of it a second list lets through as well.
    #[must_use]
    pub(super) fn then(mut self, narrower: impl Fn(&Space) -> Space) -> Self {
        self.space = narrower(&self.space);
        for (space, _) in &mut self.perhaps {
            *space = narrower(space);
        }
        self.perhaps.retain(|(space, _)| !space.is_empty());
        self
    }

    /// Whether the internet comes through, and from where.
    pub(super) fn verdict(self, shut: impl Into<String>, evidence: Option<Evidence>) -> Verdict {
        let mut verdict = match (self.space.reach(), self.perhaps.into_iter().find(|(space, _)| !space.is_empty())) {
            (Reach::Anyone, _) => Verdict::yes("", None),
            (Reach::Some(from), _) => Verdict::from_addresses(&from, "", None),
            (Reach::Nobody, Some((_, condition))) => Verdict::only_if(condition, "", None),
            (Reach::Nobody, None) => return Verdict::no(shut, evidence),
        };
        if self.space.cut && verdict.conditions.is_empty() {
            verdict = Verdict::only_if("the rules that were too many to judge let it in", "", None);
        }
        for doubt in self.doubts {
            verdict = verdict.and(Verdict::only_if(doubt, "", None));
        }
        verdict.add(self.facts);
        verdict
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::discover::exposure::net::{ALL_PORTS, Addresses, Protocol};
    use crate::discover::exposure::verdict::Answer;

    fn rule(allow: bool, cidr: &str, ports: (u16, u16)) -> Rule {
        let from = Addresses::parse(cidr).unwrap();
        let about = Space::of(&[from], &Protocol::ALL, ports);
        Rule { allow, about, perhaps: None, says: format!("{allow} {cidr}"), evidence: None }
    }

    fn answer(rules: &[Rule]) -> Verdict {
        ordered(rules, &Space::internet()).verdict("shut", None)
    }

    #[test]
    fn the_first_rule_about_it_decides() {
        let all = (0, u16::MAX);
        assert_eq!(answer(&[rule(true, "0.0.0.0/0", all)]).answer, Answer::Yes);
        assert_eq!(answer(&[rule(false, "0.0.0.0/0", all), rule(true, "0.0.0.0/0", all)]).answer, Answer::No);
        assert_eq!(answer(&[rule(false, "0.0.0.0/0", (22, 22)), rule(true, "0.0.0.0/0", (22, 22))]).answer, Answer::No);
        assert_eq!(
            answer(&[rule(false, "0.0.0.0/0", (22, 22)), rule(true, "0.0.0.0/0", (22, 80))]).answer,
            Answer::Yes
        );
        let narrow = answer(&[rule(true, "203.0.113.0/24", all)]);
        assert_eq!((narrow.answer, narrow.restricted), (Answer::Conditional, true));
        assert_eq!(answer(&[]).answer, Answer::No);
    }

    #[test]
    fn what_is_not_known_is_a_condition() {
        let unknown = Rule {
            about: Space::default(),
            perhaps: Some((Space::internet(), "var.allowed holds the caller's address".to_owned())),
            ..rule(true, "0.0.0.0/0", ALL_PORTS)
        };
        let verdict = answer(std::slice::from_ref(&unknown));
        assert_eq!((verdict.answer, verdict.conditions.len()), (Answer::Conditional, 1));
        assert_eq!(
            answer(&[rule(false, "0.0.0.0/0", ALL_PORTS), rule(false, "::/0", ALL_PORTS), unknown]).answer,
            Answer::No
        );
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let cidrs = ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "203.0.113.0/24", "10.0.0.0/8", "::/0", "2001:db8::/32"];
        let ports = prop::sample::select(vec![(22, 22), (80, 443), (0, u16::MAX)]);
        (any::<bool>(), prop::sample::select(cidrs.to_vec()), ports).prop_map(|(allow, cidr, p)| rule(allow, cidr, p))
    }

    proptest! {
        #[test]
        fn a_rule_that_denies_never_opens(rules in prop::collection::vec(any_rule(), 0..8), deny in any_rule(), at in 0..9_usize) {
            let before = answer(&rules);
            let mut more = rules;
            more.insert(at.min(more.len()), Rule { allow: false, ..deny });
            let after = answer(&more);
            prop_assert!(after.answer <= before.answer, "{before:?} {after:?}");
        }

        #[test]
        fn a_rule_that_allows_never_shuts(rules in prop::collection::vec(any_rule(), 0..8), allow in any_rule(), at in 0..9_usize) {
            let before = answer(&rules);
            let mut more = rules;
            more.insert(at.min(more.len()), Rule { allow: true, ..allow });
            let after = answer(&more);
            prop_assert!(after.answer >= before.answer, "{before:?} {after:?}");
        }
    }
}
