//! The other end of a link: a resource id, a place in storage, an Azure Machine Learning URI, a URL, a sibling's name.

use super::id::{Level, ResourceId};
use super::table::table;
use crate::asset::{Asset, AssetKind, ModelType};
use crate::discover::catalog::catalog;
use crate::discover::model_ref;

/// Longest reference read, bytes.
const LENGTH: usize = 2048;
const WORKSPACES: &str = "Microsoft.MachineLearningServices/workspaces";

/// What a reference names, and the store that holds it.
#[derive(Debug)]
pub(super) struct End {
    pub(super) asset: Asset,
    pub(super) holder: Option<Asset>,
}

impl From<Asset> for End {
    fn from(asset: Asset) -> Self {
        Self { asset, holder: None }
    }
}

/// Where a reference stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Referrer<'a> {
    /// The file, which names what no subscription does.
    pub(super) path: &'a str,
    /// The resource that holds the reference.
    pub(super) resource: &'a ResourceId<'a>,
    /// What that resource is.
    pub(super) kind: AssetKind,
    /// The type that plain names are of, below the resource or one above it.
    pub(super) sibling: Option<&'a str>,
}

/// The asset id of a resource: its own, lower case, or one inside the file where no subscription is known.
pub(super) fn canonical(id: &ResourceId<'_>, path: &str) -> String {
    if !id.is_local() {
        return id.id();
    }
    match id.resource_type() {
        Some(kind) => format!("file:{path}#{}/{}", table().spelled(&kind), id.full_name()),
        None => format!("file:{path}"),
    }
}

/// A resource of which no more is known than its id.
pub(super) fn stub(id: &ResourceId<'_>, path: &str) -> Asset {
    let (kind, ai) = match (id.level(), id.resource_type()) {
        (Level::Resource, Some(kind)) => table().kind(&kind),
        (Level::Subscription | Level::ManagementGroup, _) => (AssetKind::Account, false),
        _ => (AssetKind::Resource, false),
    };
    let name = match id.resource_type() {
        Some(kind) if kind.to_lowercase().ends_with("/versions") => id.parent().map_or(id.name(), |p| p.name()),
        _ => id.name(),
    };
    let mut asset = Asset::new(canonical(id, path), kind, name);
    asset.ai |= ai;
    if let Some(kind) = id.resource_type() {
        let address = table().resource_type(&kind).and_then(|known| known.address(&id.full_name()));
        asset.aliases.extend(address.map(Into::into));
        asset.properties.insert("resource_type".into(), table().spelled(&kind).into());
    }
    asset
}

/// What a text names; `None` when it names nothing.
pub(super) fn end(text: &str, from: &Referrer<'_>) -> Option<End> {
    let text = text.trim();
    if text.is_empty() || text.len() > LENGTH || text.contains(['\n', '{', '<']) {
        return None;
    }
    if let Some(id) = ResourceId::parse(text) {
        return Some(stub(&id, from.path).into());
    }
    match text.split_once(':') {
        Some(("azureml", rest)) => match rest.strip_prefix("//") {
            Some(place) => machine_learning(text, place, from),
            None => versioned(rest, from),
        },
        Some(("https" | "http" | "abfs" | "abfss" | "wasb" | "wasbs" | "adl", rest)) if rest.starts_with("//") => {
            storage(text, from.kind).or_else(|| url(text))
        }
        _ if text.contains("://") => object(text, from.kind),
        _ => sibling(text, from),
    }
}

/// `NAME:VERSION` or `NAME@latest` of a workspace.
fn versioned(text: &str, from: &Referrer<'_>) -> Option<End> {
    let (name, version) = text.split_once([':', '@']).map_or((text, None), |(name, version)| (name, Some(version)));
    let kind = from.sibling?;
    let path = version.map_or_else(|| format!("{kind}/{name}"), |v| format!("{kind}/{name}/versions/{v}"));
    below(&path, kind, from)
}

/// A resource by its name below the resource that refers to it, or below one above.
fn sibling(name: &str, from: &Referrer<'_>) -> Option<End> {
    let plain = |c: char| c.is_alphanumeric() || "-_.() ".contains(c);
    let kind = from.sibling.filter(|_| name.len() <= 260 && name.chars().all(plain))?;
    below(&format!("{kind}/{name}"), kind, from)
}

fn below(path: &str, kind: &str, from: &Referrer<'_>) -> Option<End> {
    let mut above = Some(from.resource.clone());
    while let Some(resource) = above {
        let of = resource.resource_type()?;
        if table().resource_type(&format!("{of}/{kind}")).is_some() {
            let id = format!("{resource}/{path}");
            return Some(stub(&ResourceId::parse(&id)?, from.path).into());
        }
        above = resource.parent();
    }
    None
}

