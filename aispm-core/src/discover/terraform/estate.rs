//! All resources of a document together: what each is called, and what a value that names one means.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::resource::Resource;
use super::table::{fill, first, table};
use crate::asset::{AssetId, AssetKind};

/// Rounds of filling in: an id may need the id of what holds it, and that again.
const ROUNDS: usize = 3;

/// Most resources of the same name among which one is looked for.
const NAMESAKES: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Estate<'a> {
    pub(super) resources: Vec<Resource<'a>>,
    /// By id, name, ARN and other handles.
    pub(super) names: HashMap<String, Vec<usize>>,
    /// By address, with and without the index of an instance.
    pub(super) addresses: HashMap<String, usize>,
    /// The account and region that most ARNs name, or the provider; empty if none does.
    pub(super) account: String,
    pub(super) region: String,
    /// Google's project and Azure's subscription, where the provider says.
    pub(super) project: String,
    pub(super) subscription: String,
    /// Whether this is configuration, in which most ids are not known.
    pub(super) written: bool,
}

/// What a value names.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) id: String,
    pub(super) address: String,
    /// The object in a bucket, if it names one.
    pub(super) object: Option<String>,
}

impl<'a> Estate<'a> {
    /// With these resources, named.
    pub(super) fn with(mut self, resources: Vec<Resource<'a>>) -> Self {
        self.resources = resources;
        self.locate();
        for (n, resource) in self.resources.iter().enumerate() {
            self.addresses.entry(resource.address.to_owned()).or_insert(n);
            self.addresses.entry(plain(resource.address)).or_insert(n);
        }
        for _ in 0..ROUNDS {
            for n in 0..self.resources.len() {
                let id = self.resources.get(n).and_then(|resource| self.id(resource));
                if let (Some(resource), Some(id)) = (self.resources.get_mut(n), id) {
                    resource.id = id;
                }
            }
            if !self.substitute() {
                break;
            }
        }
        let mut names: HashMap<String, Vec<usize>> = HashMap::new();
        for (n, resource) in self.resources.iter().enumerate().filter(|(_, resource)| named(resource.kind)) {
            let handles = table().handles.iter().filter_map(|key| resource.text(key)).chain([resource.id.as_str()]);
            // a name that is another resource's is no name of this one
            let own = handles.filter(|name| !name.contains("${") || self.references(name, resource.address).is_empty());
            for name in own {
                let known = names.entry(name.to_owned()).or_default();
                if known.last() != Some(&n) && known.len() < NAMESAKES {
                    known.push(n);
                }
            }
        }
        self.names = names;
        self
    }

    /// Takes account and region from the ARNs that name both; in configuration only if all name the same, since what is
    /// written there may be of others.
    fn locate(&mut self) {
        let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
        for arn in self.resources.iter().flat_map(|r| r.values.values()).filter_map(Value::as_str) {
            if let Some((region, account)) = place(arn) {
                *counts.entry((region, account)).or_default() += 1;
            }
        }
        let (region, account) = if self.written {
            let regions: HashSet<&str> =
                counts.keys().map(|place| place.0).filter(|region| !region.is_empty()).collect();
            let accounts: HashSet<&str> = counts.keys().map(|place| place.1).collect();
            let alone =
                |names: HashSet<&str>| names.iter().next().filter(|_| names.len() == 1).map(|name| (*name).to_owned());
            (alone(regions), alone(accounts))
        } else {
            let most = counts.into_iter().max_by_key(|(place, n)| (*n, !place.0.is_empty(), *place));
            most.map(|((region, account), _)| (region.to_owned(), account.to_owned())).unzip()
        };
        if self.account.is_empty() {
            self.account = account.unwrap_or_default();
        }
        if self.region.is_empty() {
            self.region = region.unwrap_or_default();
        }
    }

    /// Fills in what references to resources mean, as far as their ids tell; whether something changed.
    fn substitute(&mut self) -> bool {
        let mut changes: Vec<(usize, Map<String, Value>)> = Vec::new();
        for (n, resource) in self.resources.iter().enumerate() {
            if !resource.values.values().any(has_reference) {
                continue;
            }
            let mut values = (*resource.values).clone();
            if self.fill_in_all(values.values_mut()) {
                changes.push((n, values));
            }
        }
        let any = !changes.is_empty();
        for (n, values) in changes {
            if let Some(resource) = self.resources.get_mut(n) {
                resource.values = Cow::Owned(values);
            }
        }
        any
    }

