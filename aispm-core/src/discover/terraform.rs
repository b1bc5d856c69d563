//! `terraform show -json`, state and plan: each resource is an asset, its `properties` the provider's own values with
//! `terraform_type` and `terraform_address`.
//!
//! `data/discover/terraform.yaml` says which type is which kind and which values point at other resources. Types that
//! only add a policy or setting to another resource are merged into it; IAM resources become the entries that an
//! account's authorization details would hold ([`iam`]); what lets the internet in is read by [`exposure`].

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::asset::{Asset, AssetKind, Document, Evidence, Relation, RelationKind};
use crate::discover::{Found, Structured};

mod exposure;
mod iam;

pub(super) const FORMATS: &[Structured] = &[SHOW];

const SHOW: Structured = Structured {
    name: "terraform-show",
    critical: true,
    in_parts: false,
    markers: &["terraform_version", "\"values\""],
    matches: |value| value.get("terraform_version").is_some() && module(value).is_some(),
    read,
};

/// What the table says of a resource type.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceType {
    kind: AssetKind,
    #[serde(default)]
    ai: bool,
    #[serde(default)]
    arn: Option<String>,
    #[serde(default)]
    runs_as: Vec<String>,
    #[serde(default)]
    profile: Vec<String>,
    #[serde(default)]
    links: HashMap<RelationKind, Vec<String>>,
    #[serde(default)]
    into: Option<String>,
}

fn types() -> &'static HashMap<String, ResourceType> {
    static TYPES: OnceLock<HashMap<String, ResourceType>> = OnceLock::new();
    // the built-in table is checked by a test; an empty one would only lose kinds
    TYPES.get_or_init(|| {
        Document::config("terraform.yaml", include_str!("../../data/discover/terraform.yaml")).unwrap_or_default()
    })
}

/// The kind of a resource type and whether it is AI, as far as the table knows it.
pub(super) fn known(resource_type: &str) -> Option<(AssetKind, bool)> {
    types().get(resource_type).map(|known| (known.kind, known.ai))
}

/// The root module and its pointer: `values` of a state, `planned_values` of a plan.
fn module(value: &Value) -> Option<(&Value, &'static str)> {
    let at = |pointer: &'static str| value.pointer(pointer).map(|module| (module, pointer));
    at("/planned_values/root_module").or_else(|| at("/values/root_module"))
}

/// One resource of the document.
#[derive(Debug)]
struct Resource<'a> {
    kind: &'a str,
    address: &'a str,
    values: &'a Map<String, Value>,
    /// JSON pointer of the resource.
    pointer: String,
    evidence: Evidence,
    id: String,
}

/// All resources of a document, and what they are called by.
#[derive(Debug)]
struct Module<'a> {
    resources: Vec<Resource<'a>>,
    /// By type family (`aws`) and any of id, name, ARN.
    names: HashMap<&'a str, usize>,
    /// The account and region that most ARNs name; empty if none does.
    account: String,
    region: String,
}

fn read(document: &Document, found: &mut Found) {
    let Some((root, pointer)) = module(&document.value) else { return };
    let module = Module::new(document, root, pointer);
    for resource in &module.resources {
        let Some(known) = types().get(resource.kind) else {
            if !iam::is_identity(resource.kind) && !exposure::is_setting(resource.kind) {
                found.inventory.add(asset(&module, resource, AssetKind::Resource));
            }
            continue;
        };
        let id = match &known.into {
            Some(value) => match module.target(resource, value, known.kind) {
                Some(id) => id,
                None => continue,
            },
            None => resource.id.clone(),
        };
        let mut asset = asset(&module, resource, known.kind);
        asset.ai |= known.ai;
        if known.into.is_some() {
            setting(&mut asset, &id, resource);
        }
        found.inventory.add(asset);
        for (from, kind, to) in module.relations(resource, known, &id) {
            found.inventory.relate(Relation::new(from, kind, to).seen(resource.evidence.clone()));
        }
    }
    iam::read(&module, found);
    exposure::read(&module, found);
    endpoints_serve_models(&module, found);
}

