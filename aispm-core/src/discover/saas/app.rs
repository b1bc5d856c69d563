//! Apps that have been given access to a SaaS product, by the table in `saas.yaml`: OAuth grants, app lists, sign-ins and
//! audit logs. Who uses which app, which of them are AI, and which data their scopes open.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::asset::{Asset, AssetKind, Document, Evidence, RelationKind};
use crate::discover::catalog::{Catalog, Provider, catalog};
use crate::discover::format::{Found, Structured};
use crate::discover::model_ref;
use crate::discover::telemetry::shape::{Role, Shape, Shapes};
use crate::discover::telemetry::time;
use crate::discover::telemetry::traffic::{add, note};

pub(super) const ROW: Structured = Structured {
    name: "saas-app",
    critical: true,
    in_parts: false,
    markers: &["\"clientId\"", "\"displayText\"", "\"userKey\""],
    matches: |value| tables().apps.of(value).is_some_and(|shape| !shape.ai_only || App::of(shape, value).is_ai()),
    read: |document, found| {
        if let Some(shape) = tables().apps.of(&document.value) {
            App::of(shape, &document.value).tell(&document.evidence("").excerpt(&shape.name), found);
        }
    },
};

/// A Google Workspace report of token activity: its parameters are a list of names and values.
pub(super) const GOOGLE_ACTIVITY: Structured = Structured {
    name: "google-token-activity",
    critical: false,
    in_parts: false,
    markers: &["\"admin#reports#activity\"", "\"token\""],
    matches: |value| value.pointer("/id/applicationName").is_some() && value.get("events").is_some_and(Value::is_array),
    read: google_activity,
};

/// The built-in table.
fn tables() -> &'static Tables {
    static TABLES: LazyLock<Tables> = LazyLock::new(|| Document::config("saas.yaml", SAAS).unwrap_or_default());
    &TABLES
}

const SAAS: &str = include_str!("../../../data/discover/saas.yaml");

/// See `saas.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    apps: Shapes,
    features: Vec<String>,
    data: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// An app as a row tells it.
#[derive(Debug, Default)]
struct App<'a> {
    product: &'a str,
    /// Whether it is an AI feature of the product itself, switched on.
    feature: bool,
    id: Option<String>,
    /// Its object in a directory.
    alias: Option<&'a str>,
    name: Option<&'a str>,
    publisher: Option<&'a str>,
    consent: Option<&'a str>,
    homepage: Option<&'a str>,
    scopes: Vec<String>,
    user: Option<String>,
    org: Option<&'a str>,
    time: Option<String>,
}

impl<'a> App<'a> {
    fn of(shape: &'a Shape, row: &'a Value) -> Self {
        let text = |role| shape.text(row, role);
        Self {
            product: &shape.product,
            feature: tables().features.contains(&shape.name),
            id: shape.written(row, Role::AppId),
            alias: text(Role::AppAlias),
            name: text(Role::AppName),
            publisher: text(Role::Publisher),
            consent: text(Role::Consent),
            homepage: text(Role::Homepage),
            scopes: shape.value(row, Role::Scopes).map(scopes).unwrap_or_default(),
            user: shape.written(row, Role::User),
            org: text(Role::Org),
            time: shape.value(row, Role::Time).and_then(time::of),
        }
    }

