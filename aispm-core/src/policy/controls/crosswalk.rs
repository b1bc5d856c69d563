//! How controls of one framework follow from those of another, and what declared evidence speaks for.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::Framework;
use crate::asset::{Control, Document, Error, ErrorKind, Result};

/// Controls by framework.
type Named = BTreeMap<String, Vec<String>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    controls: BTreeMap<String, BTreeMap<String, Named>>,
    evidence: BTreeMap<String, Named>,
}

/// What follows from what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::policy) struct Crosswalk {
    /// Controls with those that they follow from, in the order in which they can be gone through.
    pub(super) rows: Vec<(Control, Vec<Control>)>,
    /// Controls by the type of evidence that speaks for them.
    pub(super) evidence: BTreeMap<String, Vec<Control>>,
}

impl Crosswalk {
    pub(super) const BUILTIN: &str = include_str!("../../../data/policy/crosswalk.yaml");
    /// The framework under which rules stand here.
    pub(super) const RULE: &str = "rule";

    pub(super) fn read(text: &str, frameworks: &[Framework]) -> Result<Self> {
        let source: Source = Document::config("crosswalk.yaml", text)?;
        let wrong = |message: String| Err(Error::new(ErrorKind::Invalid, message).at("crosswalk.yaml"));
        let known = |control: &Control| {
            let framework = frameworks.iter().find(|framework| framework.key == control.framework);
            framework.is_some_and(|framework| framework.controls.contains_key(&control.id))
        };
        let later = source.controls.keys().cloned().collect::<BTreeSet<_>>();
        let mut crosswalk = Self::default();
        for (framework, rows) in source.controls {
            for (id, from) in rows {
                let control = Control::new(&framework, id);
                let from = controls(from);
                let bad = from.iter().filter(|from| from.framework != Self::RULE).find(|from| !known(from));
                if let Some(bad) = bad.or(Some(&control).filter(|control| !known(control))) {
                    return wrong(format!("{} {} is in no catalogue", bad.framework, bad.id));
                }
                let later = |from: &&Control| later.contains(&from.framework) && from.framework >= framework;
                if let Some(late) = from.iter().find(later) {
                    return wrong(format!("{} {} is gone through after {}", late.framework, late.id, control.id));
                }
                crosswalk.rows.push((control, from));
            }
        }
        for (kind, named) in source.evidence {
            let named = controls(named);
            if let Some(bad) = named.iter().find(|control| !known(control)) {
                return wrong(format!("evidence {kind}: {} {} is in no catalogue", bad.framework, bad.id));
            }
            crosswalk.evidence.insert(kind, named);
        }
        Ok(crosswalk)
    }
}

fn controls(named: Named) -> Vec<Control> {
    let each = |(framework, ids): (String, Vec<String>)| ids.into_iter().map(move |id| Control::new(&framework, id));
    named.into_iter().flat_map(each).collect()
}
