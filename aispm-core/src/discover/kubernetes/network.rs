//! How traffic gets in: Services, Ingresses, routes, gateways; and what holds it back.

use std::collections::BTreeMap;

use serde_json::Value;

use super::resource::at_path;
use super::{Object, id, list, text};
use crate::asset::{Asset, AssetId, AssetKind, Authentication, Evidence, Exposure, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::container::append;
use crate::discover::format::Found;
use crate::discover::model_ref;

/// A Service; which workloads it leads to is found out when all files are read.
pub(super) fn service(object: &Object<'_>, found: &mut Found) {
    let Some(spec) = object.spec() else { return };
    let kind = text(spec, "type").unwrap_or("ClusterIP");
    if kind == "ExternalName" {
        found.inventory.add(object.asset(AssetKind::Resource));
        return;
    }
    let mut asset = object.asset(AssetKind::Endpoint).with("service_type", kind);
    for key in ["selector", "ports", "loadBalancerSourceRanges"] {
        if let Some(value) = spec.get(key) {
            asset.properties.insert(key.into(), value.clone());
        }
    }
    let ranges: Vec<&str> = list(spec, "loadBalancerSourceRanges").filter_map(|(_, range)| range.as_str()).collect();
    let narrow = !ranges.is_empty() && !ranges.iter().any(|range| matches!(*range, "0.0.0.0/0" | "::/0"));
    let external = list(spec, "externalIPs").count() > 0;
    let exposure = match kind {
        "LoadBalancer" | "NodePort" if annotated(object, &catalog().kubernetes.internal) => Exposure::Internal,
        "LoadBalancer" if narrow || annotated(object, &catalog().kubernetes.restricted) => Exposure::Restricted,
        "LoadBalancer" | "NodePort" => Exposure::Public,
        _ if external => Exposure::Public,
        _ => Exposure::Internal,
    };
    if exposure > Exposure::Internal {
        let tls = list(spec, "ports").any(|(_, port)| {
            port.get("port").and_then(Value::as_u64) == Some(443)
                || text(port, "name").is_some_and(|name| name.contains("https"))
        });
        asset.encryption.in_transit = Some(tls);
    }
    addresses(object, &mut asset);
    publish(asset, exposure, &object.at("/spec/type").excerpt(kind), found);
}

/// The names and addresses that the cluster gave a load balancer, a Gateway or an Ingress.
fn addresses(object: &Object<'_>, asset: &mut Asset) {
    for place in
        ["status/loadBalancer/ingress/*/hostname", "status/loadBalancer/ingress/*/ip", "status/addresses/*/value"]
    {
        for (_, address) in at_path(object.value, place) {
            append(asset, "addresses", address.as_str().unwrap_or_default());
        }
    }
}

/// An Ingress and the Services behind it.
pub(super) fn ingress(object: &Object<'_>, found: &mut Found) {
    let Some(spec) = object.spec() else { return };
    let tables = &catalog().kubernetes;
    let annotation = |key: &str| object.metadata("annotations").and_then(|annotations| text(annotations, key));
    let class =
        text(spec, "ingressClassName").or_else(|| annotation("kubernetes.io/ingress.class")).unwrap_or_default();
    let alb = class == "alb" && annotation("alb.ingress.kubernetes.io/scheme") != Some("internet-facing");
    let mut asset = object.asset(AssetKind::Endpoint);
    asset.encryption.in_transit =
        Some(list(spec, "tls").count() > 0 || annotation("alb.ingress.kubernetes.io/certificate-arn").is_some());
    asset.authentication = own_authentication(object);
    let hosts: Vec<Value> = list(spec, "rules").filter_map(|(_, rule)| Some(text(rule, "host")?.into())).collect();
    asset.properties.insert("hosts".into(), hosts.into());
    if !class.is_empty() {
        asset.properties.insert("ingress_class".into(), class.into());
    }
    addresses(object, &mut asset);
    traefik(object, spec, &mut asset);
    let internal =
        alb || class.contains("internal") || class.contains("private") || annotated(object, &tables.internal);
    let exposure = match internal {
        true => Exposure::Internal,
        false if annotated(object, &tables.restricted) => Exposure::Restricted,
        false => Exposure::Public,
    };
    let endpoint = asset.id.to_string();
    publish(asset, exposure, &object.at("/spec"), found);
    let mut backends = Vec::new();
    if let Some(backend) = spec.get("defaultBackend").or_else(|| spec.get("backend")) {
        backends.push((backend, "/spec".to_owned()));
    }
    for (i, rule) in list(spec, "rules") {
        for (j, path) in rule.get("http").into_iter().flat_map(|http| list(http, "paths")) {
            backends.extend(
                path.get("backend").map(|backend| (backend, format!("/spec/rules/{i}/http/paths/{j}/backend"))),
            );
        }
    }
    for (pointer, name) in at_path(object.value, "spec/routes/*/services/*/name") {
        let Some(name) = name.as_str() else { continue };
        leads_to(object, &endpoint, &object.sibling("Service", name), name, &object.at(&pointer), found);
    }
    for (backend, pointer) in backends {
        let name = backend.pointer("/service/name").and_then(Value::as_str).or_else(|| text(backend, "serviceName"));
        if let Some(name) = name {
            leads_to(object, &endpoint, &object.sibling("Service", name), name, &object.at(&pointer), found);
        }
    }
}

/// What Traefik's IngressRoute says where an Ingress has annotations.
fn traefik(object: &Object<'_>, spec: &Value, asset: &mut Asset) {
    if object.kind != "IngressRoute" {
        return;
    }
    asset.encryption.in_transit = Some(spec.get("tls").is_some());
    let hosts = at_path(object.value, "spec/routes/*/match");
    let hosts: Vec<Value> = hosts.into_iter().map(|(_, rule)| rule.clone()).collect();
    asset.properties.insert("hosts".into(), hosts.into());
    let guard = at_path(object.value, "spec/routes/*/middlewares/*/name").into_iter().find_map(|(_, name)| {
        let name = name.as_str()?;
        ["auth", "oidc", "oauth", "jwt"].iter().any(|word| name.contains(word)).then_some(name.contains("basic"))
    });
    asset.authentication =
        guard.map(|basic| if basic { Authentication::Key } else { Authentication::Identity }).or(asset.authentication);
}

/// A Gateway API route. From where it is reached depends on its gateways and is settled when all files are read.
pub(super) fn route(object: &Object<'_>, found: &mut Found) {
    let Some(spec) = object.spec() else { return };
    let mut asset = object.asset(AssetKind::Endpoint);
    asset.authentication = own_authentication(object);
    asset.properties.insert("hosts".into(), spec.get("hostnames").cloned().unwrap_or(Value::Array(Vec::new())));
    let gateways: Vec<Value> = list(spec, "parentRefs")
        .chain(list(spec, "targetRefs"))
        .filter(|(_, parent)| text(parent, "kind").is_none_or(|kind| kind == "Gateway"))
        .filter_map(|(_, parent)| {
            let namespace = text(parent, "namespace").unwrap_or(object.namespace());
            Some(id(object.cluster(), namespace, "Gateway", text(parent, "name")?).into())
        })
        .collect();
    let endpoint = asset.id.to_string();
    for gateway in gateways.iter().filter_map(Value::as_str) {
        found.relate(gateway, RelationKind::Exposes, &endpoint, &object.at("/spec/parentRefs"));
    }
    asset.properties.insert("gateways".into(), gateways.into());
    asset.ai |= matches!(object.kind, "AIGatewayRoute" | "MCPRoute");
    found.inventory.add(asset);
    routed_models(object, &endpoint, found);
    for (i, rule) in list(spec, "rules") {
        for (j, backend) in list(rule, "backendRefs") {
            let Some(name) = text(backend, "name") else { continue };
            let default = if object.kind == "AIGatewayRoute" { "AIServiceBackend" } else { "Service" };
            let kind = text(backend, "kind").unwrap_or(default);
            let namespace = text(backend, "namespace").unwrap_or(object.namespace());
            let service = id(object.cluster(), namespace, kind, name);
            leads_to(object, &endpoint, &service, name, &object.at(&format!("/spec/rules/{i}/backendRefs/{j}")), found);
        }
    }
}

/// The models that a route chooses by a header.
fn routed_models(object: &Object<'_>, endpoint: &str, found: &mut Found) {
    for (pointer, header) in at_path(object.value, "spec/rules/*/matches/*/headers/*") {
        let by_model = text(header, "name").is_some_and(|name| name.eq_ignore_ascii_case("x-ai-eg-model"));
        let model = text(header, "value").filter(|_| by_model).and_then(|name| model_ref::model(name, endpoint));
        if let Some(model) = model {
            let evidence = object.at(&format!("{pointer}/value")).excerpt(&model.name);
            object.relate(endpoint, RelationKind::Serves, model, &evidence, found);
        }
    }
}

/// An InferencePool: the model servers that its selector matches are found when all files are read.
pub(super) fn pool(object: &Object<'_>, found: &mut Found) {
    let mut asset = object.asset(AssetKind::Endpoint).ai();
    let selector = object.spec().and_then(|spec| spec.get("selector"));
    if let Some(selector) = selector.map(|selector| selector.get("matchLabels").unwrap_or(selector)) {
        asset.properties.insert("selector".into(), selector.clone());
    }
    asset.exposure = Some(Exposure::Internal);
    found.inventory.add(asset);
}

/// A Knative Service gets a public address unless it is labelled otherwise.
pub(super) fn knative(object: &Object<'_>, workload: &mut Asset, found: &mut Found) {
    let internal = annotated(object, &catalog().kubernetes.internal);
    workload.exposure = Some(if internal { Exposure::Internal } else { Exposure::Public });
    if !internal {
        internet(workload.id.as_str(), &object.at("/spec"), found);
    }
}

/// An OpenShift Route: a public host name for one Service.
pub(super) fn openshift(object: &Object<'_>, found: &mut Found) {
    let Some(spec) = object.spec() else { return };
    let mut asset = object.asset(AssetKind::Endpoint);
    asset.encryption.in_transit = Some(spec.get("tls").is_some());
    asset.authentication = own_authentication(object);
    asset.properties.insert("hosts".into(), text(spec, "host").map(Value::from).into_iter().collect::<Vec<_>>().into());
    let internal = annotated(object, &catalog().kubernetes.internal);
    let restricted = annotated(object, &catalog().kubernetes.restricted);
    let exposure = match (internal, restricted) {
        (true, _) => Exposure::Internal,
        (_, true) => Exposure::Restricted,
        _ => Exposure::Public,
    };
    let endpoint = asset.id.to_string();
    publish(asset, exposure, &object.at("/spec"), found);
    let targets =
        at_path(object.value, "spec/to/name").into_iter().chain(at_path(object.value, "spec/alternateBackends/*/name"));
    for (pointer, name) in targets {
        let Some(name) = name.as_str() else { continue };
        leads_to(object, &endpoint, &object.sibling("Service", name), name, &object.at(&pointer), found);
    }
}

/// Hosts outside the cluster that it calls: an Istio ServiceEntry, a Backend of a gateway.
pub(super) fn outside(object: &Object<'_>, found: &mut Found) {
    let asset = object.asset(AssetKind::Resource);
    let id = asset.id.to_string();
    found.inventory.add(asset);
    let tables = found.tables.clone();
    let hosts = at_path(object.value, "spec/hosts/*").into_iter();
    for (pointer, host) in hosts.chain(at_path(object.value, "spec/endpoints/*/fqdn/hostname")) {
        let Some(host) = host.as_str() else { continue };
        if let Some(asset) = found.inventory.get_mut(&id) {
            append(asset, "hosts", host);
        }
        if let Some(provider) = tables.provider_by_host(host) {
            object.relate(&id, RelationKind::Uses, provider.asset(), &object.at(&pointer).excerpt(host), found);
        }
    }
}

/// An Istio VirtualService.
pub(super) fn virtual_service(object: &Object<'_>, found: &mut Found) {
    let Some(spec) = object.spec() else { return };
    let mut asset = object.asset(AssetKind::Endpoint);
    asset.authentication = own_authentication(object);
    asset.properties.insert("hosts".into(), spec.get("hosts").cloned().unwrap_or_default());
    let outside = list(spec, "gateways").any(|(_, gateway)| gateway.as_str().is_some_and(|gateway| gateway != "mesh"));
    let exposure = if outside { Exposure::Public } else { Exposure::Internal };
    let endpoint = asset.id.to_string();
    publish(asset, exposure, &object.at("/spec"), found);
    for protocol in ["http", "tcp", "tls"] {
        for (i, rule) in list(spec, protocol) {
            for (j, route) in list(rule, "route") {
                let Some(host) = route.pointer("/destination/host").and_then(Value::as_str) else { continue };
                let mut parts = host.split('.');
                let name = parts.next().unwrap_or(host);
                let service = id(object.cluster(), parts.next().unwrap_or(object.namespace()), "Service", name);
                leads_to(
                    object,
                    &endpoint,
                    &service,
                    name,
                    &object.at(&format!("/spec/{protocol}/{i}/route/{j}")),
                    found,
                );
            }
        }
    }
}

/// A Gateway, of the Gateway API or of Istio.
pub(super) fn gateway(object: &Object<'_>, found: &mut Found) {
    let mut asset = object.asset(AssetKind::NetworkEntry);
    let internal = annotated(object, &catalog().kubernetes.internal);
    let exposure = if internal { Exposure::Internal } else { Exposure::Public };
    addresses(object, &mut asset);
    let tls = at_path(object.value, "spec/listeners/*/protocol")
        .into_iter()
        .chain(at_path(object.value, "spec/servers/*/port/protocol"));
    let protocols: Vec<&str> = tls.filter_map(|(_, protocol)| protocol.as_str()).collect();
    if !protocols.is_empty() {
        asset.encryption.in_transit = Some(protocols.iter().all(|protocol| matches!(*protocol, "HTTPS" | "TLS")));
    }
    publish(asset, exposure, &object.at("/spec"), found);
}

/// A NetworkPolicy; the pods it selects are found when all files are read.
pub(super) fn policy(object: &Object<'_>, found: &mut Found) {
    let mut asset = object.asset(AssetKind::Policy);
    for key in ["podSelector", "policyTypes", "ingress", "egress"] {
        if let Some(value) = object.spec().and_then(|spec| spec.get(key)) {
            asset.properties.insert(key.into(), value.clone());
        }
    }
    found.inventory.add(asset);
}

/// A policy of the mesh: which pods it is for, and whether it lets in only callers that prove who they are.
pub(super) fn mesh(object: &Object<'_>, found: &mut Found) {
    let mut asset = object.asset(AssetKind::Policy);
    let spec = object.spec().unwrap_or(&Value::Null);
    asset
        .properties
        .insert("podSelector".into(), spec.get("selector").cloned().unwrap_or_else(|| serde_json::json!({})));
    for key in ["action", "mtls", "rules", "jwtRules"] {
        if let Some(value) = spec.get(key) {
            asset.properties.insert(key.into(), value.clone());
        }
    }
    let named = |rule: &Value| {
        let sources = rule.get("from").and_then(Value::as_array).filter(|list| !list.is_empty());
        let proven = |source: &Value| ["principals", "requestPrincipals"].iter().any(|key| source.get(key).is_some());
        let claims =
            list(rule, "when").any(|(_, when)| text(when, "key").is_some_and(|key| key.starts_with("request.auth")));
        claims || sources.is_some_and(|list| list.iter().all(|entry| entry.get("source").is_some_and(proven)))
    };
    let allows = object.kind == "AuthorizationPolicy" && matches!(text(spec, "action"), None | Some("ALLOW"));
    let rules = spec.get("rules").and_then(Value::as_array);
    let proven = allows && rules.is_none_or(|rules| rules.iter().all(named)) || text(spec, "action") == Some("CUSTOM");
    let strict = spec.pointer("/mtls/mode").and_then(Value::as_str) == Some("STRICT");
    if proven || strict {
        asset.properties.insert("requires_identity".into(), true.into());
    }
    guards(object, spec, proven.then_some(Authentication::Identity), found);
    found.inventory.add(asset);
}

/// A SecurityPolicy of Envoy Gateway.
pub(super) fn security_policy(object: &Object<'_>, found: &mut Found) {
    let spec = object.spec().unwrap_or(&Value::Null);
    let has = |keys: &[&str]| keys.iter().any(|key| spec.get(key).is_some());
    let authentication = match (has(&["jwt", "oidc", "extAuth"]), has(&["basicAuth", "apiKeyAuth"])) {
        (true, _) => Some(Authentication::Identity),
        (_, true) => Some(Authentication::Key),
        _ => None,
    };
    let mut asset = object.asset(AssetKind::Policy);
    let methods: Vec<Value> = spec.as_object().into_iter().flatten().map(|(key, _)| key.as_str().into()).collect();
    asset.properties.insert("methods".into(), methods.into());
    found.inventory.add(asset);
    guards(object, spec, authentication, found);
}

/// The Gateways and routes that a policy names ask for what it asks for.
fn guards(object: &Object<'_>, spec: &Value, authentication: Option<Authentication>, found: &mut Found) {
    let many = list(spec, "targetRefs").map(|(i, target)| (format!("/spec/targetRefs/{i}"), target));
    let one = spec.get("targetRef").map(|target| ("/spec/targetRef".to_owned(), target));
    for (pointer, target) in many.chain(one) {
        let (Some(kind), Some(name)) = (text(target, "kind"), text(target, "name")) else { continue };
        let mut stub = object.stub(kind, text(target, "namespace"), name);
        stub.authentication = authentication;
        object.relate(&object.id(), RelationKind::AppliesTo, stub, &object.at(&pointer), found);
    }
}

fn publish(mut asset: Asset, exposure: Exposure, evidence: &Evidence, found: &mut Found) {
    asset.exposure = Some(exposure);
    if exposure > Exposure::Internal {
        internet(asset.id.as_str(), evidence, found);
    }
    found.inventory.add(asset);
}

/// Notes that something is reached from the internet.
pub(in crate::discover) fn internet(id: &str, evidence: &Evidence, found: &mut Found) {
    let internet = Asset::new(AssetId::INTERNET, AssetKind::NetworkEntry, "Internet").seen(evidence.clone());
    found.inventory.add(internet);
    found.relate(AssetId::INTERNET, RelationKind::Exposes, id, evidence);
}

fn leads_to(object: &Object<'_>, from: &str, service: &str, name: &str, evidence: &Evidence, found: &mut Found) {
    let of = |kinds: &[&str]| kinds.iter().any(|kind| service.contains(&format!("/{kind}/")));
    let kind = if of(&["Service", "InferencePool"]) { AssetKind::Endpoint } else { AssetKind::Resource };
    let mut stub = Asset::new(service, kind, name).with("cluster", object.cluster());
    stub.ai = of(&["InferencePool", "AIServiceBackend", "InferenceService", "LLMInferenceService"]);
    let stub = stub.seen(evidence.clone().excerpt(name));
    found.inventory.add(stub);
    found.relate(from, RelationKind::Exposes, service, evidence);
}

/// How callers must prove who they are before they pass, as far as annotations tell.
fn own_authentication(object: &Object<'_>) -> Option<Authentication> {
    if annotated(object, &catalog().kubernetes.identity) {
        Some(Authentication::Identity)
    } else if annotated(object, &catalog().kubernetes.key) {
        Some(Authentication::Key)
    } else {
        None
    }
}

/// Whether an annotation or label of the table is set.
fn annotated(object: &Object<'_>, table: &BTreeMap<String, Vec<String>>) -> bool {
    let parts = ["annotations", "labels"].iter().filter_map(|part| object.metadata(part)?.as_object());
    parts.flatten().any(|(key, value)| {
        let value = value.as_str().unwrap_or_default();
        table.iter().any(|(end, values)| {
            key.ends_with(end.as_str())
                && match values.is_empty() {
                    true => !matches!(value, "" | "false" | "none"),
                    false => values.iter().any(|wanted| value.contains(wanted.as_str())),
                }
        })
    })
}
