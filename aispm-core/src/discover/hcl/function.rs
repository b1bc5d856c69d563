//! The functions of the language that shape names, lists and policies. Others stay as their source text.

use serde_json::{Map, Value};

use super::eval::{Val, partial, real, string};

/// The value of a call; `None` where the function or an argument is not known.
pub(super) fn call(name: &str, mut arguments: Vec<Val>, expand: bool) -> Option<Value> {
    if expand && let Some(Val::Known(Value::Array(last))) = arguments.last().cloned() {
        arguments.pop();
        arguments.extend(last.into_iter().map(Val::Known));
    }
    match name {
        "try" => return arguments.into_iter().find_map(Val::known),
        "coalesce" => {
            let empty = |value: &Val| matches!(value, Val::Known(Value::Null)) || *value == Val::Known("".into());
            return arguments.into_iter().find(|value| !empty(value)).map(Val::closed);
        }
        "coalescelist" => {
            return arguments.into_iter().find(|value| *value != Val::Known(Value::Array(Vec::new()))).map(Val::closed);
        }
        "can" => return Some(Value::Bool(matches!(arguments.first()?, Val::Known(_)))),
        _ => {}
    }
    // an argument that is not known stays open inside lists and texts
    let open = arguments.iter().any(|argument| matches!(argument, Val::Open(_)));
    if open && !matches!(name, "format" | "join" | "tolist" | "list" | "compact" | "jsonencode" | "setunion") {
        return None;
    }
    let values: Vec<Value> = arguments.into_iter().map(Val::closed).collect();
    let list = |n: usize| values.get(n).and_then(Value::as_array);
    let text = |n: usize| values.get(n).and_then(Value::as_str);
    let whole = |n: usize| values.get(n).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let first = values.first();
    Some(match name {
        "jsonencode" | "yamlencode" => Value::String(first?.to_string()),
        "jsondecode" => serde_json::from_str(text(0)?).ok()?,
        "tolist" | "toset" | "tomap" | "sensitive" | "nonsensitive" | "one" if name != "one" => first?.clone(),
        "one" => match first?.as_array()?.as_slice() {
            [] => Value::Null,
            [only] => only.clone(),
            _ => return None,
        },
        "tostring" => string(first?).map(Value::String)?,
        "tobool" => match first? {
            Value::String(flag) => Value::Bool(flag.parse().ok()?),
            flag => flag.clone(),
        },
        "tonumber" => match first? {
            Value::String(number) => real(number.parse().ok()?)?,
            number => number.clone(),
        },
        "list" => Value::Array(values),
        "concat" | "setunion" => {
            let lists = values.into_iter().map(|value| match value {
                Value::Array(items) => Some(items),
                _ => None,
            });
            Value::Array(lists.collect::<Option<Vec<_>>>()?.concat())
        }
        "flatten" => Value::Array(flat(first?)),
        "distinct" => {
            let mut seen = std::collections::HashSet::new();
            Value::Array(list(0)?.iter().filter(|item| seen.insert(item.to_string())).cloned().collect())
        }
        "compact" => {
            let full = |item: &&Value| !item.is_null() && item.as_str() != Some("");
            Value::Array(list(0)?.iter().filter(full).cloned().collect())
        }
        "reverse" => Value::Array(list(0)?.iter().rev().cloned().collect()),
        "slice" => Value::Array(list(0)?.get(whole(1)?..whole(2)?)?.to_vec()),
        "element" => {
            let items = list(0)?;
            items.get(whole(1)?.checked_rem(items.len())?)?.clone()
        }
        "keys" => first?.as_object()?.keys().map(|key| Value::from(key.as_str())).collect(),
        "values" => first?.as_object()?.values().cloned().collect(),
        "length" => Value::from(match first? {
            Value::Array(items) => items.len(),
            Value::Object(map) => map.len(),
            Value::String(text) if !text.contains("${") => text.chars().count(),
            _ => return None,
        }),
        "lookup" => first?.as_object()?.get(text(1)?).or(values.get(2))?.clone(),
        "contains" if !partial(list(0).and(first)?) => Value::Bool(list(0)?.contains(values.get(1)?)),
        "merge" => {
            let mut merged = Map::new();
            for value in values {
                match value {
                    Value::Object(map) => merged.extend(map),
                    Value::Null => {}
                    _ => return None,
                }
            }
            Value::Object(merged)
        }
        "zipmap" => {
            let keys = list(0)?.iter().map(|key| key.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()?;
            Value::Object(keys.into_iter().zip(list(1)?.iter().cloned()).collect())
        }
        "join" => {
            let parts = values.get(1..)?.iter().flat_map(flat).map(|part| string(&part));
            Value::String(parts.collect::<Option<Vec<_>>>()?.join(text(0)?))
        }
        "split" if !partial(values.get(1)?) => text(1)?.split(text(0)?).map(Value::from).collect(),
        "format" => Value::String(format(text(0)?, values.get(1..)?)?),
        "lower" if !partial(first?) => Value::String(text(0)?.to_lowercase()),
        "upper" if !partial(first?) => Value::String(text(0)?.to_uppercase()),
        "title" if !partial(first?) => {
            let word = |word: &str| {
                let mut letters = word.chars();
                letters.next().map(|c| c.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
            };
            Value::String(text(0)?.split(' ').map(word).collect::<Vec<_>>().join(" "))
        }
        "trimspace" => Value::from(text(0)?.trim()),
        "trimprefix" => Value::from(text(0)?.strip_prefix(text(1)?).or(text(0))?),
        "trimsuffix" => Value::from(text(0)?.strip_suffix(text(1)?).or(text(0))?),
        // a pattern between slashes is a regular expression
        "replace" if !text(1)?.starts_with('/') && !partial(first?) => {
            Value::String(text(0)?.replace(text(1)?, text(2)?))
        }
        "substr" if !partial(first?) => {
            let (from, count) = (whole(1)?, whole(2)?);
            Value::String(text(0)?.chars().skip(from).take(count).collect())
        }
        "startswith" if !partial(first?) => Value::Bool(text(0)?.starts_with(text(1)?)),
        "endswith" if !partial(first?) => Value::Bool(text(0)?.ends_with(text(1)?)),
        "max" | "min" => {
            let numbers = values.iter().map(Value::as_f64).collect::<Option<Vec<_>>>()?;
            real(numbers.into_iter().reduce(if name == "max" { f64::max } else { f64::min })?)?
        }
        "abs" => real(first?.as_f64()?.abs())?,
        "range" => {
            const MOST: usize = 1024;
            let (from, to) = if values.len() > 1 { (whole(0)?, whole(1)?) } else { (0, whole(0)?) };
            (from..to).take(MOST).map(Value::from).collect()
        }
        "base64encode" if !partial(first?) => {
            use base64::Engine;
            Value::String(base64::engine::general_purpose::STANDARD.encode(text(0)?))
        }
        _ => return None,
    })
}

/// The items of lists inside lists; as deep as values can be.
fn flat(value: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(items) => rest.extend(items.iter().rev()),
            other => all.push(other.clone()),
        }
    }
    all
}