    /// The AI service that its home or its name tells.
    fn provider<'t>(&self, tables: &'t Catalog) -> Option<&'t Provider> {
        let by_home = || tables.service_by_host(&model_ref::host(self.homepage?)?);
        let by_name = |name: &str| tables.provider_by_title(&name.replace('-', " "));
        by_home().or_else(|| by_name(self.name?)).or_else(|| by_name(self.publisher?))
    }

    fn is_ai(&self) -> bool {
        self.provider(catalog()).is_some()
    }

    /// `oauth-app:CLIENT`, its object in the directory, or the product and a name.
    fn asset(&self) -> Option<Asset> {
        let name = self.name.or(self.alias).or(self.id.as_deref())?;
        let object = self.alias.map(|alias| format!("entra:{alias}"));
        let id = match (&self.id, &object) {
            (Some(id), _) => format!("oauth-app:{id}"),
            (None, Some(object)) => object.clone(),
            (None, None) => format!("saas:{}/{}", self.product, name.to_lowercase().replace(' ', "-")),
        };
        let mut asset = Asset::new(id, AssetKind::SaasApp, name).with("product", self.product);
        if let Some(object) = object {
            asset = asset.alias(object);
        }
        for (key, text) in [("publisher", self.publisher), ("consent_type", self.consent), ("homepage", self.homepage)]
        {
            if let Some(text) = text {
                asset.properties.insert(key.to_owned(), text.into());
            }
        }
        if self.feature {
            asset.properties.insert("ai_feature".into(), "enabled".into());
        }
        self.scopes.iter().for_each(|scope| note(&mut asset, "scopes", scope));
        Some(asset)
    }

    fn tell(&self, evidence: &Evidence, found: &mut Found) {
        let Some(mut asset) = self.asset() else { return };
        let id = asset.id.to_string();
        let tables = found.tables.clone();
        if let Some(provider) = self.provider(&tables) {
            asset.ai = true;
            asset.properties.insert("provider".into(), provider.name.as_str().into());
            found.relate(&id, RelationKind::Uses, &provider.id(), evidence);
            add(provider.asset(), evidence, found);
        }
        add(asset, evidence, found);
        for (data, writes) in opened(self.product, &self.scopes) {
            let store = Asset::new(
                format!("saas:{}/{data}", self.product),
                AssetKind::Dataset,
                format!("{} {data}", self.product),
            );
            found.relate(&id, RelationKind::Reads, store.id.as_str(), evidence);
            if writes {
                found.relate(&id, RelationKind::Writes, store.id.as_str(), evidence);
            }
            add(store, evidence, found);
        }
        if let Some(name) = self.user.as_deref() {
            let user = match (self.product, name.contains('@')) {
                ("microsoft-365", false) => format!("entra:{name}"),
                ("github" | "slack", false) => format!("user:{}/{name}", self.product),
                _ => format!("user:{name}"),
            };
            match &self.time {
                Some(time) => found.happened(&user, RelationKind::Uses, &id, Some(time), evidence),
                None => found.relate(&user, RelationKind::Uses, &id, evidence),
            }
            add(Asset::new(user, AssetKind::User, name), evidence, found);
        }
        if let Some(org) = self.org {
            let account = Asset::new(format!("{}:{org}", self.product), AssetKind::Account, org);
            found.relate(account.id.as_str(), RelationKind::Uses, &id, evidence);
            add(account, evidence, found);
        }
    }
}

/// Scopes as a text with blanks or commas, a list of texts or of objects with a name, or a map of levels.
fn scopes(value: &Value) -> Vec<String> {
    let split = |text: &str| text.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    let name = |scope: &Value| {
        scope
            .as_str()
            .or_else(|| scope.get("name")?.as_str())
            .or_else(|| scope.get("value")?.as_str())
            .map(str::to_owned)
    };
    match value {
        Value::String(text) => split(text),
        Value::Array(list) => list.iter().filter_map(name).collect(),
        Value::Object(map) => {
            map.iter().map(|(key, level)| format!("{key}:{}", level.as_str().unwrap_or_default())).collect()
        }
        _ => Vec::new(),
    }
}

/// The data that scopes open, and whether also to write.
fn opened<'a>(product: &str, scopes: &[String]) -> BTreeMap<&'a str, bool> {
    let mut opened = BTreeMap::new();
    for scope in scopes {
        let short = scope.trim_end_matches('/').rsplit('/').next().unwrap_or(scope);
        let starts = |starts: &Vec<String>| starts.iter().any(|start| short.starts_with(start.as_str()));
        let data = tables().data.get(product).and_then(|data| data.iter().find(|(_, known)| starts(known)));
        if let Some((data, _)) = data {
            let reads_only = match product {
                "google-workspace" => short.ends_with("readonly") || short.ends_with("metadata"),
                _ => !["Write", "Send", ":write", "FullControl", "full_access", ":admin"]
                    .iter()
                    .any(|word| short.contains(word)),
            };
            *opened.entry(data.as_str()).or_insert(false) |= !reads_only;
        }
    }
    opened
}

