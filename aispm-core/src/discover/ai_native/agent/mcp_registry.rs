//! MCP servers as packages: `server.json` of the registry, and bundles of desktop extensions (`manifest.json`).

use serde_json::Value;

use super::{has_tool, short};
use crate::asset::{Asset, AssetKind, Document, RelationKind};
use crate::discover::ai_native::{keep, list, text};
use crate::discover::container::image_asset;
use crate::discover::format::{Found, Structured};
use crate::discover::mcp::server_asset;
use crate::discover::package::Reference;

/// An entry of the registry, also inside `{"server": {…}}` as its API lists them.
pub(in crate::discover::ai_native) const SERVER: Structured = Structured {
    name: "mcp-server",
    critical: true,
    in_parts: false,
    markers: &["modelcontextprotocol", "\"packages\""],
    matches: |value| {
        let server = value.get("server").unwrap_or(value);
        let schema = text(server, "$schema").is_some_and(|schema| schema.contains("modelcontextprotocol"));
        let offered = server.get("packages").or_else(|| server.get("remotes")).is_some_and(Value::is_array);
        let packaged = list(server, "packages").next().is_some_and(|(_, p)| {
            ["registryType", "registry_type", "registry_name", "runtimeHint", "runtime_hint"]
                .iter()
                .any(|k| p.get(k).is_some())
        });
        let remote = list(server, "remotes").next().is_some_and(|(_, r)| {
            r.get("url").is_some() && (r.get("type").is_some() || r.get("transport_type").is_some())
        });
        text(server, "name").is_some() && offered && (schema || packaged || remote)
    },
    read: |document, found| match document.value.get("server") {
        Some(server) => server_entry(&document.part("/server", server.clone()), found),
        None => server_entry(document, found),
    },
};

/// A desktop extension.
pub(in crate::discover::ai_native) const BUNDLE: Structured = Structured {
    name: "mcp-bundle",
    critical: true,
    in_parts: false,
    markers: &["\"mcp_config\""],
    matches: |value| {
        value.pointer("/server/mcp_config").is_some()
            || value.get("dxt_version").is_some() && value.get("server").is_some_and(Value::is_object)
    },
    read: bundle,
};

fn server_entry(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some(name) = text(value, "name") else { return };
    let id = format!("mcp-server:{name}");
    let mut asset = Asset::new(&id, AssetKind::McpServer, text(value, "title").unwrap_or(name));
    if let Some(description) = text(value, "description") {
        asset.properties.insert("description".into(), short(description).into());
    }
    keep(value, &["status", "websiteUrl"], &mut asset);
    let version = text(value, "version").or_else(|| value.pointer("/version_detail/version").and_then(Value::as_str));
    asset.provenance.version = version.map(str::to_owned);
    asset.provenance.source = value.pointer("/repository/url").and_then(Value::as_str).map(str::to_owned);
    asset.provenance.publisher = name.split_once('/').map(|(publisher, _)| publisher.to_owned());
    let mut environment = Vec::new();
    for (i, package) in list(value, "packages") {
        let evidence = document.evidence(&format!("/packages/{i}"));
        if let Some(package) = packaged(package) {
            asset.provenance.pinned = package.provenance.pinned;
            found.relate(&id, RelationKind::Uses, package.id.as_str(), &evidence);
            found.inventory.add(package.ai().seen(evidence));
        }
        for key in ["environmentVariables", "environment_variables"] {
            environment
                .extend(list(package, key).filter_map(|(_, variable)| text(variable, "name")).map(str::to_owned));
        }
        if let Some(transport) = package.pointer("/transport/type").and_then(Value::as_str) {
            asset.properties.insert("transport".into(), transport.into());
        }
    }
    if !environment.is_empty() {
        asset.properties.insert("env".into(), environment.into());
    }
    for (i, remote) in list(value, "remotes") {
        let (Some(url), evidence) = (text(remote, "url"), document.evidence(&format!("/remotes/{i}"))) else {
            continue;
        };
        asset.properties.insert("url".into(), url.into());
        asset.encryption.in_transit = Some(url.starts_with("https://"));
        let transport = text(remote, "type").or_else(|| text(remote, "transport_type")).unwrap_or("http");
        asset.properties.insert("transport".into(), transport.into());
        let mut endpoint = Asset::new(url.trim_end_matches('/'), AssetKind::Endpoint, url).ai();
        endpoint.encryption.in_transit = asset.encryption.in_transit;
        found.relate(endpoint.id.as_str(), RelationKind::Exposes, &id, &evidence);
        found.inventory.add(endpoint.seen(evidence));
    }
    found.inventory.add(asset.seen(document.evidence("/name").excerpt(name)));
}

/// The package or image that an entry names.
fn packaged(package: &Value) -> Option<Asset> {
    let registry = ["registryType", "registry_type", "registry_name"].iter().find_map(|key| text(package, key))?;
    let name = text(package, "identifier").or_else(|| text(package, "name"))?;
    let version = text(package, "version").filter(|version| *version != "latest");
    let mut asset = match registry {
        "npm" => Reference::npm_parts(name, version).asset(),
        "pypi" => {
            let requirement = version.map_or_else(|| name.to_owned(), |version| format!("{name}=={version}"));
            Reference::pypi(&requirement)?.asset()
        }
        "oci" | "docker" => image_asset(
            &version.filter(|_| !name.contains('@')).map_or(name.to_owned(), |version| format!("{name}:{version}")),
        ),
        _ => return None,
    };
    if let Some(digest) = text(package, "fileSha256").or_else(|| text(package, "file_sha256")) {
        asset.provenance.digests.insert("sha256".to_owned(), digest.to_ascii_lowercase());
    }
    Some(asset)
}

fn bundle(document: &Document, found: &mut Found) {
    let value = &document.value;
    let name = text(value, "name").unwrap_or("extension");
    let id = format!("file:{}", document.path());
    let evidence = document.evidence("/server");
    let mut asset = match value.pointer("/server/mcp_config") {
        Some(server) => server_asset(&id, name, server, &evidence, found),
        None => Asset::new(&id, AssetKind::McpServer, name).seen(evidence),
    };
    keep(value, &["description", "dxt_version", "manifest_version", "license", "privacy_policies"], &mut asset);
    asset.provenance.version = text(value, "version").map(str::to_owned);
    asset.provenance.publisher = value.pointer("/author/name").and_then(Value::as_str).map(str::to_owned);
    asset.provenance.licence = text(value, "license").map(str::to_owned);
    for (i, tool) in list(value, "tools") {
        if let Some(name) = text(tool, "name") {
            has_tool(&id, name, text(tool, "description"), &document.evidence(&format!("/tools/{i}")), found);
        }
    }
    found.inventory.add(asset);
}