    fn fill_in_all<'v>(&self, values: impl Iterator<Item = &'v mut Value>) -> bool {
        let mut changed = false;
        for value in values {
            changed |= self.fill_in(value);
        }
        changed
    }

    fn fill_in(&self, value: &mut Value) -> bool {
        match value {
            Value::Array(items) => self.fill_in_all(items.iter_mut()),
            Value::Object(map) => self.fill_in_all(map.values_mut()),
            Value::String(text) if text.contains("${") => {
                let mut filled = String::with_capacity(text.len());
                let (mut rest, mut changed) = (text.as_str(), false);
                while let Some((before, after)) = rest.split_once("${") {
                    filled.push_str(before);
                    let known = after.split_once('}').and_then(|(inner, tail)| Some((self.computed(inner)?, tail)));
                    match known {
                        Some((known, tail)) => {
                            filled.push_str(&known);
                            (rest, changed) = (tail, true);
                        }
                        None => {
                            filled.push_str("${");
                            rest = after;
                        }
                    }
                }
                filled.push_str(rest);
                if changed {
                    *text = filled;
                }
                changed
            }
            _ => false,
        }
    }

    /// What a reference to a value that the provider computes comes to.
    fn computed(&self, reference: &str) -> Option<String> {
        let (address, key) = reference.rsplit_once('.')?;
        let key = key.split('[').next().unwrap_or(key);
        let own = |text: &String| (!text.is_empty()).then(|| text.clone());
        let data = address.find("data.").and_then(|at| address.get(at + 5..)?.split('.').next());
        match (data.unwrap_or_default(), key) {
            ("aws_caller_identity", "account_id" | "id") => return own(&self.account),
            ("aws_region", "name" | "id" | "region") => return own(&self.region),
            ("aws_partition", "partition") => return Some("aws".to_owned()),
            ("google_project" | "google_client_config", "project_id" | "project") => return own(&self.project),
            ("azurerm_client_config" | "azurerm_subscription", "subscription_id") => return own(&self.subscription),
            ("azurerm_subscription", "id") => return own(&self.subscription).map(|id| format!("/subscriptions/{id}")),
            _ => {}
        }
        let resource = self.addresses.get(&plain(address)).and_then(|n| self.resources.get(*n))?;
        let id = resource.id.as_str();
        let known = resource.text(key).filter(|text| !text.contains("${"));
        if known.is_some() && key != "id" {
            return known.map(str::to_owned);
        }
        match key {
            "arn" | "qualified_arn" | "invoke_arn" => id.starts_with("arn:").then(|| id.to_owned()),
            "email" => id.strip_prefix("serviceAccount:").map(str::to_owned),
            "member" => id.starts_with("serviceAccount:").then(|| id.to_owned()),
            "url" => id.starts_with("gs://").then(|| id.to_owned()),
            "id" | "self_link" => {
                if let Some(name) = id.strip_prefix("arn:aws:s3:::").or_else(|| id.strip_prefix("gs://")) {
                    return Some(name.to_owned());
                }
                let google =
                    id.strip_prefix("//").and_then(|rest| rest.split_once('/')).map(|(_, rest)| rest.to_owned());
                google
                    .or_else(|| id.starts_with("/subscriptions/").then(|| id.to_owned()))
                    .or_else(|| known.map(str::to_owned))
            }
            _ => None,
        }
    }

    /// Its ARN or other global id, as given or as the table builds it.
    fn id(&self, resource: &Resource<'_>) -> Option<String> {
        let known = |key: &str| resource.text(key).filter(|text| !text.contains("${"));
        match resource.kind {
            "aws_s3_bucket" => {
                return known("bucket").or(known("name")).or(known("id")).map(|name| format!("arn:aws:s3:::{name}"));
            }
            "google_storage_bucket" => return known("name").map(|name| format!("gs://{name}")),
            "google_service_account" => {
                let project = known("project").unwrap_or(&self.project);
                let built = || {
                    let account = known("account_id").filter(|_| !project.is_empty())?;
                    Some(format!("{account}@{project}.iam.gserviceaccount.com"))
                };
                let email = known("email").map(str::to_owned).or_else(built);
                return email.map(|email| format!("serviceAccount:{email}"));
            }
            "google_project" => {
                return known("project_id").map(|id| format!("//cloudresourcemanager.googleapis.com/projects/{id}"));
            }
            _ => {}
        }
        if resource.kind.starts_with("google_") {
            return self.google(resource);
        }
        let given = ["arn", "self_link"].iter().find_map(|key| known(key)).map(str::to_owned);
        let own = known("id").filter(|id| id.starts_with("arn:") || id.contains("://")).map(str::to_owned);
        let azure = || known("id").filter(|id| id.starts_with("/subscriptions/")).map(str::to_ascii_lowercase);
        let arn = || resource.kind.starts_with("aws_").then(|| self.canonical_arn(resource)).flatten();
        given.or(own).or_else(azure).or_else(arn).or_else(|| self.built(resource))
    }

    /// The full name that Google would give it.
    fn google(&self, resource: &Resource<'_>) -> Option<String> {
        let template = table().types.get(resource.kind).and_then(|known| known.gcp.as_deref());
        let known = |key: &str| resource.text(key).filter(|text| !text.contains("${"));
        let service = template.and_then(|template| template.split_once(':')).map(|(service, _)| service);
        let link = known("self_link").and_then(|link| {
            let (host, path) = link.split_once("://")?.1.split_once('/')?;
            let service = match host {
                "www.googleapis.com" => path.split('/').next()?,
                host => host.strip_suffix(".googleapis.com")?,
            };
            Some(format!("//{service}.googleapis.com/{}", path.get(path.find("projects/")?..)?))
        });
        let given = || {
            let id = known("id").filter(|id| id.starts_with("projects/"))?;
            Some(format!("//{}.googleapis.com/{id}", service?))
        };
        link.or_else(given).or_else(|| {
            let filled = fill(template?.split_once(':')?.1, |key| match key {
                "project" => known("project").map(str::to_owned).or_else(|| Some(self.project.clone())),
                key => first(&resource.values, key),
            })?;
            (!filled.contains("${")).then(|| format!("//{}.googleapis.com/{filled}", service.unwrap_or_default()))
        })
    }

    /// The id that the table builds for Azure and others.
    fn built(&self, resource: &Resource<'_>) -> Option<String> {
        let known = table().types.get(resource.kind)?;
        let value = |key: &str| first(&resource.values, key);
        if let Some(template) = &known.azure {
            let group =
                || format!("/subscriptions/{}/resourceGroups/{{resource_group_name}}/providers/", self.subscription);
            let template = match template.starts_with('{') {
                true => template.clone(),
                false if self.subscription.is_empty() => return None,
                false if template.starts_with("Microsoft.") => group() + template,
                false => format!("/subscriptions/{}/{template}", self.subscription),
            };
            let id = fill(&template, value)?;
            return (id.starts_with("/subscriptions/") && !id.contains("${")).then(|| id.to_ascii_lowercase());
        }
        fill(known.id.as_deref()?, value).filter(|id| !id.contains("${"))
    }

    /// The ARN that AWS would give it, by the table.
    pub(super) fn canonical_arn(&self, resource: &Resource<'_>) -> Option<String> {
        let template = table().types.get(resource.kind)?.arn.as_deref()?;
        let given = resource.text("arn");
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
        // in configuration a name without its region is no ARN
        if self.written && region.is_empty() && !matches!(service, "iam" | "s3" | "cloudfront") {
            return None;
        }
        let path = resource.text("path").filter(|path| service == "iam" && path.starts_with('/') && path.len() > 1);
        let rest = path.map_or_else(|| rest.to_owned(), |path| rest.replacen('/', path, 1));
        let filled = fill(&rest, |key| {
            first(&resource.values, key).or_else(|| first(&resource.values, "name").filter(|_| !self.written))
        })?;
        let region = if matches!(service, "iam" | "cloudfront") { "" } else { region };
        (!filled.contains("${")).then(|| format!("arn:aws:{service}:{region}:{account}:{filled}"))
    }

    /// Other ids of the same resource.
    pub(super) fn aliases(&self, resource: &Resource<'_>) -> Vec<AssetId> {
        let known = |key: &str| resource.text(key).filter(|text| !text.contains("${"));
        let mut aliases = Vec::new();
        for key in ["endpoint", "repository_url", "invoke_url"] {
            let url = known(key).filter(|url| url.contains("://"));
            aliases.extend(url.map(|url| AssetId::from(url.trim_end_matches('/'))));
        }
        match resource.kind {
            "google_service_account" => aliases.extend(self.google(resource).map(AssetId::from)),
            "azurerm_cognitive_account" | "azurerm_ai_services"
                if !resource.written || known("custom_subdomain_name").is_some() =>
            {
                let kind = known("kind").unwrap_or_default();
                let host = if kind == "OpenAI" { "openai.azure.com" } else { "cognitiveservices.azure.com" };
                aliases
                    .extend(known("custom_subdomain_name").map(|name| AssetId::from(format!("https://{name}.{host}"))));
            }
            "azurerm_storage_container" => {
                let account = known("storage_account_name").or_else(|| known("storage_account_id")?.rsplit('/').next());
                if let (Some(account), Some(name)) = (account, known("name")) {
                    aliases.push(format!("https://{account}.blob.core.windows.net/{name}").into());
                }
            }
            _ => {}
        }
        aliases
    }

    /// Whether a value stands for a resource of this document rather than for a name of its own.
    pub(super) fn names_resource(&self, value: &str) -> bool {
        value.contains("${") || self.names.contains_key(value)
    }

    /// What a value means: resources that it refers to, one by id or name, or the bucket of an address of storage.
    /// `pointer` is where the value stands; it tells which of several resources of a name is meant.
    pub(super) fn resolve(&self, value: &str, pointer: &str, own: &str) -> Vec<Target> {
        let target = |id: &str| Target { id: id.to_owned(), address: String::new(), object: None };
        if value.contains("${") && !self.names.contains_key(value) {
            let uri = value.starts_with("s3://") || value.starts_with("gs://");
            let mut all = self.references(value, own);
            all.truncate(if uri { 1 } else { usize::MAX });
            return all
                .into_iter()
                .map(|resource| Target { address: resource.address.to_owned(), ..target(&resource.id) })
                .collect();
        }
        let https = value.strip_prefix("https://s3.amazonaws.com/").map(|rest| format!("s3://{rest}"));
        let uri = https.as_deref().unwrap_or(value);
        if let Some(bucket) = crate::discover::model_ref::bucket(uri) {
            let object = uri.trim_end_matches('/');
            let below = object.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
            return vec![Target { object: below.then(|| object.to_owned()), ..target(bucket.id.as_str()) }];
        }
        if let Some(path) = value.strip_prefix("arn:aws:s3:::").filter(|path| path.contains('/')) {
            let bucket = path.split('/').next().unwrap_or(path);
            return vec![target(&format!("arn:aws:s3:::{bucket}"))];
        }
        let lower = value.starts_with("/subscriptions/").then(|| value.to_ascii_lowercase());
        let named = self.names.get(lower.as_deref().unwrap_or(value));
        let candidates: Vec<&Resource<'_>> =
            named.into_iter().flatten().filter_map(|n| self.resources.get(*n)).filter(|r| r.address != own).collect();
        let key = pointer.split('/').rfind(|part| !part.is_empty() && !part.bytes().all(|b| b.is_ascii_digit()));
        let key = key.unwrap_or_default();
        let stem =
            ["_arns", "_arn", "_ids", "_id", "_names", "_name", "s"].iter().find_map(|end| key.strip_suffix(end));
        let stem = stem.unwrap_or(key);
        let fitting = candidates
            .iter()
            .find(|r| r.kind.ends_with(stem))
            .or_else(|| candidates.iter().find(|r| r.kind.contains(stem)));
        if let Some(resource) = fitting.or(candidates.first()) {
            return vec![Target { address: resource.address.to_owned(), ..target(&resource.id) }];
        }
        if let Some(lower) = lower {
            return vec![target(&lower)];
        }
        let global = value.starts_with("arn:") || value.starts_with("//") || value.contains("://");
        if global { vec![target(value)] } else { Vec::new() }
    }

    /// The resources whose addresses stand in a text, also in one that is an expression.
    fn references(&self, text: &str, own: &str) -> Vec<&Resource<'a>> {
        let (modules, _) = own.rsplit_once("module.").map_or(("", own), |(before, rest)| {
            let end = rest.find('.').map_or(own.len(), |end| before.len() + "module.".len() + end + 1);
            (own.get(..end).unwrap_or_default(), rest)
        });
        let mut found: Vec<&Resource<'a>> = Vec::new();
        let text = plain(text);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)));
        for word in words.filter(|word| word.contains('.')) {
            // the longest part that is an address: values follow it
            let mut part = word.trim_matches('.');
            let resource = loop {
                let known = self.addresses.get(part).or_else(|| self.addresses.get(&format!("{modules}{part}")));
                match (known, part.rsplit_once('.')) {
                    (Some(n), _) => break self.resources.get(*n),
                    (None, Some((above, _))) => part = above,
                    (None, None) => break None,
                }
            };
            if let Some(resource) =
                resource.filter(|r| r.address != own && found.iter().all(|f| f.address != r.address))
            {
                found.push(resource);
            }
        }
        found
    }

    /// What a setting is set on.
    pub(super) fn target(&self, resource: &Resource<'_>, value: &str, kind: AssetKind) -> Option<String> {
        let name = first(&resource.values, value).or_else(|| first(&resource.values, "name"))?;
        let resolved = self.resolve(&name, value, resource.address);
        match kind {
            _ if !resolved.is_empty() => resolved.into_iter().next().map(|target| target.id),
            _ if name.contains("${") => None,
            AssetKind::Bucket if resource.kind.starts_with("aws_") => Some(format!("arn:aws:s3:::{name}")),
            _ if self.written => None,
            _ => Some(name),
        }
    }

    /// The ARN of an identity given as ARN or name, or its id where that is not known.
    pub(super) fn identity(&self, kind: &str, name: &str) -> Option<String> {
        if name.starts_with("arn:") && !name.contains("${") {
            return Some(name.to_owned());
        }
        if name.contains("${") {
            return self.resolve(name, kind, "").into_iter().next().map(|target| target.id);
        }
        if name.starts_with("/subscriptions/") || name.contains("://") {
            return Some(name.to_ascii_lowercase());
        }
        if name.contains('@') {
            return Some(format!("serviceAccount:{name}"));
        }
        let word = kind.replace('-', "_");
        let own = self
            .resolve(name, &word, "")
            .into_iter()
            .find(|target| self.at(&target.address).is_some_and(|resource| resource.kind.ends_with(&word)));
        own.map(|target| target.id).or_else(|| {
            let known = !name.is_empty() && !self.account.is_empty();
            known.then(|| format!("arn:aws:iam::{}:{kind}/{name}", self.account))
        })
    }

    /// The resource at an address.
    pub(super) fn at(&self, address: &str) -> Option<&Resource<'a>> {
        self.addresses.get(address).and_then(|n| self.resources.get(*n))
    }

    /// The id of a managed policy.
    pub(super) fn policy(&self, arn: &str) -> String {
        let own = arn.contains("${").then(|| self.resolve(arn, "policy", "").into_iter().next()).flatten();
        own.map_or_else(|| arn.to_owned(), |target| target.id)
    }
}

fn has_reference(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("${"),
        Value::Array(items) => items.iter().any(has_reference),
        Value::Object(map) => map.values().any(has_reference),
        _ => false,
    }
}

/// Whether resources of a type have names of their own; settings and grants only bear those of others.
fn named(kind: &str) -> bool {
    match table().types.get(kind) {
        Some(known) => known.into.is_none(),
        None => !super::access::is_grant(kind) && !super::exposure::is_setting(kind) && !super::iam::is_identity(kind),
    }
}

/// A text without the indices of what it names.
fn plain(text: &str) -> String {
    let mut depth = 0_usize;
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        let indexed = plain.ends_with(|before: char| before.is_ascii_alphanumeric() || "_-".contains(before));
        match c {
            '[' if depth > 0 || indexed => depth += 1,
            ']' if depth > 0 => depth -= 1,
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain
}

/// Region and account of an ARN that names an account.
pub(super) fn place(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.strip_prefix("arn:")?.split(':').skip(2);
    let (region, account) = (parts.next()?, parts.next()?);
    (account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())).then_some((region, account))
}
