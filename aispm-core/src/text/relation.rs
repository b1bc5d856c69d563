//! Relations: classes of terms that follow one another closely, and what that means.

use serde::Deserialize;

use super::Detector;
use super::lexicon::{Hit, Lexicon};
use crate::asset::{Error, ErrorKind, Result, Severity};

/// A relation as the data file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Relation {
    pub(super) id: String,
    #[serde(default = "Relation::prompt_injection")]
    pub(super) detector: Detector,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) severity: Severity,
    /// Added to the log-odds.
    pub(super) weight: f64,
    /// Most words between two places.
    within: usize,
    /// Two places in either order.
    #[serde(default)]
    any_order: bool,
    /// What MITRE ATLAS and OWASP call it, by its type.
    #[serde(skip)]
    pub(super) techniques: Vec<String>,
    /// Class names, alternatives joined by `|`.
    sequence: Vec<String>,
}

impl Relation {
    /// The classes of the last place.
    pub(super) fn last_place(&self) -> impl Iterator<Item = &str> {
        self.sequence.last().into_iter().flat_map(|place| place.split('|'))
    }

    /// The first class of each place.
    #[cfg(test)]
    pub(super) fn places(&self) -> impl Iterator<Item = &str> {
        self.sequence.iter().filter_map(|place| place.split('|').next())
    }

    fn prompt_injection() -> Detector {
        Detector::PromptInjection
    }
}

/// A relation that holds in a text: its number, and canonical bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) relation: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// All relations, compiled.
#[derive(Debug)]
pub(super) struct Relations {
    pub(super) list: Vec<Relation>,
    orders: Vec<Order>,
    /// By class: which step of which order takes it, later steps first.
    steps: Vec<Vec<(usize, usize)>>,
}

/// One order of a relation's places.
#[derive(Debug)]
struct Order {
    relation: usize,
    places: usize,
    /// In thirds of a word.
    within: usize,
}

/// How far an order has got.
#[derive(Debug, Clone, Copy)]
struct Reached {
    start: usize,
    end: usize,
    behind: usize,
    view: usize,
}

impl Relations {
    pub(super) fn new(list: Vec<Relation>, lexicon: &Lexicon) -> Result<Self> {
        let mut orders = Vec::new();
        let mut steps = vec![Vec::new(); lexicon.classes()];
        for (number, relation) in list.iter().enumerate() {
            let mut sequence: Vec<&str> = relation.sequence.iter().map(String::as_str).collect();
            for _ in 0..=usize::from(relation.any_order) {
                for (step, place) in sequence.iter().enumerate() {
                    for name in place.split('|') {
                        let class = lexicon.class(name).and_then(|class| steps.get_mut(class)).ok_or_else(|| {
                            Error::new(ErrorKind::Invalid, format!("relation `{}`: no class `{name}`", relation.id))
                        })?;
                        class.push((orders.len(), step));
                    }
                }
                orders.push(Order { relation: number, places: sequence.len(), within: relation.within * 3 });
                sequence.reverse();
            }
        }
        // one hit must not take two steps of an order
        steps.iter_mut().for_each(|steps| steps.sort_by_key(|(order, step)| (*order, std::cmp::Reverse(*step))));
        Ok(Self { list, orders, steps })
    }

    /// Every relation that holds, by relation and place; those of one relation that overlap are one. Each hit is looked
    /// at once for each step that takes its class.
    pub(super) fn held(&self, hits: &[Hit]) -> Vec<Held> {
        let mut reached: Vec<Vec<Option<Reached>>> = self.orders.iter().map(|order| vec![None; order.places]).collect();
        let mut held: Vec<Held> = Vec::new();
        for hit in hits {
            for (order_number, step) in self.steps.get(hit.class).into_iter().flatten() {
                let (Some(order), Some(progress)) = (self.orders.get(*order_number), reached.get_mut(*order_number))
                else {
                    continue;
                };
                let start = match step.checked_sub(1) {
                    None => hit.start,
                    Some(last) => match progress.get(last).copied().flatten() {
                        Some(last)
                            if last.view == hit.view
                                && last.end <= hit.start
                                && hit.first.saturating_sub(last.behind) <= order.within =>
                        {
                            last.start
                        }
                        _ => continue,
                    },
                };
                if step + 1 == order.places {
                    held.push(Held { relation: order.relation, start, end: hit.end });
                } else if let Some(slot) = progress.get_mut(*step) {
                    *slot = Some(Reached { start, end: hit.end, behind: hit.behind, view: hit.view });
                }
            }
        }
        held.sort_unstable_by_key(|held| (held.relation, held.start, held.end));
        held.dedup_by(|next, kept| {
            let same = next.relation == kept.relation && next.start < kept.end;
            if same {
                kept.end = kept.end.max(next.end);
            }
            same
        });
        held
    }
}
