//! Entra: service principals, app registrations, users and groups, as Microsoft Graph and `az ad` list them.

use serde_json::{Value, json};

use super::end::stub;
use super::id::{ResourceId, is_guid};
use super::identity::principal;
use crate::asset::{Asset, AssetKind, Document, Evidence, OwnerClaim, OwnerSource, RelationKind};
use crate::discover::{Found, Structured};

pub(super) const OBJECT: Structured = Structured {
    name: "entra",
    critical: true,
    in_parts: false,
    markers: &["graph.microsoft.com", "\"appId\""],
    matches: |value| object_kind(value).is_some(),
    read,
};

/// What is kept of an object, verbatim.
const KEPT: &[&str] = &[
    "appId",
    "servicePrincipalType",
    "appOwnerOrganizationId",
    "accountEnabled",
    "signInAudience",
    "identifierUris",
    "publisherDomain",
    "verifiedPublisher",
    "servicePrincipalNames",
    "userPrincipalName",
    "userType",
    "groupTypes",
    "securityEnabled",
    "isAssignableToRole",
    "createdDateTime",
    "tags",
];

/// A role of the directory given to somebody, everywhere in it.
pub(super) const ROLE_ASSIGNMENT: Structured = Structured {
    name: "entra-role-assignment",
    critical: true,
    in_parts: true,
    markers: &["\"directoryScopeId\"", "\"roleDefinitionId\""],
    matches: |value| {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        text("directoryScopeId").is_some()
            && text("principalId").is_some_and(is_guid)
            && text("roleDefinitionId").is_some_and(is_guid)
    },
    read: |document, found| {
        let text = |key: &str| document.value.get(key).and_then(Value::as_str);
        let (Some(holder), Some(role)) = (text("principalId"), text("roleDefinitionId")) else { return };
        // one on a single application or unit is another thing
        if text("directoryScopeId") == Some("/") {
            let name = document.value.pointer("/roleDefinition/displayName").and_then(Value::as_str);
            has_role(&principal(holder), role, name.unwrap_or(role), &document.evidence("/roleDefinitionId"), found);
        }
    },
};

/// A role of the directory with its members.
pub(super) const DIRECTORY_ROLE: Structured = Structured {
    name: "entra-directory-role",
    critical: true,
    in_parts: true,
    markers: &["\"roleTemplateId\""],
    matches: |value| {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        text("roleTemplateId").is_some_and(is_guid) && text("displayName").is_some()
    },
    read: |document, found| {
        let text = |key: &str| document.value.get(key).and_then(Value::as_str);
        let (Some(role), Some(name)) = (text("roleTemplateId"), text("displayName")) else { return };
        let id = directory_role(role);
        found.inventory.add(Asset::new(&id, AssetKind::Role, name).seen(document.evidence("/roleTemplateId")));
        for (i, member) in list(&document.value, "members") {
            if let Some(member) = member.get("id").and_then(Value::as_str) {
                has_role(&principal(member), role, name, &document.evidence(&format!("/members/{i}")), found);
            }
        }
    },
};

fn directory_role(template: &str) -> String {
    format!("entra-role:{}", template.to_lowercase())
}

fn has_role(holder: &str, role: &str, name: &str, evidence: &Evidence, found: &mut Found) {
    let id = directory_role(role);
    found.relate(holder, RelationKind::MemberOf, &id, evidence);
    if found.inventory.get(&id).is_none() {
        found.inventory.add(Asset::new(&id, AssetKind::Role, name).seen(evidence.clone()));
    }
}

fn object_kind(value: &Value) -> Option<AssetKind> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    text("id").filter(|id| is_guid(id))?;
    text("displayName")?;
    let has = |keys: &[&str]| keys.iter().any(|key| value.get(key).is_some());
    // sign-ins and audits name people and programs as well
    if has(&["appDisplayName", "activityDisplayName", "ipAddress", "clientId"]) {
        None
    } else if text("appId").is_some() {
        has(&[
            "servicePrincipalType",
            "servicePrincipalNames",
            "signInAudience",
            "identifierUris",
            "requiredResourceAccess",
        ])
        .then_some(AssetKind::ServiceAccount)
    } else if text("userPrincipalName").is_some() {
        Some(AssetKind::User)
    } else {
        has(&["securityEnabled", "groupTypes", "mailEnabled"]).then_some(AssetKind::Group)
    }
}

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some(kind), Some(id)) = (object_kind(value), text("id")) else { return };
    let name = text("displayName").unwrap_or(id);
    let mut asset = Asset::new(principal(id), kind, name).seen(document.evidence("/id").excerpt(name));
    for key in KEPT {
        asset.properties.extend(value.get(*key).filter(|v| !v.is_null()).map(|v| ((*key).to_owned(), v.clone())));
    }
    if let Some(app) = text("appId") {
        asset = asset.alias(format!("oauth-app:{}", app.to_lowercase()));
    }
    if let Some(mail) = text("userPrincipalName").or_else(|| text("mail")).filter(|_| kind == AssetKind::User) {
        asset = asset.alias(format!("user:{mail}"));
    }
    asset.purpose = text("description").map(str::to_owned);
    managed(document, &mut asset, found);
    credentials(document, &asset, found);
    for (i, member) in list(value, "members") {
        if let Some(member) = member.get("id").and_then(Value::as_str) {
            let evidence = document.evidence(&format!("/members/{i}"));
            found.relate(&principal(member), RelationKind::MemberOf, asset.id.as_str(), &evidence);
        }
    }
    for (i, owner) in list(value, "owners") {
        let named = ["userPrincipalName", "displayName", "id"].iter().find_map(|key| owner.get(key)?.as_str());
        if let Some(named) = named {
            asset.claim(OwnerClaim::new(OwnerSource::Creator, named, document.evidence(&format!("/owners/{i}"))));
        }
        if let Some(id) = owner.get("id").and_then(Value::as_str).filter(|id| is_guid(id)) {
            let evidence = document.evidence(&format!("/owners/{i}"));
            found.relate(asset.id.as_str(), RelationKind::OwnedBy, &principal(id), &evidence);
        }
    }
    found.inventory.add(asset);
}

