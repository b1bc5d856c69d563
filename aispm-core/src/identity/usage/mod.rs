//! Granted and used: which AI permissions an identity holds, which of them logs show it using, and the policy that would
//! have been enough.
//!
//! Nothing is claimed without a log of the identity's account. Two kinds are read: CloudTrail, whose calls count as
//! activity of relations, and IAM's own report of when a service or action was last used. What a log would not show
//! (data events that the trail does not record) is neither used nor unused. Audit logs of Google Cloud and Azure are
//! compared with the access that roles give to each AI asset.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::aws::{Estate, Principal, PrincipalKind, account_of};
use crate::asset::{Asset, AssetId, AssetKind, Evidence, Inventory, Relation};

mod cloud;
mod narrow;
mod table;

use narrow::Kept;
use table::table;

/// The property in which discovery keeps IAM's report of an identity.
pub(crate) const LAST_ACCESSED: &str = "service_last_accessed";

/// AI permissions of an identity against their use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Usage {
    /// The identity.
    pub identity: AssetId,
    /// Over which time its use was observed, and by what.
    pub observed: Window,
    /// AI actions that it holds and was seen to use.
    pub used: Vec<Used>,
    /// AI actions that it holds and was not seen to use; on Google Cloud and Azure, kinds of access with the asset.
    pub unused: Vec<String>,
    /// AI actions that it holds and whose use these logs would not show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// Its policies without what is unused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrowed: Vec<Narrowed>,
}

/// A time over which use was observed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Window {
    /// The first event of the account's logs, RFC 3339; not known for IAM's report alone, which goes back up to 400 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The last event, or when the report was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// `cloudtrail`, `last-accessed`, `audit-log`.
    pub sources: BTreeSet<String>,
}

/// An action that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Used {
    /// As policies name it, e.g. `bedrock:InvokeModel`.
    pub action: String,
    /// How often logs show it; 0 where only IAM's report does.
    pub count: u64,
    /// What it was used on.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub on: BTreeSet<AssetId>,
}

/// A policy in place of one that an identity holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Narrowed {
    /// The policy's name or ARN.
    pub policy: String,
    /// Where it stands.
    pub evidence: Evidence,
    /// The document to put in its place; without statements, the policy is not needed.
    pub document: Value,
}

/// Compares AI permissions with their use, for every identity whose account has a log. Identities without AI permissions
/// are left out. O(identities with logs · AI actions · statements).
#[must_use]
pub fn of(inventory: &Inventory) -> Vec<Usage> {
    let mut usages = aws(inventory);
    usages.extend(cloud::of(inventory));
    usages
}

fn aws(inventory: &Inventory) -> Vec<Usage> {
    let seen = Seen::of(inventory);
    if seen.accounts.is_empty() && !inventory.assets().any(|asset| asset.properties.contains_key(LAST_ACCESSED)) {
        return Vec::new();
    }
    let estate = Estate::new(inventory);
    let own = |p: &&Principal| matches!(p.kind, PrincipalKind::User | PrincipalKind::Role);
    let found = estate.principals().iter().filter(own).filter_map(|principal| {
        let asset = inventory.get(principal.id.as_str())?;
        usage(inventory, &estate, principal, asset, &seen)
    });
    found.collect()
}

/// What the trails of all accounts show.
#[derive(Default)]
struct Seen<'a> {
    /// The time that an account's trail covers.
    accounts: HashMap<&'a str, (Option<&'a str>, Option<&'a str>)>,
    /// Unlogged actions that a trail of the account does show, by service: it records such events.
    recorded: BTreeSet<(&'a str, String)>,
    by_identity: HashMap<&'a str, Vec<&'a Relation>>,
}

