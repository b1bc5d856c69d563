//! `aispm.Guard`. Each check has a twin for `asyncio`, `a…`, that runs it in a thread.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use aispm_core::asset::{Match, TextRole};
use aispm_core::guard::{self, Key, KeySource, Message, Policy};
use aispm_core::text::known::{self, KnownData};
use aispm_core::text::sensitive::{HostList, HostLists};
use aispm_core::text::{Unit, convert_offsets, convert_offsets_within};
use aispm_core::{Error, Result};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use serde_json::Value;

use crate::convert::{call, dumps, raise, table, view};
use crate::session::Session;
use crate::text::parse_role;
use crate::vault::Vault;

view! {
    /// What a guard says about one text, or about messages or a tool call.
    document Decision(guard::Decision) repr(action, reasons)
    { action, findings, pointers, text, reasons, scores, latency }

    fn _repr_html_(&self) -> String {
        table("Decision", &self.inner)
    }
}

/// A decision in the making: pieces in, what may be shown out.
#[pyclass(frozen, module = "aispm")]
pub(crate) struct GuardStream {
    /// None once it has ended.
    inner: Mutex<Option<guard::GuardStream<'static>>>,
}

#[pymethods]
impl GuardStream {
    /// Takes the next piece; gives what can be let go, sanitised. Nothing once a finding blocks.
    fn push(&self, py: Python<'_>, piece: &str) -> PyResult<String> {
        py.detach(|| self.lock().as_mut().map(|stream| stream.push(piece))).ok_or_else(ended)
    }

    /// Ends the text: the decision about all of it, whose `text` is what was still held back, sanitised.
    fn finish(&self, py: Python<'_>) -> PyResult<Decision> {
        let stream = self.lock().take().ok_or_else(ended)?;
        Ok(py.detach(|| stream.finish()).into())
    }

    /// Whether a finding blocked, so that nothing more is let go.
    #[getter]
    fn is_stopped(&self) -> bool {
        self.lock().as_ref().is_none_or(guard::GuardStream::is_stopped)
    }
}

