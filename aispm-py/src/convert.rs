//! From the core's types to Python's: attributes, JSON, HTML, errors.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aispm_core::artifact;
use aispm_core::asset::{
    AssetId, AssetKind, Authentication, Exposure, ModelType, OwnerSource, RelationKind, RiskClass, Severity, TextRole,
};
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString, PyTuple};
use serde::Serialize;
use serde_json::{Map, Value};

create_exception!(
    aispm,
    AispmError,
    PyException,
    "What went wrong: `code` (stable), and where: `path` and `line`, as far as known."
);

/// The core's error as Python's.
pub(crate) fn raise(py: Python<'_>, error: &aispm_core::Error) -> PyErr {
    let raised = AispmError::new_err(error.to_string());
    let value = raised.value(py);
    let filled = value
        .setattr("code", error.kind.code())
        .and_then(|()| value.setattr("path", error.path.as_ref().map(|path| path.display().to_string())))
        .and_then(|()| value.setattr("line", error.line));
    filled.err().unwrap_or(raised)
}

/// Calls into the core without the GIL; an error becomes an exception.
pub(crate) fn call<T: Send>(py: Python<'_>, f: impl Send + FnOnce() -> aispm_core::Result<T>) -> PyResult<T> {
    py.detach(f).map_err(|error| raise(py, &error))
}

/// A document of its own carries its schema; a part of one does not.
#[derive(Serialize)]
struct Document<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'static str>,
    #[serde(flatten)]
    body: &'a T,
}

/// The JSON document of a result, or of a part of one.
pub(crate) fn to_json<T: Serialize>(body: &T, document: bool) -> PyResult<String> {
    let schema = document.then_some(aispm_core::SCHEMA);
    serde_json::to_string(&Document { schema, body }).map_err(|error| AispmError::new_err(error.to_string()))
}

/// JSON as Python's own dicts and lists.
pub(crate) fn loads<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.call_method1("loads", (json,))
}

/// Python's own dicts and lists as JSON.
pub(crate) fn dumps(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    let json: String = value.py().import("json")?.call_method1("dumps", (value,))?.extract()?;
    serde_json::from_str(&json).map_err(|error| AispmError::new_err(error.to_string()))
}