impl<'a> Seen<'a> {
    fn of(inventory: &'a Inventory) -> Self {
        let mut seen = Self::default();
        for relation in inventory.relations() {
            let Some(activity) = relation.activity.as_ref().filter(|a| !a.actions.is_empty()) else { continue };
            let Some(account) = account_of(relation.from.as_str()) else { continue };
            let (first, last) = (activity.first.as_deref(), activity.last.as_deref());
            let (from, until) = seen.accounts.entry(account).or_insert((first, last));
            *from = match (*from, first) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            *until = (*until).max(last);
            for action in activity.actions.keys().filter_map(|call| table().permission(call)) {
                if table().is_unlogged(&action) {
                    seen.recorded.insert((account, service(&action).to_owned()));
                }
            }
            seen.by_identity.entry(relation.from.as_str()).or_default().push(relation);
        }
        seen
    }
}

fn service(action: &str) -> &str {
    action.split(':').next().unwrap_or(action)
}

fn usage(
    inventory: &Inventory,
    estate: &Estate,
    principal: &Principal,
    asset: &Asset,
    seen: &Seen<'_>,
) -> Option<Usage> {
    let account = account_of(principal.id.as_str())?;
    let trail = seen.accounts.get(account);
    let report = asset.properties.get(LAST_ACCESSED).and_then(Report::of);
    if trail.is_none() && report.is_none() {
        return None;
    }
    let held: Vec<String> =
        table().actions().filter(|action| estate.example(principal, action, service(action)).is_some()).collect();
    if held.is_empty() {
        return None;
    }
    let mut observed = Window::default();
    if let Some((from, until)) = trail {
        (observed.from, observed.until) = (from.map(str::to_owned), until.map(str::to_owned));
        observed.sources.insert("cloudtrail".to_owned());
    }
    if let Some(report) = &report {
        observed.until = observed.until.take().max(report.made.clone());
        observed.sources.insert("last-accessed".to_owned());
    }
    let mut used: BTreeMap<String, Used> = BTreeMap::new();
    for relation in seen.by_identity.get(principal.id.as_str()).into_iter().flatten() {
        let calls = relation.activity.iter().flat_map(|activity| &activity.actions);
        for (call, count) in calls {
            let Some(action) = table().permission(call) else { continue };
            let entry = used.entry(action.clone()).or_insert_with(|| Used { action, count: 0, on: BTreeSet::new() });
            entry.count = entry.count.saturating_add(*count);
            entry.on.insert(relation.to.clone());
        }
    }
    for action in report.iter().flat_map(|report| &report.used) {
        used.entry(action.clone()).or_insert_with(|| Used { action: action.clone(), count: 0, on: BTreeSet::new() });
    }
    let judged = |action: &String| {
        let logged = trail.is_some()
            && (!table().is_unlogged(action) || seen.recorded.contains(&(account, service(action).to_owned())));
        logged || report.as_ref().is_some_and(|report| report.judges(action))
    };
    let (held_used, rest): (Vec<String>, Vec<String>) = held.into_iter().partition(|action| used.contains_key(action));
    let (unused, unknown): (Vec<String>, Vec<String>) = rest.into_iter().partition(judged);
    let mut kept: Kept = unknown.iter().map(|action| (action.clone(), None)).collect();
    let partition = principal.id.as_str().split(':').nth(1).unwrap_or("aws");
    for (action, used) in &used {
        let named = table().names_resource(action) && !used.on.is_empty();
        let names = || used.on.iter().map(|id| resources(id.as_str(), partition)).collect::<Option<Vec<_>>>();
        let on = if named { names().map(|all| all.into_iter().flatten().collect()) } else { None };
        kept.insert(action.clone(), on);
    }
    let narrowed = if unused.is_empty() { Vec::new() } else { policies(inventory, asset, &kept) };
    let used = held_used.iter().filter_map(|action| used.remove(action)).collect();
    Some(Usage { identity: principal.id.clone(), observed, used, unused, unknown, narrowed })
}

/// What a policy would call something that was called; `None` where the log's word for it would not be enough.
fn resources(id: &str, partition: &str) -> Option<Vec<String>> {
    if let Some(name) = id.strip_prefix("model:") {
        // called by its own name, or through a profile of a region
        let model = format!("arn:{partition}:bedrock:*::foundation-model/{name}");
        return Some(vec![model, format!("arn:{partition}:bedrock:*:*:inference-profile/*{name}")]);
    }
    let kinds = [":foundation-model/", ":custom-model/", ":provisioned-model/", ":endpoint/", ":knowledge-base/"];
    (id.starts_with("arn:") && kinds.iter().any(|kind| id.contains(kind))).then(|| vec![id.to_owned()])
}

