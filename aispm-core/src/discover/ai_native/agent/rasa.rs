//! Rasa: the domain of an assistant, and what trains it.

use serde_json::Value;

use crate::asset::{Asset, AssetKind, ModelType, RelationKind};
use crate::discover::ai_native::{list, text};
use crate::discover::format::Structured;
use crate::discover::walk::{folder_name, parent};

/// `domain.yml`.
pub(in crate::discover::ai_native) const DOMAIN: Structured = Structured {
    name: "rasa-domain",
    critical: false,
    in_parts: false,
    markers: &["intents:", "responses:"],
    matches: |value| {
        value.get("intents").is_some() && (value.get("responses").is_some() || value.get("actions").is_some())
    },
    read: |document, found| {
        let id = format!("file:{}", parent(document.path()));
        let name = folder_name(parent(document.path()));
        let mut asset = Asset::new(&id, AssetKind::Agent, name).with("framework", "rasa");
        asset.properties.insert("intents".into(), list(&document.value, "intents").count().into());
        for (i, action) in list(&document.value, "actions") {
            if let Some(action) = action.as_str() {
                super::has_tool(&id, action, None, &document.evidence(&format!("/actions/{i}")), found);
            }
        }
        found.inventory.add(asset.seen(document.evidence("/intents").excerpt("intents")));
    },
};

/// `config.yml`: the pipeline and policies that are trained.
pub(in crate::discover::ai_native) const TRAINING: Structured = Structured {
    name: "rasa-config",
    critical: false,
    in_parts: false,
    markers: &["pipeline:", "policies:"],
    matches: |value| {
        let named = |key: &str| list(value, key).next().is_some_and(|(_, step)| text(step, "name").is_some());
        (value.get("language").is_some() || value.get("recipe").is_some()) && (named("pipeline") || named("policies"))
    },
    read: |document, found| {
        let folder = parent(document.path());
        let id = format!("file:{}", document.path());
        let mut model = Asset::new(&id, AssetKind::Model, folder_name(folder)).with("framework", "rasa");
        model.model_type = Some(ModelType::Classical);
        for key in ["pipeline", "policies"] {
            let steps: Vec<&str> = list(&document.value, key).filter_map(|(_, step)| text(step, "name")).collect();
            model.properties.insert(key.to_owned(), steps.into());
        }
        let evidence = document.evidence("/pipeline").excerpt("rasa");
        let agent = format!("file:{folder}");
        found.relate(&agent, RelationKind::Uses, &id, &evidence);
        found.inventory.add(
            Asset::new(agent, AssetKind::Agent, folder_name(folder))
                .with("framework", Value::from("rasa"))
                .seen(evidence.clone()),
        );
        found.inventory.add(model.seen(evidence));
    },
};
