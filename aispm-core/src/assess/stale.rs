//! Identities that keep AI permissions which logs show unused: for how many days, for rules to judge.

use crate::asset::{Inventory, day};
use crate::identity::usage::Usage;

/// Notes on every identity that used none of its AI permissions for how many days that was watched.
pub(super) fn mark(usages: &[Usage], inventory: &mut Inventory) {
    for usage in usages.iter().filter(|usage| usage.used.is_empty() && usage.unknown.is_empty()) {
        let observed = &usage.observed;
        let days = match (&observed.from, &observed.until) {
            (Some(from), Some(until)) => day(until).zip(day(from)).map(|(until, from)| until - from),
            // IAM's own report goes back 400 days
            _ => observed.sources.contains("last-accessed").then_some(400),
        };
        let asset = inventory.get_mut(usage.identity.as_str());
        if let (Some(asset), Some(days)) = (asset, days.filter(|days| *days >= 0)) {
            asset.properties.insert("ai_permissions_unused_days".into(), days.into());
        }
    }
}
