//! `aws iam get-account-authorization-details`: users, groups, roles and policies.
//!
//! Each becomes an asset whose id is its ARN and whose `properties` are the export's own entry, so that inline policies,
//! trust policies and boundaries keep their names and their JSON pointers below the asset's own.

use serde_json::Value;

use crate::asset::{Asset, AssetKind, Document, Relation, RelationKind};
use crate::discover::{Found, Structured};

pub(in crate::discover) const AUTHORIZATION_DETAILS: Structured = Structured {
    name: "aws-authorization-details",
    critical: true,
    markers: &["DetailList", "Arn"],
    matches: |value| SECTIONS.iter().any(|(key, _)| value.get(key).is_some_and(Value::is_array)),
    read,
};

const SECTIONS: &[(&str, AssetKind)] = &[
    ("UserDetailList", AssetKind::User),
    ("GroupDetailList", AssetKind::Group),
    ("RoleDetailList", AssetKind::Role),
    ("Policies", AssetKind::Policy),
];

fn read(document: &Document, found: &mut Found) {
    for (section, kind) in SECTIONS {
        let entries = document.value.get(section).and_then(Value::as_array).into_iter().flatten();
        for (i, entry) in entries.enumerate() {
            let (Some(arn), Value::Object(properties)) = (entry.get("Arn").and_then(Value::as_str), entry) else {
                continue;
            };
            let name = arn.rsplit('/').next().unwrap_or(arn);
            let evidence = document.evidence(&format!("/{section}/{i}"));
            let mut asset = Asset::new(arn, *kind, name).seen(evidence.clone().excerpt(arn));
            asset.properties = properties.clone();
            found.inventory.add(asset);
            if let Some(account) = arn.split(':').nth(4).filter(|account| !account.is_empty() && *account != "aws") {
                let id = format!("arn:aws:iam::{account}:root");
                found.inventory.add(Asset::new(&id, AssetKind::Account, account).seen(evidence.clone()));
                found.inventory.relate(Relation::new(&id, RelationKind::Contains, arn));
            }
            for group in entry.get("GroupList").and_then(Value::as_array).into_iter().flatten() {
                let (Some(group), Some((prefix, _))) = (group.as_str(), arn.split_once(":user/")) else { continue };
                let group = format!("{prefix}:group/{group}");
                found.inventory.relate(Relation::new(arn, RelationKind::MemberOf, group).seen(evidence.clone()));
            }
        }
    }
}
