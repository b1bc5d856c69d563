//! Airflow: DAGs in Python files, and exported connections.
//!
//! A DAG is a pipeline that reads and writes the buckets and tables that its operators name. Which of the two is told by
//! the argument's name; what a template fills in is left out. Passwords are never looked at.

use serde_json::Value;

use super::names::{add, table};
use super::system;
use crate::asset::{Asset, AssetKind, Document, Evidence, OwnerClaim, OwnerSource, RelationKind};
use crate::discover::at::text;
use crate::discover::code::lexer::{Kind, Language, Token, tokens};
use crate::discover::container::append;
use crate::discover::format::{Found, Source, Structured};
use crate::discover::{model_ref, resource};

/// `airflow connections export`.
pub(super) const CONNECTIONS: Structured = Structured {
    name: "airflow-connections",
    critical: false,
    in_parts: false,
    markers: &["conn_type"],
    matches: |value| {
        let typed = |connection: &Value| connection.get("conn_type").is_some();
        typed(value) && value.get("conn_id").is_some()
            || value.as_object().and_then(|map| map.values().next()).is_some_and(typed)
    },
    read: |document, found| match document.value.get("conn_id").and_then(Value::as_str) {
        Some(id) => connection(document, "", id, &document.value, found),
        None => {
            for (id, value) in document.value.as_object().into_iter().flatten() {
                connection(document, &format!("/{}", crate::asset::pointer_key(id)), id, value, found);
            }
        }
    },
};

fn connection(document: &Document, pointer: &str, id: &str, value: &Value, found: &mut Found) {
    let Some(kind) = text(value, "/conn_type") else { return };
    let evidence = document.evidence(pointer).excerpt(format!("{id} {kind}"));
    let asset = connection_asset(id).with("conn_type", kind);
    let place = serde_json::json!({
        "host": value.get("host"), "port": value.get("port"), "database": value.get("schema"),
        "project": extra(value, "project").or_else(|| extra(value, "extra__google_cloud_platform__project")),
        "account": extra(value, "account"), "bucket_name": extra(value, "bucket_name"),
    });
    if let Some(system) = system::of(kind, &place, id) {
        found.relate(asset.id.as_str(), RelationKind::Uses, system.id.as_str(), &evidence);
        found.inventory.add(system.seen(evidence.clone()));
    }
    found.inventory.add(asset.seen(evidence));
}

/// A plain word of the extra settings, which are an object or JSON text.
fn extra(value: &Value, key: &str) -> Option<String> {
    match value.get("extra")? {
        Value::String(text) => serde_json::from_str::<Value>(text).ok()?.get(key)?.as_str().map(str::to_owned),
        extra => extra.get(key)?.as_str().map(str::to_owned),
    }
}

fn connection_asset(id: &str) -> Asset {
    Asset::new(format!("airflow-connection:{id}"), AssetKind::Resource, id)
}

/// Most pairs of tasks that are kept.
const ORDER: usize = 64;
/// Arguments that name a bucket; those of a destination begin or end so.
const BUCKETS: &[&str] = &[
    "bucket",
    "bucket_name",
    "source_bucket",
    "dest_bucket",
    "destination_bucket",
    "s3_bucket",
    "gcs_bucket",
    "dest_bucket_name",
    "source_bucket_name",
];
/// Arguments that name a table.
const TABLES: &[&str] = &[
    "destination_project_dataset_table",
    "source_project_dataset_table",
    "source_project_dataset_tables",
    "table",
    "table_name",
    "snowflake_table",
    "redshift_table",
    "destination_table",
    "source_table",
    "destination_dataset_table",
];
/// Words in an argument's name that say that it is written.
const WRITTEN: &[&str] = &["dest", "destination", "output", "target", "sink", "to"];
/// Words in an operator's name that make its DAG AI.
const AI: &[&str] = &[
    "SageMaker",
    "Bedrock",
    "VertexAI",
    "CustomTrainingJob",
    "AutoML",
    "OpenAI",
    "Pinecone",
    "Weaviate",
    "Cohere",
    "Qdrant",
    "PgVector",
    "GenerativeModel",
    "AzureML",
    "HuggingFace",
];

