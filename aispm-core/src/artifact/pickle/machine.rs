//! The machine: follows a pickle as CPython's unpickler would, with symbols for values. It goes on where Python would
//! stop, unless told to be strict, so that what other readers would run is seen too.

use std::borrow::Cow;
use std::collections::HashMap;

use super::callable::Callables;
use super::opcode::{Broken, Op, Reader};
use super::value::{Arena, Id, Node};
use crate::artifact::rule::Rule;
use crate::artifact::scan::Scan;

/// CPython keeps the memo in an array as long as its largest index: past this, times the bytes there are, it is an attack.
const MEMO_FLOOR: u64 = 1 << 22;
/// Open marks; honest nesting ends at Python's recursion limit.
const MARK_LIMIT: usize = 20_000;
/// Nesting of values, likewise.
const DEPTH_LIMIT: u32 = 10_000;
/// Values inside a value, shared ones counted each time.
const SIZE_LIMIT: u64 = 1 << 40;
/// Digits of a decimal integer, whose conversion is quadratic.
const DIGIT_LIMIT: usize = 20_000;
/// A declared length beyond the file and beyond this is meant to exhaust memory.
const DECLARED_LIMIT: u64 = 1 << 30;
/// Values kept.
const NODE_LIMIT: usize = 20_000_000;

/// How a stream ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    /// Where the next byte stands.
    pub(super) end: usize,
    /// STOP was reached with a value to give.
    pub(super) stopped: bool,
    /// Python would have failed here.
    pub(super) broken_at: Option<usize>,
    pub(super) operations: u64,
    /// Names that Python could import.
    pub(super) globals: u32,
    /// Names that Python could not import.
    pub(super) odd_globals: u32,
    pub(super) calls: u32,
    /// Calls and references that are known to do harm.
    pub(super) harms: u32,
    /// Calls of what the lists deny, and detours to it: what chance does not write.
    pub(super) grave: u32,
    /// Raw arrays stand between the operations.
    pub(super) arrays: u32,
}

pub(super) struct Machine<'a, 's> {
    pub(super) values: Arena<'a>,
    pub(super) scan: &'s mut Scan,
    pub(super) callables: &'static Callables,
    pub(super) outcome: Outcome,
    pub(super) extensions: HashMap<u64, (String, String)>,
    /// Names seen and not called so far, with their offset.
    pub(super) named: Vec<(String, usize)>,
    reader: Reader<'a>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
    strict: bool,
    protocol: u8,
}

impl<'a, 's> Machine<'a, 's> {
    pub(super) fn new(scan: &'s mut Scan, bytes: &'a [u8], at: usize, strict: bool) -> Self {
        Self {
            values: Arena::new(),
            scan,
            callables: Callables::builtin(),
            outcome: Outcome::default(),
            extensions: HashMap::new(),
            named: Vec::new(),
            reader: Reader { bytes, at },
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            strict,
            protocol: 0,
        }
    }

    /// Follows one stream to its STOP or until nothing more can be read. Linear in the bytes it covers.
    pub(super) fn run(mut self) -> Outcome {
        loop {
            let at = self.reader.at;
            if self.scan.budget.steps == 0 {
                self.scan.unread("the pickle needs more work than the budget allows");
                break;
            }
            let op = match self.reader.next() {
                Ok(op) => op,
                Err(broken) => {
                    if let Broken::Declared(len) = broken
                        && len > DECLARED_LIMIT
                    {
                        self.costly(at, "declared length", "a string is declared far longer than the file");
                    }
                    self.outcome.broken_at.get_or_insert(at);
                    break;
                }
            };
            let cost = 1 + (self.reader.at.saturating_sub(at) as u64) / 32;
            self.scan.budget.steps = self.scan.budget.steps.saturating_sub(cost);
            self.outcome.operations += 1;
            if op == Op::Stop {
                self.outcome.stopped = !self.stack.is_empty();
                break;
            }
            self.step(op, at);
            if self.strict && self.outcome.broken_at.is_some() {
                break;
            }
            if self.values.len() > NODE_LIMIT {
                self.scan.unread("the pickle holds more values than the budget allows");
                break;
            }
        }
        self.outcome.end = self.reader.at;
        self.judge_named();
        self.outcome
    }

