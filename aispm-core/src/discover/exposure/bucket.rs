//! What blocks public access to all buckets of an account.

use serde_json::Value;

use super::field::flag;
use super::table::{Role, Roles};
use super::verdict::Verdict;
use super::{Verdicts, evidence_of};
use crate::asset::{Asset, AssetKind, Inventory, RelationKind};

/// Says of every bucket of an account that blocks public access that it is not public. Linear in buckets and blocks.
pub(super) fn judge(inventory: &Inventory, roles: &Roles<'_>, verdicts: &mut Verdicts) {
    let blocks: Vec<&Asset> = roles.all(Role::AccountBlock).collect();
    if blocks.is_empty() {
        return;
    }
    let closes = |block: &Asset| {
        let properties = Value::Object(block.properties.clone());
        ["restrictpublicbuckets", "ignorepublicacls"].iter().all(|name| flag(&properties, &[name]) == Some(true))
    };
    let accounts: Vec<&Asset> = inventory.assets().filter(|asset| asset.kind == AssetKind::Account).collect();
    for bucket in inventory.assets().filter(|a| a.kind == AssetKind::Bucket && a.id.as_str().starts_with("arn:")) {
        let mut holders = inventory.incoming(bucket.id.as_str()).filter(|r| r.kind == RelationKind::Contains);
        let own = holders.find_map(|r| account_of(r.from.as_str()));
        let block = blocks.iter().find(|block| {
            let named = block.text("account_id").or_else(|| block.text("AccountId"));
            match (own, named) {
                (Some(own), Some(named)) => own == named,
                // an account alone is that of all buckets
                _ => accounts.len() <= 1 && blocks.len() == 1,
            }
        });
        if let Some(block) = block.filter(|block| closes(block)) {
            verdicts
                .forbid(&bucket.id, Verdict::no("the account blocks public access to its buckets", evidence_of(block)));
        }
    }
}

fn account_of(id: &str) -> Option<&str> {
    id.split(':').nth(4).filter(|account| account.len() == 12)
}
