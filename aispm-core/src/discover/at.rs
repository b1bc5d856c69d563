//! Short ways into JSON: what stands at a pointer, if it is there and of the wanted kind.

use serde_json::Value;

use crate::asset::Asset;

/// The text at a pointer, unless it is empty.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// The first of several pointers that holds a text.
pub(super) fn first<'a>(value: &'a Value, pointers: &[&str]) -> Option<&'a str> {
    pointers.iter().find_map(|pointer| text(value, pointer))
}

/// The items of the list at a pointer, each with its own pointer.
pub(super) fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
    let base = pointer.to_owned();
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten().enumerate().map(move |(i, item)| (format!("{base}/{i}"), item))
}

/// The texts of the list at a pointer, or the one text that stands there.
pub(super) fn texts<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let place = value.pointer(pointer);
    let list = place.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    place.and_then(Value::as_str).into_iter().chain(list).filter(|text| !text.is_empty())
}

/// Keeps a text as a property, if there is one.
pub(super) fn keep(asset: &mut Asset, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        asset.properties.insert(key.to_owned(), text.into());
    }
}

/// Whether every one of these keys is there.
pub(super) fn has(value: &Value, keys: &[&str]) -> bool {
    keys.iter().all(|key| value.get(key).is_some())
}
