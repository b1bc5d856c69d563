//! The answers that a system's owner gave, as the risk class that rules read.

use crate::asset::{AssetId, AssetKind, Inventory, RiskClass};
use crate::policy::classify::{AiActClass, classify};

/// Gives each system whose answers decide a class that class, unless a graver one is declared. Returns a warning for each
/// system that is declared to be less than its answers make it. O(systems · members · hints).
pub(super) fn settle(inventory: &mut Inventory) -> Vec<String> {
    let answered = |id: &AssetId| {
        let found = classify(inventory, id.as_str()).ok()?;
        match found.class.or(found.at_least)? {
            AiActClass::Prohibited => Some(RiskClass::Prohibited),
            AiActClass::High => Some(RiskClass::High),
            AiActClass::Transparency => Some(RiskClass::Limited),
            AiActClass::Minimal => Some(RiskClass::Minimal),
            AiActClass::OutOfScope | AiActClass::GeneralPurpose => None,
        }
    };
    let systems = inventory
        .assets()
        .filter(|asset| asset.kind == AssetKind::System && asset.properties.contains_key("classification"));
    let systems = systems.map(|asset| asset.id.clone()).collect::<Vec<_>>();
    let classes = systems.into_iter().filter_map(|id| Some((answered(&id)?, id))).collect::<Vec<_>>();
    let mut warnings = Vec::new();
    for (class, id) in classes {
        let Some(system) = inventory.get_mut(id.as_str()) else { continue };
        if let Some(declared) = system.risk_class.filter(|declared| *declared > class) {
            warnings
                .push(format!("{id} is declared {declared}, but its answers make it {class}; it is judged as {class}"));
        }
        // graver classes come first
        system.risk_class = Some(system.risk_class.map_or(class, |declared| declared.min(class)));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::declared::Facts;

    #[test]
    fn answers_reach_the_risk_class_and_the_graver_one_counts() {
        let facts = "systems:\n  - id: hire\n    risk_class: minimal\n    classification:\n      \
                     annex_iii_uses: [recruitment]\n      profiling: true\n  - { id: plain, risk_class: limited }\n";
        let facts = Facts::from_yaml("aispm.yaml", facts).unwrap();
        let mut inventory = Inventory::new();
        facts.apply(&mut inventory);
        let warnings = settle(&mut inventory);
        let class = |id: &str| inventory.get(id).unwrap().risk_class;
        assert_eq!((class("hire"), class("plain")), (Some(RiskClass::High), Some(RiskClass::Limited)));
        assert_eq!(warnings, ["hire is declared minimal, but its answers make it high; it is judged as high"]);
    }
}
