//! Where a large JSON document can be cut: between the rows of its lists. One pass over the bytes, block by block, that
//! parses nothing and keeps only places.

use std::ops::Range;

/// Most bytes of a document that are not rows of a list at its top; a document with more is read whole.
const SKELETON_LIMIT: usize = 1 << 20;

/// A list, or an object whose lists are cut into parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The object's members that are no lists, or empty ones, as JSON without the braces around; `None` for a list.
    pub(super) skeleton: Option<String>,
    /// The parts, in order.
    pub(super) parts: Vec<Part>,
    /// Whether the document ends before its lists do.
    pub(super) cut: bool,
}

/// Some rows that follow one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Number of the list's key in [`Splitter::keys`]; `None` where the document is the list.
    key: Option<usize>,
    /// How many rows of the list come before.
    pub(super) first: usize,
    /// The bytes of the rows, commas between them included.
    pub(super) range: Range<u64>,
}

/// Finds the places; feed it the file, then [`finish`](Splitter::finish).
#[derive(Debug)]
pub(super) struct Splitter {
    /// Least bytes of a part but the last of a list.
    size: u64,
    state: State,
    /// Bytes seen before the current block.
    seen: u64,
    /// Keys of the lists, as JSON writes them, without quotes.
    keys: Vec<String>,
    /// The key being read, or the last one read.
    key: Vec<u8>,
    skeleton: Vec<u8>,
    object: bool,
    parts: Vec<Part>,
    /// Of the value being passed over: open brackets, whether in a string, whether after a backslash.
    depth: usize,
    string: bool,
    escaped: bool,
    /// Of the current part: its start, the rows before it, the rows so far, whether it has any.
    start: u64,
    first: usize,
    rows: usize,
    filled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    /// Between the members of the object.
    Between,
    Key,
    Colon,
    Value,
    Member,
    Rows,
    End,
    /// Not a document that can be cut.
    Whole,
}

impl Splitter {
    /// Parts of at least this many bytes.
    pub(super) fn new(size: u64) -> Self {
        Self {
            size,
            state: State::Start,
            seen: 0,
            keys: Vec::new(),
            key: Vec::new(),
            skeleton: Vec::new(),
            object: false,
            parts: Vec::new(),
            depth: 0,
            string: false,
            escaped: false,
            start: 0,
            first: 0,
            rows: 0,
            filled: false,
        }
    }

    /// The next bytes of the file; whether more are wanted.
    pub(super) fn feed(&mut self, block: &[u8]) -> bool {
        let mut rest = block;
        while let Some((&byte, after)) = rest.split_first() {
            let at = self.seen + (block.len() - rest.len()) as u64;
            rest = match self.state {
                State::Rows => self.pass_rows(rest, at),
                State::Whole => return false,
                _ => {
                    self.step(byte, at);
                    after
                }
            };
        }
        self.seen += block.len() as u64;
        self.state != State::Whole
    }

    /// The plan, unless the document must be read whole. `text_of_key` of a part's list comes from [`Plan::wrap`].
    pub(super) fn finish(mut self) -> Option<(Plan, Vec<String>)> {
        let cut = self.state != State::End;
        match self.state {
            State::Start | State::Whole => return None,
            State::Rows => self.close(self.seen),
            // a member that is cut short is no JSON
            State::Member => self.skeleton.clear(),
            _ => {}
        }
        let skeleton = String::from_utf8(self.skeleton).ok()?;
        let plan = Plan { skeleton: self.object.then_some(skeleton), parts: self.parts, cut };
        Some((plan, self.keys))
    }

    fn step(&mut self, byte: u8, at: u64) {
        let space = byte.is_ascii_whitespace();
        match self.state {
            State::Start => match byte {
                b'[' => self.open(None, at + 1),
                b'{' => {
                    self.object = true;
                    self.state = State::Between;
                }
                _ if space => {}
                _ => self.state = State::Whole,
            },
            State::Between => match byte {
                b'"' => {
                    self.key.clear();
                    self.state = State::Key;
                }
                b'}' => self.state = State::End,
                b',' => {}
                _ if space => {}
                _ => self.state = State::Whole,
            },
            State::Key => match byte {
                _ if self.escaped => {
                    self.escaped = false;
                    self.key.push(byte);
                }
                b'"' => self.state = State::Colon,
                _ => {
                    self.escaped = byte == b'\\';
                    self.key.push(byte);
                }
            },
            State::Colon if byte == b':' => self.state = State::Value,
            State::Colon if !space => self.state = State::Whole,
            State::Value if byte == b'[' => match String::from_utf8(std::mem::take(&mut self.key)) {
                Ok(key) => {
                    self.keys.push(key);
                    self.open(Some(self.keys.len() - 1), at + 1);
                }
                Err(_) => self.state = State::Whole,
            },
            State::Value if !space => {
                self.member();
                self.state = State::Member;
                self.step(byte, at);
            }
            State::Member => self.pass_member(byte),
            State::End if !space => self.state = State::Whole,
            _ => {}
        }
        if self.skeleton.len() + self.key.len() > SKELETON_LIMIT {
            self.state = State::Whole;
        }
    }