/// A small table of a result's top level, for notebooks.
pub(crate) fn table<T: Serialize>(title: &str, body: &T) -> String {
    let mut html = format!("<table><caption>{title}</caption>");
    if let Ok(Value::Object(fields)) = serde_json::to_value(body) {
        for (name, value) in &fields {
            let shown = match value {
                Value::Array(items) if items.iter().any(Value::is_object) => format!("{} items", items.len()),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            html.push_str(&format!("<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(&shown)));
        }
    }
    html + "</table>"
}

/// Text as HTML, also inside quotes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Values that have a Python form.
pub(crate) trait Native {
    /// The Python form; lists become tuples, because results are frozen.
    fn native(&self, py: Python<'_>) -> PyResult<Py<PyAny>>;
}

/// Implements [`Native`] by an expression that gives a Python object.
macro_rules! native {
    ($($type:ty: |$value:ident, $py:ident| $make:expr;)+) => {$(
        impl Native for $type {
            fn native(&self, $py: Python<'_>) -> PyResult<Py<PyAny>> {
                let $value = self;
                Ok($make.into_any().unbind())
            }
        }
    )+};
}

native! {
    bool: |v, py| PyBool::new(py, *v).to_owned();
    f64: |v, py| PyFloat::new(py, *v);
    i64: |v, py| PyInt::new(py, *v);
    u64: |v, py| PyInt::new(py, *v);
    usize: |v, py| PyInt::new(py, *v);
    String: |v, py| PyString::new(py, v);
    Arc<str>: |v, py| PyString::new(py, v);
    Cow<'static, str>: |v, py| PyString::new(py, v);
    AssetId: |v, py| PyString::new(py, v.as_str());
    AssetKind: |v, py| PyString::intern(py, v.as_str());
    Authentication: |v, py| PyString::intern(py, v.as_str());
    Exposure: |v, py| PyString::intern(py, v.as_str());
    ModelType: |v, py| PyString::intern(py, v.as_str());
    OwnerSource: |v, py| PyString::intern(py, v.as_str());
    RelationKind: |v, py| PyString::intern(py, v.as_str());
    RiskClass: |v, py| PyString::intern(py, v.as_str());
    Severity: |v, py| PyString::intern(py, v.as_str());
    TextRole: |v, py| PyString::intern(py, v.as_str());
    artifact::Format: |v, py| PyString::intern(py, v.as_str());
    artifact::Rule: |v, py| PyString::intern(py, v.as_str());
    artifact::Verdict: |v, py| PyString::intern(py, v.as_str());
    aispm_core::text::Transform: |v, py| PyString::intern(py, v.as_str());
    Duration: |v, py| PyFloat::new(py, v.as_secs_f64());
    aispm_core::guard::Action: |v, py| PyString::intern(py, v.as_str());
    aispm_core::assess::RiskSubject: |v, py| PyString::intern(py, v.as_str());
    aispm_core::policy::controls::ControlStatus: |v, py| PyString::intern(py, v.as_str());
    aispm_core::policy::readiness::Reply: |v, py| PyString::intern(py, v.as_str());
    aispm_core::report::Explained: |v, py| PyString::intern(py, v.as_str());
    aispm_core::path::Consequence: |v, py| PyString::intern(py, &name(v));
    aispm_core::path::Goal: |v, py| PyString::intern(py, &name(v));
    aispm_core::path::PatchFormat: |v, py| PyString::intern(py, v.as_str());
    aispm_core::path::PathStatus: |v, py| PyString::intern(py, &name(v));
    aispm_core::path::PremiseKind: |v, py| PyString::intern(py, v.as_str());
    Map<String, Value>: |v, py| loads(py, &to_json(v, false)?)?;
    Value: |v, py| loads(py, &v.to_string())?;
}

/// The JSON name of an enum's value.
fn name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}

impl<T: Native> Native for Option<T> {
    fn native(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.as_ref().map_or_else(|| Ok(py.None()), |value| value.native(py))
    }
}

impl<T: Native> Native for Vec<T> {
    fn native(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        tuple(py, self)
    }
}

impl<T: Native> Native for BTreeSet<T> {
    fn native(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        tuple(py, self)
    }
}

fn tuple<'a, T: Native + 'a>(py: Python<'_>, items: impl IntoIterator<Item = &'a T>) -> PyResult<Py<PyAny>> {
    let items = items.into_iter().map(|item| item.native(py)).collect::<PyResult<Vec<_>>>()?;
    Ok(PyTuple::new(py, items)?.into_any().unbind())
}

impl<K: Native, V: Native> Native for BTreeMap<K, V> {
    fn native(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let dict = PyDict::new(py);
        for (key, value) in self {
            dict.set_item(key.native(py)?, value.native(py)?)?;
        }
        Ok(dict.into_any().unbind())
    }
}

/// Declares a frozen Python class over a type of the core. Each attribute is converted when it is first read, and only
/// then. `document` classes carry the schema in their JSON, `part` classes do not; `repr` shows the attributes it names.
macro_rules! view {
    (
        $(#[$doc:meta])*
        $role:ident $name:ident($inner:ty) $(repr($($shown:ident),*))?
        { $($field:ident $(= $read:expr)?),* $(,)? }
        $($method:item)*
    ) => {
        $(#[$doc])*
        #[pyo3::pyclass(frozen, module = "aispm")]
        pub(crate) struct $name {
            inner: $inner,
            $($field: pyo3::sync::PyOnceLock<pyo3::Py<pyo3::PyAny>>,)*
        }

        impl From<$inner> for $name {
            fn from(inner: $inner) -> Self {
                Self { inner, $($field: pyo3::sync::PyOnceLock::new(),)* }
            }
        }

        impl $crate::convert::Native for $inner {
            fn native(&self, py: pyo3::Python<'_>) -> pyo3::PyResult<pyo3::Py<pyo3::PyAny>> {
                Ok(pyo3::Py::new(py, $name::from(self.clone()))?.into_any())
            }
        }

        #[pyo3::pymethods]
        impl $name {
            $(
                #[getter]
                fn $field(&self, py: pyo3::Python<'_>) -> pyo3::PyResult<pyo3::Py<pyo3::PyAny>> {
                    let convert = || $crate::convert::Native::native(view!(@read self.inner, $field $(, $read)?), py);
                    self.$field.get_or_try_init(py, convert).map(|value| value.clone_ref(py))
                }
            )*

            /// The JSON document as a string.
            fn to_json(&self, py: pyo3::Python<'_>) -> pyo3::PyResult<String> {
                py.detach(|| $crate::convert::to_json(&self.inner, view!(@$role)))
            }

            /// The JSON document as dicts and lists.
            fn to_dict<'py>(&self, py: pyo3::Python<'py>) -> pyo3::PyResult<pyo3::Bound<'py, pyo3::PyAny>> {
                $crate::convert::loads(py, &self.to_json(py)?)
            }

            fn __eq__(&self, other: &Self) -> bool {
                self.inner == other.inner
            }

            $(fn __repr__(&self, py: pyo3::Python<'_>) -> pyo3::PyResult<String> {
                let shown = [$(format!("{}={}", stringify!($shown), self.$shown(py)?.bind(py).repr()?)),*];
                Ok(format!("{}({})", stringify!($name), shown.join(", ")))
            })?

            $($method)*
        }
    };
    (@read $inner:expr, $field:ident) => { &$inner.$field };
    (@read $inner:expr, $field:ident, $read:expr) => { &$read(&$inner) };
    (@document) => { true };
    (@part) => { false };
}
pub(crate) use view;