impl GuardStream {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<guard::GuardStream<'static>>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ended() -> PyErr {
    pyo3::exceptions::PyValueError::new_err("the stream has ended")
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
    #[pyo3(name = "default", signature = (*, key = None, allow_hosts = None, block_hosts = None, sinks = None,
        gitleaks_rules = None, known_data = None, known_key = None, sensitivity = None))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments")]
    fn builtin(
        py: Python<'_>,
        key: Option<&[u8]>,
        allow_hosts: Option<Vec<String>>,
        block_hosts: Option<Vec<String>>,
        sinks: Option<Vec<String>>,
        gitleaks_rules: Option<Vec<PathBuf>>,
        known_data: Option<Vec<PathBuf>>,
        known_key: Option<&[u8]>,
        sensitivity: Option<&str>,
    ) -> PyResult<Self> {
        let own = Own { key, allow_hosts, block_hosts, sinks, gitleaks_rules, known_data, known_key, sensitivity };
        call(py, || own.build(guard::Guard::builtin().policy().clone())).map(|inner| Self { inner })
    }

    /// A guard of this YAML file, with the secret of its operators `hash`, `fake` and `encrypt`.
    #[staticmethod]
    #[pyo3(signature = (path, *, key = None, allow_hosts = None, block_hosts = None, sinks = None,
        gitleaks_rules = None, known_data = None, known_key = None, sensitivity = None))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments")]
    fn from_file(
        py: Python<'_>,
        path: PathBuf,
        key: Option<&[u8]>,
        allow_hosts: Option<Vec<String>>,
        block_hosts: Option<Vec<String>>,
        sinks: Option<Vec<String>>,
        gitleaks_rules: Option<Vec<PathBuf>>,
        known_data: Option<Vec<PathBuf>>,
        known_key: Option<&[u8]>,
        sensitivity: Option<&str>,
    ) -> PyResult<Self> {
        let own = Own { key, allow_hosts, block_hosts, sinks, gitleaks_rules, known_data, known_key, sensitivity };
        call(py, || own.build(Policy::from_file(path)?)).map(|inner| Self { inner })
    }

    /// A guard of this YAML text, with the secret of its operators `hash`, `fake` and `encrypt`.
    #[staticmethod]
    #[pyo3(signature = (text, *, key = None, allow_hosts = None, block_hosts = None, sinks = None,
        gitleaks_rules = None, known_data = None, known_key = None, sensitivity = None))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments")]
    fn from_yaml(
        py: Python<'_>,
        text: &str,
        key: Option<&[u8]>,
        allow_hosts: Option<Vec<String>>,
        block_hosts: Option<Vec<String>>,
        sinks: Option<Vec<String>>,
        gitleaks_rules: Option<Vec<PathBuf>>,
        known_data: Option<Vec<PathBuf>>,
        known_key: Option<&[u8]>,
        sensitivity: Option<&str>,
    ) -> PyResult<Self> {
        let own = Own { key, allow_hosts, block_hosts, sinks, gitleaks_rules, known_data, known_key, sensitivity };
        call(py, || own.build(Policy::from_yaml(text)?)).map(|inner| Self { inner })
    }

    /// What of the files of rules could not be taken over, and why.
    #[getter]
    fn problems(&self) -> Vec<String> {
        self.inner.problems().iter().map(ToString::to_string).collect()
    }

    /// Begins to decide about a text that arrives in pieces; `origin` is a name that the policy may weigh in a session.
    #[pyo3(signature = (role = "output", session = None, origin = None))]
    fn stream(
        &self,
        py: Python<'_>,
        role: &str,
        session: Option<&Bound<'_, Session>>,
        origin: Option<&str>,
    ) -> PyResult<GuardStream> {
        let role = parse_role(py, role)?;
        let stream = match session.map(Bound::get) {
            Some(session) => py.detach(|| self.inner.stream_in(role, origin, &session.share(), None)),
            None => self.inner.stream(role),
        };
        Ok(GuardStream { inner: Mutex::new(Some(stream.offsets_in(Unit::CodePoints))) })
    }

    /// What the operator `encrypt` hid.
    fn decrypt(&self, py: Python<'_>, text: &str) -> PyResult<String> {
        call(py, || self.inner.decrypt(text))
    }

    /// Decides about a text in its role.
    #[pyo3(signature = (text, role = "prompt", vault = None))]
    fn check(&self, py: Python<'_>, text: &str, role: &str, vault: Option<&Bound<'_, Vault>>) -> PyResult<Decision> {
        Ok(self.text(py, text, parse_role(py, role)?, vault))
    }

    /// Decides about a text within a session; `origin` is a name that the policy may weigh.
    #[pyo3(signature = (session, text, role = "prompt", origin = None, vault = None))]
    fn check_in(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        text: &str,
        role: &str,
        origin: Option<&str>,
        vault: Option<&Bound<'_, Vault>>,
    ) -> PyResult<Decision> {
        let (session, role) = (session.get(), parse_role(py, role)?);
        let judge = |guard: &guard::Guard, vault: Option<&mut guard::Vault>| {
            guard.check_in(text, role, origin, &session.share(), vault)
        };
        Ok(self.decide(py, vault, judge, |_, found| convert_offsets(text, found, Unit::CodePoints)))
    }

    /// Decides about what a user writes.
    #[pyo3(signature = (text, vault = None))]
    fn check_input(&self, py: Python<'_>, text: &str, vault: Option<&Bound<'_, Vault>>) -> Decision {
        self.text(py, text, TextRole::Prompt, vault)
    }

    /// Decides about what the model writes.
    #[pyo3(signature = (text, vault = None))]
    fn check_output(&self, py: Python<'_>, text: &str, vault: Option<&Bound<'_, Vault>>) -> Decision {
        self.text(py, text, TextRole::Output, vault)
    }

    /// Decides about what a tool returns.
    #[pyo3(signature = (text, vault = None))]
    fn check_tool_result(&self, py: Python<'_>, text: &str, vault: Option<&Bound<'_, Vault>>) -> Decision {
        self.text(py, text, TextRole::ToolResult, vault)
    }

    /// Decides about a call that the model wants to make: the tool's name, and its arguments as JSON-like values.
    #[pyo3(signature = (name, arguments, vault = None, session = None))]
    fn check_tool_call(
        &self,
        py: Python<'_>,
        name: &str,
        arguments: &Bound<'_, PyAny>,
        vault: Option<&Bound<'_, Vault>>,
        session: Option<&Bound<'_, Session>>,
    ) -> PyResult<Decision> {
        let arguments = dumps(arguments)?;
        Ok(self.document(py, &arguments, vault, session, |guard, session, vault| {
            guard.check_tool_call_in(name, &arguments, session, vault)
        }))
    }

    /// Decides about a conversation: mappings with `role` and `content`.
    #[pyo3(signature = (messages, vault = None, session = None))]
    fn check_messages(
        &self,
        py: Python<'_>,
        messages: &Bound<'_, PyAny>,
        vault: Option<&Bound<'_, Vault>>,
        session: Option<&Bound<'_, Session>>,
    ) -> PyResult<Decision> {
        let document = dumps(messages)?;
        let messages: Vec<Message> =
            serde_json::from_value(document.clone()).map_err(|error| raise(py, &error.into()))?;
        Ok(self.document(py, &document, vault, session, |guard, session, vault| {
            guard.check_messages_in(&messages, session, vault)
        }))
    }

    /// `check` in a thread.
    #[pyo3(signature = (text, role = "prompt", vault = None))]
    fn acheck<'py>(
        slf: &Bound<'py, Self>,
        text: &str,
        role: &str,
        vault: Option<Bound<'py, Vault>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "check", (text, role, vault))
    }

    /// `check_in` in a thread.
    #[pyo3(signature = (session, text, role = "prompt", origin = None, vault = None))]
    fn acheck_in<'py>(
        slf: &Bound<'py, Self>,
        session: Bound<'py, Session>,
        text: &str,
        role: &str,
        origin: Option<&str>,
        vault: Option<Bound<'py, Vault>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "check_in", (session, text, role, origin, vault))
    }

    /// `check_input` in a thread.
    #[pyo3(signature = (text, vault = None))]
    fn acheck_input<'py>(
        slf: &Bound<'py, Self>,
        text: &str,
        vault: Option<Bound<'py, Vault>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "check_input", (text, vault))
    }

    /// `check_output` in a thread.
    #[pyo3(signature = (text, vault = None))]
    fn acheck_output<'py>(
        slf: &Bound<'py, Self>,
        text: &str,
        vault: Option<Bound<'py, Vault>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "check_output", (text, vault))
    }

    /// `check_tool_result` in a thread.
    #[pyo3(signature = (text, vault = None))]
    fn acheck_tool_result<'py>(
        slf: &Bound<'py, Self>,
        text: &str,
        vault: Option<Bound<'py, Vault>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "check_tool_result", (text, vault))
    }

    /// `check_tool_call` in a thread.
    #[pyo3(signature = (name, arguments, vault = None, session = None))]
    fn acheck_tool_call<'py>(
        slf: &Bound<'py, Self>,
        name: &str,
        arguments: Bound<'py, PyAny>,
        vault: Option<Bound<'py, Vault>>,
        session: Option<Bound<'py, Session>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "check_tool_call", (name, arguments, vault, session))
    }

    /// `check_messages` in a thread.
    #[pyo3(signature = (messages, vault = None, session = None))]
    fn acheck_messages<'py>(
        slf: &Bound<'py, Self>,
        messages: Bound<'py, PyAny>,
        vault: Option<Bound<'py, Vault>>,
        session: Option<Bound<'py, Session>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_thread(slf, "check_messages", (messages, vault, session))
    }
}

