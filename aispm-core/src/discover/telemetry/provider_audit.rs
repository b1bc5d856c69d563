//! Audit logs of AI providers: OpenAI organisations, Anthropic organisations. Who administers, which keys, projects and
//! roles there are, and what was changed when.

use serde_json::Value;

use super::time;
use super::traffic::{add, note_of};
use crate::asset::{Asset, AssetKind, Document, Evidence, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::format::{Found, Structured};

pub(super) const OPENAI: Structured = Structured {
    name: "openai-audit-log",
    critical: false,
    in_parts: false,
    markers: &["\"organization.audit_log\"", "\"effective_at\""],
    matches: |value| {
        value.get("effective_at").is_some()
            && value.get("actor").is_some_and(Value::is_object)
            && value.get("type").is_some_and(Value::is_string)
    },
    read: |document, found| Audit { document, vendor: "openai" }.read(found),
};

pub(super) const ANTHROPIC: Structured = Structured {
    name: "anthropic-audit-log",
    critical: false,
    in_parts: false,
    markers: &["\"organization_id\"", "\"user_actor\""],
    matches: |value| {
        let kind = value.pointer("/actor/type").and_then(Value::as_str);
        let compliance =
            kind.is_some_and(|kind| kind.ends_with("_actor")) && value.get("type").is_some_and(Value::is_string);
        compliance
            || value.get("actor_info").is_some_and(Value::is_object) && value.get("event").is_some_and(Value::is_string)
    },
    read: |document, found| Audit { document, vendor: "anthropic" }.read(found),
};

/// What the nouns of event types stand for.
const NOUNS: &[(&str, AssetKind)] = &[
    ("api_key", AssetKind::AccessKey),
    ("admin_api_key", AssetKind::AccessKey),
    ("external_key", AssetKind::AccessKey),
    ("service_account", AssetKind::ServiceAccount),
    ("workspace", AssetKind::Account),
    ("project", AssetKind::Account),
    ("organization", AssetKind::Account),
    ("org", AssetKind::Account),
    ("user", AssetKind::User),
    ("invite", AssetKind::User),
    ("group", AssetKind::Group),
    ("role", AssetKind::Role),
    ("ip_allowlist", AssetKind::Policy),
    ("rate_limit", AssetKind::Policy),
    ("scim", AssetKind::Policy),
    ("sso", AssetKind::Policy),
    ("certificate", AssetKind::Secret),
    ("mcp_server", AssetKind::McpServer),
    ("integration", AssetKind::SaasApp),
    ("claude_project", AssetKind::Resource),
    ("project_document", AssetKind::Resource),
    ("file", AssetKind::Resource),
    ("model", AssetKind::Model),
    ("checkpoint", AssetKind::Model),
];

/// One event and who runs the log.
struct Audit<'a> {
    document: &'a Document,
    vendor: &'static str,
}