    /// Starts a member of the skeleton.
    fn member(&mut self) {
        if !self.skeleton.is_empty() {
            self.skeleton.push(b',');
        }
        self.skeleton.push(b'"');
        self.skeleton.extend_from_slice(&self.key);
        self.skeleton.extend_from_slice(b"\":");
    }

    fn pass_member(&mut self, byte: u8) {
        if self.depth == 0 && !self.string && matches!(byte, b',' | b'}') {
            self.state = if byte == b'}' { State::End } else { State::Between };
            return;
        }
        self.skeleton.push(byte);
        if self.escaped {
            self.escaped = false;
            return;
        }
        match byte {
            b'\\' => self.escaped = self.string,
            b'"' => self.string = !self.string,
            b'{' | b'[' if !self.string => self.depth += 1,
            b'}' | b']' if !self.string => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn open(&mut self, key: Option<usize>, start: u64) {
        (self.start, self.first, self.rows, self.filled) = (start, 0, 0, false);
        self.parts.push(Part { key, first: 0, range: start..start });
        self.state = State::Rows;
    }

    /// Ends the current part before this byte and opens the next one of the list.
    fn cut(&mut self, at: u64) {
        let key = self.parts.last().and_then(|part| part.key);
        if let Some(part) = self.parts.last_mut() {
            (part.first, part.range) = (self.first, self.start..at);
        }
        (self.first, self.start, self.filled) = (self.rows, at + 1, false);
        self.parts.push(Part { key, first: self.first, range: self.start..self.start });
    }

    /// Ends the list: its last part is kept if it has rows; an empty list belongs to the skeleton.
    fn close(&mut self, at: u64) {
        if self.filled {
            if let Some(part) = self.parts.last_mut() {
                (part.first, part.range) = (self.first, self.start..at);
            }
        } else if let Some(Part { key: Some(key), .. }) = self.parts.pop()
            && self.first == 0
        {
            self.key = self.keys.get(key).map(|key| key.clone().into_bytes()).unwrap_or_default();
            self.member();
            self.skeleton.extend_from_slice(b"[]");
        }
        self.state = if self.object { State::Between } else { State::End };
    }

    /// Passes over rows up to the end of the list or of the block; what is left of the block.
    fn pass_rows<'b>(&mut self, block: &'b [u8], start: u64) -> &'b [u8] {
        let mut rest = block;
        if self.escaped {
            self.escaped = false;
            rest = rest.get(1..).unwrap_or_default();
        }
        let (mut depth, mut string) = (self.depth, self.string);
        while let Some((byte, after)) = rest.split_first() {
            if string {
                let Some(at) = memchr::memchr2(b'"', b'\\', rest) else { break };
                string = rest.get(at) == Some(&b'\\');
                let next = if string { at + 2 } else { at + 1 };
                self.escaped = next > rest.len();
                rest = rest.get(next..).unwrap_or_default();
                continue;
            }
            let at = start + (block.len() - rest.len()) as u64;
            rest = after;
            match byte {
                b'"' => {
                    string = true;
                    self.filled = true;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.filled = true;
                }
                b']' if depth == 0 => {
                    self.close(at);
                    (self.depth, self.string) = (0, false);
                    return rest;
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                b',' if depth == 0 => {
                    self.rows += 1;
                    if at - self.start >= self.size {
                        self.cut(at);
                    }
                }
                b' ' | b'\n' => {
                    let end = rest.iter().position(|byte| *byte != b' ');
                    rest = end.and_then(|end| rest.get(end..)).unwrap_or_default();
                }
                byte => self.filled |= !byte.is_ascii_whitespace(),
            }
        }
        (self.depth, self.string) = (depth, string);
        &[]
    }
}

impl Plan {
    /// The key of a part's list, as JSON writes it.
    pub(super) fn key<'k>(part: &Part, keys: &'k [String]) -> Option<&'k str> {
        keys.get(part.key?).map(String::as_str)
    }

    /// A part's rows as a document like the whole: the skeleton, and the part's list with only these rows.
    pub(super) fn wrap(&self, part: &Part, keys: &[String], rows: &str) -> String {
        match (&self.skeleton, Self::key(part, keys)) {
            (Some(skeleton), Some(key)) => {
                let comma = if skeleton.is_empty() { "" } else { "," };
                format!("{{{skeleton}{comma}\"{key}\":[{rows}]}}")
            }
            _ => format!("[{rows}]"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "a test may fail")]
mod tests {
    use super::*;
    use serde_json::{Map, Value, json};

    fn split(text: &str, size: u64, block: usize) -> Option<(Plan, Vec<String>)> {
        let mut splitter = Splitter::new(size);
        for block in text.as_bytes().chunks(block) {
            if !splitter.feed(block) {
                break;
            }
        }
        splitter.finish()
    }

    fn documents(text: &str, size: u64, block: usize) -> Vec<Value> {
        let (plan, keys) = split(text, size, block).unwrap();
        let rows = |part: &Part| &text[part.range.start as usize..part.range.end as usize];
        plan.parts.iter().map(|part| serde_json::from_str(&plan.wrap(part, &keys, rows(part))).unwrap()).collect()
    }

    #[test]
    fn an_object_is_cut_in_its_lists() {
        let text = r#"{"kind": "List", "items": [{"a": "],\"}"}, [2], 3 ], "none": [ ], "meta": {"x": [1]}}"#;
        let one = |rows: Value| json!({"kind": "List", "none": [], "meta": {"x": [1]}, "items": rows});
        assert_eq!(documents(text, 1, 5), [one(json!([{"a": "],\"}"}])), one(json!([[2]])), one(json!([3]))]);
        assert_eq!(documents(text, 1000, 1000), [one(json!([{"a": "],\"}"}, [2], 3]))]);
    }

    #[test]
    fn what_is_cut_short_keeps_its_good_rows() {
        let (plan, _) = split(r#"{"a": 1, "items": [{"x": 1}, {"x": "#, 1, 3).unwrap();
        assert!(plan.cut && plan.parts.len() == 2, "{plan:?}");
        assert!(split("nothing", 1, 4).is_none());
        assert!(split("[1] [2]", 1, 4).is_none());
    }

    proptest::proptest! {
        #[test]
        fn the_parts_together_are_the_whole(
            lists in proptest::collection::vec((".{0,3}", proptest::collection::vec(".{0,6}", 0..5)), 0..4),
            size in 1_u64..20, block in 1_usize..9,
        ) {
            let mut whole = Map::new();
            for (key, rows) in lists {
                let rows = rows.into_iter().enumerate();
                let rows = rows.map(|(i, text)| if i % 2 == 0 { json!({"k": [text]}) } else { json!(text) }).collect();
                whole.insert(key, Value::Array(rows));
            }
            let text = Value::Object(whole.clone()).to_string();
            let (plan, keys) = split(&text, size, block).unwrap();
            proptest::prop_assert!(!plan.cut);
            let mut again: Map<String, Value> =
                serde_json::from_str(&format!("{{{}}}", plan.skeleton.as_deref().unwrap())).unwrap();
            for part in &plan.parts {
                let rows = &text[part.range.start as usize..part.range.end as usize];
                let key: String = serde_json::from_str(&format!("\"{}\"", Plan::key(part, &keys).unwrap())).unwrap();
                let document: Value = serde_json::from_str(&plan.wrap(part, &keys, rows)).unwrap();
                let list = again.entry(key.clone()).or_insert_with(|| json!([])).as_array_mut().unwrap();
                proptest::prop_assert_eq!(list.len(), part.first);
                list.extend(document[&key].as_array().unwrap().iter().cloned());
            }
            proptest::prop_assert_eq!(again, whole);
        }

        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(proptest::sample::select(b"{}[],:\"\\ a1".as_slice()), 0..60)) {
            let mut splitter = Splitter::new(2);
            splitter.feed(&bytes);
            let _ = splitter.finish();
        }
    }
}
