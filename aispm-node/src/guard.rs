//! `Guard`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aispm_core::asset::TextRole;
use aispm_core::guard::{self, Key, KeySource, Message, Policy};
use aispm_core::text::known::{self, KnownData};
use aispm_core::text::sensitive::{HostList, HostLists};
use aispm_core::text::{convert_offsets, convert_offsets_within};
use aispm_core::{Error, Result};
use napi::Env;
use napi::bindgen_prelude::{AsyncTask, Uint8Array};
use napi_derive::napi;
use serde_json::Value;

use crate::convert::document;
use crate::session::{self, Session};
use crate::task::{Call, promise, sync};
use crate::text::{Match, place};
use crate::vault::{Shared, Vault};

/// What a guard says about one text.
#[napi]
#[derive(Debug)]
pub struct Decision {
    inner: guard::Decision,
    findings: Vec<Match>,
}

#[napi]
impl Decision {
    /// What to do: `allow`, `warn`, `redact` or `block`.
    #[napi(getter, ts_return_type = "Action")]
    pub fn action(&self) -> String {
        self.inner.action.to_string()
    }

    /// Every match before overlaps are resolved.
    #[napi(getter)]
    pub fn findings(&self) -> Vec<Match> {
        self.findings.clone()
    }

    /// For messages and tool calls: the JSON pointer of the string that each finding's offsets are into. For names of
    /// fields it is that of the object, and offsets are into its names, sorted by code points, one a line.
    #[napi(getter)]
    pub fn pointers(&self) -> Vec<String> {
        self.inner.pointers.clone()
    }

    /// The text with everything replaced that is to be redacted.
    #[napi(getter)]
    pub fn text(&self) -> String {
        self.inner.text.clone()
    }

    /// Why the action is not `allow`, one line each.
    #[napi(getter)]
    pub fn reasons(&self) -> Vec<String> {
        self.inner.reasons.clone()
    }

    /// Probabilities by detector, 0 to 1.
    #[napi(getter)]
    pub fn scores(&self) -> BTreeMap<String, f64> {
        self.inner.scores.clone()
    }

    /// How long it took, in milliseconds.
    #[napi(getter)]
    pub fn latency(&self) -> Option<f64> {
        self.inner.latency.map(|latency| latency.as_secs_f64() * 1e3)
    }

    /// The JSON document: snake_case, offsets in code points.
    #[napi(js_name = "toJSON", ts_return_type = "Record<string, unknown>")]
    pub fn to_json(&self) -> Value {
        document(&self.inner)
    }
}

/// A decision in the making: pieces in, what may be shown out.
#[napi]
#[derive(Debug)]
pub struct GuardStream {
    /// None once it has ended.
    inner: Option<guard::GuardStream<'static>>,
    /// All that was given, for offsets.
    given: String,
}

#[napi]
impl GuardStream {
    /// Takes the next piece; gives what can be let go, sanitised. Nothing once a finding blocks or it has ended.
    #[napi]
    pub fn push(&mut self, piece: String) -> String {
        self.given.push_str(&piece);
        self.inner.as_mut().map(|stream| stream.push(&piece)).unwrap_or_default()
    }

    /// Whether a finding blocked, so that nothing more is let go.
    #[napi(getter)]
    pub fn is_stopped(&self) -> bool {
        self.inner.as_ref().is_none_or(guard::GuardStream::is_stopped)
    }

    /// Ends the text: the decision about all of it, whose `text` is what was still held back, sanitised.
    #[napi]
    pub fn finish(&mut self) -> Option<Decision> {
        let mut inner = self.inner.take()?.finish();
        let findings = place(&mut inner.findings, |found, unit| convert_offsets(&self.given, found, unit));
        Some(Decision { inner, findings })
    }
}

