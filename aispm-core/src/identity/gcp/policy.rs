//! Allow and deny policies as exports write them.

use serde_json::Value;

use super::member::{self, Denied};
use crate::asset::{Asset, Evidence, flag};
use crate::identity::glob;

/// One member's role on a resource.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) scope: u32,
    pub(super) role: String,
    pub(super) when: Option<u32>,
    pub(super) evidence: Evidence,
}

/// One rule of a deny policy.
#[derive(Debug)]
pub(super) struct DenyRule {
    pub(super) scope: u32,
    /// The policy's name, for people.
    pub(super) name: String,
    pub(super) who: Vec<Denied>,
    pub(super) but: Vec<Denied>,
    permissions: Vec<String>,
    except: Vec<String>,
    pub(super) when: Option<u32>,
}

impl DenyRule {
    /// Whether it is about a permission.
    pub(super) fn speaks_of(&self, permission: &str) -> bool {
        glob::any(&self.permissions, permission) && !glob::any(&self.except, permission)
    }
}

/// A binding as written: role, member, the condition's expression, and where it stands.
pub(super) struct Written<'a> {
    pub(super) role: &'a str,
    pub(super) member: String,
    pub(super) condition: Option<&'a str>,
    pub(super) evidence: Evidence,
}

/// Whether an asset carries a policy, also one that gives nobody anything.
pub(super) fn has_policy(asset: &Asset) -> bool {
    asset.properties.contains_key("iam_policy")
}

/// The bindings of the policy that an asset carries.
pub(super) fn bindings(asset: &Asset) -> Vec<Written<'_>> {
    let mut all = access(asset);
    let Some(policy) = asset.properties.get("iam_policy") else { return all };
    let place: Option<Evidence> =
        asset.properties.get("iam_policy_at").and_then(|at| serde_json::from_value(at.clone()).ok());
    let seen = place.clone().or_else(|| asset.evidence.first().cloned()).unwrap_or_default();
    for (i, binding) in list(policy, &["bindings"]).enumerate() {
        let Some(role) = binding.get("role").and_then(Value::as_str) else { continue };
        let condition = binding.get("condition").and_then(|condition| condition.get("expression")?.as_str());
        for (j, member) in list(binding, &["members"]).enumerate().filter_map(|(j, m)| Some((j, m.as_str()?))) {
            let mut evidence = seen.clone().excerpt(format!("{role} to {member}"));
            if place.is_some() {
                let at = evidence.pointer.unwrap_or_default();
                evidence.pointer = Some(format!("{at}/bindings/{i}/members/{j}"));
            }
            all.push(Written { role, member: member.to_owned(), condition, evidence });
        }
    }
    all
}

/// What the access entries of a data set come to.
fn access(asset: &Asset) -> Vec<Written<'_>> {
    let rows = asset.properties.get("access").and_then(Value::as_array).into_iter().flatten();
    let written = rows.filter_map(|row| {
        let text = |key: &str| row.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let role = match text("role")? {
            "READER" => "roles/bigquery.dataViewer",
            "WRITER" => "roles/bigquery.dataEditor",
            "OWNER" => "roles/bigquery.dataOwner",
            role => role,
        };
        let project = || asset.text("project").unwrap_or_default();
        let member = match text("specialGroup") {
            Some("projectOwners") => format!("projectOwner:{}", project()),
            Some("projectWriters") => format!("projectEditor:{}", project()),
            Some("projectReaders") => format!("projectViewer:{}", project()),
            Some(other) => other.to_owned(),
            None => text("userByEmail")
                .map(|email| {
                    let machine = email.ends_with(".gserviceaccount.com");
                    format!("{}:{email}", if machine { "serviceAccount" } else { "user" })
                })
                .or_else(|| text("groupByEmail").map(|email| format!("group:{email}")))
                .or_else(|| text("domain").map(|domain| format!("domain:{domain}")))
                .or_else(|| text("iamMember").map(str::to_owned))?,
        };
        let evidence = asset.evidence.first().cloned().unwrap_or_default().excerpt(format!("{role} to {member}"));
        let condition = row.get("condition").and_then(|condition| condition.get("expression")?.as_str());
        Some(Written { role, member, condition, evidence })
    });
    written.collect()
}

/// What a deny policy is attached to.
pub(super) fn attached_to(asset: &Asset) -> Option<String> {
    if !asset.properties.contains_key("rules") {
        return None;
    }
    let declared = || {
        let parent = asset.text("parent").filter(|_| asset.text("terraform_type") == Some("google_iam_deny_policy"))?;
        let parent = parent.replace("%2F", "/").replace("%2f", "/");
        parent.starts_with("cloudresourcemanager.googleapis.com/").then(|| format!("//{parent}"))
    };
    asset.text("attached_to").map(str::to_owned).or_else(declared)
}

