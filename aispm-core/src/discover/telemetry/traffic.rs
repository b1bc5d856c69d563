//! Who calls which AI: what every log of traffic comes down to.

use std::net::IpAddr;

use super::shape::tables;
use super::time::rfc3339;
use crate::asset::{Asset, AssetId, AssetKind, Evidence, RelationKind};
use crate::discover::catalog::{Catalog, Category, Provider};
use crate::discover::container::append;
use crate::discover::format::Found;
use crate::discover::model_ref;

/// Most places worth keeping of one thing in one file; what has as many is not built again.
const ENOUGH: usize = 8;
/// Most entries of a list that grows with a log.
const NOTED: usize = 32;

/// What is called, where that is AI.
#[derive(Debug, Default)]
pub(in crate::discover) struct Target<'a> {
    provider: Option<&'a Provider>,
    /// The address that is called, where it is one customer's own.
    endpoint: Option<Asset>,
    /// The model that the address names.
    model: Option<&'a str>,
}

/// A call's address as a log gives it; empty where it does not.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::discover) struct Address<'a> {
    /// Host name or IP address, perhaps with a port.
    pub(in crate::discover) host: &'a str,
    pub(in crate::discover) port: Option<u64>,
    /// Path of the URL.
    pub(in crate::discover) path: &'a str,
    /// The id of the server whose own log this is, where the log does not name it.
    pub(in crate::discover) server: &'a str,
}

impl<'a> Address<'a> {
    /// The parts of a URL, with or without a scheme.
    pub(in crate::discover) fn url(url: &'a str) -> Self {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        Self { host, path, ..Self::default() }
    }

    /// Host without port, and port.
    fn parts(&self) -> (&'a str, Option<u64>) {
        let host = self.host.trim_end_matches('.');
        match host.rsplit_once(':') {
            Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
                (name.trim_matches(['[', ']']), port.parse().ok().or(self.port))
            }
            _ => (host.trim_matches(['[', ']']), self.port),
        }
    }
}

impl<'a> Target<'a> {
    /// What AI there is behind an address; `None` for all other traffic. Cheap, since it is asked for every row.
    pub(in crate::discover) fn of(tables: &'a Catalog, address: Address<'a>) -> Option<Self> {
        let (host, port) = address.parts();
        let lower;
        let host = if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            lower = host.to_ascii_lowercase();
            lower.as_str()
        } else {
            host
        };
        let called = path(address.path);
        let model = called.flatten();
        if let Some(provider) = tables.service_by_host(host) {
            return Some(Self { provider: Some(provider), endpoint: tenant(provider, host, address.path), model });
        }
        let server = port.and_then(|port| tables.server_by_port(port));
        if called.is_none() && server.is_none() {
            return None;
        }
        let mut endpoint = match host {
            "" if address.server.is_empty() => return None,
            "" => Asset::new(address.server, AssetKind::Endpoint, name_of(address.server)),
            host => self_hosted(host, port),
        };
        endpoint.ai = true;
        if let Some(server) = server {
            endpoint.properties.insert("model_server".into(), server.into());
        }
        if called.is_some() {
            let path = address.path.split('?').next().unwrap_or_default();
            endpoint.properties.insert("path".into(), path.into());
        }
        Some(Self { provider: None, endpoint: Some(endpoint), model })
    }

    /// A provider known by name, without an address.
    pub(in crate::discover) fn provider(provider: &'a Provider) -> Self {
        Self { provider: Some(provider), ..Self::default() }
    }

    /// Whether what is called is a vector store.
    pub(in crate::discover) fn is_store(&self) -> bool {
        self.provider.is_some_and(|provider| provider.category == Category::VectorStore)
    }

    /// The provider, if one is known.
    pub(in crate::discover) fn known(&self) -> Option<&'a Provider> {
        self.provider
    }

    /// What is called as assets: the provider, and the address where it is one's own.
    pub(in crate::discover) fn assets(self) -> impl Iterator<Item = Asset> {
        self.provider.map(Provider::asset).into_iter().chain(self.endpoint)
    }

    /// The id of what is called.
    pub(in crate::discover) fn id(&self) -> Option<String> {
        self.endpoint.as_ref().map(|asset| asset.id.to_string()).or_else(|| Some(self.provider?.id()))
    }
}