/// `azureml://registries/…`, `azureml://subscriptions/…/workspaces/W/…`, or one of the same workspace.
fn machine_learning(text: &str, place: &str, from: &Referrer<'_>) -> Option<End> {
    let parts: Vec<&str> = place.trim_end_matches('/').split('/').collect();
    match parts.as_slice() {
        ["registries", registry, kind, name, rest @ ..] => {
            let kind = match *kind {
                "models" => AssetKind::Model,
                "data" => AssetKind::Dataset,
                _ => AssetKind::Resource,
            };
            let mut asset = match (*registry, kind) {
                ("azure-openai", AssetKind::Model) => model_ref::model(name, text)?.alias(text),
                _ => Asset::new(text, kind, *name),
            };
            asset.properties.insert("registry".into(), (*registry).into());
            if let ["versions", version] = rest {
                asset.provenance.version = Some((*version).to_owned());
            }
            if kind == AssetKind::Model {
                asset.provenance.source = Some(format!("azureml://registries/{registry}"));
                let public = registry.starts_with("azureml") || *registry == "HuggingFace";
                asset.model_type = asset.model_type.or(public.then_some(ModelType::Foundation));
                asset.provenance.publisher =
                    asset.provenance.publisher.or(registry.strip_prefix("azureml-").map(str::to_owned));
                asset.provenance.pinned = Some(matches!(rest, ["versions", _]));
            }
            Some(asset.into())
        }
        ["subscriptions", subscription, _, group, _, workspace, rest @ ..] => {
            let workspace =
                format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{WORKSPACES}/{workspace}");
            inside(&workspace, rest, from)
        }
        ["datastores" | "jobs" | "models" | "data", ..] => {
            let of = |id: &ResourceId<'_>| id.resource_type().is_some_and(|kind| kind.eq_ignore_ascii_case(WORKSPACES));
            let workspace = std::iter::successors(Some(from.resource.clone()), ResourceId::parent).find(of)?;
            inside(&workspace.to_string(), &parts, from)
        }
        _ => Some(Asset::new(text, held(from.kind), parts.last().copied().unwrap_or(text)).into()),
    }
}

/// Something of a workspace; `paths` of a datastore and `outputs` of a job are what lies in it.
fn inside(workspace: &str, parts: &[&str], from: &Referrer<'_>) -> Option<End> {
    let (parts, lies) = match parts {
        ["datastores" | "jobs", _, ..] => parts.split_at_checked(2)?,
        parts => (parts, &[][..]),
    };
    let id = format!("{workspace}/{}", parts.join("/"));
    let store = stub(&ResourceId::parse(&id)?, from.path);
    let path = lies.strip_prefix(&["paths"]).unwrap_or(lies).join("/");
    if path.is_empty() {
        return Some(store.into());
    }
    let asset = Asset::new(format!("{}/{path}", store.id), held(from.kind), path.rsplit('/').next().unwrap_or(&path));
    Some(End { asset, holder: Some(store) })
}

/// A container of a storage account, or what lies in it.
pub(super) fn storage(text: &str, kind: AssetKind) -> Option<End> {
    let (_, rest) = text.split_once("://")?;
    let rest = rest.split(['?', '#']).next()?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    // `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH`
    let (container, host) = authority.split_once('@').map_or((None, authority), |(c, host)| (Some(c), host));
    let host = host.split(':').next()?.to_ascii_lowercase();
    let (account, service) = host.split_once('.')?;
    let service = service.strip_suffix(".core.windows.net")?;
    let service = if service == "dfs" { "blob" } else { service };
    let account_url = format!("https://{account}.{service}.core.windows.net");
    let (container, path) = match container {
        Some(container) => (container, path),
        None => path.split_once('/').unwrap_or((path, "")),
    };
    if container.is_empty() {
        return Some(Asset::new(account_url, AssetKind::Bucket, account).into());
    }
    let store = Asset::new(format!("{account_url}/{container}"), AssetKind::Bucket, container);
    let path = path.trim_matches('/');
    if path.is_empty() {
        return Some(store.into());
    }
    let asset = Asset::new(format!("{}/{path}", store.id), held(kind), path.rsplit('/').next().unwrap_or(path));
    Some(End { asset, holder: Some(store) })
}

