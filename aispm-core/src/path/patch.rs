//! Fixes as text to review: a diff of a policy's statement, a NetworkPolicy, a block of Terraform.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::model::{Patch, PatchFormat};
use super::place::Place;
use crate::asset::{Asset, AssetKind, Document, Evidence, Inventory, RelationKind};
use crate::identity::aws::Pattern;

/// Longest statement that is shown whole, in lines.
const LINES: usize = 200;

/// What is to change in a policy.
#[derive(Debug)]
pub(super) enum Policy {
    /// These actions on this resource are no longer allowed to someone.
    Actions { actions: Vec<String>, resource: String },
    /// These are no longer let in; who that is in a word.
    Trust { names: Vec<String>, who: String },
}

impl Policy {
    pub(super) fn actions(actions: &[String], resource: &str) -> Self {
        Self::Actions { actions: actions.to_vec(), resource: resource.to_owned() }
    }

    pub(super) fn trust(names: &[String], who: &str) -> Self {
        Self::Trust { names: names.to_vec(), who: who.to_owned() }
    }

    /// The statements that take a statement's place.
    fn change(&self, statement: &Value) -> Vec<Value> {
        match self {
            Self::Actions { actions, resource } => narrow(statement, actions, resource),
            Self::Trust { names, .. } => distrust(statement, names),
        }
    }

    fn title(&self) -> String {
        match self {
            Self::Actions { actions, resource } if resource == "*" => format!("no {}", actions.join(" or ")),
            Self::Actions { actions, resource } => format!("no {} on {resource}", actions.join(" or ")),
            Self::Trust { who, .. } => format!("no trust in {who}"),
        }
    }
}