/// One call: from whom, to what, when, and whether it got through.
#[derive(Debug)]
pub(in crate::discover) struct Call<'a> {
    pub(in crate::discover) source: Asset,
    pub(in crate::discover) target: Target<'a>,
    /// A model that the log names beside the address.
    pub(in crate::discover) model: Option<&'a str>,
    pub(in crate::discover) time: Option<&'a str>,
    pub(in crate::discover) blocked: bool,
}

impl Call<'_> {
    /// Adds what a call tells; returns the ids of the source and, if one is named, of the model.
    pub(in crate::discover) fn tell(self, evidence: &Evidence, found: &mut Found) -> (AssetId, Option<AssetId>) {
        let Self { source, target, model, time, blocked } = self;
        let time = time.map(rfc3339);
        let time = time.as_deref();
        let from = source.id.clone();
        add(source, evidence, found);
        let to = target.id();
        if blocked {
            if let Some(asset) = found.inventory.get_mut(from.as_str()) {
                let name = target.provider.map(|p| p.name.clone()).or(to).unwrap_or_default();
                note(asset, "blocked_ai", &name);
            }
            if let Some(provider) = target.provider {
                add(in_traffic(provider), evidence, found);
            }
            return (from, None);
        }
        let verb = if target.is_store() { RelationKind::RetrievesFrom } else { RelationKind::Invokes };
        if let Some(provider) = target.provider {
            let id = provider.id();
            if !settled(&id, found) {
                add(in_traffic(provider), evidence, found);
            }
            found.happened(from.as_str(), RelationKind::Invokes, &id, time, evidence);
        }
        if let Some(endpoint) = target.endpoint {
            found.happened(from.as_str(), verb, endpoint.id.as_str(), time, evidence);
            if let Some(provider) = target.provider {
                found.relate(endpoint.id.as_str(), RelationKind::Uses, &provider.id(), evidence);
            }
            if let Some(account) = endpoint.text("account_endpoint").map(str::to_owned) {
                found.relate(&account, RelationKind::Contains, endpoint.id.as_str(), evidence);
                let name = account.trim_start_matches("https://");
                add(Asset::new(&account, AssetKind::Endpoint, name).ai(), evidence, found);
            }
            add(endpoint, evidence, found);
        }
        let mut named = None;
        let model = model.or(target.model).and_then(|name| model_ref::model(name, from.as_str()));
        if let Some(mut model) = model {
            if let Some(provider) = target.provider {
                model.properties.entry("provider").or_insert_with(|| provider.name.as_str().into());
            }
            found.happened(from.as_str(), RelationKind::Invokes, model.id.as_str(), time, evidence);
            if let Some(to) = to {
                found.relate(&to, RelationKind::Serves, model.id.as_str(), evidence);
            }
            named = Some(model.id.clone());
            add(model, evidence, found);
        }
        (from, named)
    }
}

/// A provider that a log names, rather than code or configuration.
fn in_traffic(provider: &Provider) -> Asset {
    provider.asset().with("seen_in_traffic", true)
}

/// Adds an asset with its evidence.
pub(in crate::discover) fn add(asset: Asset, evidence: &Evidence, found: &mut Found) {
    found.inventory.add(asset.seen(evidence.clone()));
}

/// Whether enough is known of an asset that another row adds nothing.
fn settled(id: &str, found: &Found) -> bool {
    found.inventory.get(id).is_some_and(|asset| asset.evidence.len() >= ENOUGH)
}

/// Adds a text to a list kept of an asset, as long as the list is short.
pub(in crate::discover) fn note(asset: &mut Asset, key: &str, text: &str) {
    let full = |value: &serde_json::Value| value.as_array().is_some_and(|list| list.len() >= NOTED);
    if !text.is_empty() && !asset.properties.get(key).is_some_and(full) {
        append(asset, key, text);
    }
}

/// [`note`] on an asset that was added before.
pub(in crate::discover) fn note_of(id: &str, key: &str, text: &str, found: &mut Found) {
    if let Some(asset) = found.inventory.get_mut(id) {
        note(asset, key, text);
    }
}

/// Adds to a number kept of an asset: tokens, calls.
pub(in crate::discover) fn count(id: &str, key: &str, more: Option<u64>, found: &mut Found) {
    let (Some(asset), Some(more)) = (found.inventory.get_mut(id), more.filter(|more| *more > 0)) else { return };
    let known = asset.properties.get(key).and_then(serde_json::Value::as_u64).unwrap_or(0);
    asset.properties.insert(key.to_owned(), known.saturating_add(more).into());
}

