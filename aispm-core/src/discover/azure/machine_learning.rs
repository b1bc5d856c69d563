//! What the AI services and Machine Learning say beyond links: which model a deployment serves, what a job made of what,
//! where a connection or datastore leads.

use serde_json::Value;

use super::end::{self, End, stub};
use super::id::ResourceId;
use super::resource::{Resource, link};
use super::setting;
use super::table::table;
use crate::asset::{Asset, AssetKind, Authentication, ModelType, RelationKind, flag};
use crate::discover::Found;
use crate::discover::model_ref;

pub(super) fn read(resource: &Resource<'_>, asset: &mut Asset, found: &mut Found) {
    let name = resource.resource_type.to_lowercase();
    let Some((namespace, kind)) = name.split_once('/') else { return };
    match (namespace, kind) {
        ("microsoft.cognitiveservices", "accounts/deployments") => deployed_model(resource, asset, found),
        ("microsoft.machinelearningservices", "workspaces/endpoints/deployments") => {
            deployed_model(resource, asset, found)
        }
        (
            "microsoft.machinelearningservices",
            "workspaces/onlineendpoints/deployments" | "workspaces/batchendpoints/deployments",
        ) => endpoint_serves(resource, found),
        ("microsoft.machinelearningservices", "workspaces/onlineendpoints") => traffic(resource, asset, found),
        ("microsoft.machinelearningservices", "workspaces/jobs") => job(resource, asset, found),
        ("microsoft.machinelearningservices", "workspaces/datastores") => datastore(resource, asset, found),
        ("microsoft.machinelearningservices", "workspaces/computes") => compute(resource, asset),
        (_, kind) if kind.ends_with("/versions") => version(resource, asset),
        (_, kind) if kind.ends_with("/connections") => connection(resource, asset, found),
        _ => {}
    }
}

/// `model: {format, name, version}` of a deployment: the deployment serves it, and the account above does.
fn deployed_model(resource: &Resource<'_>, asset: &mut Asset, found: &mut Found) {
    let Some(name) = resource.text("model.name") else { return };
    let place = resource.at("/properties/model/name").excerpt(name);
    let Some(mut model) = model_ref::model(name, &resource.id) else { return };
    let version = resource.text("model.version").filter(|version| !version.starts_with('['));
    asset.provenance.version = version.map(str::to_owned);
    model.provenance.version = version.map(str::to_owned);
    let publisher = resource.text("model.publisher").or_else(|| resource.text("model.format"));
    model.provenance.publisher = model.provenance.publisher.or_else(|| publisher.map(str::to_owned));
    let tuned = name.contains(".ft-") || resource.text("model.source").is_some();
    model.model_type = Some(if tuned { ModelType::FineTuned } else { ModelType::Foundation });
    if let Some((base, _)) = name.split_once(".ft-")
        && let Some(base) = model_ref::model(base, &resource.id)
    {
        found.relate(model.id.as_str(), RelationKind::DerivedFrom, base.id.as_str(), &place);
        found.inventory.add(base.seen(place.clone()));
    }
    found.relate(&resource.id, RelationKind::Serves, model.id.as_str(), &place);
    if let Some(account) = resource.arm.parent() {
        let account = end::canonical(&account, resource.path());
        found.relate(&account, RelationKind::Serves, model.id.as_str(), &place);
    }
    found.inventory.add(model.seen(place));
}

/// An endpoint serves what its deployments serve.
fn endpoint_serves(resource: &Resource<'_>, found: &mut Found) {
    let Some(endpoint) = resource.arm.parent() else { return };
    let endpoint = end::canonical(&endpoint, resource.path());
    let served: Vec<_> =
        found.inventory.outgoing(&resource.id).filter(|r| r.kind == RelationKind::Serves).cloned().collect();
    for relation in served {
        for evidence in &relation.evidence {
            found.relate(&endpoint, RelationKind::Serves, relation.to.as_str(), evidence);
        }
    }
}

/// The shares of traffic that deployments get.
fn traffic(resource: &Resource<'_>, asset: &Asset, found: &mut Found) {
    for key in ["traffic", "mirrorTraffic"] {
        let shares = resource.value.get("properties").unwrap_or(resource.value).get(key).and_then(Value::as_object);
        for (name, _) in shares.into_iter().flatten().filter(|(_, share)| share.as_f64() != Some(0.0)) {
            if let Some(end) = resource.end(name, asset.kind, Some("deployments")) {
                let evidence = resource.at(&format!("/properties/{key}")).excerpt(name);
                link(&resource.id, RelationKind::Invokes, false, end, &evidence, found);
            }
        }
    }
}

/// What a training job made: its models come from the data and the models it read.
fn job(resource: &Resource<'_>, asset: &Asset, found: &mut Found) {
    let (mut data, mut bases) = (Vec::new(), Vec::new());
    let ends = |path: &str| {
        let places = setting::at(resource.value, path).into_iter();
        places
            .filter_map(|(value, place)| port(resource, value).map(|(end, model)| (end, model, place)))
            .collect::<Vec<_>>()
    };
    for (end, model, place) in ends("inputs.*") {
        let kind = if model { RelationKind::Uses } else { RelationKind::Reads };
        (if model { &mut bases } else { &mut data }).push(end.asset.id.to_string());
        link(&resource.id, kind, false, end, &resource.at(&place), found);
    }
    for (text, place) in
        ["fineTuningDetails.model.uri", "model"].iter().flat_map(|path| setting::texts(resource.value, path))
    {
        if let Some(end) = resource.end(text, AssetKind::Model, Some("models")) {
            bases.push(end.asset.id.to_string());
            link(&resource.id, RelationKind::Uses, false, end, &resource.at(&place), found);
        }
    }
    for path in ["fineTuningDetails.trainingData.uri", "taskDetails.trainingData.uri", "trainingData.uri"] {
        let read = setting::texts(resource.value, path).into_iter();
        data.extend(
            read.filter_map(|(text, _)| Some(resource.end(text, asset.kind, Some("data"))?.asset.id.to_string())),
        );
    }
    for (mut end, model, place) in ends("outputs.*") {
        let evidence = resource.at(&place);
        if model {
            end.asset.kind = AssetKind::Model;
            end.asset.ai = true;
            end.asset.model_type = (!bases.is_empty()).then_some(ModelType::FineTuned);
            for (kind, from) in [(RelationKind::TrainedOn, &data), (RelationKind::DerivedFrom, &bases)] {
                from.iter().for_each(|from| found.relate(end.asset.id.as_str(), kind, from, &evidence));
            }
        }
        link(&resource.id, RelationKind::Writes, false, end, &evidence, found);
    }
}

