//! Keras configurations: layers and functions that run code when the model is built.

use serde_json::{Map, Value};

use super::bytes::leaves_folder;
use super::pickle::{Callables, Grade, Standing};
use super::rule::Rule;
use super::scan::Scan;
use crate::asset::Severity;

/// Modules of Keras whose functions are mathematics.
const FUNCTION_MODULES: &[&str] = &[
    "activations",
    "losses",
    "metrics",
    "initializers",
    "regularizers",
    "constraints",
    "ops",
    "optimizers",
    "layers",
    "backend",
    "random",
    "dtype_policies",
];
/// Layers that unpickle or read what their configuration says.
const UNPICKLING: &[&str] = &["TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"];

/// One serialised object: `{"class_name", "config", "module"?, "registered_name"?}`.
pub(super) fn node(scan: &mut Scan, object: &Map<String, Value>) {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let Some(class) = text("class_name") else { return };
    let module = text("module").unwrap_or_default();
    let short = class.rsplit(['>', '.']).next().unwrap_or(class);
    if matches!(short, "Lambda" | "__lambda__") || text("registered_name") == Some("Lambda") {
        scan.found(Rule::CodeInModel, None, short, "a Lambda layer holds Python code that runs when the model loads");
    }
    if UNPICKLING.contains(&short) {
        let severity = if short == "TorchModuleWrapper" { Severity::Critical } else { Severity::High };
        let message = format!("a {short} layer loads code or pickles of its own");
        scan.found_as(Rule::CodeInModel, severity, None, short, message);
    }
    if let Some(vocabulary) = object.get("config").and_then(|config| config.get("vocabulary")).and_then(Value::as_str) {
        let outside = vocabulary.contains("://") || leaves_folder(vocabulary);
        let severity = if outside { Severity::High } else { Severity::Medium };
        let message = format!("a {short} layer reads its vocabulary from {vocabulary}");
        scan.found_as(Rule::ExternalAccess, severity, None, vocabulary, message);
    }
    let is_function = matches!(class, "function" | "builtin_function_or_method" | "method" | "type");
    let name = if is_function { text("config").unwrap_or(class) } else { class };
    reference(scan, module, name, is_function);
}

/// What a module and a name in it mean for the loader, which imports the one and takes the other.
fn reference(scan: &mut Scan, module: &str, name: &str, is_function: bool) {
    if module.is_empty() {
        return;
    }
    let full = format!("{module}.{name}");
    let root = module.split('.').next().unwrap_or(module);
    if matches!(root, "keras" | "tf_keras" | "keras_nlp" | "keras_hub" | "keras_cv" | "tensorflow") {
        let harmless = module.split('.').any(|part| FUNCTION_MODULES.contains(&part));
        if is_function && !harmless {
            scan.found(Rule::CodeInModel, None, &full, format!("calls {full} when the model loads"));
        }
        return;
    }
    match Callables::builtin().standing(&full) {
        Standing::Denied(Grade::Code | Grade::Reach | Grade::Call, what) => {
            scan.found(Rule::CodeInModel, None, &full, format!("names {full}, which {what}"));
        }
        Standing::Allowed => {}
        Standing::Stdlib if module != "builtins" => {
            scan.found(Rule::CodeInModel, None, &full, format!("names {full} of the standard library"));
        }
        _ => scan.found(Rule::CustomCode, None, &full, format!("needs {full}, which it does not carry")),
    }
}
