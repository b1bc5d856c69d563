//! Answers that name resources without describing them: lists of ARNs, accounts, a stack's resources, who calls, images
//! and what scans found in them, one inline policy.

use serde_json::{Value, json};

use super::arn::{Arn, Place, is_account, place_of};
use super::end;
use super::field::text;
use super::organization;
use super::table::Target;
use crate::asset::{Asset, AssetKind, Document, Evidence, ExternalFinding, RelationKind, Severity, pointer_key};
use crate::discover::{Found, container};
use crate::identity::usage::LAST_ACCESSED;

/// One kind of answer.
pub(super) struct Listed {
    matches: fn(&Value) -> bool,
    read: fn(&Document, &mut Found),
}

/// The kind of an answer, if it is one of these.
pub(super) fn listed(value: &Value) -> Option<&'static Listed> {
    LISTED.iter().find(|listed| (listed.matches)(value))
}

impl Listed {
    pub(super) fn read(&self, document: &Document, found: &mut Found) {
        (self.read)(document, found);
    }
}

const LISTED: &[Listed] = &[
    Listed { matches: |value| first(value, "ResourceIdentifiers", "ResourceArn"), read: identifiers },
    Listed { matches: |value| first(value, "Accounts", "Arn"), read: accounts },
    Listed { matches: |value| first(value, "OrganizationalUnits", "Arn"), read: organization::units },
    Listed { matches: organization::is_policy, read: organization::policies },
    Listed { matches: |value| STACK.iter().any(|list| first(value, list, "ResourceType")), read: stack },
    Listed { matches: |value| has(value, &["UserId", "Account", "Arn"]), read: caller },
    Listed {
        matches: |value| has(value, &["PolicyName", "PolicyDocument"]) && holder(value).is_some(),
        read: inline_policy,
    },
    Listed { matches: |value| first(value, "imageDetails", "imageDigest"), read: images },
    Listed { matches: |value| has(value, &["imageScanFindings", "repositoryName", "imageId"]), read: scan_findings },
    Listed { matches: |value| has(value, &["JobStatus", "ServicesLastAccessed"]), read: last_accessed },
    Listed { matches: |value| arns(value).next().is_some(), read: all_arns },
];

const STACK: [&str; 2] = ["StackResources", "StackResourceSummaries"];

fn has(value: &Value, keys: &[&str]) -> bool {
    keys.iter().all(|key| value.get(key).is_some())
}

fn first(value: &Value, list: &str, key: &str) -> bool {
    value.get(list).and_then(|list| list.as_array()?.first()?.get(key)).is_some()
}

fn entries<'a>(value: &'a Value, list: &'a str) -> impl Iterator<Item = (String, &'a Value)> {
    let items = value.get(list).and_then(Value::as_array).into_iter().flatten().enumerate();
    items.map(move |(i, item)| (format!("/{list}/{i}"), item))
}

/// `get-service-last-accessed-details`: when an identity last used each service, and with action-level detail each
/// action. Of whom it is shows only in who used something: IAM names the identity itself there, or who acted by a policy.
fn last_accessed(document: &Document, found: &mut Found) {
    let value = &document.value;
    let services = value.get("ServicesLastAccessed").and_then(Value::as_array).into_iter().flatten();
    let tracked = |service: &'_ Value| {
        let actions = service.get("TrackedActionsLastAccessed").and_then(Value::as_array).into_iter().flatten();
        let named = actions.filter_map(|action| text(action, "LastAccessedEntity").map(str::to_owned));
        named.chain(text(service, "LastAuthenticatedEntity").map(str::to_owned)).collect::<Vec<_>>()
    };
    let whose: std::collections::BTreeSet<String> =
        services.flat_map(tracked).map(|arn| end::canonical(&arn)).collect();
    let (Some(whose), 1) = (whose.first(), whose.len()) else { return };
    let evidence = document.evidence("/ServicesLastAccessed").excerpt("services last accessed");
    if let Some(id) = end::arn(whose, &Target::Any, &evidence, found)
        && let Some(asset) = found.inventory.get_mut(&id)
    {
        let kept = ["JobCompletionDate", "ServicesLastAccessed"];
        let kept = kept.iter().filter_map(|key| Some(((*key).to_owned(), value.get(*key)?.clone())));
        asset.properties.insert(LAST_ACCESSED.into(), Value::Object(kept.collect()));
        asset.evidence.push(evidence);
    }
}

