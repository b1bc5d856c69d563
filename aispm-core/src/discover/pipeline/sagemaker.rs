//! SageMaker Pipelines: the definition that `describe-pipeline` and the SDK give.

use std::collections::HashMap;

use serde_json::Value;

use super::model::{Job, Pipeline, Step};
use super::table::{Does, TargetKind};
use super::{identities, list, names, text};
use crate::asset::{Asset, Document, RelationKind};
use crate::discover::container::known_image;
use crate::discover::format::{Found, Structured};
use crate::discover::kubernetes::{at_path, dataset};
use crate::discover::model_ref;
use crate::discover::walk::file_name;

pub(super) const PIPELINE: Structured = Structured {
    name: "sagemaker-pipeline",
    critical: false,
    in_parts: false,
    markers: &["\"Steps\"", "\"Arguments\"", "\"Version\""],
    matches: |value| definition(value) || value.get("PipelineDefinition").is_some(),
    read,
};

fn definition(value: &Value) -> bool {
    let first = value.get("Steps").and_then(Value::as_array).and_then(|list| list.first());
    value.get("Version").is_some_and(Value::is_string)
        && first.is_some_and(|step| text(step, "Name").is_some() && text(step, "Type").is_some())
}

fn read(document: &Document, found: &mut Found) {
    let outer = &document.value;
    // an answer of the API keeps the definition as text
    let inner = match outer.get("PipelineDefinition") {
        Some(Value::String(text)) => match serde_json::from_str(text) {
            Ok(value) => document.inside("/PipelineDefinition", value),
            Err(_) => return,
        },
        Some(value) => document.part("/PipelineDefinition", value.clone()),
        None => document.clone(),
    };
    let path = document.path();
    let arn = text(outer, "PipelineArn");
    let id = arn.map_or_else(|| format!("file:{path}"), str::to_owned);
    let name = ["PipelineDisplayName", "PipelineName"].iter().find_map(|key| text(outer, key));
    let name = name.unwrap_or_else(|| file_name(path));
    let mut pipeline =
        Pipeline::new(id.clone(), name, "sagemaker-pipelines", path.to_owned(), document.evidence("").excerpt(name));
    pipeline.asset.ai = true;
    if let Some(role) = text(outer, "RoleArn") {
        pipeline.identity("RoleArn", role, &document.evidence("/RoleArn").excerpt("RoleArn"), found);
    }
    let defaults: HashMap<String, String> = list(&inner.value, "Parameters")
        .filter_map(|(_, p)| Some((text(p, "Name")?.to_owned(), p.get("DefaultValue")?.as_str()?.to_owned())))
        .collect();
    let mut reader = Reader { document: &inner, id: &id, defaults, pipeline: &mut pipeline, found };
    reader.steps(&inner.value, "/Steps", &[], 4);
    identities(&inner, &mut pipeline, found);
    pipeline.finish(found);
}

struct Reader<'a> {
    document: &'a Document,
    id: &'a str,
    defaults: HashMap<String, String>,
    pipeline: &'a mut Pipeline,
    found: &'a mut Found,
}