/// `format` with `%s`, `%d`, `%v`, `%q`, `%t` and zero-padded numbers.
fn format(pattern: &str, values: &[Value]) -> Option<String> {
    let mut text = String::new();
    let mut values = values.iter();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let mut width = String::new();
        let verb = loop {
            match rest.next()? {
                digit @ '0'..='9' if width.len() < 3 => width.push(digit),
                verb => break verb,
            }
        };
        match verb {
            '%' => text.push('%'),
            's' | 'd' | 'v' | 't' | 'q' => {
                let value = values.next()?;
                let value = string(value).unwrap_or_else(|| value.to_string());
                let missing = width.parse::<usize>().unwrap_or(0).saturating_sub(value.chars().count());
                text.extend(std::iter::repeat_n(if width.starts_with('0') { '0' } else { ' ' }, missing));
                if verb == 'q' {
                    text.push_str(&Value::String(value).to_string());
                } else {
                    text.push_str(&value);
                }
            }
            _ => return None,
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::super::eval::entries;
    use super::*;
    use serde_json::json;

    fn run(name: &str, arguments: Value) -> Option<Value> {
        call(name, entries(arguments).into_iter().map(|(_, value)| Val::Known(value)).collect(), false)
    }

    #[test]
    fn common_functions() {
        for (name, arguments, value) in [
            ("format", json!(["%s-%03d%%", "a", 7]), json!("a-007%")),
            ("join", json!(["-", ["a", ["b"], 1]]), json!("a-b-1")),
            ("merge", json!([{"a": 1}, null, {"a": 2, "b": 3}]), json!({"a": 2, "b": 3})),
            ("lookup", json!([{"a": 1}, "b", 5]), json!(5)),
            ("element", json!([["a", "b"], 3]), json!("b")),
            ("coalesce", json!([null, "", "x"]), json!("x")),
            ("jsonencode", json!([{"a": [true]}]), json!("{\"a\":[true]}")),
            ("replace", json!(["a.b", ".", "-"]), json!("a-b")),
            ("length", json!([{"a": 1}]), json!(1)),
            ("flatten", json!([[["a"], [["b"]]]]), json!(["a", "b"])),
        ] {
            assert_eq!(run(name, arguments), Some(value), "{name}");
        }
        assert_eq!(run("file", json!(["x"])), None);
        assert_eq!(run("replace", json!(["a", "/a/", "b"])), None);
    }

    #[test]
    fn open_arguments_stay_open_in_texts() {
        let name = Val::Open("var.n".into());
        assert_eq!(call("format", vec![Val::Known("x-%s".into()), name.clone()], false), Some("x-${var.n}".into()));
        assert_eq!(call("upper", vec![name.clone()], false), None);
        assert_eq!(call("try", vec![name, Val::Known(1.into())], false), Some(1.into()));
    }
}
