//! Terraform in every form: `terraform show -json` of a state or plan, raw state files, and configuration
//! ([`hcl`](super::hcl)). Each resource is an asset, its `properties` the provider's own values with `terraform_type`
//! and `terraform_address`.
//!
//! `data/discover/terraform.yaml` says which type is which kind, how it is called, and which values point at other
//! resources. Types that only add a policy or setting to another resource are merged into it; IAM resources become
//! what an account's authorization details would hold ([`iam`]) or who may reach what ([`access`]); what lets the
//! internet in is read by [`exposure`].

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::catalog::catalog;
use super::container::{append, image_asset};
use super::format::{Found, Structured};
use super::{hcl, model_ref};
use crate::asset::{Asset, AssetKind, Evidence, RelationKind};

mod access;
mod estate;
mod exposure;
mod iam;
mod organization;
mod posture;
mod resource;
mod show;
mod state;
mod table;
mod workload;

use estate::{Estate, Target};
use resource::{Resource, texts};
use table::{ResourceType, table};

pub(super) const FORMATS: &[Structured] = &[show::SHOW, state::STATE];

/// Starts of the names of resource types that are AI.
pub(super) fn ai_prefixes() -> impl Iterator<Item = &'static str> {
    catalog().hcl.ai_types.iter().map(String::as_str)
}

/// The kind of a resource type and whether it is AI, as far as the table knows it.
pub(super) fn known(resource_type: &str) -> Option<(AssetKind, bool)> {
    table().types.get(resource_type).map(|known| (known.kind, known.ai))
}

/// Reads a root module as its configuration describes it.
pub(super) fn configuration(root: &hcl::Root, found: &mut Found) {
    let setting = |key: &str| root.settings.get(key).cloned().unwrap_or_default();
    let resources = root.resources.iter().map(|made| Resource::made(made, root)).collect();
    let role = setting("aws.assume_role");
    let estate = Estate {
        region: setting("aws.region"),
        account: root
            .settings
            .get("aws.allowed_account_ids")
            .cloned()
            .or_else(|| Some(estate::place(&role)?.1.to_owned()))
            .unwrap_or_default(),
        project: [setting("google.project"), setting("google-beta.project")].concat(),
        subscription: setting("azurerm.subscription_id"),
        written: true,
        ..Estate::default()
    };
    read(estate.with(resources), found);
}

/// Adds what the resources of one document describe.
fn read(estate: Estate<'_>, found: &mut Found) {
    // settings come after what they are set on, which has the name
    let kind = |resource: &Resource<'_>| table().types.get(resource.kind);
    let (settings, own): (Vec<_>, Vec<_>) =
        estate.resources.iter().partition(|resource| kind(resource).is_some_and(|known| known.into.is_some()));
    for resource in own.into_iter().chain(settings) {
        let elsewhere = iam::is_identity(resource.kind)
            || organization::is_organization(resource.kind)
            || exposure::is_setting(resource.kind);
        if access::is_grant(resource.kind) || elsewhere && !resource.data {
            continue;
        }
        let known = kind(resource);
        let mut asset = asset(&estate, resource, known);
        let into = known.and_then(|known| estate.target(resource, known.into.as_deref()?, known.kind));
        let id = into.clone().unwrap_or_else(|| resource.id.clone());
        if into.is_some() {
            setting(&mut asset, &id, resource);
        } else if known.is_some_and(|known| known.into.is_some()) && !resource.written {
            continue;
        }
        models(&estate, resource, known, &id, asset.ai, found);
        if let Some(known) = known {
            relations(&estate, resource, known, &id, &mut asset, found);
            posture::read(&estate, resource, known, &mut asset, found);
        }
        workload::read(resource, &mut asset, found);
        found.inventory.add(asset);
    }
    iam::read(&estate, found);
    organization::read(&estate, found);
    access::read(&estate, found);
    exposure::read(&estate, found);
    endpoints_serve_models(&estate, found);
}

