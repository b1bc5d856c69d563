//! ONNX: a Protocol Buffers graph. Operators and external data are sought at any depth, sizes in the main graph.

use memchr::memmem;

use super::bytes::{Cursor, leaves_folder};
use super::protobuf::{Field, Fields};
use super::rule::Rule;
use super::scan::{Scan, lossy};
use super::words;
use crate::asset::Severity;

/// `ModelProto`: 1 IR version, 7 graph, 8 operator sets, 14 metadata.
const FIELDS: &[u64] = &[1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26];

/// Whether the bytes begin as a `ModelProto` does.
pub(super) fn starts(bytes: &[u8]) -> bool {
    if !matches!(bytes, [0x08, 1..=40, tag, ..] if matches!(tag, 0x12 | 0x1a | 0x22 | 0x3a | 0x42)) {
        return false;
    }
    let mut fields = Fields::new(bytes).map_while(Result::ok);
    let head: Vec<u64> = fields.by_ref().take(12).map(|(number, _)| number).collect();
    let known = head.iter().all(|number| FIELDS.contains(number));
    // one field in full, or a graph that runs past what we were given
    known && (head.len() > 2 || bytes.get(2..64.min(bytes.len())).is_some_and(|b| b.contains(&0x3a)))
}

/// Linear in the bytes.
pub(super) fn scan(scan: &mut Scan, bytes: &[u8]) {
    let mut complete = false;
    for field in Fields::new(bytes) {
        match field {
            Ok((7, Field::Bytes(graph))) => complete |= self::graph(scan, graph),
            Ok((14, Field::Bytes(pair))) => metadata(scan, pair),
            Ok(_) => {}
            Err(at) => {
                scan.found(Rule::MalformedModel, Some(at), "truncated", "the model breaks off inside a field");
                return;
            }
        }
    }
    if !complete {
        scan.found_as(Rule::MalformedModel, Severity::Medium, None, "", "the model has no readable graph");
    }
    external_data(scan, bytes);
    for (operator, at) in operators(bytes) {
        let message = format!("operator {operator} runs Python code");
        scan.found(Rule::CodeInModel, Some(at), operator, message);
    }
    for domain in custom_domains(bytes) {
        let message = format!("operators of {domain} need a native library of their own");
        scan.found(Rule::CustomCode, None, &domain, message);
    }
}

/// Sizes of the tensors in `GraphProto` (5 initializer). Whether it could be read.
fn graph(scan: &mut Scan, bytes: &[u8]) -> bool {
    for field in Fields::new(bytes) {
        let Ok((number, field)) = field else {
            scan.found(Rule::MalformedModel, None, "graph", "the graph breaks off inside a field");
            return true;
        };
        let (5, Field::Bytes(tensor)) = (number, field) else { continue };
        let mut elements = Some(1_u64);
        for (number, field) in Fields::new(tensor).map_while(Result::ok) {
            match (number, field) {
                (1, Field::Number(side)) => elements = elements.and_then(|n| n.checked_mul(side)),
                (1, Field::Bytes(packed)) => {
                    let mut at = Cursor::new(packed, 0);
                    while let Some(side) = at.varint() {
                        elements = elements.and_then(|n| n.checked_mul(side));
                    }
                }
                _ => {}
            }
        }
        if elements.is_none_or(|n| n > 1 << 48) {
            scan.found(Rule::DenialOfService, None, "dims", "a tensor is declared larger than any memory");
        }
    }
    true
}

/// `StringStringEntryProto`: 1 key, 2 value.
fn metadata(scan: &mut Scan, pair: &[u8]) {
    for (_, field) in Fields::new(pair).map_while(Result::ok) {
        if let Field::Bytes(text) = field
            && let Some(order) = words::order(&lossy(text, 1 << 20))
        {
            scan.found(Rule::PromptInjection, None, order, "the metadata gives orders to a model");
        }
    }
}

/// The `location` entries of external data, wherever they stand.
fn external_data(scan: &mut Scan, bytes: &[u8]) {
    const LOCATION: &[u8] = b"\x0a\x08location\x12";
    for at in memmem::find_iter(bytes, LOCATION) {
        let mut value = Cursor::new(bytes, at.saturating_add(LOCATION.len()));
        let Some(path) = value.varint().and_then(|len| value.take(usize::try_from(len).ok()?)) else { continue };
        let path = lossy(path, 4096);
        if path.contains("://") || leaves_folder(&path) || path.contains('\0') {
            let message = format!("weights are read from {path}, outside the model's folder");
            scan.found(Rule::ExternalAccess, Some(at), &path, message);
        }
    }
}

/// `NodeProto.op_type` (4) of operators that call back into Python.
fn operators(bytes: &[u8]) -> impl Iterator<Item = (&'static str, usize)> {
    const OPERATORS: &[&str] = &["PyOp", "PythonOp", "PyFunc", "ATen", "PythonOpGrad"];
    OPERATORS.iter().filter_map(move |operator| {
        let mut pattern = vec![0x22, u8::try_from(operator.len()).ok()?];
        pattern.extend(operator.as_bytes());
        memmem::find(bytes, &pattern).map(|at| (*operator, at))
    })
}

/// Domains of `opset_import` (8) that neither ONNX nor ONNX Runtime supplies.
fn custom_domains(bytes: &[u8]) -> Vec<String> {
    const KNOWN: &[&str] =
        &["", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "pkg.onnxscript"];
    let imports = Fields::new(bytes).map_while(Result::ok).filter_map(|(number, field)| match (number, field) {
        (8, Field::Bytes(import)) => Some(import),
        _ => None,
    });
    let domains =
        imports.flat_map(|import| Fields::new(import).map_while(Result::ok)).filter_map(|field| match field {
            (1, Field::Bytes(domain)) => Some(lossy(domain, 256).into_owned()),
            _ => None,
        });
    domains
        .filter(|domain| {
            !KNOWN.contains(&domain.as_str())
                && !domain.starts_with("com.microsoft")
                && !domain.starts_with("ai.onnx.contrib")
                && !domain.starts_with("org.pytorch")
        })
        .collect()
}
