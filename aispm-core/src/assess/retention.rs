//! For how many days log stores keep what they hold, under one name, for rules to judge.

use crate::asset::{AssetKind, Inventory};

/// What providers call it: Terraform and Azure, CloudWatch, CloudFormation, Google Cloud.
const NAMES: &[&str] = &["retention_in_days", "retentionInDays", "RetentionInDays", "retentionDays"];

/// Writes the property `retention_days`; zero means for ever and is left out.
pub(super) fn mark(inventory: &mut Inventory) {
    let sinks = inventory.assets().filter(|asset| asset.kind == AssetKind::LogSink);
    let told = sinks.filter_map(|sink| {
        let days = NAMES.iter().find_map(|name| sink.properties.get(*name)?.as_u64())?;
        (days > 0).then(|| (sink.id.clone(), days))
    });
    for (id, days) in told.collect::<Vec<_>>() {
        if let Some(sink) = inventory.get_mut(id.as_str()) {
            sink.properties.insert("retention_days".into(), days.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Asset;

    #[test]
    fn days_have_one_name() {
        let mut inventory = Inventory::new();
        for (name, days) in [("retention_in_days", 30), ("retentionInDays", 0)] {
            inventory.add(Asset::new(name, AssetKind::LogSink, name).with(name, days));
        }
        inventory.add(Asset::new("b", AssetKind::Bucket, "b").with("retentionDays", 3));
        mark(&mut inventory);
        let days = |id: &str| inventory.get(id).unwrap().properties.get("retention_days").cloned();
        assert_eq!((days("retention_in_days"), days("retentionInDays"), days("b")), (Some(30.into()), None, None));
    }
}
