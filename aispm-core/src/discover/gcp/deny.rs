//! Deny policies, as `gcloud iam policies` and the API give them, and as inventories list them.

use serde_json::Value;

use super::{name, resource};
use crate::asset::{Asset, AssetKind, Document, Evidence, RelationKind};
use crate::discover::{Found, Structured};

/// One policy.
pub(super) const POLICY: Structured = Structured {
    name: "gcp-deny-policy",
    critical: true,
    in_parts: true,
    markers: &["denypolicies", "denyRule", "deniedPermissions"],
    matches: |value| is_policy(value) && attached_to(text(value, "name").unwrap_or_default()).is_some(),
    read,
};

/// Whether a body's rules deny.
pub(super) fn is_policy(value: &Value) -> bool {
    let rules = value.get("rules").and_then(Value::as_array);
    rules.and_then(|rules| rules.first()).is_some_and(|rule| rule.get("denyRule").is_some())
}

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some(full) = text(value, "name") else { return };
    let id = format!("//iam.googleapis.com/{full}");
    let title = text(value, "displayName").unwrap_or_else(|| name::last(full));
    let mut asset = Asset::new(id, AssetKind::Policy, title).with("gcp_type", "iam.googleapis.com/DenyPolicy");
    let evidence = document.evidence("/rules").excerpt(title);
    asset.properties.extend(value.get("rules").map(|rules| ("rules".to_owned(), rules.clone())));
    attach(full, &mut asset, &evidence, found);
    found.inventory.add(asset.seen(evidence));
}

/// Relates a policy to what it is attached to, which its name holds.
pub(super) fn attach(full: &str, asset: &mut Asset, evidence: &Evidence, found: &mut Found) {
    let Some(on) = attached_to(full) else { return };
    asset.properties.insert("attached_to".into(), on.as_str().into());
    found.relate(asset.id.as_str(), RelationKind::AppliesTo, &on, evidence);
    found.inventory.add(resource::stub(&on).seen(evidence.clone()));
}

/// `policies/cloudresourcemanager.googleapis.com%2Fprojects%2F1/denypolicies/x` is on project 1.
fn attached_to(full: &str) -> Option<String> {
    let (_, rest) = full.split_once("policies/")?;
    let (on, _) = rest.split_once("/denypolicies/")?;
    name::id(&format!("//{}", on.replace("%2F", "/").replace("%2f", "/")), "")
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_holds_the_place() {
        let on = |place: &str| {
            attached_to(&format!("policies/cloudresourcemanager.googleapis.com%2F{place}/denypolicies/d"))
        };
        assert_eq!(on("projects%2Facme").as_deref(), Some("//cloudresourcemanager.googleapis.com/projects/acme"));
        assert_eq!(on("folders%2f7").as_deref(), Some("//cloudresourcemanager.googleapis.com/folders/7"));
        assert_eq!(attached_to("policies/x/accessboundaries/y"), None);
    }
}
