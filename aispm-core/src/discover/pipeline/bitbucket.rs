//! Bitbucket Pipelines.

use serde_json::Value;

use super::model::{Job, Pipeline, Step};
use super::table::Does;
use super::{identities, script, text, variables};
use crate::asset::Document;
use crate::discover::container::append;
use crate::discover::format::{Found, Structured};
use crate::discover::kubernetes::at_path;

pub(super) const PIPELINES: Structured = Structured {
    name: "bitbucket-pipelines",
    critical: false,
    in_parts: false,
    markers: &["pipelines:", "step:"],
    matches: |value| {
        let Some(pipelines) = value.get("pipelines").and_then(Value::as_object) else { return false };
        ["default", "branches", "custom", "pull-requests", "tags"].iter().any(|key| pipelines.contains_key(*key))
    },
    read,
};

fn read(document: &Document, found: &mut Found) {
    let path = document.path();
    let place = document.evidence("/pipelines").excerpt("Bitbucket Pipelines");
    let mut pipeline =
        Pipeline::new(format!("file:{path}"), "Bitbucket Pipelines", "bitbucket", path.to_owned(), place);
    let ways = at_path(&document.value, "pipelines/default").into_iter();
    let ways = ways.chain(
        ["branches", "custom", "pull-requests", "tags", "bookmarks"]
            .iter()
            .flat_map(|kind| at_path(&document.value, &format!("pipelines/{kind}/*"))),
    );
    for (pointer, way) in ways {
        let mut before: Vec<String> = Vec::new();
        for (i, entry) in way.as_array().into_iter().flatten().enumerate() {
            let pointer = format!("{pointer}/{i}");
            let together: Vec<(String, &Value)> = match (entry.get("step"), entry.get("parallel"), entry.get("stage")) {
                (Some(step), ..) => vec![(format!("{pointer}/step"), step)],
                (_, Some(parallel), _) => {
                    let steps = if parallel.is_array() { "parallel/*/step" } else { "parallel/steps/*/step" };
                    at_path(entry, steps).into_iter().map(|(below, step)| (format!("{pointer}{below}"), step)).collect()
                }
                (.., Some(_)) => {
                    let steps = at_path(entry, "stage/steps/*/step").into_iter();
                    steps.map(|(below, step)| (format!("{pointer}{below}"), step)).collect()
                }
                _ => continue,
            };
            let mut now = Vec::new();
            for (pointer, step) in together {
                let job = read_step(document, &pointer, step, &mut pipeline);
                now.push(job.name.clone());
                pipeline.jobs.push(Job { needs: before.clone(), ..job });
            }
            // one name stands for all that ran together
            let name = format!("end of {pointer}");
            pipeline.jobs.push(Job { name: name.clone(), needs: now, ..Job::default() });
            before = vec![name];
        }
    }
    for (name, set, evidence) in
        variables(document, document.value.pointer("/definitions/variables"), "/definitions/variables")
    {
        pipeline.variable(&name, set.as_deref(), &evidence, found);
    }
    identities(document, &mut pipeline, found);
    pipeline.finish(found);
}

fn read_step(document: &Document, pointer: &str, value: &Value, pipeline: &mut Pipeline) -> Job {
    let name = text(value, "name").unwrap_or("step");
    let evidence = document.evidence(pointer).excerpt(name);
    let mut steps = Vec::new();
    if text(value, "trigger") == Some("manual") {
        let mut gate = Step::new(format!("{name} (manual)"), evidence.clone());
        gate.does = Some((Does::Approve, false));
        steps.push(gate);
    }
    let mut step = Step::new(name, evidence);
    step.scripts = script(document, value.get("script"), &format!("{pointer}/script"));
    let image = value.get("image").or_else(|| document.value.get("image"));
    let image = image.and_then(|image| image.as_str().or_else(|| text(image, "name")));
    step.image = image.map(|image| (image.to_owned(), document.evidence(&format!("{pointer}/image"))));
    steps.push(step);
    for (i, line) in value.get("script").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let Some(pipe) = text(line, "pipe") else { continue };
        let below = format!("{pointer}/script/{i}");
        let mut step = Step::new(pipe, document.evidence(&below).excerpt(pipe));
        step.action = Some((pipe.to_owned(), document.evidence(&format!("{below}/pipe"))));
        step.env = variables(document, line.get("variables"), &format!("{below}/variables"));
        append(&mut pipeline.asset, "pipes", pipe);
        steps.push(step);
    }
    if value.get("oidc").and_then(Value::as_bool) == Some(true) {
        pipeline.asset.properties.insert("id_token_write".into(), true.into());
    }
    if super::names(value.get("runs-on")).iter().any(|label| label == "self.hosted") {
        pipeline.asset.properties.insert("self_hosted".into(), true.into());
    }
    let environment = text(value, "deployment").map(str::to_owned);
    if let Some(environment) = &environment {
        append(&mut pipeline.asset, "environments", environment);
    }
    // names need not be unique, places are
    Job { name: pointer.to_owned(), needs: Vec::new(), steps, environment }
}