/// What a guard is given beside its policy; paths count from the working folder.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct GuardOptions {
    /// Hosts that are never suspect, each with all below it.
    pub allow_hosts: Option<Vec<String>>,
    /// Hosts that are always reported.
    pub block_hosts: Option<Vec<String>>,
    /// Where the model's output goes: interpreters that it must not reach as more than text.
    #[napi(ts_type = "Array<Sink>")]
    pub sinks: Option<Vec<String>>,
    /// Files of rules in the format of gitleaks.
    pub gitleaks_rules: Option<Vec<String>>,
    /// Indexes of data sets to know, made by `aispm fingerprint`.
    pub known_data: Option<Vec<String>>,
    /// Their key; `AISPM_KNOWN_KEY` in the environment without it.
    pub known_key: Option<Uint8Array>,
    /// How readily injections are reported where the policy does not say.
    #[napi(ts_type = "Sensitivity")]
    pub sensitivity: Option<String>,
}

/// Decides about texts. Built once, used for as many as there are.
#[napi]
#[derive(Debug)]
pub struct Guard {
    inner: guard::Guard,
}

/// Declares a check with its two forms: a promise, and `…Sync`. Each can have a vault.
macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident / $sync:ident ($($argument:ident: $type:ty),*), $ts:literal => $judge:expr;)+) => {
        #[napi]
        impl Guard {
            $(
                $(#[$doc])*
                #[napi(ts_args_type = $ts, ts_return_type = "Promise<Decision>")]
                pub fn $name(&self, $($argument: $type,)* vault: Option<&Vault>) -> AsyncTask<Call<Decision>> {
                    let (guard, vault) = (self.inner.clone(), vault.map(|vault| vault.shared.clone()));
                    promise(move || ($judge)(&guard, vault.as_ref(), $($argument),*))
                }

                /// The same on this thread.
                #[napi(ts_args_type = $ts)]
                pub fn $sync(&self, env: &Env, $($argument: $type,)* vault: Option<&Vault>) -> napi::Result<Decision> {
                    sync(env, ($judge)(&self.inner, vault.map(|vault| &vault.shared), $($argument),*))
                }
            )+
        }
    };
}

checks! {
    /// Decides about a text in its role.
    check / check_sync(text: String, role: Option<String>), "text: string, role?: TextRole, vault?: Vault" => by_name;
    /// Decides about what a user writes.
    check_input / check_input_sync(text: String), "text: string, vault?: Vault"
        => |guard, vault, text| check(guard, vault, text, TextRole::Prompt);
    /// Decides about what the model writes.
    check_output / check_output_sync(text: String), "text: string, vault?: Vault"
        => |guard, vault, text| check(guard, vault, text, TextRole::Output);
    /// Decides about what a tool returns.
    check_tool_result / check_tool_result_sync(text: String), "text: string, vault?: Vault"
        => |guard, vault, text| check(guard, vault, text, TextRole::ToolResult);
}

