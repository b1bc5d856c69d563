//! Tables of text: RFC 4180 with any of the usual separators.

use std::io::BufRead;

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

use super::Source;
use super::input::text;
use super::rows::{ColumnId, Rows};
use crate::asset::{Error, Result};

/// A field longer than this comes in pieces, bytes.
const FIELD: usize = 1 << 20;
/// Most fields of a record told apart.
const FIELDS: usize = 1024;

/// Comma-, semicolon-, tab- or bar-separated values. Linear; memory is that of the longest field, at most 1 MiB.
pub(super) fn read(source: &Source<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let mut input = text(source.path, rows.meter)?;
    let head = input.fill_buf().map_err(|error| Error::unreadable(source.path, error))?;
    let mut fields = Fields::new(separator(head));
    let mut table = Table::default();
    loop {
        let read = fields.next(&mut *input).map_err(|error| Error::unreadable(source.path, error))?;
        let Some((field, end)) = read else { break };
        table.field(&String::from_utf8_lossy(field), end, rows);
    }
    table.end(rows);
    Ok(())
}

/// The separator that the first line has most of.
fn separator(head: &[u8]) -> u8 {
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |separator: &u8| line.iter().filter(|b| *b == separator).count();
    [b'|', b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

/// How a field, or a piece of one, ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// More of the field follows.
    Piece,
    Field,
    Record,
}

struct Fields {
    reader: Reader,
    buffer: Vec<u8>,
}

impl Fields {
    fn new(separator: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(separator).build();
        Self { reader, buffer: vec![0; 1 << 12] }
    }

    /// The next field, or the next piece of a long one.
    fn next(&mut self, input: &mut dyn BufRead) -> std::io::Result<Option<(&[u8], End)>> {
        let mut filled = 0;
        loop {
            let available = input.fill_buf()?;
            let room = self.buffer.get_mut(filled..).unwrap_or_default();
            let (result, read, written) = self.reader.read_field(available, room);
            input.consume(read);
            filled += written;
            let end = match result {
                ReadFieldResult::InputEmpty => continue,
                ReadFieldResult::OutputFull if self.buffer.len() < FIELD => {
                    self.buffer.resize(self.buffer.len() * 2, 0);
                    continue;
                }
                ReadFieldResult::OutputFull => End::Piece,
                ReadFieldResult::Field { record_end: true } => End::Record,
                ReadFieldResult::Field { record_end: false } => End::Field,
                ReadFieldResult::End => return Ok(None),
            };
            return Ok(Some((self.buffer.get(..filled).unwrap_or_default(), end)));
        }
    }
}

/// Fields on their way into columns.
#[derive(Debug, Default)]
struct Table {
    /// The columns, once the first record is read.
    columns: Option<Vec<ColumnId>>,
    first: Vec<String>,
    /// Where in its record the next field stands, whether a piece of it was there, and whether the record is looked at.
    at: usize,
    inside: bool,
    taken: bool,
}

impl Table {
    fn field(&mut self, field: &str, end: End, rows: &mut Rows<'_>) {
        if self.columns.is_none() {
            return self.first(field, end, rows);
        }
        if self.at == 0 && !self.inside {
            self.taken = rows.next();
        }
        if self.taken {
            let column = self.column(rows);
            rows.cell(column, field);
        }
        self.step(end);
    }

    fn step(&mut self, end: End) {
        self.inside = end == End::Piece;
        self.at = match end {
            End::Piece => self.at,
            End::Field => self.at + 1,
            End::Record => 0,
        };
    }

    /// The column of the current field, a new one where the first record had fewer.
    fn column(&mut self, rows: &mut Rows<'_>) -> ColumnId {
        let columns = self.columns.get_or_insert_default();
        let at = self.at.min(FIELDS);
        while columns.len() <= at {
            columns.push(rows.column(&format!("column {}", columns.len() + 1)));
        }
        columns.get(at).copied().unwrap_or_default()
    }

    /// Gathers the first record, as long as it is not too large to be one of names.
    fn first(&mut self, field: &str, end: End, rows: &mut Rows<'_>) {
        match self.first.last_mut().filter(|_| self.inside) {
            Some(last) => last.push_str(field),
            None => self.first.push(field.to_owned()),
        }
        self.step(end);
        if end == End::Record || end == End::Piece || self.first.len() >= FIELDS {
            self.header(end == End::Record, rows);
        }
    }

    /// Takes the first record for names, unless it holds data.
    fn header(&mut self, whole: bool, rows: &mut Rows<'_>) {
        let first = std::mem::take(&mut self.first);
        if whole && first.iter().all(|name| is_name(name)) {
            let named = |(n, name): (usize, &String)| match name.trim() {
                "" => rows.column(&format!("column {}", n + 1)),
                name => rows.column(name),
            };
            self.columns = Some(first.iter().enumerate().map(named).collect());
            return;
        }
        self.taken = rows.next();
        let at = std::mem::take(&mut self.at);
        for field in &first {
            if self.taken {
                let column = self.column(rows);
                rows.cell(column, field);
            }
            self.at += 1;
        }
        self.at = at;
        self.columns.get_or_insert_default();
    }

    /// At the end of the text: a first record that nothing ended.
    fn end(&mut self, rows: &mut Rows<'_>) {
        if !self.first.is_empty() {
            self.header(true, rows);
        }
    }
}

/// Whether a field of the first record may be a column's name: no number, address or long text.
fn is_name(field: &str) -> bool {
    let digits = field.bytes().filter(u8::is_ascii_digit).count();
    field.len() <= 128
        && digits * 2 <= field.len()
        && digits < 6
        && !field.contains(['@', '\n'])
        && !field.contains("://")
        && field.trim().parse::<f64>().is_err()
}

#[cfg(test)]
mod tests {
    use crate::discover::dataset::tests::{columns, one};

    #[test]
    fn separators_quotes_and_lines() {
        let text = "\u{feff}id;e-mail;note\r\n1;ann@mail.example.org;\"a;\"\"b\"\"\n\nc\"\r\n2;bob@mail.example.org;\n";
        let set = one("a.csv", text.as_bytes());
        assert_eq!((set.format.as_str(), set.rows, set.rows_read), ("csv", 2, 2));
        assert_eq!(columns(&set), ["id 2", "e-mail 2: EMAIL_ADDRESS 2", "note 1"]);
        let set = one("a.tsv", b"name\tx\nq\tann@mail.example.org\tbob@mail.example.org\n");
        let expected = ["name 1", "x 1: EMAIL_ADDRESS 1", "column 3 1: EMAIL_ADDRESS 1"];
        assert_eq!(columns(&set), expected);
    }

    #[test]
    fn a_first_record_of_data_is_no_header() {
        let set = one("a.csv", b"ann@mail.example.org,x\nbob@mail.example.org,y\n");
        assert_eq!((set.rows, columns(&set)[0].as_str()), (2, "column 1 2: EMAIL_ADDRESS 2"));
        assert_eq!(one("a.csv", b"a,b").rows, 0);
        assert_eq!(one("a.csv", b"").rows, 0);
    }

    #[test]
    fn a_huge_field_and_an_open_quote_lose_nothing() {
        let long = "lorem ipsum ".repeat(900_000);
        let text = format!("a,b\n\"{long}\",ann@mail.example.org\nx,\"bob@mail.example.org\ny,carl@mail.example.org\n");
        let set = one("a.csv", text.as_bytes());
        assert_eq!((set.rows, columns(&set)[1].as_str()), (2, "b 2: EMAIL_ADDRESS 2"));
        let wide = format!("a\n{}\nann@mail.example.org\n", "x,".repeat(100_000));
        let set = one("a.csv", wide.as_bytes());
        assert_eq!(columns(&set)[0], "a 2: EMAIL_ADDRESS 1");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(proptest::sample::select(&b"a,\"\n\r;\t1@\xff"[..]), 0..200)) {
            one("a.csv", &bytes);
        }
    }
}
