//! `aispm.Guard`. Each check has a twin for `asyncio`, `a…`, that runs it in a thread.

use std::path::PathBuf;

use aispm_core::asset::{Match, TextRole};
use aispm_core::guard::{self, Message};
use aispm_core::text::{Unit, convert_offsets, convert_offsets_within};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use serde_json::Value;

use crate::convert::{call, dumps, raise, table, view};
use crate::text::parse_role;

view! {
    /// What a guard says about one text, or about messages or a tool call.
    document Decision(guard::Decision) repr(action, reasons)
    { action, findings, pointers, text, reasons, scores, latency }

    fn _repr_html_(&self) -> String {
        table("Decision", &self.inner)
    }
}

/// Decides about texts. Built once, used from any thread.
#[pyclass(frozen, module = "aispm")]
pub(crate) struct Guard {
    inner: guard::Guard,
}

#[pymethods]
impl Guard {
    /// The guard with the built-in policy.
    #[staticmethod]
    #[pyo3(name = "default")]
    fn builtin() -> Self {
        Self { inner: guard::Guard::builtin().clone() }
    }

    /// A guard of this YAML file.
    #[staticmethod]
    fn from_file(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        call(py, || guard::Guard::from_file(path)).map(|inner| Self { inner })
    }

    /// A guard of this YAML text.
    #[staticmethod]
    fn from_yaml(py: Python<'_>, text: &str) -> PyResult<Self> {
        call(py, || guard::Guard::from_yaml(text)).map(|inner| Self { inner })
    }

    /// Decides about a text in its role.
    #[pyo3(signature = (text, role = "prompt"))]
    fn check(&self, py: Python<'_>, text: &str, role: &str) -> PyResult<Decision> {
        Ok(self.text(py, text, parse_role(py, role)?))
    }

    /// Decides about what a user writes.
    fn check_input(&self, py: Python<'_>, text: &str) -> Decision {
        self.text(py, text, TextRole::Prompt)
    }

    /// Decides about what the model writes.
    fn check_output(&self, py: Python<'_>, text: &str) -> Decision {
        self.text(py, text, TextRole::Output)
    }

    /// Decides about what a tool returns.
    fn check_tool_result(&self, py: Python<'_>, text: &str) -> Decision {
        self.text(py, text, TextRole::ToolResult)
    }

    /// Decides about a call that the model wants to make: the tool's name, and its arguments as JSON-like values.
    fn check_tool_call(&self, py: Python<'_>, name: &str, arguments: &Bound<'_, PyAny>) -> PyResult<Decision> {
        let arguments = dumps(arguments)?;
        Ok(self.document(py, &arguments, |guard| guard.check_tool_call(name, &arguments)))
    }

    /// Decides about a conversation: mappings with `role` and `content`.
    fn check_messages(&self, py: Python<'_>, messages: &Bound<'_, PyAny>) -> PyResult<Decision> {
        let document = dumps(messages)?;
        let messages: Vec<Message> =
            serde_json::from_value(document.clone()).map_err(|error| raise(py, &error.into()))?;
        Ok(self.document(py, &document, |guard| guard.check_messages(&messages)))
    }

    /// `check` in a thread.
    #[pyo3(signature = (text, role = "prompt"))]
    fn acheck<'py>(slf: &Bound<'py, Self>, text: &str, role: &str) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "check", (text, role))
    }

    /// `check_input` in a thread.
    fn acheck_input<'py>(slf: &Bound<'py, Self>, text: &str) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "check_input", (text,))
    }

    /// `check_output` in a thread.
    fn acheck_output<'py>(slf: &Bound<'py, Self>, text: &str) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "check_output", (text,))
    }

    /// `check_tool_result` in a thread.
    fn acheck_tool_result<'py>(slf: &Bound<'py, Self>, text: &str) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "check_tool_result", (text,))
    }

    /// `check_tool_call` in a thread.
    fn acheck_tool_call<'py>(
        slf: &Bound<'py, Self>,
        name: &str,
        arguments: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "check_tool_call", (name, arguments))
    }

    /// `check_messages` in a thread.
    fn acheck_messages<'py>(slf: &Bound<'py, Self>, messages: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "check_messages", (messages,))
    }
}

impl Guard {
    fn text(&self, py: Python<'_>, text: &str, role: TextRole) -> Decision {
        self.decide(py, |guard| guard.check(text, role), |_, found| convert_offsets(text, found, Unit::CodePoints))
    }

    fn document(
        &self,
        py: Python<'_>,
        document: &Value,
        judge: impl Send + FnOnce(&guard::Guard) -> guard::Decision,
    ) -> Decision {
        self.decide(py, judge, |pointers, found| convert_offsets_within(document, pointers, found, Unit::CodePoints))
    }

    fn decide(
        &self,
        py: Python<'_>,
        judge: impl Send + FnOnce(&guard::Guard) -> guard::Decision,
        place: impl Send + FnOnce(&[String], &mut [Match]),
    ) -> Decision {
        py.detach(|| {
            let mut decision = judge(&self.inner);
            place(&decision.pointers, &mut decision.findings);
            decision
        })
        .into()
    }
}

/// A coroutine that calls this method in a thread.
fn in_thread<'py>(
    guard: &Bound<'py, Guard>,
    method: &str,
    arguments: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = guard.py();
    let arguments = arguments.into_pyobject(py)?;
    let call = [guard.getattr(method)?].into_iter().chain(arguments.iter());
    // imported late: `import aispm` must not pay for asyncio
    py.import("asyncio")?.call_method1("to_thread", PyTuple::new(py, call.collect::<Vec<_>>())?)
}