    fn step(&mut self, op: Op<'a>, at: usize) {
        match op {
            Op::Proto(version) => self.protocol = version,
            // a frame is a hint about buffering: its length binds no reader that we know
            Op::Frame(_) | Op::Stop | Op::ReadonlyBuffer => {}
            Op::Plain | Op::PersistentText | Op::NextBuffer => self.push(0),
            Op::Int(value) => self.push_node(Node::Int(value)),
            Op::LongDecimal(digits) => {
                if digits > DIGIT_LIMIT {
                    self.costly(at, "decimal integer", format!("an integer of {digits} decimal digits"));
                }
                self.push(0);
            }
            Op::LongBinary(len) => {
                if len > 1 << 20 {
                    self.costly(at, "binary integer", format!("an integer of {len} bytes"));
                }
                self.push(0);
            }
            Op::Text(text) => {
                super::stream::nested_text(self.scan, &text, at);
                self.push_node(Node::Text(text));
            }
            Op::Bytes(bytes) => {
                super::stream::nested_bytes(self.scan, bytes, at);
                self.push_node(Node::Bytes(bytes));
            }
            Op::EmptyList | Op::EmptyTuple | Op::EmptySet => self.push_node(Node::Sequence(Vec::new())),
            Op::EmptyDict => self.push_node(Node::Dict(Vec::new())),
            Op::Mark => {
                self.marks.push(self.stack.len());
                if self.marks.len() == MARK_LIMIT {
                    self.costly(at, "marks", format!("more than {MARK_LIMIT} marks are open"));
                }
            }
            Op::Pop => {
                // POP takes the mark itself when nothing stands above it
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop(at);
                }
            }
            Op::PopMark => drop(self.pop_mark(at)),
            Op::Dup => {
                let top = self.top(at);
                self.push(top);
            }
            Op::Append => {
                let item = self.pop(at);
                self.append(&[item], at);
            }
            Op::Appends | Op::AddItems => {
                let items = self.pop_mark(at);
                self.append(&items, at);
            }
            Op::List | Op::Tuple | Op::FrozenSet => {
                let items = self.pop_mark(at);
                self.push_sequence(&items, at);
            }
            Op::TupleOf(n) => {
                let mut items: Vec<Id> = (0..n).map(|_| self.pop(at)).collect();
                items.reverse();
                self.push_sequence(&items, at);
            }
            Op::Dict => {
                let items = self.pop_mark(at);
                self.push_node(Node::Dict(Vec::new()));
                self.set_items(&items, at);
            }
            Op::SetItem => {
                let (value, key) = (self.pop(at), self.pop(at));
                self.set_items(&[key, value], at);
            }
            Op::SetItems => {
                let items = self.pop_mark(at);
                self.set_items(&items, at);
            }
            Op::Get(index) => match self.memo.get(&index) {
                Some(id) => self.push(*id),
                None => {
                    self.broken(at);
                    self.push(0);
                }
            },
            Op::Put(index) => self.put(index, at),
            Op::Memoize => self.put(self.memo.len() as u64, at),
            Op::Global(module, name) => {
                let id = self.import(&module, &name, at);
                self.push(id);
            }
            Op::StackGlobal => {
                let (name, module) = (self.pop(at), self.pop(at));
                let id = self.import_computed(module, name, at);
                self.push(id);
            }
            Op::Inst(module, name) => {
                let items = self.pop_mark(at);
                let args = self.values.sequence(&items);
                let callee = self.import(&module, &name, at);
                self.call_and_push(callee, args, at);
            }
            Op::Object => {
                let items = self.pop_mark(at);
                let callee = items.first().copied().unwrap_or_default();
                let args = self.values.sequence(items.get(1..).unwrap_or_default());
                self.call_and_push(callee, args, at);
            }
            Op::Reduce | Op::NewObject => {
                let (args, callee) = (self.pop(at), self.pop(at));
                self.call_and_push(callee, args, at);
            }
            Op::NewObjectEx => {
                let (_, args, callee) = (self.pop(at), self.pop(at), self.pop(at));
                self.call_and_push(callee, args, at);
            }
            Op::Build => {
                let state = self.pop(at);
                let object = self.top(at);
                self.build(object, state, at);
                self.skip_array(object);
            }
            Op::Extension(code) => {
                let known = self.extensions.get(&code).cloned();
                let id = match known {
                    Some((module, name)) => self.import(&module, &name, at),
                    None => self.values.add(Node::Extension(code)),
                };
                self.push(id);
            }
            Op::Persistent => {
                self.pop(at);
                self.push(0);
            }
        }
    }

    /// Notes where Python would have failed.
    pub(super) fn broken(&mut self, at: usize) {
        self.outcome.broken_at.get_or_insert(at);
    }

    pub(super) fn costly(&mut self, at: usize, detail: &str, message: impl Into<String>) {
        self.outcome.harms += 1;
        self.scan.found(Rule::DenialOfService, Some(at), detail, message);
    }

    pub(super) fn python2(&self) -> bool {
        self.protocol < 3
    }

    fn push(&mut self, id: Id) {
        self.stack.push(id);
    }

    fn push_node(&mut self, node: Node<'a>) {
        let id = self.values.add(node);
        self.push(id);
    }

    fn push_sequence(&mut self, items: &[Id], at: usize) {
        let id = self.values.sequence(items);
        self.check_extent(id, at);
        self.push(id);
    }

    fn check_extent(&mut self, id: Id, at: usize) {
        let extent = self.values.extent(id);
        if extent.depth > DEPTH_LIMIT {
            self.costly(at, "nesting", format!("values nest more than {DEPTH_LIMIT} deep"));
        } else if extent.size > SIZE_LIMIT {
            self.costly(at, "shared values", "values share each other so that to walk them takes for ever");
        }
    }

    fn pop(&mut self, at: usize) -> Id {
        // what lies below an open mark is out of reach
        if self.marks.last().is_some_and(|mark| *mark >= self.stack.len()) {
            self.broken(at);
            return 0;
        }
        self.stack.pop().unwrap_or_else(|| {
            self.outcome.broken_at.get_or_insert(at);
            0
        })
    }

    fn top(&mut self, at: usize) -> Id {
        self.stack.last().copied().unwrap_or_else(|| {
            self.outcome.broken_at.get_or_insert(at);
            0
        })
    }

    fn pop_mark(&mut self, at: usize) -> Vec<Id> {
        let mark = self.marks.pop().unwrap_or_else(|| {
            self.outcome.broken_at.get_or_insert(at);
            0
        });
        self.stack.split_off(mark.min(self.stack.len()))
    }

    fn put(&mut self, index: u64, at: usize) {
        let ceiling = MEMO_FLOOR.max(self.reader.bytes.len() as u64);
        if index > ceiling {
            self.costly(at, "memo index", format!("memo index {index} makes the reader allocate an array as long"));
        }
        let top = self.top(at);
        self.memo.insert(index, top);
    }

    fn append(&mut self, items: &[Id], at: usize) {
        let list = self.top(at);
        self.refuse_change(list, at);
        self.values.extend(list, items);
        self.check_extent(list, at);
    }

    fn set_items(&mut self, items: &[Id], at: usize) {
        let dict = self.top(at);
        self.refuse_change(dict, at);
        self.values.update(dict, items);
        self.check_extent(dict, at);
    }

    fn call_and_push(&mut self, callee: Id, args: Id, at: usize) {
        let result = self.call(callee, args, at);
        self.push(result);
    }

    /// joblib writes an array's bytes right after the BUILD of its wrapper.
    fn skip_array(&mut self, wrapper: Id) {
        if self.values.maker(wrapper).as_deref() != Some("joblib.numpy_pickle.NumpyArrayWrapper") {
            return;
        }
        let Node::Called(_, _, state) = *self.values.node(wrapper) else { return };
        let Some(kind) = self.values.value(state, "dtype").and_then(|dtype| self.type_code(dtype)) else { return };
        self.outcome.arrays += 1;
        if kind.contains('O') {
            // an array of objects is a pickle of its own, then this one goes on
            let (bytes, at, strict) = (self.reader.bytes, self.reader.at, self.strict);
            let mut inner = Outcome { end: bytes.len(), ..Outcome::default() };
            self.scan.inside("object array", |scan| inner = Machine::new(scan, bytes, at, strict).run());
            self.outcome.harms += inner.harms;
            self.outcome.grave += inner.grave;
            self.outcome.calls += inner.calls;
            self.outcome.globals += inner.globals;
            self.reader.at = inner.end;
            return;
        }
        let width = |digits: &str| digits.parse::<u64>().ok();
        let digits = kind.trim_start_matches(|c: char| !c.is_ascii_digit());
        let size = width(digits).unwrap_or(1).saturating_mul(if kind.contains('U') { 4 } else { 1 });
        let shape = self.values.value(state, "shape").map(|shape| self.values.items(shape)).unwrap_or_default();
        let count = shape
            .iter()
            .map(|side| self.values.int(*side).and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
            .fold(1, u64::saturating_mul);
        let aligned = self.values.value(state, "numpy_array_alignment_bytes").is_some_and(|id| id != 0);
        let mut ahead = self.reader;
        let padding = if aligned { ahead.take(1).ok().and_then(|b| b.first().copied()).unwrap_or(0) } else { 0 };
        if ahead.take(u64::from(padding)).and_then(|_| ahead.take(count.saturating_mul(size))).is_ok() {
            self.reader = ahead;
        }
    }

    /// `f8` of `numpy.dtype('f8', False, True)`.
    fn type_code(&self, dtype: Id) -> Option<Cow<'a, str>> {
        let Node::Called(_, args, _) = self.values.node(dtype) else { return None };
        match self.values.node(self.values.item(*args, 0)?) {
            Node::Text(code) => Some(code.clone()),
            _ => None,
        }
    }
}
