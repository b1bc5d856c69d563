//! JSON and JSON Lines: each leaf is a cell, its path the column (`messages[].content`).

use std::fmt;
use std::io::Read;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Source;
use super::input::{Lines, text};
use super::rows::Rows;
use crate::asset::{Error, Result};

/// Longest row of JSON Lines, bytes.
const LINE: u64 = 64 << 20;

/// One row a line. A line that is no JSON costs its neighbours nothing.
pub(super) fn read_lines(source: &Source<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let mut lines = Lines::new(text(source.path, rows.meter)?, LINE);
    let mut ended = true;
    while let Some((line, ends)) = lines.next().map_err(|error| Error::unreadable(source.path, error))? {
        let began = std::mem::replace(&mut ended, ends);
        if !(began && ends) {
            if began {
                rows.next();
                rows.bad(lines.number, &format!("longer than {LINE} bytes"));
            }
            continue;
        }
        if line.trim_ascii().is_empty() || !rows.next() {
            continue;
        }
        let mut reader = serde_json::Deserializer::from_slice(line);
        let read = Walk::new(rows, true).deserialize(&mut reader).and_then(|()| reader.end());
        if let Err(error) = read {
            rows.bad(lines.number, &Error::from(error).message);
        }
    }
    Ok(())
}

/// One document, read as a stream: the elements of its outermost lists are rows, and what stands outside them is one.
/// What comes before a broken place is kept. Memory is that of the longest string, at most 64 MiB.
pub(super) fn read(source: &Source<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let input = Strings { reader: text(source.path, rows.meter)?, inside: false, escaped: false, len: 0 };
    let mut reader = serde_json::Deserializer::from_reader(std::io::BufReader::with_capacity(1 << 16, input));
    let read = Walk::new(rows, false).deserialize(&mut reader).and_then(|()| reader.end());
    read.map_err(|error| Error::from(error).at(source.path))
}

/// JSON whose strings are of bounded length.
struct Strings<R> {
    reader: R,
    inside: bool,
    escaped: bool,
    len: u64,
}

impl<R: Read> Read for Strings<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        for byte in buffer.iter().take(read) {
            self.len += 1;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.inside => self.escaped = true,
                b'"' => (self.inside, self.len) = (!self.inside, 0),
                _ => {}
            }
        }
        if self.inside && self.len > LINE {
            return Err(std::io::Error::other(format!("a string longer than {LINE} bytes")));
        }
        Ok(read)
    }
}

/// A walk over values as they are parsed.
struct Walk<'w, 'm> {
    rows: &'w mut Rows<'m>,
    path: String,
    /// Whether a row is open; without one, a list holds rows.
    inside: bool,
    /// Whether the value stands in a list: numbers there are vectors and token ids.
    listed: bool,
    /// The row of what stands outside every list.
    document: Option<u64>,
}

impl<'w, 'm> Walk<'w, 'm> {
    fn new(rows: &'w mut Rows<'m>, inside: bool) -> Self {
        Self { rows, path: String::new(), inside, listed: false, document: None }
    }

    fn leaf(&mut self, text: &str) {
        if !self.inside {
            let row = *self.document.get_or_insert_with(|| self.rows.begin(1));
            if !self.rows.go(row) {
                return;
            }
        }
        let column = self.rows.column(if self.path.is_empty() { "value" } else { &self.path });
        self.rows.cell(column, text);
    }
}

impl<'de> DeserializeSeed<'de> for &mut Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// An element of an outermost list.
struct Row<'a, 'w, 'm>(&'a mut Walk<'w, 'm>);

impl<'de> DeserializeSeed<'de> for Row<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if !self.0.rows.next() {
            return IgnoredAny::deserialize(deserializer).map(drop);
        }
        self.0.inside = true;
        let read = self.0.deserialize(deserializer);
        self.0.inside = false;
        read
    }
}

impl<'de> Visitor<'de> for &mut Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.leaf(text);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        if !self.listed {
            self.leaf(&number.to_string());
        }
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let end = self.path.len();
        let listed = std::mem::replace(&mut self.listed, false);
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            if end > 0 {
                self.path.push('.');
            }
            self.path.push_str(&key);
            map.next_value_seed(&mut *self)?;
            self.path.truncate(end);
        }
        self.listed = listed;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if !self.inside {
            while seq.next_element_seed(Row(self))?.is_some() {}
            return Ok(());
        }
        let (end, listed) = (self.path.len(), std::mem::replace(&mut self.listed, true));
        self.path.push_str("[]");
        while seq.next_element_seed(&mut *self)?.is_some() {}
        self.path.truncate(end);
        self.listed = listed;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::discover::dataset::tests::{columns, one, report};

    #[test]
    fn a_broken_line_costs_its_neighbours_nothing() {
        let text = "{\"u\": {\"mail\": \"ann@mail.example.org\"}, \"ids\": [1, 2]}\n{oops\n\n\
                    {\"messages\": [{\"content\": \"write to bob@mail.example.org\"}, {\"content\": \"no\"}]}\n";
        let report = report(&[("a.jsonl", text.as_bytes())]);
        let set = &report.datasets[0];
        assert_eq!((set.format.as_str(), set.rows), ("jsonl", 3));
        let expected = ["u.mail 1: EMAIL_ADDRESS 1", "messages[].content 1: EMAIL_ADDRESS 1"];
        assert_eq!(columns(set), expected);
        assert!(report.incomplete[0].reason.contains("line 2"), "{:?}", report.incomplete);
    }

    #[test]
    fn the_outermost_lists_hold_the_rows() {
        let points = r#"{"id": 7, "vector": [0.1, 0.2], "payload": {"mail": "ann@mail.example.org"}}"#;
        let text = format!(r#"{{"status": "ok", "result": {{"points": [{points}, {points}], "next": null}}}}"#);
        let set = one("points.json", text.as_bytes());
        assert_eq!((set.format.as_str(), set.rows), ("json", 3));
        let mail = "result.points.payload.mail 2: EMAIL_ADDRESS 2";
        assert_eq!(columns(&set), ["status 1", "result.points.id 2", mail]);
    }

    #[test]
    fn what_stands_before_a_broken_place_is_kept() {
        let report = report(&[("a.json", br#"[{"m": "ann@mail.example.org"}, {"m": oops}, {"m": "x"}]"#)]);
        assert_eq!(columns(&report.datasets[0]), ["m 1: EMAIL_ADDRESS 1"]);
        assert!(report.incomplete[0].reason.contains("line 1"), "{:?}", report.incomplete);
        let deep = "[".repeat(10_000);
        assert!(super::super::tests::report(&[("a.json", deep.as_bytes())]).incomplete[0].reason.contains("nested"));
    }

    proptest::proptest! {
        #[test]
        fn any_pieces_are_read_without_harm(pieces in proptest::collection::vec(proptest::sample::select(
            &["{", "}", "[", "]", "\"a\"", ":", ",", "1", "null", "\n", "\"", "\\"][..]), 0..40)) {
            let text = pieces.concat();
            one("a.json", text.as_bytes());
            one("a.jsonl", text.as_bytes());
        }
    }
}
