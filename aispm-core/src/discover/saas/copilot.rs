//! Microsoft's audit log of Copilot: who asked it, in which app, and which files and mails it read for the answer.

use serde_json::Value;

use crate::asset::{Asset, AssetKind, Document, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::format::{Found, Structured};
use crate::discover::telemetry::traffic::{add, note_of};

pub(super) const INTERACTION: Structured = Structured {
    name: "copilot-audit-log",
    critical: false,
    in_parts: false,
    markers: &["\"CopilotInteraction\"", "\"CopilotEventData\""],
    matches: |value| value.get("Operation").is_some() && (data(value).is_some() || is_interaction(value)),
    read,
};

fn is_interaction(value: &Value) -> bool {
    value.get("Operation").and_then(Value::as_str) == Some("CopilotInteraction")
}

fn data(value: &Value) -> Option<&Value> {
    value.get("CopilotEventData").filter(|data| data.is_object())
}

fn read(document: &Document, found: &mut Found) {
    let row = &document.value;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (user, time) = (text(row, "UserId"), text(row, "CreationTime"));
    let evidence = document.evidence("/Operation").excerpt("CopilotInteraction");
    let app = Asset::new("saas:microsoft-365/copilot", AssetKind::SaasApp, "Microsoft 365 Copilot")
        .ai()
        .with("product", "microsoft-365")
        .with("ai_feature", "enabled");
    let id = app.id.to_string();
    add(app, &evidence, found);
    if let Some(provider) = catalog().provider_by_title("Microsoft Copilot") {
        found.relate(&id, RelationKind::Uses, &provider.id(), &evidence);
        add(provider.asset(), &evidence, found);
    }
    if !user.is_empty() {
        let time = Some(time.as_str()).filter(|time| !time.is_empty());
        let person = Asset::new(format!("user:{user}"), AssetKind::User, &user);
        found.happened(person.id.as_str(), RelationKind::Uses, &id, time, &evidence);
        add(person, &evidence, found);
    }
    let Some(data) = data(row) else { return };
    note_of(&id, "app_hosts", &text(data, "AppHost"), found);
    for (i, resource) in data.get("AccessedResources").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let store = match text(resource, "Type").to_ascii_lowercase().as_str() {
            "emailmessage" | "email" | "mail" => "mail",
            "teamsmessage" | "teamschat" | "chat" => "chat",
            "event" | "calendar" => "calendar",
            "websearchquery" => continue,
            _ => "files",
        };
        let evidence = document.evidence(&format!("/CopilotEventData/AccessedResources/{i}"));
        let mut asset =
            Asset::new(format!("saas:microsoft-365/{store}"), AssetKind::Dataset, format!("microsoft-365 {store}"));
        if resource.get("SensitivityLabelId").is_some_and(|label| label.as_str().is_some_and(|label| !label.is_empty()))
        {
            asset.properties.insert("labelled_resources_read".into(), true.into());
        }
        found.relate(&id, RelationKind::Reads, asset.id.as_str(), &evidence);
        add(asset, &evidence, found);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::discover::telemetry::tests::{lines, relations};

    #[test]
    fn who_asked_and_what_was_read() {
        let found = lines(&[
            json!({"Operation": "CopilotInteraction", "UserId": "ann@acme.test", "CreationTime": "2025-01-01T00:00:00", "CopilotEventData": {"AppHost": "Word", "AccessedResources": [{"Type": "docx"}]}}),
        ]);
        assert_eq!(found.inventory.get("saas:microsoft-365/copilot").unwrap().text("ai_feature"), Some("enabled"));
        assert_eq!(
            relations(&found),
            [
                "saas:microsoft-365/copilot uses ai-provider:microsoft-copilot",
                "saas:microsoft-365/copilot reads saas:microsoft-365/files",
                "user:ann@acme.test uses saas:microsoft-365/copilot",
            ]
        );
    }
}