/// An object in a bucket of another cloud.
fn object(text: &str, kind: AssetKind) -> Option<End> {
    let holder = model_ref::bucket(text)?;
    let id = text.trim_end_matches('/');
    let name = id.rsplit('/').next().unwrap_or(id);
    match text.split_once("://").is_some_and(|(_, rest)| rest.trim_end_matches('/').contains('/')) {
        true => Some(End { asset: Asset::new(id, held(kind), name), holder: Some(holder) }),
        false => Some(holder.into()),
    }
}

/// Any other address, without what may be a signature.
pub(super) fn url(text: &str) -> Option<End> {
    let text = address(text)?;
    let host = model_ref::host(&text)?;
    let mut asset = match host.ends_with(".search.windows.net") {
        true => Asset::new(&text, AssetKind::VectorStore, host.as_str()),
        false => Asset::new(&text, AssetKind::Endpoint, host.as_str()),
    };
    asset.ai |= catalog().provider_by_host(&host).is_some();
    Some(asset.with("url", text.as_str()).into())
}

/// An address as ids hold it: host in lower case, no query, no slash at its end.
pub(super) fn address(text: &str) -> Option<String> {
    let (scheme, rest) = text.trim().split_once("://")?;
    let rest = rest.split(['?', '#']).next()?.trim_end_matches('/');
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = host.to_ascii_lowercase();
    let known = !host.is_empty() && !host.contains(['@', ' ', '[', '{', '$']);
    known.then(|| path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}")))
}

/// What a place is that a resource of this kind refers to.
fn held(kind: AssetKind) -> AssetKind {
    if kind == AssetKind::Model { AssetKind::ModelFile } else { AssetKind::Dataset }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/jobs/j";
    const WORKSPACE: &str =
        "/subscriptions/s/resourcegroups/g/providers/microsoft.machinelearningservices/workspaces/w";

    fn named(text: &str, sibling: Option<&str>) -> Option<(String, Option<String>)> {
        let resource = ResourceId::parse(JOB).unwrap();
        let from = Referrer { path: "t.json", resource: &resource, kind: AssetKind::TrainingJob, sibling };
        end(text, &from).map(|end| (end.asset.id.to_string(), end.holder.map(|holder| holder.id.to_string())))
    }

    #[test]
    fn references_become_ids() {
        let below = |rest: &str| format!("{WORKSPACE}/{rest}");
        for (text, sibling, id, holder) in [
            ("azureml:tiny:3", Some("models"), below("models/tiny/versions/3"), None),
            ("azureml:cpu", Some("computes"), below("computes/cpu"), None),
            ("cpu", Some("computes"), below("computes/cpu"), None),
            ("azureml://datastores/D/paths/a/B.csv", None, below("datastores/d/a/B.csv"), Some(below("datastores/d"))),
            ("azureml://jobs/j/outputs/model", None, below("jobs/j/outputs/model"), Some(below("jobs/j"))),
            (
                "azureml://subscriptions/S/resourcegroups/G/workspaces/W/models/m/versions/1",
                None,
                below("models/m/versions/1"),
                None,
            ),
            (
                "azureml://registries/azureml-acme/models/m/versions/2",
                None,
                "azureml://registries/azureml-acme/models/m/versions/2".into(),
                None,
            ),
            ("azureml://registries/azure-openai/models/gpt-4o/versions/1", None, "model:gpt-4o".into(), None),
            (
                "https://Acme.blob.core.windows.net/rows/a/b?sig=x",
                None,
                "https://acme.blob.core.windows.net/rows/a/b".into(),
                Some("https://acme.blob.core.windows.net/rows".into()),
            ),
            ("abfss://rows@acme.dfs.core.windows.net/", None, "https://acme.blob.core.windows.net/rows".into(), None),
            ("https://Acme.OpenAI.azure.com/", None, "https://acme.openai.azure.com".into(), None),
            ("s3://acme-rows/x/", None, "s3://acme-rows/x".into(), Some("arn:aws:s3:::acme-rows".into())),
        ] {
            assert_eq!(named(text, sibling), Some((id, holder)), "{text}");
        }
        for text in ["cpu", "[reference('x')]", "${{parent.inputs.x}}", ""] {
            assert_eq!(named(text, None), None, "{text}");
        }
    }

    #[test]
    fn what_no_subscription_names_is_named_by_its_file() {
        let id =
            ResourceId::parse("/subscriptions/[]/resourceGroups/[]/providers/microsoft.search/searchservices/Acme")
                .unwrap();
        assert_eq!(canonical(&id, "t.json"), "file:t.json#Microsoft.Search/searchServices/Acme");
    }
}