/// IAM's report of one identity.
struct Report {
    made: Option<String>,
    used: BTreeSet<String>,
    /// AI services that were never used, and those whose actions are told one by one.
    idle: BTreeSet<String>,
    told: BTreeMap<String, BTreeSet<String>>,
}

impl Report {
    fn of(value: &Value) -> Option<Self> {
        let made = value.get("JobCompletionDate").and_then(Value::as_str).map(str::to_owned);
        let mut report = Self { made, used: BTreeSet::new(), idle: BTreeSet::new(), told: BTreeMap::new() };
        for entry in value.get("ServicesLastAccessed")?.as_array()? {
            let Some(service) = entry.get("ServiceNamespace").and_then(Value::as_str) else { continue };
            if !table().services.contains_key(service) {
                continue;
            }
            if entry.get("LastAuthenticated").is_none_or(Value::is_null) {
                report.idle.insert(service.to_owned());
                continue;
            }
            for action in entry.get("TrackedActionsLastAccessed").and_then(Value::as_array).into_iter().flatten() {
                let Some(name) = action.get("ActionName").and_then(Value::as_str) else { continue };
                report.told.entry(service.to_owned()).or_default().insert(name.to_owned());
                if action.get("LastAccessedTime").is_some_and(|time| !time.is_null()) {
                    report.used.insert(format!("{service}:{name}"));
                }
            }
        }
        Some(report)
    }

    fn judges(&self, action: &str) -> bool {
        let Some((service, name)) = action.split_once(':') else { return false };
        self.idle.contains(service) || self.told.get(service).is_some_and(|told| told.contains(name))
    }
}

/// The policies of an identity, narrowed.
fn policies(inventory: &Inventory, asset: &Asset, kept: &Kept) -> Vec<Narrowed> {
    let base = asset.evidence.first().cloned().unwrap_or_default();
    let mut all = Vec::new();
    for list in ["UserPolicyList", "RolePolicyList"] {
        let entries = asset.properties.get(list).and_then(Value::as_array).into_iter().flatten();
        for (i, entry) in entries.enumerate() {
            let Some(document) = entry.get("PolicyDocument").and_then(|document| narrow::narrow(document, kept)) else {
                continue;
            };
            let name = entry.get("PolicyName").and_then(Value::as_str).unwrap_or("inline policy");
            let given = entry.get("Pointer").and_then(Value::as_str).map(str::to_owned);
            let own = base.pointer.as_ref().map(|pointer| format!("{pointer}/{list}/{i}/PolicyDocument"));
            let evidence = Evidence { pointer: given.or(own), ..base.clone() };
            all.push(Narrowed { policy: name.to_owned(), evidence, document });
        }
    }
    let attached = asset.properties.get("AttachedManagedPolicies").and_then(Value::as_array).into_iter().flatten();
    for arn in attached.filter_map(|entry| entry.get("PolicyArn")?.as_str()) {
        let Some(policy) = inventory.get(arn).filter(|policy| policy.kind == AssetKind::Policy) else { continue };
        let Some(document) = document_of(policy).and_then(|document| narrow::narrow(document, kept)) else { continue };
        let evidence = policy.evidence.first().cloned().unwrap_or_default();
        all.push(Narrowed { policy: arn.to_owned(), evidence, document });
    }
    all
}

/// The document of a managed policy: its default version.
fn document_of(policy: &Asset) -> Option<&Value> {
    let versions = policy.properties.get("PolicyVersionList").and_then(Value::as_array);
    let default = versions.and_then(|versions| {
        let is = |version: &&Value| version.get("IsDefaultVersion").and_then(Value::as_bool) == Some(true);
        versions.iter().find(is)?.get("Document")
    });
    default.or_else(|| ["PolicyDocument", "policy", "Document"].iter().find_map(|key| policy.properties.get(*key)))
}

#[cfg(test)]
mod tests;