/// Who calls, as a log row tells it; empty where it does not.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::discover) struct Caller<'a> {
    pub(in crate::discover) user: &'a str,
    pub(in crate::discover) device: &'a str,
    pub(in crate::discover) ip: &'a str,
    pub(in crate::discover) process: &'a str,
    /// An EC2 instance with its account and region.
    pub(in crate::discover) instance: &'a str,
    pub(in crate::discover) account: &'a str,
    pub(in crate::discover) region: &'a str,
    pub(in crate::discover) cluster: &'a str,
    pub(in crate::discover) namespace: &'a str,
    pub(in crate::discover) pod: &'a str,
}

impl Caller<'_> {
    /// The most telling of what is known: workload, instance, person, device, address.
    pub(in crate::discover) fn asset(&self) -> Option<Asset> {
        let said = |text: &str| !matches!(text, "" | "-" | "none" | "unknown");
        let address = self.ip.rsplit_once(':').filter(|(ip, _)| !ip.contains(':')).map_or(self.ip, |(ip, _)| ip);
        let address = address.split(',').next().unwrap_or(address).trim().trim_matches(['[', ']']);
        let mut asset = if said(self.pod) && said(self.namespace) {
            pod(self.cluster, self.namespace, self.pod)
        } else if said(self.instance) {
            let id = match (self.region, self.account) {
                (region, account) if said(region) && said(account) => {
                    format!("arn:aws:ec2:{region}:{account}:instance/{}", self.instance)
                }
                _ => format!("instance:{}", self.instance),
            };
            Asset::new(id, AssetKind::Node, self.instance)
        } else if said(self.user) {
            Asset::new(format!("user:{}", self.user), AssetKind::User, self.user)
        } else if said(self.device) {
            Asset::new(format!("host:{}", self.device.to_lowercase()), AssetKind::Node, self.device)
        } else if address.parse::<IpAddr>().is_ok() {
            Asset::new(format!("ip:{address}"), AssetKind::Node, address)
        } else {
            return None;
        };
        for (key, value) in [("device", self.device), ("process", self.process), ("ip", address)] {
            if said(value) && !asset.id.as_str().ends_with(value) {
                asset.properties.insert(key.to_owned(), value.into());
            }
        }
        Some(asset)
    }
}

/// The workload that a pod belongs to, as far as its name tells: the Deployment before a ReplicaSet's hash and the
/// pod's own suffix, else the pod.
pub(in crate::discover) fn pod(cluster: &str, namespace: &str, name: &str) -> Asset {
    // the letters and digits that Kubernetes makes names from
    let hash = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len()) && text.bytes().all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b))
    };
    let deployment = name.rsplit_once('-').filter(|(_, suffix)| hash(suffix, 5, 5)).and_then(|(rest, _)| {
        rest.rsplit_once('-').filter(|(_, set)| hash(set, 6, 10) && set.bytes().any(|b| b.is_ascii_digit()))
    });
    match deployment {
        Some((deployment, _)) => workload(cluster, namespace, "Deployment", deployment),
        None => workload(cluster, namespace, "Pod", name),
    }
}

/// A workload of a cluster.
pub(in crate::discover) fn workload(cluster: &str, namespace: &str, kind: &str, name: &str) -> Asset {
    let cluster = if cluster.is_empty() { "cluster" } else { cluster };
    let namespace = if namespace.is_empty() { "default" } else { namespace };
    Asset::new(format!("k8s://{cluster}/{namespace}/{kind}/{name}"), AssetKind::Workload, name)
        .with("kubernetes_kind", kind)
        .with("cluster", cluster)
        .with("namespace", namespace)
}

/// Whether a log's word for what became of a request says that it did not get through.
pub(super) fn is_blocked(action: &str) -> bool {
    let word = action.split(['/', ' ', ':']).next().unwrap_or(action);
    tables().blocked.contains(word.to_ascii_lowercase().as_str())
}

/// Whether a path is one of a model server, and the model that it names.
fn path(path: &str) -> Option<Option<&str>> {
    let path = path.split(['?', '#']).next().filter(|path| path.len() > 1)?;
    tables().paths.iter().find_map(|known| match known.split_once('*') {
        Some((before, after)) => {
            let (_, rest) = path.split_once(before)?;
            rest.strip_suffix(after).filter(|name| !name.is_empty()).map(Some)
        }
        None => path.ends_with(known.as_str()).then_some(None),
    })
}