/// An asset as the resource describes it.
fn asset(module: &Module<'_>, resource: &Resource<'_>, kind: AssetKind) -> Asset {
    let values = resource.values;
    let name = ["name", "bucket", "function_name"].iter().find_map(|key| values.get(*key).and_then(Value::as_str));
    let mut asset = Asset::new(&resource.id, kind, name.unwrap_or(resource.address));
    asset.properties = values.clone();
    asset.properties.insert("terraform_type".into(), resource.kind.into());
    asset.properties.insert("terraform_address".into(), resource.address.into());
    if let Some(arn) = module.canonical_arn(resource).filter(|arn| *arn != resource.id) {
        asset.properties.insert("aws_arn".into(), arn.into());
    }
    asset.evidence.push(resource.evidence.clone());
    for tags in ["tags", "labels"] {
        for (key, value) in values.get(tags).and_then(Value::as_object).into_iter().flatten() {
            let Some(value) = value.as_str().filter(|value| !value.is_empty()) else { continue };
            let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
            match key.as_str() {
                "dataclassification" | "dataclass" | "classification" | "datasensitivity" | "sensitivity" => {
                    asset.data_classes.extend(value.split([',', ' ', '+']).filter(|c| !c.is_empty()).map(class));
                }
                "environment" | "env" => asset.environment = Some(value.to_owned()),
                "owner" | "team" => asset.owner = Some(value.to_owned()),
                _ => {}
            }
        }
    }
    asset
}

