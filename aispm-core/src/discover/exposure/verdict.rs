//! Three-valued answers with what decided them.

use crate::asset::Evidence;

/// Whether the internet reaches something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    No,
    /// Under the conditions that stand with it.
    Conditional,
    Yes,
}

impl Answer {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Conditional => "conditional",
            Self::Yes => "yes",
        }
    }
}

/// One fact that decides, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) says: String,
    pub(super) evidence: Option<Evidence>,
}

/// Whether the internet reaches something, under which conditions, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) answer: Answer,
    pub(super) conditions: Vec<String>,
    /// Whether all conditions are about the caller's address.
    pub(super) restricted: bool,
    pub(super) facts: Vec<Fact>,
}

impl Verdict {
    fn new(answer: Answer, condition: Option<String>, says: impl Into<String>, evidence: Option<Evidence>) -> Self {
        let says = says.into();
        let facts = (!says.is_empty()).then_some(Fact { says, evidence }).into_iter().collect();
        Self { answer, conditions: condition.into_iter().collect(), restricted: false, facts }
    }

    pub(super) fn yes(says: impl Into<String>, evidence: Option<Evidence>) -> Self {
        Self::new(Answer::Yes, None, says, evidence)
    }

    pub(super) fn no(says: impl Into<String>, evidence: Option<Evidence>) -> Self {
        Self::new(Answer::No, None, says, evidence)
    }

    pub(super) fn only_if(condition: impl Into<String>, says: impl Into<String>, evidence: Option<Evidence>) -> Self {
        Self::new(Answer::Conditional, Some(condition.into()), says, evidence)
    }

    /// Only from these addresses.
    pub(super) fn from_addresses(from: &str, says: impl Into<String>, evidence: Option<Evidence>) -> Self {
        Self { restricted: true, ..Self::only_if(format!("the caller's address is in {from}"), says, evidence) }
    }

    /// Both must let traffic through. What stops it is what counts.
    #[must_use]
    pub(super) fn and(mut self, other: Self) -> Self {
        match self.answer.cmp(&other.answer) {
            _ if self.answer == Answer::No => self,
            _ if other.answer == Answer::No => other,
            _ => {
                self.restricted = match (self.answer, other.answer) {
                    (Answer::Yes, _) => other.restricted,
                    (_, Answer::Yes) => self.restricted,
                    _ => self.restricted && other.restricted,
                };
                self.answer = self.answer.min(other.answer);
                for condition in other.conditions {
                    if !self.conditions.contains(&condition) {
                        self.conditions.push(condition);
                    }
                }
                self.add(other.facts);
                self
            }
        }
    }

    /// One way is enough: the surest, and of equals the one with fewer conditions. Two ways that are shut both count.
    #[must_use]
    pub(super) fn or(mut self, other: Self) -> Self {
        if self.answer == Answer::No && other.answer == Answer::No {
            self.add(other.facts);
            return self;
        }
        let rank = |v: &Self| (v.answer, v.restricted, usize::MAX - v.conditions.len());
        if rank(&other) > rank(&self) { other } else { self }
    }

    pub(super) fn add(&mut self, facts: Vec<Fact>) {
        for fact in facts {
            if !self.facts.contains(&fact) {
                self.facts.push(fact);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_values() {
        let (yes, no) = (Verdict::yes("open", None), Verdict::no("shut", None));
        let maybe = Verdict::only_if("x", "perhaps", None);
        assert_eq!(yes.clone().and(no.clone()), no);
        assert_eq!(no.clone().and(maybe.clone()), no);
        let both = yes.clone().and(maybe.clone());
        assert_eq!((both.answer, both.conditions.len(), both.facts.len()), (Answer::Conditional, 1, 2));
        assert_eq!(no.clone().or(maybe.clone()), maybe);
        assert_eq!(maybe.clone().or(yes.clone()), yes);
        let two = maybe.clone().and(Verdict::only_if("y", "", None));
        assert_eq!(two.clone().or(maybe.clone()), maybe);
        let narrow = Verdict::from_addresses("203.0.113.0/24", "", None);
        assert!(yes.and(narrow.clone()).restricted && !maybe.and(narrow).restricted);
    }
}
