//! What the machine makes of imports, calls and state: the verdicts.

use std::borrow::Cow;

use super::callable::{Grade, Standing, is_class};
use super::machine::Machine;
use super::value::{Id, Node};
use crate::artifact::rule::Rule;
use crate::artifact::scan::lossy;
use crate::asset::Severity;

/// The longest text joined or searched for payloads.
const TEXT_LIMIT: usize = 4096;

impl<'a> Machine<'a, '_> {
    /// GLOBAL and INST: names that stand in the stream.
    pub(super) fn import(&mut self, module: &str, name: &str, at: usize) -> Id {
        let (module, name) =
            if self.python2() { self.callables.modern(module, name) } else { (module.to_owned(), name.to_owned()) };
        if !importable(&module) || !importable(&name) {
            self.outcome.odd_globals += 1;
            if self.outcome.calls > 0 || self.outcome.globals > 0 {
                let detail = format!("{module}.{name}");
                let message = "names something that Python cannot import as written";
                self.scan.found_as(Rule::PickleDisguise, Severity::Medium, Some(at), &detail, message);
            }
            return self.values.add(Node::Global(Box::new((module, name))));
        }
        self.outcome.globals += 1;
        let full = format!("{module}.{name}");
        let internal = name.split('.').any(is_dunder) && self.callables.standing(&full) != Standing::Allowed;
        let detour =
            name.match_indices('.').filter_map(|(dot, _)| name.get(dot + 1..)).chain([name.as_str()]).find(|rest| {
                name.contains('.')
                    && matches!(self.callables.standing(rest), Standing::Denied(Grade::Code | Grade::Reach, _))
            });
        if let Some(rest) = detour {
            let message = format!("reaches {rest} through the attributes of {module}");
            self.outcome.grave += 1;
            self.harm(Rule::PickleDisguise, at, &full, message);
        } else if internal {
            self.harm(Rule::PickleDisguise, at, &full, "reaches for Python's internals by attribute");
        } else {
            self.named.push((full, at));
        }
        self.values.add(Node::Global(Box::new((module, name))))
    }

    /// STACK_GLOBAL: names that were values before.
    pub(super) fn import_computed(&mut self, module: Id, name: Id, at: usize) -> Id {
        let computed = |id| matches!(self.values.node(id), Node::Called(..) | Node::Global(_));
        if computed(module) || computed(name) {
            let maker = self.values.maker(name).or_else(|| self.values.maker(module)).unwrap_or_default();
            self.harm(Rule::PickleDisguise, at, &maker, "computes the name of what it imports while loading");
            return 0;
        }
        let spelled = |id| match self.values.node(id) {
            Node::Text(text) => Some(text.to_string()),
            Node::Bytes(bytes) => Some(lossy(bytes, TEXT_LIMIT).into_owned()),
            _ => None,
        };
        match (spelled(module), spelled(name)) {
            (Some(module_name), Some(name_text)) => {
                if self.values.text(module).is_none() || self.values.text(name).is_none() {
                    self.broken(at);
                }
                self.import(&module_name, &name_text, at)
            }
            _ => {
                self.broken(at);
                0
            }
        }
    }

    /// REDUCE, NEWOBJ, OBJ, INST: what is called, and what comes of it.
    pub(super) fn call(&mut self, callee: Id, args: Id, at: usize) -> Id {
        self.outcome.calls += 1;
        match self.values.node(callee) {
            Node::Global(path) => {
                let (module, name) = path.as_ref().clone();
                if !importable(&module) || !importable(&name) {
                    return self.values.add(Node::Called(callee, args, 0));
                }
                let full = format!("{module}.{name}");
                if let Some(id) = self.call_known(&full, args, at) {
                    return id;
                }
                self.judge_call(&full, Some(args), at);
            }
            Node::Called(..) => {
                let maker = self.values.maker(callee).unwrap_or_default();
                self.harm(Rule::PickleDangerousCall, at, &maker, "calls what another call returned");
            }
            Node::Extension(code) => {
                let detail = format!("extension {code}");
                self.harm(Rule::PickleDangerousCall, at, &detail, "calls an extension that the file does not define");
            }
            _ => self.broken(at),
        }
        self.values.add(Node::Called(callee, args, 0))
    }

    /// Callables whose effect on names we follow; `None` for all others.
    fn call_known(&mut self, full: &str, args: Id, at: usize) -> Option<Id> {
        let arg = |n| self.values.item(args, n);
        match full {
            "builtins.getattr" => {
                let (object, name) = (arg(0)?, arg(1)?);
                self.forget(full);
                let Some(name) = self.values.text(name).map(str::to_owned) else {
                    self.harm(Rule::PickleDisguise, at, full, "computes the name of an attribute while loading");
                    return Some(0);
                };
                if let Node::Global(path) = self.values.node(object) {
                    let (module, owner) = path.as_ref().clone();
                    return Some(self.import(&module, &format!("{owner}.{name}"), at));
                }
                if is_dunder(&name) {
                    self.harm(Rule::PickleDisguise, at, &name, "reaches for Python's internals by attribute");
                }
                Some(self.values.add(Node::Called(object, args, 0)))
            }
            "builtins.type" if self.values.items(args).len() == 1 => Some(0),
            // how generic types such as `typing.List[int]` are pickled
            "_operator.getitem" | "operator.getitem" => {
                let generic = self.values.global(arg(0)?)?;
                let is_type = generic.starts_with("typing.")
                    || (is_class(&generic) || generic.starts_with("builtins."))
                        && self.callables.standing(&generic) == Standing::Allowed;
                is_type.then(|| {
                    self.forget(full);
                    self.values.add(Node::Called(0, args, 0))
                })
            }
            // how Python pickles `int | str`
            "_functools.reduce" | "functools.reduce" => {
                let by = self.values.global(arg(0)?)?;
                matches!(by.as_str(), "_operator.or_" | "operator.or_").then(|| {
                    self.forget(full);
                    self.values.add(Node::Called(0, args, 0))
                })
            }
            "numpy._core._ufunc_reconstruct" | "numpy.core._ufunc_reconstruct" => {
                let (module, name) = (arg(0)?, arg(1)?);
                Some(self.import_computed(module, name, at))
            }
            "copyreg.add_extension" => {
                let (module, name, code) = (arg(0)?, arg(1)?, arg(2)?);
                let code = u64::try_from(self.values.int(code)?).ok()?;
                let names = (self.values.text(module)?.to_owned(), self.values.text(name)?.to_owned());
                self.extensions.insert(code, names);
                None
            }
            "copyreg._reconstructor" | "copyreg.__newobj__" | "copyreg.__newobj_ex__" => {
                let class = arg(0)?;
                let rest = self.values.items(args).get(1..).unwrap_or_default().to_vec();
                let rest = self.values.sequence(&rest);
                self.forget(full);
                Some(self.call(class, rest, at))
            }
            "functools.partial" | "_functools.partial" | "collections.defaultdict" => {
                let inner = arg(0)?;
                if let Some(inner) = self.values.global(inner) {
                    self.judge_call(&inner, None, at);
                }
                None
            }
            "torch._tensor._rebuild_from_type_v2" | "torch._tensor._rebuild_from_type" => {
                let (inner, inner_args) = (arg(0)?, arg(2)?);
                self.call(inner, inner_args, at);
                None
            }
            "_codecs.encode" => {
                let text = self.values.text(arg(0)?)?.to_owned();
                // how protocols 0 to 2 write bytes
                super::stream::nested_latin(self.scan, &text, at);
                let plain = arg(1).and_then(|id| self.values.text(id)).is_none_or(|name| {
                    ["latin1", "latin-1", "latin_1", "iso-8859-1", "utf-8", "utf8", "ascii"].contains(&name)
                });
                if !plain {
                    self.harm(Rule::PickleDisguise, at, full, "decodes hidden text while loading");
                }
                None
            }
            "builtins.str.join" => {
                let (separator, parts) = (self.values.text(arg(0)?)?.to_owned(), arg(1)?);
                let parts: Option<Vec<&str>> =
                    self.values.items(parts).iter().map(|id| self.values.text(*id)).collect();
                let joined = parts?.join(&separator);
                self.harm(Rule::PickleDisguise, at, full, "puts text together while loading");
                (joined.len() <= TEXT_LIMIT).then(|| self.values.add(Node::Text(Cow::Owned(joined))))
            }
            _ => None,
        }
    }

    fn judge_call(&mut self, full: &str, args: Option<Id>, at: usize) {
        self.forget(full);
        match self.callables.standing(full) {
            Standing::Allowed => {}
            Standing::Denied(_, what) => {
                self.outcome.grave += 1;
                self.harm(Rule::PickleDangerousCall, at, full, format!("calls {full}, which {what}"));
            }
            Standing::Stdlib => {
                let message = format!("calls {full} of the standard library, which no model needs");
                self.harm(Rule::PickleDangerousCall, at, full, message);
            }
            Standing::Unknown => self.unknown_call(full, args, at),
        }
    }

    fn unknown_call(&mut self, full: &str, args: Option<Id>, at: usize) {
        if let Some(verb) = self.callables.verb(full) {
            let message = format!("calls {full}, whose name says that it does something (“{verb}”)");
            self.harm(Rule::PickleDangerousCall, at, full, message);
        } else if args.is_some_and(|args| self.carries_payload(args)) {
            let message = format!("calls {full} with text that looks like code, a command or an address");
            self.harm(Rule::PickleDangerousCall, at, full, message);
        } else {
            let what = if is_class(full) { "makes an object of" } else { "calls" };
            let message = format!("{what} {full}, which is not known here");
            self.scan.found(Rule::PickleUnknownCall, Some(at), full, message);
        }
    }

    /// Whether an argument, or an item of one, holds text that only code, commands or addresses have.
    fn carries_payload(&self, args: Id) -> bool {
        let mut queue: Vec<(Id, u8)> = vec![(args, 0)];
        let mut seen = 0;
        while let Some((id, depth)) = queue.pop() {
            seen += 1;
            if seen > TEXT_LIMIT {
                break;
            }
            match self.values.node(id) {
                Node::Text(text) if self.callables.payload(text.get(..TEXT_LIMIT).unwrap_or(text)) => return true,
                Node::Bytes(bytes) if self.callables.payload(&lossy(bytes, TEXT_LIMIT)) => return true,
                Node::Sequence(items) if depth < 3 => queue.extend(items.iter().map(|id| (*id, depth + 1))),
                _ => {}
            }
        }
        false
    }

    /// BUILD: gives an object its state.
    pub(super) fn build(&mut self, object: Id, state: Id, at: usize) {
        self.refuse_change(object, at);
        let parts = match self.values.node(state) {
            Node::Dict(_) => vec![state],
            Node::Sequence(items) => items.clone(),
            _ => Vec::new(),
        };
        for part in parts {
            let Node::Dict(pairs) = self.values.node(part) else { continue };
            let hooked = pairs.iter().find(|(key, value)| {
                self.values.text(*key).is_some_and(is_dunder)
                    && matches!(self.values.node(*value), Node::Global(_) | Node::Extension(_))
            });
            if let Some((key, value)) = hooked {
                let key = self.values.text(*key).unwrap_or_default().to_owned();
                let target = self.values.global(*value).unwrap_or_default();
                let message = format!("sets {key} of an object to {target}");
                self.harm(Rule::PickleOverwrite, at, &target, message);
            }
        }
        self.values.set_state(object, state);
    }

    /// Items, attributes or elements put into something imported change it for the whole program.
    pub(super) fn refuse_change(&mut self, object: Id, at: usize) {
        if let Some(full) = self.values.global(object) {
            self.harm(Rule::PickleOverwrite, at, &full, format!("changes {full} itself"));
        }
    }

    /// Names that were imported and never called.
    pub(super) fn judge_named(&mut self) {
        for (full, at) in std::mem::take(&mut self.named) {
            match self.callables.standing(&full) {
                Standing::Denied(Grade::Code, what) => {
                    self.harm(Rule::PickleDangerousReference, at, &full, format!("names {full}, which {what}"));
                }
                Standing::Denied(Grade::Reach, what) => {
                    let message = format!("names {full}, which {what}");
                    let severity = if is_class(&full) { Severity::Low } else { Severity::Medium };
                    self.scan.found_as(Rule::PickleDangerousReference, severity, Some(at), &full, message);
                }
                _ => {}
            }
        }
    }

    fn forget(&mut self, full: &str) {
        self.named.retain(|(name, _)| name != full);
    }

    fn harm(&mut self, rule: Rule, at: usize, detail: &str, message: impl Into<String>) {
        self.outcome.harms += 1;
        self.scan.found(rule, Some(at), detail, message);
    }
}

/// Whether each part of a dotted name is an identifier.
fn importable(dotted: &str) -> bool {
    dotted.split('.').all(|part| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            || part == "<locals>"
            || part == "<lambda>"
    })
}

/// `__name__`, but not the generated `__pyx_…` and `__bit_generator_ctor`.
fn is_dunder(name: &str) -> bool {
    name.len() > 4 && name.starts_with("__") && name.ends_with("__")
}
