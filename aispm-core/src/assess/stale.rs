//! Identities that keep AI permissions which logs show unused: for how many days, for rules to judge.

use crate::asset::Inventory;
use crate::identity::usage::Usage;

/// Notes on every identity that used none of its AI permissions for how many days that was watched.
pub(super) fn mark(usages: &[Usage], inventory: &mut Inventory) {
    for usage in usages.iter().filter(|usage| usage.used.is_empty() && usage.unknown.is_empty()) {
        let observed = &usage.observed;
        let days = match (&observed.from, &observed.until) {
            (Some(from), Some(until)) => days(until).zip(days(from)).map(|(until, from)| until - from),
            // IAM's own report goes back 400 days
            _ => observed.sources.contains("last-accessed").then_some(400),
        };
        let asset = inventory.get_mut(usage.identity.as_str());
        if let (Some(asset), Some(days)) = (asset, days.filter(|days| *days >= 0)) {
            asset.properties.insert("ai_permissions_unused_days".into(), days.into());
        }
    }
}

/// Days of an RFC 3339 time since a fixed one, in the proleptic Gregorian calendar.
fn days(time: &str) -> Option<i64> {
    let mut parts = time.get(..10)?.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // March begins the year, so that the leap day is its last
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_between_times() {
        let between = |a: &str, b: &str| days(b).zip(days(a)).map(|(b, a)| b - a);
        assert_eq!(between("2024-02-28T23:00:00Z", "2024-03-01T00:00:00Z"), Some(2));
        assert_eq!(between("2025-01-01", "2026-01-01"), Some(365));
        assert_eq!(between("1999-12-31", "2000-03-01"), Some(61));
        assert_eq!((days("2026-13-01"), days("soon"), days("2026-1")), (None, None, None));
    }
}