/// The address that one customer has at a provider, or a deployment below it.
fn tenant(provider: &Provider, host: &str, path: &str) -> Option<Asset> {
    if !provider.is_tenant(host) {
        return None;
    }
    let kind = if provider.category == Category::VectorStore { AssetKind::VectorStore } else { AssetKind::Endpoint };
    let deployment = path.split_once("/deployments/").and_then(|(_, rest)| rest.split(['/', '?']).next());
    let asset = match deployment.filter(|name| !name.is_empty()) {
        Some(name) => Asset::new(format!("https://{host}/openai/deployments/{name}"), kind, name)
            .with("deployment", name)
            .with("account_endpoint", format!("https://{host}")),
        None => Asset::new(format!("https://{host}"), kind, host),
    };
    Some(asset.with("provider", provider.name.as_str()).ai())
}

/// A model server of one's own: a Kubernetes Service by its name in the cluster, else its address.
fn self_hosted(host: &str, port: Option<u64>) -> Asset {
    let mut labels = host.split('.');
    if let (Some(name), Some(namespace), Some("svc")) = (labels.next(), labels.next(), labels.next()) {
        let mut service = workload("", namespace, "Service", name);
        service.kind = AssetKind::Endpoint;
        return service;
    }
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let authority = match port {
        Some(port) if port != 80 && port != 443 => format!("{bracketed}:{port}"),
        _ => bracketed,
    };
    let scheme = if port == Some(443) { "https" } else { "http" };
    Asset::new(format!("{scheme}://{authority}"), AssetKind::Endpoint, authority)
}

fn name_of(id: &str) -> &str {
    id.rsplit(['/', ':']).next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::catalog::catalog;

    fn target(url: &str) -> Option<(Option<String>, Option<String>)> {
        let target = Target::of(catalog(), Address::url(url))?;
        Some((target.id(), target.model.map(str::to_owned)))
    }

    #[test]
    fn addresses() {
        for (url, id, model) in [
            ("https://api.openai.com/v1/chat/completions", "ai-provider:openai", None),
            ("API.OpenAI.com:443", "ai-provider:openai", None),
            (
                "https://acme.openai.azure.com/openai/deployments/chat/chat/completions?api-version=1",
                "https://acme.openai.azure.com/openai/deployments/chat",
                None,
            ),
            ("https://rag-1.svc.us-east1.pinecone.io/query", "https://rag-1.svc.us-east1.pinecone.io", None),
            (
                "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v2/invoke",
                "ai-provider:amazon-bedrock",
                Some("anthropic.claude-v2"),
            ),
            ("http://10.0.0.5:11434", "http://10.0.0.5:11434", None),
            ("http://[::1]:11434/", "http://[::1]:11434", None),
            ("http://llm.ml.svc.cluster.local:8000/v1/chat/completions", "k8s://cluster/ml/Service/llm", None),
            ("http://triton:8000/v2/models/fraud/infer", "http://triton:8000", Some("fraud")),
        ] {
            assert_eq!(target(url), Some((Some(id.to_owned()), model.map(str::to_owned))), "{url}");
        }
        for url in ["https://example.com/v1/orders", "10.0.0.5:443", "", "https://example.com:99999999999999999999/x"] {
            assert_eq!(target(url), None, "{url}");
        }
    }

    #[test]
    fn callers() {
        let id = |caller: Caller<'_>| caller.asset().map(|asset| asset.id.to_string());
        let caller = Caller { ip: "10.0.0.5:4711", ..Caller::default() };
        assert_eq!(id(caller).as_deref(), Some("ip:10.0.0.5"));
        assert_eq!(id(Caller { user: "ann@acme.test", ..caller }).as_deref(), Some("user:ann@acme.test"));
        assert_eq!(id(Caller { ip: "localhost", ..Caller::default() }), None);
        assert_eq!(pod("", "ml", "bot-7d9f8c6b5-x2x4k").id.as_str(), "k8s://cluster/ml/Deployment/bot");
        assert_eq!(pod("", "ml", "bot-0").id.as_str(), "k8s://cluster/ml/Pod/bot-0");
    }
}