#[napi]
impl Guard {
    /// Decides about a text within a session; `origin` is a name that the policy may weigh.
    #[napi(
        ts_args_type = "session: Session, text: string, role?: TextRole, origin?: string, vault?: Vault",
        ts_return_type = "Promise<Decision>"
    )]
    pub fn check_in(
        &self,
        session: &Session,
        text: String,
        role: Option<String>,
        origin: Option<String>,
        vault: Option<&Vault>,
    ) -> AsyncTask<Call<Decision>> {
        let (guard, session) = (self.inner.clone(), session.shared.clone());
        let vault = vault.map(|vault| vault.shared.clone());
        promise(move || check_in(&guard, &session, vault.as_ref(), &text, role.as_deref(), origin.as_deref()))
    }

    /// The same on this thread.
    #[napi(ts_args_type = "session: Session, text: string, role?: TextRole, origin?: string, vault?: Vault")]
    pub fn check_in_sync(
        &self,
        env: &Env,
        session: &Session,
        text: String,
        role: Option<String>,
        origin: Option<String>,
        vault: Option<&Vault>,
    ) -> napi::Result<Decision> {
        let vault = vault.map(|vault| &vault.shared);
        sync(env, check_in(&self.inner, &session.shared, vault, &text, role.as_deref(), origin.as_deref()))
    }

    /// Decides about a call that the model wants to make.
    #[napi(
        ts_args_type = "name: string, arguments: unknown, vault?: Vault, session?: Session",
        ts_return_type = "Promise<Decision>"
    )]
    pub fn check_tool_call(
        &self,
        name: String,
        arguments: Value,
        vault: Option<&Vault>,
        session: Option<&Session>,
    ) -> AsyncTask<Call<Decision>> {
        let (guard, around) = (self.inner.clone(), Around::new(vault, session));
        promise(move || Ok(tool_call(&guard, &around, &name, &arguments)))
    }

    /// The same on this thread.
    #[napi(ts_args_type = "name: string, arguments: unknown, vault?: Vault, session?: Session")]
    pub fn check_tool_call_sync(
        &self,
        name: String,
        arguments: Value,
        vault: Option<&Vault>,
        session: Option<&Session>,
    ) -> Decision {
        tool_call(&self.inner, &Around::new(vault, session), &name, &arguments)
    }

    /// Decides about a conversation.
    #[napi(
        ts_args_type = "messages: Array<{ role: string; content: string }>, vault?: Vault, session?: Session",
        ts_return_type = "Promise<Decision>"
    )]
    pub fn check_messages(
        &self,
        messages: Value,
        vault: Option<&Vault>,
        session: Option<&Session>,
    ) -> AsyncTask<Call<Decision>> {
        let (guard, around) = (self.inner.clone(), Around::new(vault, session));
        promise(move || messages_of(&guard, &around, &messages))
    }

    /// The same on this thread.
    #[napi(ts_args_type = "messages: Array<{ role: string; content: string }>, vault?: Vault, session?: Session")]
    pub fn check_messages_sync(
        &self,
        env: &Env,
        messages: Value,
        vault: Option<&Vault>,
        session: Option<&Session>,
    ) -> napi::Result<Decision> {
        sync(env, messages_of(&self.inner, &Around::new(vault, session), &messages))
    }

    /// The guard with the built-in policy.
    #[napi(js_name = "default")]
    pub fn builtin(env: &Env, options: Option<GuardOptions>) -> napi::Result<Self> {
        sync(env, options.unwrap_or_default().build(guard::Guard::builtin().policy().clone(), None))
    }

    /// A guard of this YAML file, with the secret of its operators `hash`, `fake` and `encrypt`.
    #[napi]
    pub fn from_file(env: &Env, path: String, key: Option<&[u8]>, options: Option<GuardOptions>) -> napi::Result<Self> {
        sync(env, Policy::from_file(path).and_then(|policy| options.unwrap_or_default().build(policy, key)))
    }

    /// A guard of this YAML text, with the secret of its operators `hash`, `fake` and `encrypt`.
    #[napi]
    pub fn from_yaml(env: &Env, text: String, key: Option<&[u8]>, options: Option<GuardOptions>) -> napi::Result<Self> {
        sync(env, Policy::from_yaml(&text).and_then(|policy| options.unwrap_or_default().build(policy, key)))
    }

    /// What of the files of rules could not be taken over, and why.
    #[napi(getter)]
    pub fn problems(&self) -> Vec<String> {
        self.inner.problems().iter().map(ToString::to_string).collect()
    }

    /// Begins to decide about a text that arrives in pieces, `output` unless a role is given; `stream` is made of it.
    /// `origin` is a name that the policy may weigh in a session.
    #[napi(ts_args_type = "role?: TextRole, session?: Session, origin?: string")]
    pub fn begin(
        &self,
        env: &Env,
        role: Option<String>,
        session: Option<&Session>,
        origin: Option<String>,
    ) -> napi::Result<GuardStream> {
        let role = sync(env, role.map_or(Ok(TextRole::Output), |role| role.parse()))?;
        let stream = match session {
            Some(session) => self.inner.stream_in(role, origin.as_deref(), &session.shared.share(), None),
            None => self.inner.stream(role),
        };
        Ok(GuardStream { inner: Some(stream), given: String::new() })
    }

    /// What the operator `encrypt` hid.
    #[napi]
    pub fn decrypt(&self, env: &Env, text: String) -> napi::Result<String> {
        sync(env, self.inner.decrypt(&text))
    }
}