/// The resource whose identity a principal is.
fn managed(document: &Document, asset: &mut Asset, found: &mut Found) {
    for (i, name) in list(&document.value, "alternativeNames") {
        let Some(arm) = name.as_str().and_then(ResourceId::parse) else { continue };
        let evidence = document.evidence(&format!("/alternativeNames/{i}"));
        let resource = stub(&arm, document.path());
        if resource.kind == AssetKind::ServiceAccount {
            found.inventory.add(resource.alias(asset.id.clone()).seen(evidence));
        } else {
            found.relate(resource.id.as_str(), RelationKind::RunsAs, asset.id.as_str(), &evidence);
            found.inventory.add(resource.seen(evidence));
        }
    }
}

/// Secrets and certificates that act for an application: when they end, never what they are.
fn credentials(document: &Document, asset: &Asset, found: &mut Found) {
    for key in ["passwordCredentials", "keyCredentials"] {
        for (i, entry) in list(&document.value, key) {
            let text = |key: &str| entry.get(key).and_then(Value::as_str);
            let Some(id) = text("keyId") else { continue };
            let evidence = document.evidence(&format!("/{key}/{i}")).excerpt(text("displayName").unwrap_or(id));
            let id = format!("{}/credentials/{}", asset.id, id.to_lowercase());
            let mut credential = Asset::new(&id, AssetKind::AccessKey, text("displayName").unwrap_or(&asset.name));
            for (property, key) in [("created", "startDateTime"), ("expires", "endDateTime")] {
                credential.properties.extend(text(key).map(|time| (property.to_owned(), json!(time))));
            }
            credential.properties.insert("credential_type".into(), key.into());
            found.relate(&id, RelationKind::CanAssume, asset.id.as_str(), &evidence);
            found.inventory.add(credential.seen(evidence));
        }
    }
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().enumerate()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_all, read};
    use super::*;

    const ID: &str = "00000000-0000-0000-0000-00000000000a";
    const APP: &str = "00000000-0000-0000-0000-00000000000b";

    #[test]
    fn principals_of_every_kind() {
        let identity =
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/bot";
        let found = read(
            &json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#servicePrincipals", "value": [
                {"id": ID, "appId": APP, "displayName": "bot", "servicePrincipalType": "ManagedIdentity", "alternativeNames": ["isExplicit=True", identity],
                 "passwordCredentials": [{"keyId": APP, "endDateTime": "2027-01-01T00:00:00Z", "secretText": "hidden"}]},
                {"id": APP, "displayName": "ana", "userPrincipalName": "ana@acme.example"},
                {"id": "00000000-0000-0000-0000-00000000000c", "displayName": "g", "securityEnabled": true, "members": [{"id": APP}]},
            ]}),
        );
        let bot = found.inventory.get(&format!("entra:{ID}")).unwrap();
        assert_eq!(bot.kind, AssetKind::ServiceAccount);
        assert_eq!(bot.evidence[0].pointer.as_deref(), Some("/value/0/id"));
        assert!(bot.aliases.contains(format!("oauth-app:{APP}").as_str()));
        assert!(
            found.inventory.get(&identity.to_lowercase()).unwrap().aliases.contains(format!("entra:{ID}").as_str())
        );
        assert_all(
            &found,
            &[
                &format!("entra:{APP} member_of entra:00000000-0000-0000-0000-00000000000c"),
                &format!("entra:{ID}/credentials/{APP} can_assume entra:{ID}"),
            ],
        );
        assert!(!serde_json::to_string(&found.inventory).unwrap().contains("hidden"));
        let sign_in = json!({"id": ID, "displayName": "x", "userPrincipalName": "u", "appDisplayName": "Portal"});
        assert_eq!(object_kind(&sign_in), None);
    }
}