fn class(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// Turns the description of a setting into one of the resource it is set on.
fn setting(asset: &mut Asset, id: &str, resource: &Resource<'_>) {
    asset.id = id.into();
    asset.name = id.rsplit([':', '/']).next().unwrap_or(id).to_owned();
    let kept = ["policy", "block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"];
    asset.properties.retain(|key, _| kept.contains(&key.as_str()));
    if asset.properties.contains_key("policy") {
        asset.properties.insert("policy_pointer".into(), format!("{}/values/policy", resource.pointer).into());
    }
}

impl<'a> Module<'a> {
    fn new(document: &Document, root: &'a Value, pointer: &str) -> Self {
        let mut resources = Vec::new();
        let mut modules = vec![(root, pointer.to_owned())];
        while let Some((module, pointer)) = modules.pop() {
            for (i, child) in module.get("child_modules").and_then(Value::as_array).into_iter().flatten().enumerate() {
                modules.push((child, format!("{pointer}/child_modules/{i}")));
            }
            for (i, entry) in module.get("resources").and_then(Value::as_array).into_iter().flatten().enumerate() {
                resources.extend(Resource::new(document, entry, format!("{pointer}/resources/{i}")));
            }
        }
        let mut module = Self { resources, names: HashMap::new(), account: String::new(), region: String::new() };
        module.locate();
        for n in 0..module.resources.len() {
            let id = module.resources.get(n).and_then(|resource| module.id(resource));
            if let (Some(resource), Some(id)) = (module.resources.get_mut(n), id) {
                resource.id = id;
            }
        }
        for (n, resource) in module.resources.iter().enumerate() {
            let own = types().get(resource.kind).is_none_or(|known| known.into.is_none());
            for key in ["arn", "id", "name", "family", "bucket", "function_name", "agent_id", "knowledge_base_id"] {
                if own && let Some(name) = resource.values.get(key).and_then(Value::as_str) {
                    module.names.entry(name).or_insert(n);
                }
            }
        }
        module
    }

    /// Takes account and region from the ARNs that name both.
    fn locate(&mut self) {
        let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
        for arn in self.resources.iter().flat_map(|r| r.values.values()).filter_map(Value::as_str) {
            if let Some((region, account)) = place(arn) {
                *counts.entry((region, account)).or_default() += 1;
            }
        }
        let most = counts.into_iter().max_by_key(|(place, n)| (*n, !place.0.is_empty(), *place));
        if let Some(((region, account), _)) = most {
            (self.region, self.account) = (region.to_owned(), account.to_owned());
        }
    }

    /// Its ARN or other global id, as given or, for buckets and what the table names, as built.
    fn id(&self, resource: &Resource<'_>) -> Option<String> {
        let text = |key: &str| resource.values.get(key).and_then(Value::as_str);
        if resource.kind == "aws_s3_bucket" {
            return text("bucket").or(text("name")).or(text("id")).map(|name| format!("arn:aws:s3:::{name}"));
        }
        let given = ["arn", "self_link"].iter().find_map(|key| text(key)).map(str::to_owned);
        let own = || text("id").filter(|id| id.contains(['/', ':'])).map(str::to_owned);
        given.or_else(own).or_else(|| self.canonical_arn(resource))
    }

    /// The ARN that AWS would give it, by the table.
    fn canonical_arn(&self, resource: &Resource<'_>) -> Option<String> {
        let template = types().get(resource.kind)?.arn.as_deref()?;
        let given = resource.values.get("arn").and_then(Value::as_str);
        let (service, rest) = template.split_once(':')?;
        let kind = rest.split(['/', ':']).next()?;
        let well_formed = |arn: &&str| {
            let mut parts = arn.splitn(6, ':');
            parts.nth(2) == Some(service) && parts.nth(2).is_some_and(|last| last.starts_with(kind))
        };
        if let Some(arn) = given.filter(well_formed) {
            return Some(arn.to_owned());
        }
        let (region, account) = given.and_then(place).unwrap_or((&self.region, &self.account));
        let account = (!account.is_empty()).then_some(account)?;
        let mut filled = rest.to_owned();
        while let Some((before, after)) = filled.split_once('{') {
            let (key, tail) = after.split_once('}')?;
            let value = resource.values.get(key).or_else(|| resource.values.get("name")).and_then(Value::as_str)?;
            filled = format!("{before}{}{tail}", value.replace(['{', '}'], ""));
        }
        Some(format!("arn:aws:{service}:{region}:{account}:{filled}"))
    }

    /// The resource that a value names: by ARN, id, name, or the bucket of an s3:// address.
    fn resolve(&self, name: &str) -> String {
        if let Some(rest) = name.strip_prefix("s3://").or_else(|| name.strip_prefix("https://s3.amazonaws.com/")) {
            return format!("arn:aws:s3:::{}", rest.split('/').next().unwrap_or(rest));
        }
        let known = self.names.get(name).and_then(|n| self.resources.get(*n));
        known.map_or_else(|| name.to_owned(), |resource| resource.id.clone())
    }

    /// What a setting is set on.
    fn target(&self, resource: &Resource<'_>, value: &str, kind: AssetKind) -> Option<String> {
        let text = |key: &str| resource.values.get(key).and_then(Value::as_str);
        let name = text(value).or(text("name"))?;
        Some(match kind {
            AssetKind::Bucket if !name.starts_with("arn:") => format!("arn:aws:s3:::{name}"),
            _ => self.resolve(name),
        })
    }

    /// The ARN of an identity given as ARN or name.
    fn identity(&self, kind: &str, name: &str) -> Option<String> {
        if name.starts_with("arn:") {
            return Some(name.to_owned());
        }
        (!name.is_empty() && !self.account.is_empty()).then(|| format!("arn:aws:iam::{}:{kind}/{name}", self.account))
    }

    fn relations(
        &self,
        resource: &Resource<'_>,
        known: &ResourceType,
        id: &str,
    ) -> Vec<(String, RelationKind, String)> {
        let mut relations = Vec::new();
        let all = |paths: &[String]| paths.iter().flat_map(|path| texts(resource.values, path)).collect::<Vec<_>>();
        for (paths, kind) in [(&known.runs_as, "role"), (&known.profile, "instance-profile")] {
            for name in all(paths) {
                relations.extend(self.identity(kind, name).map(|to| (id.to_owned(), RelationKind::RunsAs, to)));
            }
        }
        for (kind, paths) in &known.links {
            for name in all(paths) {
                relations.push((id.to_owned(), *kind, self.resolve(name)));
            }
        }
        relations
    }
}

impl<'a> Resource<'a> {
    fn new(document: &Document, entry: &'a Value, pointer: String) -> Option<Self> {
        let text = |key| entry.get(key).and_then(Value::as_str);
        let (kind, address) = (text("type")?, text("address")?);
        let values = entry.get("values").and_then(Value::as_object)?;
        let evidence = document.evidence(&pointer).excerpt(address);
        Some(Self { kind, address, values, pointer, evidence, id: format!("terraform:{address}") })
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.values.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

/// The strings at a dotted path; blocks are lists of objects and each is followed.
fn texts<'v>(values: &'v Map<String, Value>, path: &str) -> Vec<&'v str> {
    let mut parts = path.split('.');
    let mut level: Vec<&Value> = parts.next().and_then(|key| values.get(key)).into_iter().collect();
    for key in parts {
        level = level.into_iter().flat_map(items).filter_map(|value| value.get(key)).collect();
    }
    level.into_iter().flat_map(items).filter_map(Value::as_str).filter(|text| !text.is_empty()).collect()
}

/// A list's items, or the value itself.
fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Region and account of an ARN that names an account.
fn place(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.strip_prefix("arn:")?.split(':').skip(2);
    let (region, account) = (parts.next()?, parts.next()?);
    (account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())).then_some((region, account))
}

