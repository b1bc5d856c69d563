//! GitLab CI.

use serde_json::Value;

use super::model::{Job, Pipeline, Step};
use super::table::Does;
use super::{entries, identities, list, names, script, text, variables};
use crate::asset::{Document, RelationKind};
use crate::discover::container::append;
use crate::discover::format::{Found, Structured};
use crate::discover::kubernetes::beside;
use crate::discover::walk::{file_name, folder_name, parent};

pub(super) const CI: Structured = Structured {
    name: "gitlab-ci",
    critical: false,
    in_parts: false,
    markers: &["script:", "stage:"],
    matches: |value| {
        let Some(map) = value.as_object().filter(|map| map.len() < 2000) else { return false };
        let known = ["kind", "on", "services_version", "pipelines", "steps", "apiVersion"];
        let whole = ["stages", "include", "default", "workflow"].iter().any(|key| map.contains_key(*key));
        let job = |job: &Value| {
            let runs = job.get("script").is_some_and(|script| script.is_string() || script.is_array());
            let set =
                ["stage", "rules", "only", "image", "extends", "tags", "when", "needs", "artifacts", "environment"];
            runs && (whole || set.iter().any(|key| job.get(key).is_some()))
        };
        !known.iter().any(|key| map.contains_key(*key)) && map.values().any(job)
    },
    read,
};

/// Keys that are no jobs.
const GLOBAL: &[&str] = &[
    "stages",
    "include",
    "default",
    "workflow",
    "variables",
    "image",
    "services",
    "cache",
    "before_script",
    "after_script",
    "spec",
    "pages:",
];