/// Lists such as `clusterArns`.
fn arns(value: &Value) -> impl Iterator<Item = (String, &str)> {
    let lists = value.as_object().into_iter().flatten().filter(|(key, _)| key.ends_with("Arns"));
    lists.flat_map(|(key, list)| {
        let items = list.as_array().into_iter().flatten().enumerate();
        items.filter_map(move |(i, item)| {
            let arn = item.as_str().filter(|text| Arn::parse(text).is_some())?;
            Some((format!("/{}/{i}", pointer_key(key)), arn))
        })
    })
}

fn all_arns(document: &Document, found: &mut Found) {
    for (pointer, arn) in arns(&document.value) {
        end::arn(arn, &Target::Any, &document.evidence(&pointer), found);
    }
}

/// Members of a resource group.
fn identifiers(document: &Document, found: &mut Found) {
    for (pointer, entry) in entries(&document.value, "ResourceIdentifiers") {
        let target = text(entry, "ResourceType").map_or(Target::Any, |kind| Target::Type(kind.to_owned()));
        if let Some(arn) = text(entry, "ResourceArn") {
            end::arn(arn, &target, &document.evidence(&pointer), found);
        }
    }
}

/// Accounts of an organisation.
fn accounts(document: &Document, found: &mut Found) {
    for (pointer, entry) in entries(&document.value, "Accounts") {
        let Some(id) = text(entry, "Id").filter(|id| is_account(id)) else { continue };
        let evidence = document.evidence(&pointer);
        let mut asset =
            Asset::new(format!("arn:aws:iam::{id}:root"), AssetKind::Account, text(entry, "Name").unwrap_or(id));
        for key in ["Email", "Status", "Arn"] {
            if let Some(value) = entry.get(key) {
                asset.properties.insert(key.into(), value.clone());
            }
        }
        found.inventory.add(asset.seen(evidence.clone()));
        organization::contained(entry, &document.value, &format!("arn:aws:iam::{id}:root"), &evidence, found);
    }
}

/// What a stack put in place.
fn stack(document: &Document, found: &mut Found) {
    let place = place_of(&document.value);
    for list in STACK {
        for (pointer, entry) in entries(&document.value, list) {
            let (Some(kind), Some(name)) = (text(entry, "ResourceType"), text(entry, "PhysicalResourceId")) else {
                continue;
            };
            let evidence = document.evidence(&pointer).excerpt(name);
            let around = end::Around { place: &place, value: entry, names: &super::item::no_names };
            let target = Target::Type(kind.to_owned());
            let id = end::end(name, &target, &around, &evidence, found).unwrap_or_else(|| {
                let id = format!("arn:aws:cloudformation:{}:{}:{kind}/{name}", place.region, place.account);
                let asset = Asset::new(&id, AssetKind::Resource, name).with("aws_type", kind);
                found.inventory.add(asset.seen(evidence.clone()));
                id
            });
            if let Some(stack) = text(entry, "StackId")
                && let Some(stack) = end::arn(stack, &Target::Any, &evidence, found)
            {
                found.relate(&id, RelationKind::DeployedBy, &stack, &evidence);
            }
        }
    }
}

/// `get-caller-identity`.
fn caller(document: &Document, found: &mut Found) {
    let evidence = document.evidence("/Arn");
    let id = text(&document.value, "Arn").and_then(|arn| end::arn(arn, &Target::Any, &evidence, found));
    let account = text(&document.value, "Account").filter(|account| is_account(account));
    if let (Some(id), Some(account)) = (id, account) {
        let root = format!("arn:aws:iam::{account}:root");
        found.inventory.add(Asset::new(&root, AssetKind::Account, account).seen(document.evidence("/Account")));
        if id != root {
            found.relate(&root, RelationKind::Contains, &id, &evidence);
        }
    }
}