/// An endpoint serves the models of its configuration and acts as they do.
fn endpoints_serve_models(module: &Module<'_>, found: &mut Found) {
    for endpoint in module.resources.iter().filter(|r| r.kind == "aws_sagemaker_endpoint") {
        let config = endpoint.text("endpoint_config_name").and_then(|name| {
            let named =
                |r: &&Resource<'_>| r.kind == "aws_sagemaker_endpoint_configuration" && r.text("name") == Some(name);
            module.resources.iter().find(named)
        });
        for name in config.map_or(Vec::new(), |config| texts(config.values, "production_variants.model_name")) {
            let named = |r: &&Resource<'_>| r.kind == "aws_sagemaker_model" && r.text("name") == Some(name);
            let Some(model) = module.resources.iter().find(named) else { continue };
            let relation = Relation::new(&endpoint.id, RelationKind::Serves, &model.id);
            found.inventory.relate(relation.seen(endpoint.evidence.clone()));
            if let Some(role) = model.text("execution_role_arn").and_then(|role| module.identity("role", role)) {
                let relation = Relation::new(&endpoint.id, RelationKind::RunsAs, role);
                found.inventory.relate(relation.seen(model.evidence.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    pub(super) fn discovered(resources: &[(&str, Value)]) -> crate::asset::Inventory {
        let resources: Vec<Value> = resources
            .iter()
            .enumerate()
            .map(|(i, (kind, values))| json!({"address": format!("{kind}.r{i}"), "type": kind, "values": values}))
            .collect();
        let value = json!({"terraform_version": "1.9.0", "values": {"root_module": {"resources": resources}}});
        let mut found = Found::default();
        read(&Document::json("tf.json", &value.to_string()).unwrap(), &mut found);
        found.inventory
    }

    pub(super) fn related(inventory: &crate::asset::Inventory, from: &str, kind: RelationKind, to: &str) -> bool {
        inventory.outgoing(from).any(|r| r.kind == kind && r.to.as_str() == to)
    }

    #[test]
    fn the_type_table_loads() {
        let text = include_str!("../../data/discover/terraform.yaml");
        let table: HashMap<String, ResourceType> = Document::config("terraform.yaml", text).unwrap();
        assert_eq!(table["aws_sagemaker_endpoint"].kind, AssetKind::Endpoint);
        assert!(table["aws_sagemaker_endpoint"].ai && !table["aws_s3_bucket"].ai);
    }

    #[test]
    fn roles_buckets_and_models_are_joined() {
        let inventory = discovered(&[
            ("aws_lambda_function", json!({"function_name": "f", "role": "arn:aws:iam::111111111111:role/r"})),
            ("aws_s3_bucket", json!({"bucket": "b", "tags": {"DataClassification": "Customer"}})),
            ("aws_s3_bucket_policy", json!({"bucket": "b", "policy": "{\"Statement\": []}"})),
            ("aws_instance", json!({"id": "i-1", "iam_instance_profile": "ip"})),
            (
                "aws_sagemaker_model",
                json!({"name": "m", "execution_role_arn": "arn:aws:iam::111111111111:role/s",
                "primary_container": [{"model_data_url": "s3://b/m.tar.gz"}]}),
            ),
            (
                "aws_sagemaker_endpoint_configuration",
                json!({"name": "c", "production_variants": [{"model_name": "m"}]}),
            ),
            ("aws_sagemaker_endpoint", json!({"name": "e", "endpoint_config_name": "c"})),
        ]);
        let function = inventory.assets().find(|a| a.kind == AssetKind::Function).unwrap();
        assert!(related(&inventory, function.id.as_str(), RelationKind::RunsAs, "arn:aws:iam::111111111111:role/r"));
        let bucket = inventory.get("arn:aws:s3:::b").unwrap();
        assert!(bucket.is_sensitive() && bucket.properties.contains_key("policy"));
        let profile = "arn:aws:iam::111111111111:instance-profile/ip";
        assert!(inventory.incoming(profile).any(|r| r.kind == RelationKind::RunsAs));
        let endpoint = "arn:aws:sagemaker::111111111111:endpoint/e";
        assert!(related(&inventory, endpoint, RelationKind::Serves, "arn:aws:sagemaker::111111111111:model/m"));
        assert!(related(&inventory, endpoint, RelationKind::RunsAs, "arn:aws:iam::111111111111:role/s"));
    }
}