/// An asset as the resource describes it.
fn asset(estate: &Estate<'_>, resource: &Resource<'_>, known: Option<&ResourceType>) -> Asset {
    let named = table().names.iter().find_map(|key| resource.text(key).filter(|name| !name.contains("${")));
    let name = named.unwrap_or(if resource.written { resource.name() } else { resource.address });
    let mut asset = Asset::new(&resource.id, known.map_or(AssetKind::Resource, |known| known.kind), name);
    asset.ai |= known.is_some_and(|known| known.ai) || ai_prefixes().any(|prefix| resource.kind.starts_with(prefix));
    // of these only one sort holds vectors
    let sort = match resource.kind {
        "aws_opensearchserverless_collection" => resource.text("type").is_some_and(|sort| sort != "VECTORSEARCH"),
        "mongodbatlas_search_index" => resource.text("type") != Some("vectorSearch"),
        _ => false,
    };
    if sort {
        (asset.kind, asset.ai) = (AssetKind::Database, false);
    }
    // what is only looked up is somebody else's to describe
    if resource.data {
        asset.ai = asset.ai && known.is_some();
    }
    asset.properties = resource.properties();
    asset.properties.insert("terraform_type".into(), resource.kind.into());
    asset.properties.insert("terraform_address".into(), resource.address.into());
    if let Some(arn) = estate.canonical_arn(resource).filter(|arn| *arn != resource.id) {
        asset.properties.insert("aws_arn".into(), arn.into());
    }
    for alias in estate.aliases(resource) {
        asset = asset.alias(alias);
    }
    if resource.kind == "module" {
        called(resource, &mut asset);
    }
    asset.evidence.push(resource.evidence.clone());
    posture::tags(resource, &mut asset);
    asset
}

/// What a configuration adds to something that it does not name, as an asset of its own.
fn unplaced(estate: &Estate<'_>, resource: &Resource<'_>, found: &mut Found) {
    if resource.written && !resource.data {
        let mut asset = asset(estate, resource, None);
        // it is no policy of its own
        if let Some(policy) = asset.properties.remove("policy") {
            asset.properties.insert("PolicyDocument".into(), policy);
        }
        found.inventory.add(asset);
    }
}