/// Who holds an inline policy: type, name, and the list that authorization details keep it in.
fn holder(value: &Value) -> Option<(&'static str, &str, &'static str)> {
    let holders = [
        ("AWS::IAM::Role", "RoleName", "RolePolicyList"),
        ("AWS::IAM::User", "UserName", "UserPolicyList"),
        ("AWS::IAM::Group", "GroupName", "GroupPolicyList"),
    ];
    holders.into_iter().find_map(|(kind, key, list)| Some((kind, value.get(key)?.as_str()?, list)))
}

fn inline_policy(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some((kind, name, list)) = holder(value) else { return };
    let evidence = document.evidence("/PolicyDocument");
    let around = end::Around { place: &Place::default(), value, names: &super::item::no_names };
    let id = end::end(name, &Target::Type(kind.to_owned()), &around, &evidence, found);
    if let Some(asset) = id.and_then(|id| found.inventory.get_mut(&id)) {
        let entry = json!({"PolicyName": value.get("PolicyName"), "PolicyDocument": value.get("PolicyDocument"),
            "Pointer": evidence.pointer});
        asset.properties.insert(list.into(), json!([entry]));
    }
}

/// An image in a repository, by its digest.
fn image(value: &Value, digest: &str, tag: Option<&str>, evidence: &Evidence, found: &mut Found) -> Option<Asset> {
    let repository = text(value, "repositoryName")?;
    let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
    let image = container::image_asset(&format!("{repository}{tag}@{digest}")).seen(evidence.clone());
    let around = end::Around { place: &Place::default(), value, names: &super::item::no_names };
    let repository = end::end(repository, &Target::Type("AWS::ECR::Repository".into()), &around, evidence, found)?;
    found.relate(&repository, RelationKind::Contains, image.id.as_str(), evidence);
    Some(image)
}

fn images(document: &Document, found: &mut Found) {
    for (pointer, entry) in entries(&document.value, "imageDetails") {
        let evidence = document.evidence(&pointer);
        let tag = entry.pointer("/imageTags/0").and_then(Value::as_str);
        let image = text(entry, "imageDigest").and_then(|digest| image(entry, digest, tag, &evidence, found));
        if let Some(mut image) = image {
            if let Some(counts) = entry.pointer("/imageScanFindingsSummary/findingSeverityCounts") {
                image.properties.insert("findingSeverityCounts".into(), counts.clone());
            }
            found.inventory.add(image);
        }
    }
}

/// `describe-image-scan-findings`, of basic and enhanced scanning.
fn scan_findings(document: &Document, found: &mut Found) {
    let value = &document.value;
    let id = |key: &str| value.pointer(&format!("/imageId/{key}")).and_then(Value::as_str);
    let evidence = document.evidence("/imageId");
    let image = id("imageDigest").and_then(|digest| image(value, digest, id("imageTag"), &evidence, found));
    let Some(mut image) = image else { return };
    let Some(scan) = value.get("imageScanFindings") else { return };
    for list in ["findings", "enhancedFindings"] {
        for (pointer, finding) in entries(scan, list) {
            let details = finding.get("packageVulnerabilityDetails").unwrap_or(finding);
            let rule = text(details, "vulnerabilityId").or(text(finding, "name")).or(text(finding, "title"));
            let Some(rule) = rule else { continue };
            let severity = match text(finding, "severity").unwrap_or_default() {
                "CRITICAL" => Severity::Critical,
                "HIGH" => Severity::High,
                "MEDIUM" => Severity::Medium,
                "LOW" => Severity::Low,
                _ => Severity::Info,
            };
            let title = text(finding, "title").unwrap_or(rule);
            let place = document.evidence(&format!("/imageScanFindings{pointer}"));
            image.report(ExternalFinding::new("Amazon ECR", rule, severity, title, place));
        }
    }
    found.inventory.add(image);
}