/// What an input or output of a job names, and whether that is a model.
fn port(resource: &Resource<'_>, value: &Value) -> Option<(End, bool)> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| value.get(key)?.as_str());
    let kind = text(&["jobInputType", "jobOutputType", "type"]).unwrap_or_default().to_lowercase();
    let model = kind.ends_with("model");
    let (of, sibling) = if model { (AssetKind::Model, "models") } else { (AssetKind::Dataset, "data") };
    let uri = value.as_str().or_else(|| text(&["uri", "path"]));
    // an output that is registered has a name of its own
    let named = || resource.end(text(&["assetName", "name"])?, of, Some(sibling));
    let end = uri.and_then(|uri| resource.end(uri, of, Some(sibling).filter(|_| uri.starts_with("azureml:"))));
    end.or_else(named).map(|end| (end, model))
}

/// The container or file system that a datastore stands for.
fn datastore(resource: &Resource<'_>, asset: &mut Asset, found: &mut Found) {
    let place = |keys: &[&str]| keys.iter().find_map(|key| resource.text(key));
    let container = place(&["containerName", "filesystem", "fileShareName"]);
    if let (Some(account), Some(container)) = (resource.text("accountName"), container) {
        let url = format!("https://{account}.blob.core.windows.net/{container}");
        if let Some(end) = end::storage(&url, AssetKind::Dataset) {
            let evidence = resource.at("/properties").excerpt(&url);
            link(&resource.id, RelationKind::DerivedFrom, false, end, &evidence, found);
        }
    }
    let kind = ["credentials.credentialsType", "credentials.type"].iter().find_map(|path| resource.text(path));
    if let Some(kind) = kind {
        let key = matches!(kind.replace('_', "").to_lowercase().as_str(), "accountkey" | "sas");
        asset.authentication = Some(if key { Authentication::Key } else { Authentication::Identity });
        asset.properties.insert("credentials_type".into(), kind.into());
    }
}

/// Compute keeps what it is one level deeper.
fn compute(resource: &Resource<'_>, asset: &mut Asset) {
    let set = |path: &str| setting::at(resource.value, path).first().and_then(|(value, _)| flag(value));
    let public = set("properties.enableNodePublicIp").or_else(|| set("enableNodePublicIp"));
    if let Some(public) = public {
        asset.properties.insert("node_public_ip_enabled".into(), public.into());
    }
    let size = ["properties.vmSize", "vmSize", "size"].iter().find_map(|path| resource.text(path));
    if let Some(size) = size {
        asset.properties.insert("vm_size".into(), size.into());
    }
}

/// A version of a model, a data set, an environment.
fn version(resource: &Resource<'_>, asset: &mut Asset) {
    let version = resource.arm.name();
    asset.provenance.version = Some(version.to_owned());
    if asset.kind == AssetKind::Model {
        // the registry never changes what a version is
        asset.provenance.pinned = Some(true);
        asset.provenance.source = resource.text("modelUri").or_else(|| resource.text("path")).map(str::to_owned);
    }
}

/// A connection: the project or workspace above uses what it leads to.
fn connection(resource: &Resource<'_>, asset: &mut Asset, found: &mut Found) {
    let category = ["category", "type"].iter().find_map(|path| resource.text(path).filter(|text| !text.contains('/')));
    let category = category.unwrap_or_default();
    let leads = |list: &&Vec<String>| list.iter().any(|known| known.eq_ignore_ascii_case(category));
    let kind = table().connections.iter().find(|(_, list)| leads(list)).map_or(RelationKind::Uses, |(kind, _)| *kind);
    let targets = ["metadata.ResourceId", "target", "endpoint", "azure_endpoint", "resource_id"];
    for path in targets {
        for (text, place) in setting::texts(resource.value, path) {
            let Some(end) = resource.end(text, asset.kind, None) else { continue };
            let evidence = resource.at(&place).excerpt(format!("{category} connection"));
            if let Some(parent) = resource.arm.parent() {
                let parent = stub(&parent, resource.path());
                found.relate(parent.id.as_str(), kind, end.asset.id.as_str(), &evidence);
            }
            let End { asset: target, holder } = end;
            link(
                &resource.id,
                RelationKind::Uses,
                false,
                End { asset: of_category(target, category), holder },
                &evidence,
                found,
            );
        }
    }
}

/// What a connection's category says of its other end.
fn of_category(mut target: Asset, category: &str) -> Asset {
    let lower = category.to_lowercase();
    if ResourceId::parse(target.id.as_str()).is_none() && lower.contains("openai") {
        target.kind = AssetKind::Endpoint;
        target.ai = true;
    }
    target
}
