//! From the core's types to JavaScript's: plain objects with camelCase fields, and canonical JSON.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aispm_core::asset::{self, AssetId};
use aispm_core::{artifact, path};
use serde::Serialize;
use serde_json::{Map, Value};

/// The JSON document of a result: the same in every language.
pub(crate) fn document<T: Serialize>(body: &T) -> Value {
    let mut value = serde_json::to_value(body).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.insert("schema".to_owned(), aispm_core::SCHEMA.into());
    }
    value
}

/// A value of the core as one that JavaScript takes.
pub(crate) trait Js<T> {
    fn js(self) -> T;
}

/// Implements [`Js`] by an expression.
macro_rules! js {
    ($($from:ty => $to:ty: |$value:ident| $make:expr;)+) => {$(
        impl Js<$to> for $from {
            fn js(self) -> $to {
                let $value = self;
                $make
            }
        }
    )+};
}

js! {
    bool => bool: |v| v;
    f64 => f64: |v| v;
    // exact to 2^53
    i64 => f64: |v| v as f64;
    u64 => f64: |v| v as f64;
    usize => f64: |v| v as f64;
    String => String: |v| v;
    Arc<str> => String: |v| v.to_string();
    Cow<'static, str> => String: |v| v.into_owned();
    AssetId => String: |v| v.to_string();
    Map<String, Value> => Map<String, Value>: |v| v;
    Value => Value: |v| v;
    artifact::Format => String: |v| v.to_string();
    artifact::Rule => String: |v| v.to_string();
    artifact::Verdict => String: |v| v.to_string();
    asset::AssetKind => String: |v| v.to_string();
    asset::Authentication => String: |v| v.to_string();
    asset::Exposure => String: |v| v.to_string();
    asset::OwnerSource => String: |v| v.to_string();
    asset::ModelType => String: |v| v.to_string();
    asset::RelationKind => String: |v| v.to_string();
    asset::RiskClass => String: |v| v.to_string();
    asset::Severity => String: |v| v.to_string();
    aispm_core::assess::RiskSubject => String: |v| v.to_string();
    aispm_core::policy::controls::ControlStatus => String: |v| v.to_string();
    aispm_core::policy::readiness::Reply => String: |v| v.to_string();
    aispm_core::report::Explained => String: |v| v.to_string();
    path::From => Vec<String>: |v| match v {
        path::From::One(id) => vec![id.js()],
        path::From::All(ids) => ids.js(),
        _ => Vec::new(),
    };
    path::Consequence => String: |v| name(&v);
    path::Goal => String: |v| name(&v);
    path::PatchFormat => String: |v| v.as_str().to_owned();
    path::PremiseKind => String: |v| v.as_str().to_owned();
    path::PathStatus => String: |v| name(&v);
}

/// The JSON name of an enum's value.
fn name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}

impl<T, U: Js<T>> Js<Option<T>> for Option<U> {
    fn js(self) -> Option<T> {
        self.map(Js::js)
    }
}

impl<T, U: Js<T>> Js<Vec<T>> for Vec<U> {
    fn js(self) -> Vec<T> {
        self.into_iter().map(Js::js).collect()
    }
}

impl<T, U: Js<T>> Js<Vec<T>> for BTreeSet<U> {
    fn js(self) -> Vec<T> {
        self.into_iter().map(Js::js).collect()
    }
}

impl<K: Js<String>, U: Js<T>, T> Js<BTreeMap<String, T>> for BTreeMap<K, U> {
    fn js(self) -> BTreeMap<String, T> {
        self.into_iter().map(|(key, value)| (key.js(), value.js())).collect()
    }
}

/// Declares a plain JavaScript object that mirrors a type of the core, field by field.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident($inner:ty) { $($(#[$meta:meta])* $field:ident: $type:ty $(= $read:expr)?),* $(,)? }) => {
        $(#[$doc])*
        #[napi_derive::napi(object, object_from_js = false)]
        #[derive(Debug, Clone)]
        pub struct $name { $($(#[$meta])* pub $field: $type,)* }

        impl $crate::convert::Js<$name> for $inner {
            fn js(self) -> $name {
                $name { $($field: $crate::convert::object!(@read self, $field $(, $read)?)),* }
            }
        }
    };
    (@read $inner:expr, $field:ident) => { $crate::convert::Js::js($inner.$field) };
    (@read $inner:expr, $field:ident, $read:expr) => { $read(&$inner) };
}
pub(crate) use object;

/// Declares a class over a type of the core; each getter converts what it reads.
macro_rules! class {
    (
        $(#[$doc:meta])* $name:ident($inner:ty)
        { $($(#[$field_doc:meta])* $field:ident: $type:ty $(as $ts:literal)? $(= $read:expr)?),* $(,)? }
    ) => {
        $(#[$doc])*
        #[napi_derive::napi]
        #[derive(Debug)]
        pub struct $name {
            inner: $inner,
        }

        impl From<$inner> for $name {
            fn from(inner: $inner) -> Self {
                Self { inner }
            }
        }

        #[napi_derive::napi]
        impl $name {
            $($(#[$field_doc])*
            #[napi_derive::napi(getter $(, ts_return_type = $ts)?)]
            pub fn $field(&self) -> $type {
                $crate::convert::class!(@read self.inner, $field $(, $read)?)
            })*

            /// The JSON document: snake_case.
            #[napi_derive::napi(js_name = "toJSON", ts_return_type = "Record<string, unknown>")]
            pub fn to_json(&self) -> serde_json::Value {
                $crate::convert::document(&self.inner)
            }
        }
    };
    (@read $inner:expr, $field:ident) => { $crate::convert::Js::js($inner.$field.clone()) };
    (@read $inner:expr, $field:ident, $read:expr) => { $read(&$inner) };
}
pub(crate) use class;