fn google_activity(document: &Document, found: &mut Found) {
    let row = &document.value;
    let user = row.pointer("/actor/email").and_then(Value::as_str).map(str::to_owned);
    let time = row.pointer("/id/time").and_then(time::of);
    for (i, event) in row.get("events").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let parameters = event.get("parameters").and_then(Value::as_array);
        let of = |name: &str| {
            let named = |parameter: &&Value| parameter.get("name").and_then(Value::as_str) == Some(name);
            parameters.and_then(|list| list.iter().find(named))
        };
        let text = |name: &str| of(name).and_then(|parameter| parameter.get("value")?.as_str());
        let Some(name) = text("app_name").or_else(|| text("product_name")) else { continue };
        let granted = of("scope").and_then(|parameter| parameter.get("multiValue").or_else(|| parameter.get("value")));
        let app = App {
            product: "google-workspace",
            id: text("client_id").map(str::to_owned),
            name: Some(name),
            scopes: granted.map(scopes).unwrap_or_default(),
            user: user.clone(),
            time: time.clone(),
            ..App::default()
        };
        app.tell(&document.evidence(&format!("/events/{i}")).excerpt(name), found);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::discover::telemetry::tests::{lines, read, relations};

    #[test]
    fn the_table_loads() {
        let tables: Tables = Document::config("saas.yaml", SAAS).unwrap();
        assert!(tables.apps.iter().all(|shape| !shape.product.is_empty()));
        assert!(tables.features.iter().all(|name| tables.apps.iter().any(|shape| shape.name == *name)));
    }

    #[test]
    fn grants_and_the_data_they_open() {
        let found = read(&json!({"kind": "admin#directory#tokenList", "items": [
            {"kind": "admin#directory#token", "clientId": "1.apps", "displayText": "ChatGPT", "userKey": "ann@acme.test", "scopes": ["https://www.googleapis.com/auth/drive.readonly", "openid"]},
            {"kind": "admin#directory#token", "clientId": "2.apps", "displayText": "Acme Planner", "userKey": "ann@acme.test", "scopes": ["https://mail.google.com/"]},
        ]}));
        assert_eq!(
            relations(&found),
            [
                "oauth-app:1.apps uses ai-provider:chatgpt",
                "oauth-app:1.apps reads saas:google-workspace/drive",
                "oauth-app:2.apps reads saas:google-workspace/mail",
                "oauth-app:2.apps writes saas:google-workspace/mail",
                "user:ann@acme.test uses oauth-app:1.apps",
                "user:ann@acme.test uses oauth-app:2.apps",
            ]
        );
        assert!(
            found.inventory.get("oauth-app:1.apps").unwrap().ai && !found.inventory.get("oauth-app:2.apps").unwrap().ai
        );
        assert_eq!(found.inventory.get("oauth-app:2.apps").unwrap().evidence[0].pointer.as_deref(), Some("/items/1"));
    }

    #[test]
    fn a_seat_shows_a_feature_switched_on() {
        let found = lines(&[json!({"assignee": {"login": "ann"}, "last_activity_editor": "vscode"})]);
        assert_eq!(found.inventory.get("saas:github/github-copilot").unwrap().text("ai_feature"), Some("enabled"));
        let found = lines(&[json!({"app": {"id": "A1", "name": "Claude"}, "scopes": []})]);
        assert_eq!(found.inventory.get("oauth-app:A1").unwrap().text("ai_feature"), None);
    }

    #[test]
    fn rows_of_many_products() {
        for (row, relation) in [
            (
                json!({"clientId": "o1", "consentType": "Principal", "principalId": "u1", "resourceId": "r", "scope": "Mail.Read Files.ReadWrite.All"}),
                "entra:o1 writes saas:microsoft-365/files",
            ),
            (
                json!({"appId": "a1", "id": "o1", "displayName": "Otter.ai", "servicePrincipalType": "Application"}),
                "oauth-app:a1 uses ai-provider:otter.ai",
            ),
            (
                json!({"app": {"id": "A1", "name": "Claude"}, "scopes": [{"name": "channels:history"}]}),
                "oauth-app:A1 reads saas:slack/messages",
            ),
            (
                json!({"app_slug": "coderabbitai", "app_id": 7, "permissions": {"contents": "write"}, "target_type": "Organization", "account": {"login": "acme"}}),
                "github:acme uses oauth-app:7",
            ),
            (
                json!({"assignee": {"login": "ann"}, "last_activity_editor": "vscode"}),
                "user:github/ann uses saas:github/github-copilot",
            ),
            (
                json!({"id": {"applicationName": "token", "time": "2025-01-01T00:00:00Z"}, "actor": {"email": "ann@acme.test"}, "events": [{"parameters": [{"name": "app_name", "value": "Perplexity"}, {"name": "client_id", "value": "3.apps"}]}]}),
                "user:ann@acme.test uses oauth-app:3.apps",
            ),
        ] {
            let found = lines(std::slice::from_ref(&row));
            assert!(relations(&found).contains(&relation.to_owned()), "{row}: {:?}", relations(&found));
        }
        assert!(!(ROW.matches)(
            &json!({"appId": "a1", "displayName": "Acme Payroll", "servicePrincipalType": "Application"})
        ));
    }
}
