//! How sources write settings: flags as text, and values that a template leaves open. Every room reads both in one way.

use serde_json::Value;

/// A flag, also where it is written as the text `true` or `false`, in any case; `None` for anything else, and so for what
/// is open.
pub(crate) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => flag_of(text),
        _ => None,
    }
}

/// The flag that a text spells.
pub(crate) fn flag_of(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Whether two values are the same, where a flag and the text that spells it are.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    one == other || (one.is_boolean() || other.is_boolean()) && flag(one).is_some_and(|set| flag(other) == Some(set))
}

/// Whether a value is an expression that was not resolved, and so could be anything: `${…}` of Terraform,
/// CloudFormation, shells and workflows, `{{ … }}` of Helm and Jinja, `$(…)` of pipelines, `[…]` of Azure's templates,
/// `{"Ref": …}`, `{"Fn::…": …}` and YAML's tags. All of it, as text that is only in part could still tell something.
/// Linear in the text.
pub(crate) fn is_open(value: &Value) -> bool {
    match value {
        Value::String(text) => is_open_text(text),
        Value::Object(map) if map.len() == 1 => {
            map.keys().any(|key| key == "Ref" || key.starts_with("Fn::") || key.starts_with('!'))
        }
        _ => false,
    }
}

fn is_open_text(text: &str) -> bool {
    let expression = |inner: &str| inner.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '!' | '('));
    let closed = |start: &str, open: u8, close: u8| text.strip_prefix(start).filter(|rest| closes(rest, open, close));
    closed("${", b'{', b'}').is_some()
        || closed("{", b'{', b'}').is_some_and(|inner| inner.starts_with('{'))
        || closed("$(", b'(', b')').is_some()
        || closed("[", b'[', b']').is_some_and(expression)
}

/// Whether the bracket opened before a text is closed by its last character and no earlier one.
fn closes(text: &str, open: u8, close: u8) -> bool {
    let mut depth = 1_usize;
    let end = text.bytes().position(|byte| {
        match byte {
            _ if byte == open => depth += 1,
            _ if byte == close => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    end.is_some_and(|at| at + 1 == text.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn flags_are_flags_however_they_are_written() {
        for (value, expected) in [
            (json!(true), Some(true)),
            (json!("true"), Some(true)),
            (json!("False"), Some(false)),
            (json!("FALSE"), Some(false)),
            (json!("yes"), None),
            (json!(1), None),
            (json!(null), None),
            (json!("${var.on}"), None),
        ] {
            assert_eq!(flag(&value), expected, "{value}");
        }
        assert!(same(&json!("True"), &json!(true)) && same(&json!(false), &json!("false")));
        assert!(!same(&json!("true"), &json!("True")) && !same(&json!("x"), &json!(false)));
        assert!(!same(&json!(null), &json!(false)) && same(&json!(null), &json!(null)));
    }

    #[test]
    fn what_a_template_leaves_open() {
        for open in [
            json!("${var.on}"),
            json!("${merge({a = {}}, var.b)}"),
            json!("${{ inputs.on }}"),
            json!("{{ .Values.on }}"),
            json!("$(serviceConnection)"),
            json!("[parameters('on')]"),
            json!("[if(equals(variables('a')[0], 'x'), true, false)]"),
            json!("[!closed]"),
            json!({"Ref": "On"}),
            json!({"Fn::ImportValue": "on"}),
            json!({"!If": ["C", true, false]}),
        ] {
            assert!(is_open(&open), "{open}");
        }
        for known in [
            json!("s3://${var.bucket}/models"),
            json!("${var.a}-${var.b}"),
            json!("{{ if .Values.on }}true{{ end }}"),
            json!("[\"a\",\"b\"]"),
            json!("[]"),
            json!("[INST] {{ text }} [/INST]"),
            json!("[[literal]]"),
            json!("{\"a\": {}}"),
            json!("{}"),
            json!("$"),
            json!("${"),
            json!(["${var.a}"]),
            json!({"Ref": "a", "b": 1}),
            json!({}),
            json!(true),
        ] {
            assert!(!is_open(&known), "{known}");
        }
    }
}