/// Reads the DAGs of a Python file, if it has any; whatever else stands there is for the reader of Python.
pub(in crate::discover) fn read_python(source: &Source<'_>, found: &mut Found) {
    if !source.text.contains("airflow") || !(source.text.contains("DAG(") || source.text.contains("@dag")) {
        return;
    }
    let tokens = tokens(source.text, Language::Python);
    let mut dag: Option<Asset> = None;
    let mut order = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Word) {
        let next = tokens.get(at + 1).map(|token| token.text);
        let before = at.checked_sub(1).and_then(|at| tokens.get(at)).map(|token| token.text);
        if token.text == "dag" && before == Some("@") {
            let name = text_argument(&tokens, at + 1, "dag_id").map(|t| t.text).or_else(|| decorated(&tokens, at));
            open(&mut dag, name, source.line(token.line), found);
        } else if token.text == "DAG" && next == Some("(") && !matches!(before, Some("import" | "class")) {
            let first = tokens.get(at + 2).filter(|token| token.kind == Kind::Text);
            let name = text_argument(&tokens, at + 1, "dag_id").or(first).map(|token| token.text);
            open(&mut dag, name, source.line(token.line), found);
            for (key, label) in [("owner", "owner"), ("schedule", "schedule"), ("schedule_interval", "schedule")] {
                let value = text_argument(&tokens, at + 1, key).map(|token| token.text);
                if let (Some(dag), Some(value)) = (&mut dag, value) {
                    dag.properties.insert(label.to_owned(), value.into());
                }
            }
        } else if next == Some("(") && (token.text.ends_with("Operator") || token.text.ends_with("Sensor")) {
            if let Some(dag) = &mut dag {
                operator(dag, token, &tokens, at + 1, source, found);
            }
        } else if let (Some(">"), Some(">"), Some(after)) =
            (next, tokens.get(at + 2).map(|t| t.text), tokens.get(at + 3))
            && after.kind == Kind::Word
            && order.len() < ORDER
        {
            order.push(format!("{} >> {}", token.text, after.text));
        }
    }
    if let Some(dag) = &mut dag {
        owner(dag, &tokens, source);
        if !order.is_empty() {
            dag.properties.insert("order".to_owned(), order.into());
        }
    }
    dag.into_iter().for_each(|dag| found.inventory.add(dag));
}

/// A new DAG begins; the one before is complete.
fn open(dag: &mut Option<Asset>, name: Option<&str>, evidence: Evidence, found: &mut Found) {
    let Some(name) = name else { return };
    let begun = Asset::new(format!("airflow:{name}"), AssetKind::Pipeline, name)
        .with("tool", "airflow")
        .seen(evidence.excerpt(name));
    if let Some(before) = dag.replace(begun) {
        found.inventory.add(before);
    }
}

/// `"owner": "team"` of the default arguments.
fn owner(dag: &mut Asset, tokens: &[Token<'_>], source: &Source<'_>) {
    let pair = tokens.windows(3).find(|w| matches!(w, [key, colon, value] if key.kind == Kind::Text && key.text == "owner" && colon.text == ":" && value.kind == Kind::Text));
    if let Some([_, _, value]) = pair
        && value.text != "airflow"
    {
        dag.claim(OwnerClaim::new(OwnerSource::Creator, value.text, source.line(value.line)));
    }
}

/// The name of the function under a decorator.
fn decorated<'a>(tokens: &[Token<'a>], at: usize) -> Option<&'a str> {
    let rest = tokens.get(at..)?;
    let def = rest.iter().take(400).position(|token| token.text == "def" && token.kind == Kind::Word)?;
    rest.get(def + 1).map(|token| token.text)
}