impl Reader<'_> {
    fn steps(&mut self, holder: &Value, at: &str, above: &[String], depth: usize) {
        let key = at.rsplit('/').next().unwrap_or_default();
        for (i, value) in list(holder, key) {
            let (Some(name), Some(kind)) = (text(value, "Name"), text(value, "Type")) else { continue };
            let pointer = format!("{at}/{i}");
            let arguments = value.get("Arguments").unwrap_or(&Value::Null);
            let mut step = Step::new(name, self.document.evidence(&pointer).excerpt(name));
            step.does = does(kind, name);
            self.data(kind, arguments, &pointer);
            let group = text(arguments, "ModelPackageGroupName")
                .map(str::to_owned)
                .or_else(|| self.value(arguments.get("ModelPackageGroupName")?));
            if let Some(group) = group {
                step.targets.push((TargetKind::Registry, group));
            }
            let approval = arguments.get("ModelApprovalStatus").and_then(|status| self.value(status));
            if let Some(status) = approval {
                self.pipeline.asset.properties.insert("model_approval_status".into(), status.into());
            }
            let endpoint = arguments.get("EndpointName").and_then(|name| self.value(name));
            step.targets.extend(endpoint.map(|name| (TargetKind::Endpoint, name)));
            let mut needs = names(value.get("DependsOn"));
            needs.extend(above.iter().cloned());
            // `{"Get": "Steps.NAME.…"}` is how one step needs another
            super::strings(arguments, "", "", &mut |key, text, _| {
                if let Some(step) = text.strip_prefix("Steps.").filter(|_| key == "Get" || key == "Std:Join") {
                    needs.extend(step.split(['.', '[']).next().map(str::to_owned));
                }
            });
            self.pipeline.jobs.push(Job { name: name.to_owned(), needs, steps: vec![step], environment: None });
            if kind == "Condition" && depth > 0 {
                let below = [name.to_owned()];
                self.steps(arguments, &format!("{pointer}/Arguments/IfSteps"), &below, depth - 1);
                self.steps(arguments, &format!("{pointer}/Arguments/ElseSteps"), &below, depth - 1);
            }
        }
    }

    /// A text, or the default of the parameter that stands for it.
    fn value(&self, value: &Value) -> Option<String> {
        let parameter = || text(value, "Get")?.strip_prefix("Parameters.").map(str::to_owned);
        value.as_str().map(str::to_owned).or_else(|| self.defaults.get(&parameter()?).cloned())
    }

    /// Images, input data and output models of a step.
    fn data(&mut self, kind: &str, arguments: &Value, pointer: &str) {
        let trains = matches!(kind, "Training" | "Tuning" | "AutoML");
        let mut inputs = Vec::new();
        for path in [
            "InputDataConfig/*/DataSource/S3DataSource/S3Uri",
            "TrainingJobDefinition/InputDataConfig/*/DataSource/S3DataSource/S3Uri",
            "ProcessingInputs/*/S3Input/S3Uri",
            "TransformInput/DataSource/S3DataSource/S3Uri",
        ] {
            for (below, value) in at_path(arguments, path) {
                let Some(asset) = self.value(value).as_deref().and_then(dataset) else { continue };
                inputs.push(asset.id.to_string());
                self.relate(RelationKind::Reads, asset, &format!("{pointer}/Arguments{below}"));
            }
        }
        for path in [
            "OutputDataConfig/S3OutputPath",
            "TrainingJobDefinition/OutputDataConfig/S3OutputPath",
            "ProcessingOutputConfig/Outputs/*/S3Output/S3Uri",
            "TransformOutput/S3OutputPath",
        ] {
            for (below, value) in at_path(arguments, path) {
                let Some(uri) = self.value(value) else { continue };
                let at = format!("{pointer}/Arguments{below}");
                let asset = if trains { model_ref::model(&uri, self.id) } else { dataset(&uri) };
                let Some(asset) = asset else { continue };
                let evidence = self.document.evidence(&at);
                for input in inputs.iter().take(64).filter(|_| trains) {
                    self.found.relate(asset.id.as_str(), RelationKind::TrainedOn, input, &evidence);
                }
                if let Some(bucket) = model_ref::bucket(&uri).filter(|bucket| bucket.id != asset.id) {
                    self.found.relate(bucket.id.as_str(), RelationKind::Contains, asset.id.as_str(), &evidence);
                    self.found.inventory.add(bucket.seen(evidence));
                }
                self.relate(RelationKind::Writes, asset, &at);
            }
        }
        for path in [
            "AlgorithmSpecification/TrainingImage",
            "AppSpecification/ImageUri",
            "PrimaryContainer/Image",
            "InferenceSpecification/Containers/*/Image",
        ] {
            for (below, value) in at_path(arguments, path) {
                let Some(image) = self.value(value) else { continue };
                self.relate(RelationKind::Uses, known_image(&image), &format!("{pointer}/Arguments{below}"));
            }
        }
        for path in ["PrimaryContainer/ModelDataUrl", "InferenceSpecification/Containers/*/ModelDataUrl"] {
            for (below, value) in at_path(arguments, path) {
                let model = self.value(value).and_then(|uri| model_ref::model(&uri, self.id));
                if let Some(model) = model {
                    self.relate(RelationKind::Uses, model, &format!("{pointer}/Arguments{below}"));
                }
            }
        }
        if let Some(hub) =
            arguments.pointer("/Environment/HF_MODEL_ID").or_else(|| arguments.pointer("/HyperParameters/model_id"))
        {
            let model = self.value(hub).and_then(|name| model_ref::model(name.trim_matches('"'), self.id));
            if let Some(model) = model {
                self.relate(RelationKind::Uses, model, pointer);
            }
        }
    }

    fn relate(&mut self, does: RelationKind, asset: Asset, at: &str) {
        let evidence = self.document.evidence(at).excerpt(&asset.name);
        self.found.relate(self.id, does, asset.id.as_str(), &evidence);
        self.found.inventory.add(asset.seen(evidence));
    }
}

fn does(kind: &str, name: &str) -> Option<(Does, bool)> {
    let by_name = super::table::rules().script(name);
    let does = match kind {
        "Training" | "Tuning" | "AutoML" => Does::Train,
        "RegisterModel" => Does::Register,
        "Model" | "CreateModel" => Does::Build,
        "QualityCheck" | "ClarifyCheck" => Does::Evaluate,
        "Transform" => Does::Other,
        "Processing" => {
            by_name.filter(|does| matches!(does, Does::Evaluate | Does::Scan | Does::Test)).unwrap_or(Does::Other)
        }
        "Endpoint" | "EndpointConfig" | "Lambda" | "Callback" | "EMR" => {
            by_name.unwrap_or(if kind.starts_with("Endpoint") { Does::Deploy } else { Does::Other })
        }
        // a condition on a measure stops what follows, as an evaluation does
        "Condition" => Does::Evaluate,
        _ => by_name.unwrap_or(Does::Other),
    };
    Some((does, does != Does::Other))
}
