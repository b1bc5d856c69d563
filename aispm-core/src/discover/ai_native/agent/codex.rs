//! MCP servers in TOML settings: `[mcp_servers.NAME]` tables.

use serde_json::Value;

use crate::asset::{Asset, AssetKind, Error, ErrorKind, RelationKind};
use crate::discover::format::{Found, Source, Textual};
use crate::discover::mcp::server_asset;

pub(in crate::discover::ai_native) const TOML_SETTINGS: Textual = Textual {
    name: "mcp-config-toml",
    critical: true,
    matches: |source| {
        source.has_extension(&["toml"]) && source.text.lines().any(|line| line.starts_with("[mcp_servers."))
    },
    read,
};

fn read(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let table = source.text.parse::<toml::Table>();
    let table = table.map_err(|error| Error::new(ErrorKind::Malformed, error.message().to_owned()).at(source.path))?;
    let servers = table.get("mcp_servers").and_then(|servers| serde_json::to_value(servers).ok()).unwrap_or_default();
    let id = format!("file:{}", source.path);
    let count = servers.as_object().map_or(0, serde_json::Map::len);
    for (name, server) in servers.as_object().into_iter().flatten() {
        let heads = [format!("[mcp_servers.{name}]"), format!("[mcp_servers.\"{name}\"]")];
        let at = source.text.lines().position(|line| heads.iter().any(|head| line.trim() == head));
        let evidence = source.line(at.map_or(1, |at| at as u64 + 1));
        let server_id = format!("{id}#{name}");
        found.relate(&id, RelationKind::Contains, &server_id, &evidence);
        let asset = server_asset(&server_id, name, server, &evidence, found);
        found.inventory.add(asset);
    }
    let asset = Asset::new(&id, AssetKind::McpConfig, source.name()).with("format", "mcp-config-toml");
    found.inventory.add(asset.with("servers", Value::from(count)).seen(source.line(1)));
    Ok(())
}