impl Guard {
    fn text(&self, py: Python<'_>, text: &str, role: TextRole, vault: Option<&Bound<'_, Vault>>) -> Decision {
        let judge = |guard: &guard::Guard, vault: Option<&mut guard::Vault>| match vault {
            Some(vault) => guard.check_with(text, role, vault),
            None => guard.check(text, role),
        };
        self.decide(py, vault, judge, |_, found| convert_offsets(text, found, Unit::CodePoints))
    }

    fn document(
        &self,
        py: Python<'_>,
        document: &Value,
        vault: Option<&Bound<'_, Vault>>,
        session: Option<&Bound<'_, Session>>,
        judge: impl Send + FnOnce(&guard::Guard, &guard::Session, Option<&mut guard::Vault>) -> guard::Decision,
    ) -> Decision {
        let session = session.map(Bound::get);
        let judge = |guard: &guard::Guard, vault: Option<&mut guard::Vault>| match session {
            Some(session) => judge(guard, &session.share(), vault),
            None => judge(guard, &guard::Session::new(), vault),
        };
        let place = |pointers: &[String], found: &mut [Match]| {
            convert_offsets_within(document, pointers, found, Unit::CodePoints);
        };
        self.decide(py, vault, judge, place)
    }

    fn decide(
        &self,
        py: Python<'_>,
        vault: Option<&Bound<'_, Vault>>,
        judge: impl Send + FnOnce(&guard::Guard, Option<&mut guard::Vault>) -> guard::Decision,
        place: impl Send + FnOnce(&[String], &mut [Match]),
    ) -> Decision {
        let vault = vault.map(Bound::get);
        py.detach(|| {
            let mut decision = match vault {
                Some(vault) => vault.change(|vault| judge(&self.inner, Some(vault))),
                None => judge(&self.inner, None),
            };
            place(&decision.pointers, &mut decision.findings);
            decision
        })
        .into()
    }
}

