//! Environments of conda and of MLflow.

use serde_json::Value;

use super::{Reference, depend};
use crate::asset::{Document, Evidence};
use crate::discover::format::{Found, Structured};

/// `environment.yml` and `conda.yaml`: packages of conda, and under `pip` those of PyPI.
pub(in crate::discover) const CONDA: Structured = Structured {
    name: "conda-environment",
    critical: false,
    in_parts: false,
    markers: &["dependencies:", "channels:"],
    matches: |value| {
        let entry = |entry: &Value| entry.is_string() || entry.get("pip").is_some();
        let list = value.get("dependencies").and_then(Value::as_array);
        list.is_some_and(|list| !list.is_empty() && list.iter().all(entry))
            && (value.get("channels").is_some()
                || list.is_some_and(|list| list.iter().any(|e| e.get("pip").is_some()))
                || value.get("prefix").is_some())
    },
    read: conda,
};

/// `python_env.yaml` of MLflow.
pub(in crate::discover) const PYTHON_ENV: Structured = Structured {
    name: "mlflow-python-env",
    critical: false,
    in_parts: false,
    markers: &["python:", "build_dependencies:"],
    matches: |value| {
        let strings =
            |key: &str| value.get(key).and_then(Value::as_array).is_some_and(|l| l.iter().all(Value::is_string));
        value.get("python").is_some() && (strings("dependencies") || strings("build_dependencies"))
    },
    read: |document, found| {
        for section in ["build_dependencies", "dependencies"] {
            for (i, entry) in document.value.get(section).and_then(Value::as_array).into_iter().flatten().enumerate() {
                pip(document, entry, &document.evidence(&format!("/{section}/{i}")), found);
            }
        }
    },
};

fn conda(document: &Document, found: &mut Found) {
    for (i, entry) in document.value.get("dependencies").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let evidence = document.evidence(&format!("/dependencies/{i}"));
        if let Some(text) = entry.as_str() {
            // `channel::name=version=build`, `name>=1`
            let text = text.rsplit("::").next().unwrap_or(text);
            let end = text.find(['=', '<', '>', '!', '~', ' ']).unwrap_or(text.len());
            let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
            let version = rest.trim_start_matches('=').trim_start().split('=').next().unwrap_or_default();
            let version = if rest.starts_with('=') { version } else { rest };
            if name != "python" && name != "pip" && !name.is_empty() {
                depend(document.path(), &Reference::ranged("conda", name, Some(version)), &evidence, found);
            }
        }
        for (j, entry) in entry.get("pip").and_then(Value::as_array).into_iter().flatten().enumerate() {
            pip(document, entry, &document.evidence(&format!("/dependencies/{i}/pip/{j}")), found);
        }
    }
}

/// A requirement; options such as `-r FILE` name none.
fn pip(document: &Document, entry: &Value, evidence: &Evidence, found: &mut Found) {
    let text = entry.as_str().filter(|text| !text.starts_with('-'));
    if let Some(reference) = text.and_then(Reference::pypi) {
        depend(document.path(), &reference, evidence, found);
    }
}