impl fmt::Debug for GuardOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardOptions").finish_non_exhaustive()
    }
}

impl GuardOptions {
    fn build(self, policy: Policy, key: Option<&[u8]>) -> Result<Guard> {
        let hosts = |listed: Option<Vec<String>>| HostList::parse(&listed.unwrap_or_default().join("\n"));
        let lists = HostLists::new(hosts(self.allow_hosts), hosts(self.block_hosts));
        let mut builder = guard::Guard::builder().policy(policy).hosts(lists);
        if let Some(key) = key {
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
        Ok(Guard { inner: builder.build()? })
    }
}

fn by_name(guard: &guard::Guard, vault: Option<&Shared>, text: String, role: Option<String>) -> Result<Decision> {
    check(guard, vault, text, role.map_or(Ok(TextRole::Prompt), |role| role.parse())?)
}

fn check(guard: &guard::Guard, vault: Option<&Shared>, text: String, role: TextRole) -> Result<Decision> {
    let mut inner = match vault {
        Some(vault) => vault.change(|vault| guard.check_with(&text, role, vault)),
        None => guard.check(&text, role),
    };
    let findings = place(&mut inner.findings, |found, unit| convert_offsets(&text, found, unit));
    Ok(Decision { inner, findings })
}

fn check_in(
    guard: &guard::Guard,
    session: &session::Shared,
    vault: Option<&Shared>,
    text: &str,
    role: Option<&str>,
    origin: Option<&str>,
) -> Result<Decision> {
    let role = role.map_or(Ok(TextRole::Prompt), str::parse)?;
    let mut inner = match vault {
        Some(vault) => vault.change(|vault| guard.check_in(text, role, origin, &session.share(), Some(vault))),
        None => guard.check_in(text, role, origin, &session.share(), None),
    };
    let findings = place(&mut inner.findings, |found, unit| convert_offsets(text, found, unit));
    Ok(Decision { inner, findings })
}

/// What is given beside messages and calls.
struct Around {
    vault: Option<Shared>,
    session: session::Shared,
}

impl Around {
    fn new(vault: Option<&Vault>, session: Option<&Session>) -> Self {
        let session = session.map(|session| session.shared.clone()).unwrap_or_default();
        Self { vault: vault.map(|vault| vault.shared.clone()), session }
    }

    fn judge(
        &self,
        judge: impl FnOnce(&guard::Session, Option<&mut guard::Vault>) -> guard::Decision,
    ) -> guard::Decision {
        match &self.vault {
            Some(vault) => vault.change(|vault| judge(&self.session.share(), Some(vault))),
            None => judge(&self.session.share(), None),
        }
    }
}

fn tool_call(guard: &guard::Guard, around: &Around, name: &str, arguments: &Value) -> Decision {
    within(arguments, around.judge(|session, vault| guard.check_tool_call_in(name, arguments, session, vault)))
}

fn messages_of(guard: &guard::Guard, around: &Around, messages: &Value) -> Result<Decision> {
    let parsed: Vec<Message> = serde_json::from_value(messages.clone())?;
    Ok(within(messages, around.judge(|session, vault| guard.check_messages_in(&parsed, session, vault))))
}

fn within(document: &Value, mut inner: guard::Decision) -> Decision {
    let guard::Decision { findings, pointers, .. } = &mut inner;
    let findings = place(findings, |found, unit| convert_offsets_within(document, pointers, found, unit));
    Decision { inner, findings }
}