/// A diff of the statements at these places, which some of these assets keep; `None` if one of them is not in the input.
pub(super) fn policy(owners: &[&Asset], places: &[Evidence], policy: &Policy) -> Option<Patch> {
    let mut text = String::new();
    for place in places.iter().map(Place::of) {
        let before = owners.iter().find_map(|asset| place.value(asset))?;
        before.as_object().filter(|statement| statement.contains_key("Effect"))?;
        let after = policy.change(&before);
        let (old, new) = (lines(&[before]), lines(&after));
        if old.len() > LINES {
            return None;
        }
        text.push_str(&format!("--- {place}\n+++ {place}\n"));
        for line in difference(&old, &new) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    (!text.is_empty()).then(|| Patch { format: PatchFormat::AwsPolicy, title: policy.title(), text })
}

/// A statement that no longer allows these actions: without them where they are named, else with a deny beside it.
fn narrow(statement: &Value, actions: &[String], resource: &str) -> Vec<Value> {
    let names = |value: &Value| -> Vec<String> {
        let list = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let is_asked = |name: &String| actions.iter().any(|action| action.eq_ignore_ascii_case(name));
    let covers = |name: &String| {
        let pattern = Pattern::new(&name.to_ascii_lowercase());
        actions.iter().any(|action| pattern.matches(&action.to_ascii_lowercase()))
    };
    let Some(allowed) = statement.get("Action").map(names) else { return denied(statement, actions, resource) };
    let kept: Vec<String> = allowed.into_iter().filter(|name| !is_asked(name)).collect();
    if kept.iter().any(covers) {
        return denied(statement, actions, resource);
    }
    match kept.as_slice() {
        [] => Vec::new(),
        kept => {
            let mut statement = statement.clone();
            if let Some(place) = statement.get_mut("Action") {
                *place = json!(kept);
            }
            vec![statement]
        }
    }
}

/// The statement with a deny beside it.
fn denied(statement: &Value, actions: &[String], resource: &str) -> Vec<Value> {
    let actions = if let [one] = actions { json!(one) } else { json!(actions) };
    vec![statement.clone(), json!({"Effect": "Deny", "Action": actions, "Resource": resource})]
}

/// A statement that no longer names these principals; none is left of one that names everyone or no one else.
fn distrust(statement: &Value, names: &[String]) -> Vec<Value> {
    let Some(Value::Object(principal)) = statement.get("Principal") else { return Vec::new() };
    let mut left = Map::new();
    for (kind, value) in principal {
        let list = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        let stays = |name: &&Value| {
            let name = name.as_str().unwrap_or_default();
            name != "*" && kind != "Federated" && !names.iter().any(|gone| gone == name || account(gone) == Some(name))
        };
        let kept: Vec<&Value> = list.iter().filter(stays).collect();
        match kept.as_slice() {
            [] => {}
            [one] => drop(left.insert(kind.clone(), (*one).clone())),
            several => drop(left.insert(kind.clone(), json!(several))),
        }
    }
    if left.is_empty() {
        return Vec::new();
    }
    let mut statement = statement.clone();
    if let Some(place) = statement.get_mut("Principal") {
        *place = Value::Object(left);
    }
    vec![statement]
}

/// The account of a root's ARN, as policies also write it.
fn account(arn: &str) -> Option<&str> {
    arn.strip_suffix(":root")?.rsplit(':').next()
}

fn lines(values: &[Value]) -> Vec<String> {
    let text = values.iter().map(statement_text).collect::<Vec<_>>().join(",\n");
    text.lines().map(str::to_owned).collect()
}

/// A statement as people write it, its parts in the usual order.
fn statement_text(statement: &Value) -> String {
    const ORDER: [&str; 9] =
        ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    let Some(parts) = statement.as_object() else { return serde_json::to_string_pretty(statement).unwrap_or_default() };
    let mut parts: Vec<(&String, &Value)> = parts.iter().collect();
    parts.sort_by_key(|(key, _)| ORDER.iter().position(|known| known == key).unwrap_or(ORDER.len()));
    let part = |(key, value): (&String, &Value)| {
        let value = serde_json::to_string_pretty(value).unwrap_or_default().replace('\n', "\n  ");
        format!("  {}: {value}", Value::String(key.clone()))
    };
    format!("{{\n{}\n}}", parts.into_iter().map(part).collect::<Vec<_>>().join(",\n"))
}

/// The lines of both, those only in the first led by `-`, only in the second by `+`. O(lines²), for short texts.
fn difference(old: &[String], new: &[String]) -> Vec<String> {
    // how much is common from each pair of places on
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    let get = |common: &Vec<Vec<usize>>, i: usize, j: usize| common.get(i).and_then(|r| r.get(j)).copied().unwrap_or(0);
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let best = if a == b {
                get(&common, i + 1, j + 1) + 1
            } else {
                get(&common, i + 1, j).max(get(&common, i, j + 1))
            };
            if let Some(place) = common.get_mut(i).and_then(|row| row.get_mut(j)) {
                *place = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut found = Vec::new();
    loop {
        match (old.get(i), new.get(j)) {
            (Some(a), Some(b)) if a == b => {
                found.push(format!(" {a}"));
                (i, j) = (i + 1, j + 1);
            }
            (Some(a), b) if b.is_none() || get(&common, i + 1, j) >= get(&common, i, j + 1) => {
                found.push(format!("-{a}"));
                i += 1;
            }
            (_, Some(b)) => {
                found.push(format!("+{b}"));
                j += 1;
            }
            (_, None) => return found,
        }
    }
}

/// How to close an asset to the internet, where its platform is known.
pub(super) fn closed(inventory: &Inventory, asset: &Asset) -> Option<Patch> {
    if asset.id.as_str().starts_with("k8s://") {
        return network_policy(inventory, asset);
    }
    // the firewall in front of it, or else the asset itself
    let before = inventory.incoming(asset.id.as_str()).map(|relation| &relation.from);
    let beside = inventory.outgoing(asset.id.as_str()).map(|relation| &relation.to);
    let near = before.chain(beside).filter_map(|id| inventory.get(id.as_str()));
    let firewalls = near.filter(|near| near.text("terraform_type").is_some_and(|kind| FIREWALLS.contains(&kind)));
    firewalls.chain([asset]).find_map(terraform)
}

/// Types that decide what reaches others.
const FIREWALLS: &[&str] = &["aws_security_group", "google_compute_firewall"];

/// A NetworkPolicy for the pods behind an endpoint: only their namespace may call them.
fn network_policy(inventory: &Inventory, asset: &Asset) -> Option<Patch> {
    let behind = inventory.outgoing(asset.id.as_str()).filter(|r| r.kind == RelationKind::Exposes);
    let behind: Vec<&Asset> = behind.filter_map(|r| inventory.get(r.to.as_str())).collect();
    let services = std::iter::once(asset).chain(behind.iter().copied());
    let selecting = services.into_iter().find_map(|a| Some((a, a.properties.get("selector")?.as_object()?)));
    let (service, selector) = selecting?;
    let namespace = service.text("namespace").filter(|name| !name.is_empty())?;
    let mut labels: Vec<(&String, &str)> =
        selector.iter().filter_map(|(key, value)| Some((key, value.as_str()?))).collect();
    labels.sort();
    if labels.is_empty() || labels.len() < selector.len() {
        return None;
    }
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let mut text = format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {}\n  namespace: {}\nspec:\n  \
         podSelector:\n    matchLabels:\n",
        quoted(&format!("{}-internal", service.name)),
        quoted(namespace)
    );
    for (key, value) in labels {
        text.push_str(&format!("      {}: {}\n", quoted(key), quoted(value)));
    }
    text.push_str("  policyTypes: [Ingress]\n  ingress:\n    - from:\n        - podSelector: {}\n");
    let title = format!("only pods of {namespace} may call {}", asset.name);
    Some(Patch { format: PatchFormat::Kubernetes, title, text })
}

/// What to set in Terraform, by resource type.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closing {
    r#type: Vec<String>,
    title: String,
    text: String,
}

/// Settings that close a resource to the internet.
fn terraform(asset: &Asset) -> Option<Patch> {
    let closing = closings();
    let named = |asset: &Asset| asset.text("terraform_type").map(str::to_owned);
    let kind = named(asset).or_else(|| (asset.kind == AssetKind::Bucket).then(|| bucket(asset)).flatten())?;
    let known = closing.iter().find(|closing| closing.r#type.contains(&kind))?;
    let label: String = asset.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let address = asset.text("terraform_address").and_then(|address| address.rsplit('.').next()?.split('[').next());
    let label = address.map_or(label, str::to_owned);
    let text = known.text.replace("{type}", &kind).replace("{label}", &label).replace("{name}", &asset.name);
    Some(Patch { format: PatchFormat::Terraform, title: known.title.clone(), text })
}

fn bucket(asset: &Asset) -> Option<String> {
    asset.id.as_str().starts_with("arn:aws:s3:::").then(|| "aws_s3_bucket".to_owned())
}

fn closings() -> &'static [Closing] {
    static CLOSINGS: LazyLock<Vec<Closing>> = LazyLock::new(|| {
        // checked by a test; an empty table would only lose the patches
        Document::config("patches.yaml", include_str!("../../data/path/patches.yaml")).unwrap_or_default()
    });
    &CLOSINGS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_actions_go_and_wildcards_get_a_deny() {
        let statement = json!({"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"});
        let actions = ["s3:GetObject".to_owned()];
        let left = narrow(&statement, &actions, "arn:aws:s3:::b/*");
        assert_eq!(left, [json!({"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": "*"})]);
        let wide = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
        let left = narrow(&wide, &actions, "arn:aws:s3:::b/*");
        let deny = json!({"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"});
        assert_eq!(left, [wide, deny]);
        assert!(narrow(&json!({"Effect": "Allow", "Action": "s3:getobject"}), &actions, "*").is_empty());
    }

    #[test]
    fn trust_loses_whom_it_must_not_name() {
        let statement = json!({"Effect": "Allow", "Principal": {"Service": ["a", "b"], "AWS": "111111111111"}});
        let left = distrust(&statement, &["a".to_owned(), "arn:aws:iam::111111111111:root".to_owned()]);
        assert_eq!(left[0]["Principal"], json!({"Service": "b"}));
        assert!(distrust(&json!({"Principal": {"Service": "a"}}), &["a".to_owned()]).is_empty());
        assert!(distrust(&json!({"Principal": "*"}), &[]).is_empty());
    }

    #[test]
    fn a_difference_keeps_what_is_common() {
        let text = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(difference(&text(&["a", "b", "c"]), &text(&["a", "c", "d"])), [" a", "-b", " c", "+d"]);
        assert_eq!(difference(&text(&["a"]), &[]), ["-a"]);
        assert_eq!(difference(&[], &text(&["a"])), ["+a"]);
    }

    #[test]
    fn doors_are_closed_in_the_platforms_own_words() {
        let mut inventory = Inventory::new();
        let service = Asset::new("k8s://c/ml/Service/llm", AssetKind::Endpoint, "llm").with("namespace", "ml");
        inventory.add(service.with("selector", json!({"app": "llm", "tier": "\"x\": y"})));
        let group = Asset::new("sg", AssetKind::NetworkEntry, "sg").with("terraform_type", "aws_security_group");
        inventory.add(group.with("terraform_address", "module.net.aws_security_group.gpu[0]"));
        let machine = |id: &str| Asset::new(id, AssetKind::Node, id).with("terraform_type", "aws_instance");
        inventory.add(machine("i-1"));
        inventory.add(machine("i-2"));
        inventory.relate(crate::asset::Relation::new("sg", RelationKind::AppliesTo, "i-1"));
        let patch = |id: &str| closed(&inventory, inventory.get(id).unwrap()).unwrap();
        let policy = patch("k8s://c/ml/Service/llm");
        assert_eq!(policy.format, PatchFormat::Kubernetes);
        let manifest: Value = Document::config("policy.yaml", &policy.text).unwrap();
        assert_eq!(manifest["kind"], "NetworkPolicy");
        let labels = json!({"app": "llm", "tier": "\"x\": y"});
        assert_eq!(manifest["spec"]["podSelector"]["matchLabels"], labels);
        assert!(patch("i-1").text.starts_with("resource \"aws_security_group\" \"gpu\" {"));
        assert!(patch("i-2").text.starts_with("resource \"aws_instance\" \"i_2\" {"));
    }

    #[test]
    fn the_table_of_settings_loads() {
        let table: Vec<Closing> =
            Document::config("patches.yaml", include_str!("../../data/path/patches.yaml")).unwrap();
        assert!(table.iter().all(|closing| closing.text.contains("{label}") && !closing.r#type.is_empty()));
    }
}
