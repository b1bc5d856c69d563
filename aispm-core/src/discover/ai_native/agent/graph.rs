//! `langgraph.json`: the graphs of a LangGraph deployment.

use serde_json::Value;

use crate::asset::{Asset, AssetKind, Authentication, RelationKind, pointer_key};
use crate::discover::ai_native::{keep, text};
use crate::discover::format::Structured;
use crate::discover::walk::{folder_name, parent};

pub(in crate::discover::ai_native) const LANGGRAPH: Structured = Structured {
    name: "langgraph",
    critical: true,
    in_parts: false,
    markers: &["\"graphs\""],
    matches: |value| {
        let place = |place: &Value| {
            place
                .as_str()
                .or_else(|| text(place, "path"))
                .is_some_and(|place| place.contains(".py:") || place.contains("ts:") || place.contains("js:"))
        };
        value
            .get("graphs")
            .and_then(Value::as_object)
            .is_some_and(|graphs| !graphs.is_empty() && graphs.values().all(place))
    },
    read: |document, found| {
        let value = &document.value;
        let (id, folder) = (format!("file:{}", document.path()), parent(document.path()));
        let mut app = Asset::new(&id, AssetKind::Application, folder_name(folder)).ai().with("framework", "langgraph");
        keep(value, &["dependencies", "python_version", "node_version"], &mut app);
        app.authentication = value.get("auth").map(|_| Authentication::Identity);
        if let Some(env) = value.get("env").and_then(Value::as_object) {
            app.properties.insert("env".into(), env.keys().map(String::as_str).collect::<Vec<_>>().into());
        }
        for (name, place) in value.get("graphs").and_then(Value::as_object).into_iter().flatten() {
            let evidence = document.evidence(&format!("/graphs/{}", pointer_key(name))).excerpt(name);
            let agent = format!("{id}#{name}");
            let place = place.as_str().or_else(|| text(place, "path")).unwrap_or_default();
            found.relate(&id, RelationKind::Contains, &agent, &evidence);
            let asset =
                Asset::new(agent, AssetKind::Agent, name).with("framework", "langgraph").with("entry_point", place);
            found.inventory.add(asset.seen(evidence));
        }
        found.inventory.add(app.seen(document.evidence("/graphs").excerpt("langgraph")));
    },
};