/// What is given beside a policy.
struct Own<'k> {
    key: Option<&'k [u8]>,
    allow_hosts: Option<Vec<String>>,
    block_hosts: Option<Vec<String>>,
    sinks: Option<Vec<String>>,
    gitleaks_rules: Option<Vec<PathBuf>>,
    known_data: Option<Vec<PathBuf>>,
    known_key: Option<&'k [u8]>,
    sensitivity: Option<&'k str>,
}

impl Own<'_> {
    fn build(self, policy: Policy) -> Result<guard::Guard> {
        let hosts = |listed: Option<Vec<String>>| HostList::parse(&listed.unwrap_or_default().join("\n"));
        let lists = HostLists::new(hosts(self.allow_hosts), hosts(self.block_hosts));
        let mut builder = guard::Guard::builder().policy(policy).hosts(lists);
        if let Some(key) = self.key {
            builder = builder.key(Key::new(key)?);
        }
        if let Some(sensitivity) = self.sensitivity {
            builder = builder.sensitivity(sensitivity.parse()?);
        }
        for sink in self.sinks.iter().flatten() {
            builder = builder.sink(sink.parse()?);
        }
        for file in self.gitleaks_rules.iter().flatten() {
            let text = std::fs::read_to_string(file).map_err(|error| Error::unreadable(file, error))?;
            builder = builder.gitleaks_rules(file, text);
        }
        if let Some(indexes) = self.known_data {
            let secret = self.known_key.map_or_else(|| KeySource::default().read(), |key| Ok(key.to_vec()))?;
            let key = known::Key::new(secret)?;
            for index in indexes {
                builder = builder.known_data(Arc::new(KnownData::from_file(index, &key)?));
            }
        }
        builder.build()
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