/// The keyword arguments of the call that opens at a place: name, and the tokens of its value.
fn arguments<'t, 'a>(tokens: &'t [Token<'a>], open: usize) -> Vec<(&'a str, &'t [Token<'a>])> {
    let mut depth = 0_usize;
    let mut found: Vec<(&str, usize)> = Vec::new();
    let mut end = tokens.len();
    for (at, token) in tokens.iter().enumerate().skip(open).take(4000) {
        match (token.kind, token.text) {
            (Kind::Mark, "(" | "[" | "{") => depth += 1,
            (Kind::Mark, ")" | "]" | "}") => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    end = at;
                    break;
                }
            }
            (Kind::Mark, "=") if depth == 1 => {
                let name = at.checked_sub(1).and_then(|at| tokens.get(at)).filter(|token| token.kind == Kind::Word);
                found.extend(name.map(|name| (name.text, at + 1)));
            }
            _ => {}
        }
    }
    let ends = found.iter().skip(1).map(|(_, start)| start.saturating_sub(2)).chain([end]).collect::<Vec<_>>();
    found.iter().zip(ends).filter_map(|((name, start), end)| Some((*name, tokens.get(*start..end)?))).collect()
}

fn text_argument<'t, 'a>(tokens: &'t [Token<'a>], open: usize, name: &str) -> Option<&'t Token<'a>> {
    let value = arguments(tokens, open).into_iter().find(|(known, _)| *known == name)?.1;
    value.first().filter(|token| token.kind == Kind::Text)
}

/// What one operator says of its DAG.
fn operator(
    dag: &mut Asset,
    class: &Token<'_>,
    tokens: &[Token<'_>],
    open: usize,
    source: &Source<'_>,
    found: &mut Found,
) {
    append(dag, "operators", class.text);
    if AI.iter().any(|word| class.text.contains(word)) {
        dag.ai = true;
    }
    for (name, value) in arguments(tokens, open) {
        let written = name.split('_').any(|word| WRITTEN.contains(&word));
        for token in value.iter().filter(|token| token.kind == Kind::Text && !token.text.contains(['{', '$', '%'])) {
            let evidence = source.line(token.line).excerpt(token.text);
            let mut ends: Vec<Asset> = model_ref::bucket_uris(token.text)
                .filter_map(|uri| resource::store(uri.trim_end_matches(['*', '/'])))
                .collect();
            if BUCKETS.contains(&name) && !token.text.contains(['/', ' ']) {
                let google =
                    class.text.contains("GCS") || class.text.contains("Google") || class.text.contains("BigQuery");
                ends.extend(model_ref::bucket(&format!("{}://{}", if google { "gs" } else { "s3" }, token.text)));
            } else if TABLES.contains(&name) && !token.text.contains(' ') {
                let system = ["BigQuery", "Snowflake", "Redshift", "Postgres", "Databricks"]
                    .iter()
                    .find(|word| class.text.contains(**word));
                ends.push(table(
                    &system.map_or("table".to_owned(), |word| word.to_lowercase()),
                    &token.text.replace(':', "."),
                ));
            }
            for end in ends {
                let verb = if written { RelationKind::Writes } else { RelationKind::Reads };
                found.relate(dag.id.as_str(), verb, end.id.as_str(), &evidence);
                add(end, &evidence, found);
            }
            if name == "task_id" {
                append(dag, "tasks", token.text);
            } else if name.ends_with("conn_id") {
                let connection = connection_asset(token.text).seen(evidence.clone());
                found.relate(dag.id.as_str(), RelationKind::Uses, connection.id.as_str(), &evidence);
                found.inventory.add(connection);
            } else if name == "model_id"
                && let Some(model) = model_ref::model(token.text, dag.id.as_str())
            {
                found.relate(dag.id.as_str(), RelationKind::Uses, model.id.as_str(), &evidence);
                found.inventory.add(model.seen(evidence.clone()));
            }
        }
    }
}