fn read(document: &Document, found: &mut Found) {
    let (path, value) = (document.path(), &document.value);
    let name = folder_name(parent(path));
    let name = if name.is_empty() { file_name(path).to_owned() } else { format!("{name} {}", file_name(path)) };
    let place = document.evidence("").excerpt("GitLab CI");
    let mut pipeline = Pipeline::new(format!("file:{path}"), &name, "gitlab-ci", path.to_owned(), place);
    for (name, set, evidence) in variables(document, value.get("variables"), "/variables") {
        pipeline.variable(&name, set.as_deref(), &evidence, found);
    }
    includes(document, &mut pipeline, found);
    let declared = names(value.get("stages"));
    let stages: Vec<String> = match declared.is_empty() {
        true => ["build", "test", "deploy"].map(str::to_owned).to_vec(),
        false => declared,
    };
    let rank = |stage: &str| match stage {
        ".pre" => 0,
        ".post" => usize::MAX,
        stage => stages.iter().position(|known| known == stage).map_or(1, |at| at + 1),
    };
    let image = |holder: &Value| {
        let image = holder.get("image")?;
        image.as_str().or_else(|| text(image, "name")).map(str::to_owned)
    };
    let mut ranked: Vec<(usize, bool, Job)> = Vec::new();
    let jobs = value.as_object().into_iter().flatten();
    for (id, job) in jobs.filter(|(id, job)| !GLOBAL.contains(&id.as_str()) && job.is_object()) {
        let pointer = format!("/{}", crate::asset::pointer_key(id));
        // a hidden job is a template: what extends it is what runs
        let base = names(job.get("extends")).iter().filter_map(|base| value.get(base)).next_back();
        let of = |key: &str| job.get(key).or_else(|| base?.get(key));
        let manual = of("when").is_some_and(|when| when == "manual")
            || of("rules")
                .and_then(Value::as_array)
                .is_some_and(|rules| rules.iter().any(|rule| rule.get("when").is_some_and(|w| w == "manual")));
        let mut steps = Vec::new();
        if manual {
            let mut gate = Step::new(format!("{id} (manual)"), document.evidence(&pointer));
            gate.does = Some((Does::Approve, false));
            steps.push(gate);
        }
        let mut step = Step::new(id, document.evidence(&pointer).excerpt(id));
        for key in ["before_script", "script", "after_script"] {
            step.scripts.extend(script(document, job.get(key), &format!("{pointer}/{key}")));
        }
        if job.get("script").is_none() {
            let base_name = names(job.get("extends")).pop().unwrap_or_default();
            let below = format!("/{}/script", crate::asset::pointer_key(&base_name));
            step.scripts.extend(script(document, of("script"), &below));
        }
        step.env = variables(document, job.get("variables"), &format!("{pointer}/variables"));
        let own = of("image").is_some();
        step.image = image(job)
            .or_else(|| image(base.filter(|_| own)?))
            .or_else(|| image(value))
            .map(|name| (name, document.evidence(&format!("{pointer}/image"))));
        steps.push(step);
        for (name, token, _) in entries(job, "id_tokens", &pointer) {
            pipeline.asset.properties.insert("id_token_write".into(), true.into());
            append(&mut pipeline.asset, "id_tokens", &format!("{name} aud={}", names(token.get("aud")).join(",")));
        }
        for (name, ..) in entries(job, "secrets", &pointer) {
            append(&mut pipeline.asset, "secrets", name);
        }
        let environment = of("environment").and_then(|e| e.as_str().or_else(|| text(e, "name"))).map(str::to_owned);
        if let Some(environment) = &environment {
            append(&mut pipeline.asset, "environments", environment);
        }
        for tag in names(of("tags")) {
            append(&mut pipeline.asset, "runners", &tag);
        }
        if let Some(other) = job.pointer("/trigger/project").or_else(|| job.get("trigger")).and_then(Value::as_str) {
            append(&mut pipeline.asset, "triggers_projects", other);
        }
        let needed = job.get("needs").and_then(Value::as_array);
        let needs = needed.into_iter().flatten().filter_map(|need| need.as_str().or_else(|| text(need, "job")));
        let needs = needs.map(str::to_owned).collect();
        let stage = of("stage").and_then(Value::as_str).unwrap_or("test");
        if !id.starts_with('.') {
            ranked.push((rank(stage), needed.is_some(), Job { name: id.clone(), needs, steps, environment }));
        }
    }
    // without `needs` a job waits for all jobs of the stages before
    ranked.sort_by_key(|(rank, ..)| *rank);
    let mut stage = String::new();
    let mut done: Vec<String> = Vec::new();
    let mut last = None;
    for (rank, chosen, mut job) in ranked {
        if last.is_some_and(|last| last != rank) {
            // an empty job stands for the end of a stage, so that the next one needs one name and not all
            let needs = std::mem::take(&mut done).into_iter().chain([std::mem::take(&mut stage)]).collect();
            stage = format!("end of stage {rank}");
            pipeline.jobs.push(Job { name: stage.clone(), needs, ..Job::default() });
        }
        last = Some(rank);
        done.push(job.name.clone());
        if !chosen {
            job.needs.push(stage.clone());
        }
        pipeline.jobs.push(job);
    }
    identities(document, &mut pipeline, found);
    pipeline.finish(found);
}

fn includes(document: &Document, pipeline: &mut Pipeline, found: &mut Found) {
    let value = &document.value;
    let one = value.get("include").filter(|include| !include.is_array());
    let all = list(value, "include").map(|(i, include)| (format!("/include/{i}"), include));
    for (pointer, include) in all.chain(one.map(|include| ("/include".to_owned(), include))) {
        let local = include.as_str().filter(|name| !name.contains("://")).or_else(|| text(include, "local"));
        if let Some(local) = local {
            let target = format!("file:{}", beside(document.path(), local));
            found.relate(pipeline.asset.id.as_str(), RelationKind::Uses, &target, &document.evidence(&pointer));
            append(&mut pipeline.asset, "includes", local);
        }
        for key in ["project", "remote", "template", "component"] {
            if let Some(name) = text(include, key) {
                let at = text(include, "ref").map_or(String::new(), |revision| format!("@{revision}"));
                append(&mut pipeline.asset, "includes", &format!("{key}: {name}{at}"));
            }
        }
    }
}