/// A deny policy's rules with their conditions; `scope` is where it is attached.
pub(super) fn denials(asset: &Asset, scope: u32, mut when: impl FnMut(&str) -> u32) -> Vec<DenyRule> {
    let Some(Value::Array(rules)) = asset.properties.get("rules") else { return Vec::new() };
    let mut all = Vec::new();
    for rule in rules {
        let rule = ["denyRule", "deny_rule"].iter().find_map(|key| rule.get(*key));
        let Some(rule) = rule.map(|rule| rule.as_array().and_then(|list| list.first()).unwrap_or(rule)) else {
            continue;
        };
        let texts =
            |keys: &[&str]| -> Vec<String> { list(rule, keys).filter_map(Value::as_str).map(str::to_owned).collect() };
        let who = |keys: &[&str]| texts(keys).iter().map(|text| member::denied(text)).collect();
        let permissions = |keys: &[&str]| texts(keys).iter().map(|text| first_generation(text)).collect();
        let condition = ["denialCondition", "denial_condition"].iter().find_map(|key| rule.get(*key));
        let condition = condition.map(|at| at.as_array().and_then(|list| list.first()).unwrap_or(at));
        let expression = condition.and_then(|at| at.get("expression")?.as_str()).filter(|text| !text.is_empty());
        all.push(DenyRule {
            scope,
            name: asset.name.clone(),
            who: who(&["deniedPrincipals", "denied_principals"]),
            but: who(&["exceptionPrincipals", "exception_principals"]),
            permissions: permissions(&["deniedPermissions", "denied_permissions"]),
            except: permissions(&["exceptionPermissions", "exception_permissions"]),
            when: expression.map(&mut when),
        });
    }
    all
}

/// Organisation policies of the kind that is on or off: where, which, and whether it is on. Inventories list them with
/// their resource, in the form that came first; the later form is a resource of its own.
pub(super) fn constraints(asset: &Asset) -> Vec<(String, String, bool)> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let name = |full: &str| full.rsplit('/').next().unwrap_or(full).to_owned();
    let mut all = Vec::new();
    for row in ["orgPolicy", "org_policy"].iter().filter_map(|key| asset.properties.get(*key)?.as_array()).flatten() {
        let policy = ["booleanPolicy", "boolean_policy"].iter().find_map(|key| row.get(*key));
        let enforced = policy.map(|policy| policy.get("enforced").and_then(flag) == Some(true));
        if let (Some(constraint), Some(enforced)) = (text(row, "constraint"), enforced) {
            all.push((asset.id.to_string(), name(&constraint), enforced));
        }
    }
    if let Some((on, constraint)) =
        asset.id.as_str().strip_prefix("//orgpolicy.googleapis.com/").and_then(|rest| rest.split_once("/policies/"))
    {
        let spec = asset.properties.get("spec");
        let enforced =
            spec.into_iter().flat_map(|spec| list(spec, &["rules"])).find_map(|rule| flag(rule.get("enforce")?));
        if let Some(enforced) = enforced {
            all.push((format!("//cloudresourcemanager.googleapis.com/{on}"), constraint.to_owned(), enforced));
        }
    }
    all
}

fn list<'a>(value: &'a Value, keys: &[&str]) -> impl Iterator<Item = &'a Value> + use<'a> {
    keys.iter().find_map(|key| value.get(*key)?.as_array()).into_iter().flatten()
}

/// Deny policies name a permission by its service's host, `iam.googleapis.com/roles.update`; roles as `iam.roles.update`.
fn first_generation(permission: &str) -> String {
    let Some((host, rest)) = permission.split_once('/') else { return permission.to_owned() };
    let service = match host.split('.').next().unwrap_or(host) {
        "cloudresourcemanager" => "resourcemanager",
        "sqladmin" => "cloudsql",
        "bigtableadmin" => "bigtable",
        service => service,
    };
    format!("{service}.{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_of_both_generations() {
        for (text, want) in [
            ("iam.googleapis.com/serviceAccountKeys.create", "iam.serviceAccountKeys.create"),
            ("cloudresourcemanager.googleapis.com/projects.setIamPolicy", "resourcemanager.projects.setIamPolicy"),
            ("iam.googleapis.com/roles.*", "iam.roles.*"),
            ("compute.instances.create", "compute.instances.create"),
        ] {
            assert_eq!(first_generation(text), want);
        }
    }
}