impl Audit<'_> {
    fn read(&self, found: &mut Found) {
        let event = &self.document.value;
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let kind = if text("/type").is_empty() { text("/event") } else { text("/type") };
        let evidence = self.document.evidence(if text("/type").is_empty() { "/event" } else { "/type" }).excerpt(kind);
        let time = ["effective_at", "created_at"].iter().find_map(|key| time::of(event.get(key)?));
        let time = time.as_deref();
        let Some(provider) = catalog().provider_by_name(self.vendor) else { return };
        let provider_id = provider.id();
        add(provider.asset(), &evidence, found);
        let actor = self.actor(event);
        if let Some(actor) = actor.clone() {
            let id = actor.id.to_string();
            add(actor, &evidence, found);
            found.happened(&id, RelationKind::Uses, &provider_id, time, &evidence);
            for pointer in ["/actor/session/user_agent", "/actor/user_agent", "/user_agent"] {
                note_of(&id, "user_agents", text(pointer), found);
            }
            for pointer in ["/actor/session/ip_address", "/actor/ip_address", "/ip_address"] {
                note_of(&id, "ip_addresses", text(pointer), found);
            }
        }
        note_of(&provider_id, "audit_events", kind, found);
        self.project(event, &provider_id, &evidence, found);
        self.target(event, kind, &provider_id, actor.as_ref(), time, found);
    }

    fn id(&self, id: &str) -> String {
        format!("{}:{id}", self.vendor)
    }

    /// The person, key or service account that acted.
    fn actor(&self, event: &Value) -> Option<Asset> {
        let actor = event.get("actor").or_else(|| event.get("actor_info"))?;
        let text = |pointer: &str| actor.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let email = [
            "/session/user/email",
            "/api_key/user/email",
            "/user/email",
            "/email_address",
            "/metadata/email_address",
            "/email",
        ];
        if let Some(email) = email.iter().find_map(|pointer| text(pointer)) {
            let mut user = Asset::new(format!("user:{email}"), AssetKind::User, email);
            let ids = ["/session/user/id", "/api_key/user/id", "/user_id", "/uuid"];
            if let Some(id) = ids.iter().find_map(|pointer| text(pointer)) {
                user = user.alias(self.id(id));
            }
            return Some(user);
        }
        if let Some(id) = text("/api_key/service_account/id") {
            return Some(Asset::new(self.id(id), AssetKind::ServiceAccount, id));
        }
        if let Some(id) = text("/api_key/id").or_else(|| text("/api_key_id")) {
            return Some(Asset::new(self.id(id), AssetKind::AccessKey, id).ai());
        }
        let id =
            text("/user_id").or_else(|| text("/session/user/id")).or_else(|| text("/uuid")).or_else(|| text("/id"))?;
        Some(Asset::new(self.id(id), AssetKind::User, id))
    }

    /// The project or organisation in which it happened.
    fn project(&self, event: &Value, provider: &str, evidence: &Evidence, found: &mut Found) {
        for (pointer, name) in
            [("/project/id", "/project/name"), ("/organization_id", "/organization_name"), ("/organization_uuid", "")]
        {
            let Some(id) = event.pointer(pointer).and_then(Value::as_str) else { continue };
            let name = event.pointer(name).and_then(Value::as_str).unwrap_or(id);
            let account = Asset::new(self.id(id), AssetKind::Account, name).ai();
            found.relate(account.id.as_str(), RelationKind::Uses, provider, evidence);
            add(account, evidence, found);
        }
    }

    /// What was created, changed or removed.
    fn target(
        &self,
        event: &Value,
        kind: &str,
        provider: &str,
        actor: Option<&Asset>,
        time: Option<&str>,
        found: &mut Found,
    ) {
        let plain = kind.replace('.', "_");
        let bodies = [kind, plain.as_str(), "event_info", "entity_info"];
        let Some((key, body)) = bodies.iter().find_map(|key| Some((*key, event.get(*key).filter(|v| v.is_object())?)))
        else {
            self.flat(event, &plain, actor, time, found);
            return;
        };
        let evidence = self.document.evidence(&format!("/{}", crate::asset::pointer_key(key))).excerpt(kind);
        let data = body.get("data").or_else(|| body.get("changes_requested")).unwrap_or(body);
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        if plain.starts_with("role_assignment") {
            self.assignment(body, &plain, &evidence, found);
            return;
        }
        let Some((noun, asset_kind)) = noun(&plain) else { return };
        let email = text(data, "email").or_else(|| text(body, "email"));
        let id = match (asset_kind, email, text(body, "id")) {
            (AssetKind::User, Some(email), _) => format!("user:{email}"),
            (_, _, Some(id)) => self.id(&id),
            (AssetKind::Policy, ..) => self.id(noun),
            _ => return,
        };
        let name = text(data, "name").or_else(|| text(data, "title")).or_else(|| text(body, "name"));
        let mut asset =
            Asset::new(&id, asset_kind, name.unwrap_or_else(|| id.rsplit(':').next().unwrap_or(&id).to_owned()));
        asset.ai |= asset_kind == AssetKind::AccessKey;
        for (from, property) in [
            ("scopes", "scopes"),
            ("role", "role"),
            ("allowed_ips", "allowed_ips"),
            ("permissions", "permissions"),
            ("threads_ui_visibility", "threads_ui_visibility"),
        ] {
            if let Some(value) = data.get(from).or_else(|| body.get(from)) {
                asset.properties.insert(property.to_owned(), value.clone());
            }
        }
        let id = asset.id.to_string();
        add(asset, &evidence, found);
        note_of(&id, "audit_events", kind, found);
        if !["deleted", "revoked", "deactivated", "disabled"].iter().any(|end| plain.ends_with(end)) {
            found.relate(&id, RelationKind::Uses, provider, &evidence);
        }
        if let Some(actor) = actor.filter(|actor| actor.id.as_str() != id) {
            found.happened(actor.id.as_str(), RelationKind::Writes, &id, time, &evidence);
        }
    }

    /// Events whose fields stand beside the type: `mcp_server_id`, `claude_project_id`.
    fn flat(&self, event: &Value, kind: &str, actor: Option<&Asset>, time: Option<&str>, found: &mut Found) {
        let Some((noun, asset_kind)) = noun(kind) else { return };
        let key = format!("{noun}_id");
        let Some(id) = event.get(&key).and_then(Value::as_str) else { return };
        let evidence = self.document.evidence(&format!("/{key}")).excerpt(kind);
        let name =
            event.get(format!("{noun}_name")).or_else(|| event.get("name")).and_then(Value::as_str).unwrap_or(id);
        let mut asset = Asset::new(self.id(id), asset_kind, name);
        if let Some(url) = event.get(format!("{noun}_url")).or_else(|| event.get("url")).and_then(Value::as_str) {
            asset.properties.insert("url".into(), url.into());
        }
        let id = asset.id.to_string();
        add(asset, &evidence, found);
        if let Some(actor) = actor {
            found.happened(actor.id.as_str(), RelationKind::Writes, &id, time, &evidence);
        }
    }

    /// Who got which role; the role's id stands inside the assignment's.
    fn assignment(&self, body: &Value, kind: &str, evidence: &Evidence, found: &mut Found) {
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        let assignment = text("id");
        let role =
            assignment.strip_prefix("role_assignment_").unwrap_or(assignment).split("__").next().unwrap_or_default();
        if role.is_empty() || text("principal_id").is_empty() {
            return;
        }
        let principal_kind = match text("principal_type") {
            "group" => AssetKind::Group,
            "service_account" => AssetKind::ServiceAccount,
            _ => AssetKind::User,
        };
        let principal = Asset::new(self.id(text("principal_id")), principal_kind, text("principal_id"));
        let role = Asset::new(self.id(role), AssetKind::Role, role).with("resource_type", text("resource_type"));
        if !kind.ends_with("deleted") {
            found.relate(principal.id.as_str(), RelationKind::CanAssume, role.id.as_str(), evidence);
            if !text("resource_id").is_empty() {
                let resource = Asset::new(self.id(text("resource_id")), AssetKind::Account, text("resource_id")).ai();
                found.relate(role.id.as_str(), RelationKind::AppliesTo, resource.id.as_str(), evidence);
                add(resource, evidence, found);
            }
        }
        add(principal, evidence, found);
        add(role, evidence, found);
    }
}