/// A module that is not among the files: where it comes from, and whether its name speaks of AI.
fn called(resource: &Resource<'_>, asset: &mut Asset) {
    let source = resource.text("source").unwrap_or_default();
    let (place, revision) = source.split_once("?ref=").unwrap_or((source, ""));
    let version = resource.text("version").or(Some(revision).filter(|revision| !revision.is_empty()));
    resource.name().clone_into(&mut asset.name);
    asset.ai |= catalog().hcl.ai_modules.iter().any(|word| place.to_ascii_lowercase().contains(word.as_str()));
    asset.provenance.source = Some(place.to_owned()).filter(|place| !place.is_empty());
    asset.provenance.version = version.map(str::to_owned);
    let commit = revision.len() >= 7 && revision.bytes().all(|b| b.is_ascii_hexdigit());
    let exact = version.is_some_and(|version| version.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
    asset.provenance.pinned = Some(commit || exact);
}

/// Turns the description of a setting into one of the resource it is set on.
fn setting(asset: &mut Asset, id: &str, resource: &Resource<'_>) {
    asset.id = id.into();
    asset.name = id.rsplit([':', '/', '#']).next().unwrap_or(id).to_owned();
    asset.aliases.clear();
    asset.properties.retain(|key, _| table().settings.contains(key));
    if let Some(pointer) = resource.at("/policy").pointer.filter(|_| asset.properties.contains_key("policy")) {
        asset.properties.insert("policy_pointer".into(), pointer.into());
    }
}

/// What a resource points at, by the table.
fn relations(
    estate: &Estate<'_>,
    resource: &Resource<'_>,
    known: &ResourceType,
    id: &str,
    asset: &mut Asset,
    found: &mut Found,
) {
    let all = |paths: &[String]| paths.iter().flat_map(|path| texts(&resource.values, path)).collect::<Vec<_>>();
    for (paths, kind) in [(&known.runs_as, "role"), (&known.profile, "instance-profile")] {
        for (pointer, name) in all(paths) {
            if let Some(to) = estate.identity(kind, name) {
                found.relate(id, RelationKind::RunsAs, &to, &resource.at(&pointer));
            }
        }
    }
    for (kind, paths) in &known.links {
        for (pointer, name) in all(paths) {
            let evidence = resource.at(&pointer);
            for to in estate.resolve(name, &pointer, resource.address) {
                stored(&to, &evidence, found);
                found.relate(id, *kind, &to.id, &evidence);
            }
        }
    }
    for (kind, paths) in &known.back {
        for (pointer, name) in all(paths) {
            for from in estate.resolve(name, &pointer, resource.address) {
                found.relate(&from.id, *kind, id, &resource.at(&pointer));
            }
        }
    }
    for (pointer, reference) in all(&known.images) {
        let evidence = resource.at(&pointer);
        if reference.contains("${") {
            for to in estate.resolve(reference, &pointer, resource.address) {
                found.relate(id, RelationKind::Uses, &to.id, &evidence);
            }
        } else {
            let image = image_asset(reference).seen(evidence.clone().excerpt(reference));
            found.relate(id, RelationKind::RunsOn, image.id.as_str(), &evidence);
            append(asset, "images", reference);
            found.inventory.add(image);
        }
    }
}

/// The models that a resource names.
fn models(
    estate: &Estate<'_>,
    resource: &Resource<'_>,
    known: Option<&ResourceType>,
    id: &str,
    ai: bool,
    found: &mut Found,
) {
    let mut named = Vec::new();
    match known.filter(|known| !known.models.is_empty() || known.kind == AssetKind::Model || known.into.is_some()) {
        Some(known) => {
            for (kind, paths) in &known.models {
                named.extend(paths.iter().flat_map(|path| texts(&resource.values, path)).map(|text| (*kind, text)));
            }
        }
        None if ai => {
            for key in &catalog().hcl.model_keys {
                named.extend(texts(&resource.values, key).into_iter().map(|text| (RelationKind::Uses, text)));
            }
        }
        None => {}
    }
    for (kind, (pointer, name)) in named {
        let evidence = resource.at(&pointer).excerpt(name);
        if estate.names_resource(name) {
            for to in estate.resolve(name, &pointer, resource.address) {
                found.relate(id, kind, &to.id, &evidence);
            }
        } else if let Some(model) = foundation_model(name, id) {
            found.relate(id, kind, model.id.as_str(), &evidence);
            found.inventory.add(model.seen(evidence));
        }
    }
}

/// A stored object lies in its bucket, and what is made from it is made from what the bucket holds.
fn stored(to: &Target, evidence: &Evidence, found: &mut Found) {
    if let Some(object) = &to.object {
        let name = object.rsplit('/').next().unwrap_or(object);
        let kind = if name.contains(".tar") || name.contains("model") { AssetKind::Model } else { AssetKind::Dataset };
        let mut asset = Asset::new(object, kind, name).seen(evidence.clone());
        asset.ai = kind.is_ai();
        found.inventory.add(asset);
        found.relate(&to.id, RelationKind::Contains, object, evidence);
    }
}

/// A model by its name, or by an ARN that holds it.
fn foundation_model(name: &str, owner: &str) -> Option<Asset> {
    let Some((_, rest)) = name.split_once(":foundation-model/") else { return model_ref::model(name, owner) };
    Some(model_ref::model(rest, owner)?.alias(name))
}

/// An endpoint serves the models of its configuration and acts as they do.
fn endpoints_serve_models(estate: &Estate<'_>, found: &mut Found) {
    let of = |kind: &'static str| estate.resources.iter().filter(move |resource| resource.kind == kind);
    let configurations: HashMap<&str, &Resource<'_>> =
        of("aws_sagemaker_endpoint_configuration").map(|resource| (resource.id.as_str(), resource)).collect();
    let models: HashMap<&str, &Resource<'_>> =
        of("aws_sagemaker_model").map(|resource| (resource.id.as_str(), resource)).collect();
    for endpoint in of("aws_sagemaker_endpoint") {
        let name = endpoint.text("endpoint_config_name").unwrap_or_default();
        let config = estate.resolve(name, "/endpoint_config_name", endpoint.address);
        let Some(config) = config.first().and_then(|config| configurations.get(config.id.as_str())) else { continue };
        for (pointer, name) in texts(&config.values, "production_variants.model_name") {
            let model = estate.resolve(name, &pointer, config.address);
            let Some(model) = model.first().and_then(|model| models.get(model.id.as_str())) else { continue };
            found.relate(&endpoint.id, RelationKind::Serves, &model.id, &config.at(&pointer));
            if let Some(role) = model.text("execution_role_arn").and_then(|role| estate.identity("role", role)) {
                found.relate(&endpoint.id, RelationKind::RunsAs, &role, &model.at("/execution_role_arn"));
            }
        }
    }
}

/// A list's items, or the value itself.
fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Strings at a path of a map that is no resource's.
fn words<'v>(values: &'v Map<String, Value>, path: &str) -> Vec<&'v str> {
    texts(values, path).into_iter().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests;
