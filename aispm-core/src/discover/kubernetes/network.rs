//! How traffic gets in: Services, Ingresses, routes, gateways; and what holds it back.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Object, id, list, text};
use crate::asset::{Asset, AssetId, AssetKind, Authentication, Evidence, Exposure, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::format::Found;

/// A Service; which workloads it leads to is found out when all files are read.
pub(super) fn service(object: &Object<'_>, found: &mut Found) {
    let Some(spec) = object.spec() else { return };
    let kind = text(spec, "type").unwrap_or("ClusterIP");
    if kind == "ExternalName" {
        found.inventory.add(object.asset(AssetKind::Resource));
        return;
    }
    let mut asset = object.asset(AssetKind::Endpoint).with("service_type", kind);
    for key in ["selector", "ports"] {
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
    publish(asset, exposure, &object.at("/spec/type").excerpt(kind), found);
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
    for (backend, pointer) in backends {
        let name = backend.pointer("/service/name").and_then(Value::as_str).or_else(|| text(backend, "serviceName"));
        if let Some(name) = name {
            leads_to(object, &endpoint, &object.sibling("Service", name), name, &object.at(&pointer), found);
        }
    }
}

/// A Gateway API route. From where it is reached depends on its gateways and is settled when all files are read.
pub(super) fn route(object: &Object<'_>, found: &mut Found) {
    let Some(spec) = object.spec() else { return };
    let mut asset = object.asset(AssetKind::Endpoint);
    asset.authentication = own_authentication(object);
    asset.properties.insert("hosts".into(), spec.get("hostnames").cloned().unwrap_or(Value::Array(Vec::new())));
    let gateways: Vec<Value> = list(spec, "parentRefs")
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
    found.inventory.add(asset);
    for (i, rule) in list(spec, "rules") {
        for (j, backend) in list(rule, "backendRefs") {
            let Some(name) = text(backend, "name") else { continue };
            let kind = text(backend, "kind").unwrap_or("Service");
            let namespace = text(backend, "namespace").unwrap_or(object.namespace());
            let service = id(object.cluster(), namespace, kind, name);
            leads_to(object, &endpoint, &service, name, &object.at(&format!("/spec/rules/{i}/backendRefs/{j}")), found);
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
    let asset = object.asset(AssetKind::NetworkEntry);
    let internal = annotated(object, &catalog().kubernetes.internal);
    let exposure = if internal { Exposure::Internal } else { Exposure::Public };
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
    let kind = if service.contains("/Service/") { AssetKind::Endpoint } else { AssetKind::Resource };
    let stub = Asset::new(service, kind, name).with("cluster", object.cluster()).seen(evidence.clone().excerpt(name));
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