/// The longest noun that an event type starts with.
fn noun(kind: &str) -> Option<(&'static str, AssetKind)> {
    let starts = |(noun, _): &&(&'static str, AssetKind)| {
        kind.strip_prefix(noun).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    NOUNS.iter().filter(starts).max_by_key(|(noun, _)| noun.len()).copied()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{lines, relations};

    #[test]
    fn keys_roles_and_who_made_them() {
        let actor = json!({"type": "session", "session": {"user": {"id": "user-1", "email": "ann@acme.test"}, "ip_address": "203.0.113.1"}});
        let found = lines(&[
            json!({"id": "a", "type": "api_key.created", "effective_at": 1_700_000_000, "actor": actor, "project": {"id": "proj-1", "name": "desk"}, "api_key.created": {"id": "key-1", "data": {"scopes": ["all"]}}}),
            json!({"id": "b", "type": "role.assignment.created", "effective_at": 1_700_000_000, "actor": actor, "role_assignment_created": {"id": "role_assignment_owner__org__org-1_user-2", "principal_id": "user-2", "principal_type": "user", "resource_id": "org-1"}}),
            json!({"id": "c", "type": "login.failed", "effective_at": 1_700_000_000, "actor": actor, "login_failed": {"error_code": "x"}}),
        ]);
        for relation in [
            "user:ann@acme.test uses ai-provider:openai",
            "user:ann@acme.test writes openai:key-1",
            "openai:key-1 uses ai-provider:openai",
            "openai:proj-1 uses ai-provider:openai",
            "openai:user-2 can_assume openai:owner",
        ] {
            assert!(relations(&found).contains(&relation.to_owned()), "{relation}: {:#?}", relations(&found));
        }
        let key = found.inventory.get("openai:key-1").unwrap();
        assert_eq!(key.properties["scopes"], json!(["all"]));
        assert_eq!(key.evidence[0].line, Some(1));
        let uses = found.inventory.outgoing("user:ann@acme.test").next().unwrap();
        assert_eq!(uses.activity.as_ref().unwrap().first.as_deref(), Some("2023-11-14T22:13:20Z"));
    }

    #[test]
    fn anthropic_events() {
        let found = lines(&[
            json!({"id": "e", "type": "mcp_server_created", "created_at": "2025-01-01T00:00:00Z", "organization_id": "org-1", "actor": {"type": "user_actor", "email_address": "ann@acme.test"}, "mcp_server_id": "mcp-1", "mcp_server_url": "https://mcp.acme.test"}),
        ]);
        assert!(
            relations(&found).contains(&"user:ann@acme.test writes anthropic:mcp-1".to_owned()),
            "{:?}",
            relations(&found)
        );
    }
}
